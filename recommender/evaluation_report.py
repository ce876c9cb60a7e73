"""Writing an evaluation: report.md, metrics.json and plots."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np

from recommender.evaluation import BLEND, DEEP, SERVED, Evaluation
from recommender.metrics import Interval, Values, bootstrap_mean
from recommender.plots import plot_accuracy_diversity, plot_segments
from recommender.significance import Comparison, compare_all

_LENGTHS = {0: "whole history"}


def write_evaluation(evaluation: Evaluation, folder: Path) -> None:
    """Write ``report.md``, ``metrics.json`` and plots; the same evaluation gives the same files.

    Raises:
        MissingExtraError: if matplotlib, for the plots, is not installed.
    """
    folder.mkdir(parents=True, exist_ok=True)
    setting = evaluation.setting
    k, seed = max(setting["cutoffs"]), int(setting["seed"])
    table = _intervals(evaluation, seed)
    by_user = {n: r.values[f"ndcg@{k}"] for n, r in evaluation.systems.items()}
    against = {
        base: compare_all(by_user, base, np.random.default_rng((seed, 11)))
        for base in dict.fromkeys((setting["baseline"], BLEND))
        if base in by_user
    }
    short = {
        _length(n): {name: _mean(v, seed) for name, v in values.items()}
        for n, values in evaluation.short.items()
    }
    cold, warm = (
        {name: _mean(values, seed) for name, values in part.items()}
        for part in (evaluation.cold, evaluation.warm)
    )
    document: dict[str, Any] = {
        "setting": setting,
        "systems": {
            name: {m: asdict(i) for m, i in figures.items()} | dict(evaluation.systems[name].whole)
            for name, figures in table.items()
        },
        "differences": {
            base: {name: asdict(one) for name, one in found.items()}
            for base, found in against.items()
        },
        "short_histories": {n: {s: asdict(i) for s, i in v.items()} for n, v in short.items()},
        "cold_songs": {name: asdict(i) for name, i in cold.items()},
        "warm_songs": {name: asdict(i) for name, i in warm.items()},
    }
    text = json.dumps(document, indent=1, allow_nan=True)
    (folder / "metrics.json").write_text(text + "\n", encoding="utf-8")
    lines = [*_head(setting), *_systems(evaluation, table, setting["cutoffs"])]
    for base, found in against.items():
        lines += _differences(base, found, k)
    lines += _short(short, k)
    least = max(int(setting["source"]["least_listeners"]), 1)
    lines += _among("without a training event", cold, evaluation.cold, k, seed)
    lines += _among(f"with {least} training listeners or more", warm, evaluation.warm, k, seed)
    (folder / "report.md").write_text("\n".join(lines) + "\n", encoding="utf-8")
    points = {n: (f[f"ndcg@{k}"], f[f"diversity@{k}"]) for n, f in table.items()}
    plot_accuracy_diversity(points, k, folder / "accuracy_diversity.png")
    if short:
        chosen = _for_plot(by_user)
        shown = {n: {s: v[s] for s in chosen if s in v} for n, v in short.items()}
        plot_segments(shown, f"nDCG@{k}", folder / "short_histories.png")


def write_repeats(runs: Sequence[Evaluation], folder: Path) -> None:
    """Write the mean of several splits, with the lowest and the highest, into ``folder``."""
    cutoffs = runs[0].setting["cutoffs"]
    metrics = [f"{m}@{c}" for c in cutoffs for m in ("recall", "ndcg")]
    rows, document = [["system", *metrics, "coverage"]], {}
    for name in runs[0].systems:
        results = [run.systems[name] for run in runs]
        means = {m: [float(np.nanmean(r.values[m])) for r in results] for m in metrics}
        means["coverage"] = [r.whole["coverage"] for r in results]
        document[name] = means
        cells = [f"{np.mean(v):.4f} ({min(v):.4f}..{max(v):.4f})" for v in means.values()]
        rows.append([name, *cells])
    lines = [
        "# Recommender evaluation, several splits",
        "",
        f"Mean of {len(runs)} splits (lowest..highest), seeds "
        f"{runs[0].setting['split_seed']} to {runs[-1].setting['split_seed']}; every split is "
        "tuned on its own validation part.",
        "",
        *markdown(rows),
    ]
    (folder / "report.md").write_text("\n".join(lines), encoding="utf-8")
    text = json.dumps({"systems": document}, indent=1)
    (folder / "metrics.json").write_text(text + "\n", encoding="utf-8")


def _length(songs: int) -> str:
    return _LENGTHS.get(songs, f"{songs} song{'s' * (songs != 1)}")


def _for_plot(by_user: Mapping[str, Values]) -> list[str]:
    """Choose the systems worth a bar: the hybrid, popularity and the three best parts."""
    whole = [n for n in (DEEP, BLEND) if n in by_user]
    parts = [n for n in by_user if n not in {DEEP, BLEND, SERVED, "popular"}]
    best = sorted(parts, key=lambda n: -float(np.nanmean(by_user[n])))[:3]
    return [*whole, *best, "popular"]


def _mean(values: Values, seed: int) -> Interval:
    return bootstrap_mean(values, np.random.default_rng((seed, 12)))


def _intervals(evaluation: Evaluation, seed: int) -> dict[str, dict[str, Interval]]:
    return {
        name: {metric: _mean(values, seed) for metric, values in result.values.items()}
        for name, result in evaluation.systems.items()
    }


def _head(setting: Mapping[str, Any]) -> list[str]:
    split = ", ".join(f"{k} {v}" for k, v in setting["split"].items())
    return [
        "# Recommender evaluation",
        "",
        f"{setting['users']} users ranked, {setting['songs']} songs, "
        f"{setting['songs_with_events']} of them with a training event. Split: {split}; seed "
        f"{setting['seed']}. Full ranking, known songs left out. {setting['tuning'].get('trials')} "
        "settings for each part, blend and reranking chosen on validation; the test scored once. "
        "Means over users with 95 % bootstrap intervals.",
        "",
        f"Deep ranker {setting['deep_ranker']}. Served: {setting['served']}.",
        "",
    ]


def _systems(
    evaluation: Evaluation, table: Mapping[str, Mapping[str, Interval]], cutoffs: Sequence[int]
) -> list[str]:
    k = max(cutoffs)
    accuracy = [*(f"ndcg@{c}" for c in cutoffs), f"recall@{k}", f"map@{k}", f"mrr@{k}"]
    lists = [f"novelty@{k}", f"diversity@{k}", f"popularity_lift@{k}"]
    rows = [["system", *accuracy, "coverage", "Gini", *lists]]
    for name, figures in table.items():
        whole = evaluation.systems[name].whole
        rows.append(
            [
                name,
                *(str(figures[m]) for m in accuracy),
                f"{whole['coverage']:.3f}",
                f"{whole['gini']:.3f}",
                *(f"{figures[m].mean:.3f}" for m in lists),
            ]
        )
    return markdown(rows)


def _differences(base: str, found: Mapping[str, Comparison], k: int) -> list[str]:
    rows = [["system", f"nDCG@{k} above {base}, paired", "p", "p (Holm)"]]
    rows += [
        [name, str(one.difference), f"{one.p:.4f}", f"{one.holm:.4f}"]
        for name, one in found.items()
    ]
    return [f"## Against {base}", "", *markdown(rows)]


def _short(short: Mapping[str, Mapping[str, Interval]], k: int) -> list[str]:
    if not short:
        return []
    names = [*next(iter(short.values()))]
    rows = [["system", *short]]
    rows += [[name, *(str(values[name]) for values in short.values())] for name in names]
    return [f"## Short histories, nDCG@{k}", "", *markdown(rows)]


def _among(
    which: str,
    means: Mapping[str, Interval],
    values: Mapping[str, Values],
    k: int,
    seed: int,
) -> list[str]:
    if not means:
        return []
    against = compare_all(values, "popular", np.random.default_rng((seed, 13)))
    rows = [["system", f"nDCG@{k}", "above popularity, paired"]]
    for name, mean in means.items():
        rows.append([name, str(mean), str(against[name].difference) if name in against else ""])
    return [f"## Songs {which}, ranked among themselves", "", *markdown(rows)]


def markdown(rows: Sequence[Sequence[str]]) -> list[str]:
    """Return the lines of a Markdown table, its first row the head, and an empty line."""
    head, *body = rows
    lines = [head, ["---"] * len(head), *body]
    return [*("| " + " | ".join(cells) + " |" for cells in lines), ""]
