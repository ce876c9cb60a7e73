"""Plots of evaluations; matplotlib comes with the extra and is loaded when a plot is drawn.

Colours are those of Okabe & Ito (2008), which colour-blind people tell apart; systems also differ
by marker or hatching, so that a grey print can be read. The same figures give the same file.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from data.errors import MissingExtraError
from recommender.metrics import Interval

_COLOURS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#333333")
_MARKERS = ("o", "s", "^", "D", "v", "P", "X", "<")
_HATCHES = ("", "//", "..", "xx", "\\\\", "--")
_INTERVALS = "95 % intervals over users"


@dataclass(frozen=True, slots=True)
class TradeOff:
    """What one strength of the mood does to the lists.

    Attributes:
        strength: the weight of the mood in the score, 0 for none.
        ndcg: over users.
        distance: mood distance of the lists to the target, over users.
    """

    strength: float
    ndcg: Interval
    distance: Interval


def plot_systems(ndcg: Mapping[str, Interval], cutoff: int, path: Path) -> None:
    """Draw nDCG of every system with its interval into a PNG.

    Raises:
        MissingExtraError: if matplotlib is not installed.
    """
    figure = _figure(7, 0.6 * len(ndcg) + 1.2)
    axes = figure.subplots()
    for row, (name, one) in enumerate(ndcg.items()):
        error = _error([one])
        axes.barh(row, one.mean, xerr=error, color="#1d5c4b", ecolor="#b23a1e", capsize=4)
        axes.text(0, row - 0.42, name, va="bottom", fontsize=8)
    axes.set_yticks([])
    axes.invert_yaxis()
    axes.set_xlabel(f"nDCG@{cutoff}, 95 % interval over users")
    figure.savefig(path, dpi=120)


def plot_accuracy_diversity(
    systems: Mapping[str, tuple[Interval, Interval | float]],
    cutoff: int,
    path: Path,
    diversity: str = "intra-list diversity",
) -> None:
    """Draw accuracy against diversity, one mark per system, into a PNG.

    Args:
        systems: name -> nDCG, and diversity or another figure of the lists; a figure of all lists
            together, such as coverage, has no interval.
        cutoff: of both.
        path: of the PNG.
        diversity: what the second figure is called.

    Raises:
        MissingExtraError: if matplotlib is not installed.
    """
    figure = _figure(8, 4.6)
    axes = figure.subplots()
    looks = {name: _look(i) for i, name in enumerate(systems)}
    for name in sorted(systems, key=lambda one: -systems[one][0].mean):
        ndcg, other = systems[name]
        wide = other if isinstance(other, Interval) else Interval(other, other, other)
        colour, marker = looks[name]
        axes.errorbar(
            wide.mean, ndcg.mean, xerr=_error([wide]), yerr=_error([ndcg]), linestyle="none",
            color=colour, marker=marker, markersize=8, markeredgecolor="white", linewidth=1.2,
            label=f"{name} ({ndcg.mean:.3f}, {wide.mean:.3f})",
        )  # fmt: skip
    axes.set_xlabel(f"{diversity}@{cutoff}")
    axes.set_ylabel(f"nDCG@{cutoff}, {_INTERVALS}")
    axes.grid(color="0.9")
    figure.legend(loc="outside right upper", fontsize=8, title="best nDCG first", frameon=False)
    figure.savefig(path, dpi=120)


def plot_segments(segments: Mapping[str, Mapping[str, Interval]], metric: str, path: Path) -> None:
    """Draw a group of bars for every segment, one bar per system, with intervals, into a PNG.

    Args:
        segments: segment -> system -> value; a system that a segment lacks leaves a gap.
        metric: what the values are, such as "nDCG@20".
        path: of the PNG.

    Raises:
        MissingExtraError: if matplotlib is not installed.
    """
    systems = [*dict.fromkeys(name for values in segments.values() for name in values)]
    wide = 0.8 / max(1, len(systems))
    figure = _figure(max(6.0, 1.2 + 0.32 * len(segments) * (len(systems) + 1)), 4.2)
    axes = figure.subplots()
    for i, name in enumerate(systems):
        has = [(at, one[name]) for at, one in enumerate(segments.values()) if name in one]
        axes.bar(
            [at - 0.4 + (i + 0.5) * wide for at, _ in has], [one.mean for _, one in has], wide,
            yerr=_error([one for _, one in has]), capsize=2, label=name, edgecolor="white",
            color=_COLOURS[i % len(_COLOURS)], hatch=_HATCHES[i % len(_HATCHES)],
            error_kw={"ecolor": "0.2", "elinewidth": 1},
        )  # fmt: skip
    axes.set_xticks(range(len(segments)), [*segments])
    axes.set_ylabel(f"{metric}, {_INTERVALS}")
    axes.set_axisbelow(True)
    axes.grid(axis="y", color="0.9")
    figure.legend(loc="outside upper center", ncols=min(4, max(1, len(systems))), frameon=False)
    figure.savefig(path, dpi=120)


def plot_trade_off(
    curve: Sequence[TradeOff], cutoff: int, path: Path, *, loss: float = 0.03, gain: float = 0.5
) -> None:
    """Draw nDCG and mood distance over the strength of the mood into a PNG, one above the other.

    Args:
        curve: at least the point without mood, first.
        cutoff: of both figures.
        path: of the PNG.
        loss: share of the first point's nDCG that may be lost; a line is drawn there.
        gain: share of the first point's distance to be saved; likewise.

    Raises:
        MissingExtraError: if matplotlib is not installed.
    """
    figure = _figure(6.5, 5.6)
    upper, lower = figure.subplots(2, 1, sharex=True)
    strengths = [point.strength for point in curve]
    for axes, values, keep, colour, marker, label, line in (
        (upper, [p.ndcg for p in curve], 1 - loss, *_look(0), f"nDCG@{cutoff}", f"{loss:.0%} less"),
        (
            lower,
            [p.distance for p in curve],
            1 - gain,
            *_look(1),
            "mood distance",
            f"{gain:.0%} less",
        ),
    ):
        means = [one.mean for one in values]
        axes.plot(strengths, means, color=colour, marker=marker, markersize=5)
        axes.fill_between(
            strengths, [v.low for v in values], [v.high for v in values], color=colour, alpha=0.18
        )
        named = f"{line} than without mood"
        axes.axhline(means[0] * keep, color="0.35", linestyle="--", linewidth=1, label=named)
        axes.legend(loc="best", fontsize=8)
        axes.set_ylabel(label)
        axes.grid(color="0.9")
    lower.set_xlabel(f"strength of the mood; shaded: {_INTERVALS}")
    figure.savefig(path, dpi=120)


def _look(i: int) -> tuple[str, str]:
    """Return a colour and a marker; the first 56 differ, neighbours in both."""
    return _COLOURS[i % len(_COLOURS)], _MARKERS[i % len(_MARKERS)]


def _error(values: Sequence[Interval]) -> list[list[float]]:
    return [[one.mean - one.low for one in values], [one.high - one.mean for one in values]]


def _figure(width: float, height: float) -> Any:
    try:
        from matplotlib.figure import Figure
    except ModuleNotFoundError as exc:
        raise MissingExtraError("plots need matplotlib: pip install 'attune[train]'") from exc
    return Figure(figsize=(width, height), layout="constrained")
