"""Tables and plot of the study on posts."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np

from data.errors import MissingExtraError
from recommender.emotion.config import PostsConfig
from recommender.emotion.posts import NONE, PERMUTED, RETRAINED, WITH, PostsResult
from recommender.emotion.protocol import LIKELIHOOD
from recommender.metrics import Interval, Values

_CONTROLS = (NONE, PERMUTED, RETRAINED)


def summarise_posts(result: PostsResult, rounds: int, rng: np.random.Generator) -> dict[str, Any]:
    """Return every figure with its 95 % interval over users, ready for JSON."""
    users = len(result.queries.users)
    drawn = [np.arange(users), *(rng.integers(0, users, users) for _ in range(rounds))]
    means = {
        system: {metric: _means(values, drawn) for metric, values in metrics.items()}
        for system, metrics in result.values.items()
    }
    gains = {
        control: {
            metric: {
                "difference": asdict(_interval(means[WITH][metric] - means[control][metric])),
                "ratio": None
                if metric == LIKELIHOOD
                else asdict(_interval(means[WITH][metric] / means[control][metric] - 1)),
            }
            for metric in means[WITH]
        }
        for control in _CONTROLS
        if control in means
    }
    return {
        "users": users,
        "queries": len(result.queries),
        "posts": len(result.queries.song),
        "selection": {"queries": result.selected[0], "users": result.selected[1]},
        "scorer_trials": [
            {"name": t.name, "setting": t.setting.model_dump(), "ndcg": t.value}
            for t in result.listening
        ],
        "emotion_trials": [
            {"trial": trial.model_dump(), "gain": gain} for trial, gain in result.trials
        ],
        "chosen": result.chosen.name,
        "weights": result.weights.tolist(),
        "systems": {
            system: {metric: asdict(_interval(v)) for metric, v in metrics.items()}
            for system, metrics in means.items()
        },
        "gains": gains,
    }


def describe_posts(
    result: PostsResult, summary: Mapping[str, Any], config: PostsConfig
) -> list[str]:
    """Return the section of the report."""
    names = [*dict.fromkeys(t.name for t in result.listening)]
    tried = [f"{name} {sum(t.name == name for t in result.listening)}" for name in names]
    scored = "the second half of the validation users" if config.test is None else config.test
    lines = [
        "## EmoMusicLJ",
        "",
        f"Scored once: {scored}, {summary['users']} users, {summary['queries']} queries (a user in "
        f"an emotion), {summary['posts']} posts of songs new to their users. Every song that the "
        "user does not have is ranked. Selected and fitted on "
        f"{summary['selection']['users']} other users with {summary['selection']['queries']} "
        f"queries: settings tried per scorer {', '.join(tried)}; ways to use emotions "
        f"{len(result.trials)}. Means over users, 95 % bootstrap over users.",
        "",
        *_systems(summary),
        "",
        f'"{NONE}" is the blend of all scorers above it. "{PERMUTED}" is the model with emotion '
        f"asked with the emotions of the scored queries exchanged, mean of {config.permutations}; "
        f'"{RETRAINED}" learnt from exchanged emotions, mean of {config.retrained}.',
        "",
        f"### {WITH.capitalize()} against its controls, paired",
        "",
        *_gains(summary),
        "",
        "### Ways to use emotions, selection half",
        "",
        "| way | gain in log likelihood, nats per post, users crossed |",
        "|---|---|",
    ]
    for trial, gain in result.trials:
        mark = " (chosen)" if trial == result.chosen else ""
        lines.append(f"| {trial.name}{mark} | {gain:+.5f} |")
    lines += [
        "",
        "### Scorers, selection half",
        "",
        f"| scorer | setting | nDCG@{config.cutoffs[0]} |",
    ]
    lines += ["|---|---|---|"]
    for one in result.listening:
        setting = ", ".join(f"{k} {v}" for k, v in one.setting.model_dump().items())
        lines.append(f"| {one.name} | {setting} | {one.value:.4f} |")
    return [*lines, ""]


def _systems(summary: Mapping[str, Any]) -> list[str]:
    metrics = [*next(iter(summary["systems"].values()))]
    shown = [metric for metric in metrics if metric != LIKELIHOOD]
    lines = [f"| system | {' | '.join(shown)} |", "|---" * (len(shown) + 1) + "|"]
    for system, values in summary["systems"].items():
        cells = [str(Interval(**values[metric])) for metric in shown]
        lines.append(f"| {system} | {' | '.join(cells)} |")
    return lines


def _gains(summary: Mapping[str, Any]) -> list[str]:
    lines = ["| against | metric | difference | share of the control |", "|---|---|---|---|"]
    for control, metrics in summary["gains"].items():
        for metric, gain in metrics.items():
            ratio = "" if gain["ratio"] is None else _percent(Interval(**gain["ratio"]))
            difference = Interval(**gain["difference"])
            cell = f"{difference.mean:+.5f} ({difference.low:+.5f}..{difference.high:+.5f})"
            lines.append(f"| {control} | {metric} | {cell} | {ratio} |")
    return lines


def plot_posts(summary: Mapping[str, Any], config: PostsConfig, path: Path) -> None:
    """Draw the relative gain of emotion over its controls into a PNG.

    Raises:
        MissingExtraError: if matplotlib is not installed.
    """
    try:
        from matplotlib.figure import Figure
    except ModuleNotFoundError as exc:
        raise MissingExtraError("plots need matplotlib: pip install 'attune[train]'") from exc
    shown = [f"nDCG@{k}" for k in config.cutoffs] + [f"Recall@{config.cutoffs[0]}", "MRR"]
    figure = Figure(figsize=(7, 3.6), layout="constrained")
    axes = figure.subplots()
    looks = zip(summary["gains"].items(), ("#333333", "#0072B2", "#D55E00"), "os^", strict=False)
    for place, ((control, metrics), colour, marker) in enumerate(looks):
        ratios = [Interval(**metrics[metric]["ratio"]) for metric in shown]
        at = np.arange(len(shown)) + 0.18 * (place - 1)
        means = np.array([100 * ratio.mean for ratio in ratios])
        low = means - [100 * ratio.low for ratio in ratios]
        high = np.array([100 * ratio.high for ratio in ratios]) - means
        axes.errorbar(
            at, means, yerr=[low, high], linestyle="none", marker=marker, color=colour,
            capsize=3, label=f"over {control}",
        )  # fmt: skip
    axes.axhline(0, color="0.5", linewidth=1)
    axes.set_xticks(range(len(shown)), shown)
    axes.set_ylabel("gain with emotion, %, 95 % over users")
    axes.legend(fontsize=8)
    figure.savefig(path, dpi=120)


def _means(values: Values, drawn: list[Any]) -> Values:
    return np.array([values[chosen].mean() for chosen in drawn])


def _interval(values: Values) -> Interval:
    low, high = np.percentile(values[1:], [2.5, 97.5])
    return Interval(float(values[0]), float(low), float(high))


def _percent(ratio: Interval) -> str:
    return f"{ratio.mean:+.1%} ({ratio.low:+.1%}..{ratio.high:+.1%})"
