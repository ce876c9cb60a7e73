"""The report of the study of journeys, and its picture of the mood plane."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from data.errors import MissingExtraError
from data.types import FloatArray
from recommender.journeys.search import solve
from recommender.metrics import Interval, bootstrap_mean

if TYPE_CHECKING:
    from recommender.journeys.study import JourneyStudyConfig, Study
    from recommender.journeys.systems import Situation

#: Measure -> head of its column.
HEADS = {
    "distance": "distance to the path",
    "step": "mean step beyond the path's",
    "longest_step": "longest step beyond it",
    "taste": "mean taste",
    "similarity": "similarity within the list",
    "repeats": "artists again within 5 places",
    "value": "objective",
}
_INTRODUCTION = (
    "Means over listeners, each the mean of {ways}; 95 % bootstrap intervals over listeners. "
    "Distances are in the mood plane, which is 2 wide. *Taste* is the mean normal score of the "
    "songs among the candidates, 0 for any song; *similarity* the mean content similarity of all "
    "pairs of a list, 0 to 1. All systems choose {length} of the same candidates."
)


def write_journey_report(
    study: Study,
    config: JourneyStudyConfig,
    setting: Mapping[str, Any],
    shown: Situation,
    moods: FloatArray,
    out: Path,
) -> None:
    """Write ``report.md``, ``metrics.json`` and ``journey.png`` into ``out``.

    Raises:
        MissingExtraError: if matplotlib, for the picture, is not installed.
    """
    from recommender.journeys.systems import OURS

    rng = np.random.default_rng((config.seed, 8))
    means = {
        name: {m: bootstrap_mean(values, rng, config.rounds) for m, values in measures.items()}
        for name, measures in study.systems.items()
    }
    ours = study.systems[OURS]
    paired = {
        name: {
            m: bootstrap_mean(ours[m] - values, rng, config.rounds)
            for m, values in measures.items()
        }
        for name, measures in study.systems.items()
        if name != OURS
    }
    search = {
        name: bootstrap_mean(values, rng, config.rounds) for name, values in study.search.items()
    }
    minutes = {
        f"{m:g}": bootstrap_mean(values, rng, config.rounds) for m, values in study.minutes.items()
    }
    trade = {
        f"{weight:g}": {m: float(values.mean()) for m, values in measures.items()}
        for weight, measures in study.trade.items()
    }
    out.mkdir(parents=True, exist_ok=True)
    document = {
        "setting": dict(setting),
        "config": config.model_dump(mode="json"),
        "systems": _plain(means),
        "journey_less_system": _plain(paired),
        "search": {name: asdict(one) for name, one in search.items()},
        "trade_off": trade,
        "seconds_beside": {m: asdict(one) for m, one in minutes.items()},
    }
    text = json.dumps(document, indent=1) + "\n"
    (out / "metrics.json").write_text(text, encoding="utf-8")
    ways = ", ".join(f"{a} to {b}" for a, b in config.journeys)
    lines = ["# Journeys", "", _INTRODUCTION.format(ways=ways, length=config.length), ""]
    lines += [f"- {key}: {value}" for key, value in setting.items()]
    lines += ["", *_table("system", means), "", "## The journey less each other system, paired", ""]
    lines += [*_table("system", paired), "", "## Path against taste", ""]
    lines += [
        f"Means of the journey by the weight of closeness, first {config.sample} listeners.",
        "",
        *_trade(trade),
    ]
    lines += _search(search) + _minutes(minutes)
    lines += ["", "![one journey](journey.png)", ""]
    (out / "report.md").write_text("\n".join(lines), encoding="utf-8")
    plot_journey(shown, config, moods, out / "journey.png")


def _plain(table: Mapping[str, Mapping[str, Interval]]) -> dict[str, Any]:
    return {name: {m: asdict(i) for m, i in row.items()} for name, row in table.items()}


def _row(cells: list[str]) -> str:
    return "| " + " | ".join(cells) + " |"


def _table(first: str, table: Mapping[str, Mapping[str, Interval]]) -> list[str]:
    head = [first, *HEADS.values()]
    rows = [[name, *(_told(row[m]) for m in HEADS)] for name, row in table.items()]
    return [_row(cells) for cells in [head, ["---"] * len(head), *rows]]


def _told(one: Interval) -> str:
    return f"{one.mean:.3f} ({one.low:.3f}..{one.high:.3f})"


def _trade(trade: Mapping[str, Mapping[str, float]]) -> list[str]:
    names = [m for m in HEADS if m != "value"]
    head = ["weight", *(HEADS[m] for m in names)]
    rows = [[weight, *(f"{row[m]:.3f}" for m in names)] for weight, row in trade.items()]
    return [_row(cells) for cells in [head, ["---"] * len(head), *rows]]


def _search(search: Mapping[str, Interval]) -> list[str]:
    lines = [
        "",
        "## The search",
        "",
        "Objective reached; the bound is one that nothing exceeds.",
        "",
    ]
    return lines + [f"- {name}: {_told(one)}" for name, one in search.items()]


def _minutes(minutes: Mapping[str, Interval]) -> list[str]:
    lines = ["", "## Minutes", "", "Seconds beside the minutes asked for.", ""]
    return lines + [f"- {asked} minutes: {_told(one)}" for asked, one in minutes.items()]


def plot_journey(way: Situation, config: JourneyStudyConfig, moods: FloatArray, path: Path) -> None:
    """Draw the mood plane with all songs, the path, and the songs of the journey in order.

    Raises:
        MissingExtraError: if matplotlib is not installed.
    """
    try:
        from matplotlib.figure import Figure
    except ModuleNotFoundError as exc:
        raise MissingExtraError("plots need matplotlib: pip install 'attune[train]'") from exc
    chosen = way.candidates.moods[solve(way.problem, config.journey)]
    figure = Figure(figsize=(6, 6), layout="constrained")
    axes = figure.subplots()
    axes.scatter(moods[:, 0], moods[:, 1], s=5, color="#c9c9c4", label="catalogue")
    axes.plot(way.points[:, 0], way.points[:, 1], color="#b23a1e", marker="|", label="path")
    axes.plot(
        chosen[:, 0], chosen[:, 1], color="#1d5c4b", linewidth=0.8, marker="o", label="journey"
    )
    for place, (valence, arousal) in enumerate(chosen.tolist(), start=1):
        axes.annotate(
            str(place), (valence, arousal), (3, 3), textcoords="offset points", fontsize=7
        )
    axes.set(xlim=(-1, 1), ylim=(-1, 1), xlabel="valence", ylabel="arousal")
    axes.set_title(" to ".join(config.journeys[0]))
    axes.legend(loc="lower right")
    figure.savefig(path, dpi=120, metadata={"Software": None})
