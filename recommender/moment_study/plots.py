"""Plots of the studies; drawn offline."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from data.errors import MissingExtraError
from recommender.moment_study.camera import CameraStudy
from recommender.moment_study.tradeoff import Way


def _figure(width: float, height: float) -> Any:
    try:
        from matplotlib.figure import Figure
    except ModuleNotFoundError as exc:
        raise MissingExtraError("plots need matplotlib: pip install 'attune[train]'") from exc
    return Figure(figsize=(width, height), layout="constrained")


def plot_curves(ways: Mapping[str, Way], cutoff: int, path: Path) -> None:
    """Draw nDCG against mood distance, both relative to no mood, one line per way.

    Raises:
        MissingExtraError: if matplotlib is not installed.
    """
    figure = _figure(8, 5)
    axes = figure.subplots()
    for name, way in ways.items():
        distance = [100 * p.distance_change.mean for p in way.curve]
        loss = [100 * p.ndcg_change.mean for p in way.curve]
        served = "served" in name
        axes.plot(distance, loss, marker=".", linewidth=2.5 if served else 1.0, label=name)
    axes.axhline(-3, color="#888888", linewidth=0.8, linestyle="--")
    axes.axvline(-50, color="#888888", linewidth=0.8, linestyle="--")
    axes.set_xlabel("mean distance of the list to the mood, change in %")
    axes.set_ylabel(f"nDCG@{cutoff}, change in %")
    axes.legend(fontsize=8)
    figure.savefig(path, dpi=120, metadata={"Software": None})


def plot_camera(camera: CameraStudy, path: Path) -> None:
    """Draw the change of nDCG per segment with intervals.

    Raises:
        MissingExtraError: if matplotlib is not installed.
    """
    figure = _figure(8, 0.4 * len(camera.segments) + 1.2)
    axes = figure.subplots()
    for row, segment in enumerate(camera.segments.values()):
        for shift, value, colour in (
            (-0.12, segment.plain, "#b23a1e"),
            (0.12, segment.learned, "#1d5c4b"),
        ):
            ends = [100 * value.low, 100 * value.high]
            axes.plot(ends, [row + shift] * 2, color=colour, linewidth=2)
            axes.plot(100 * value.mean, row + shift, "o", color=colour)
    axes.axvline(-1, color="#888888", linewidth=0.8, linestyle="--")
    axes.set_yticks(range(len(camera.segments)), list(camera.segments), fontsize=8)
    axes.invert_yaxis()
    axes.set_xlabel("nDCG with emotion on against off, % (red: plain rule, green: learned)")
    figure.savefig(path, dpi=120, metadata={"Software": None})
