"""Plots of the mood report."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, BinaryIO

from data.errors import MissingExtraError
from nlp.calibration import LEVELS, MoodCalibration
from nlp.corpus import Array64
from nlp.mood import AXES


def plot_scatter(stream: BinaryIO, labels: Array64, predicted: Array64) -> None:
    """Write a PNG of predictions (n, 2) against labels (n, 2), one panel per axis.

    Raises:
        MissingExtraError: if matplotlib is not installed.
    """
    figure, panels = _panels()
    for i, (axis, panel) in enumerate(zip(AXES, panels, strict=True)):
        panel.scatter(labels[:, i], predicted[:, i], s=6, alpha=0.35, edgecolors="none")
        ends = [float(labels[:, i].min()), float(labels[:, i].max())]
        panel.plot(ends, ends, color="0.4", linewidth=1, linestyle="--", label="perfect")
        panel.set(title=axis, xlabel="label (standard score)", ylabel="prediction, not stretched")
        panel.legend(loc="upper left")
    figure.savefig(stream, format="png", dpi=110)


def plot_calibration(stream: BinaryIO, calibration: MoodCalibration) -> None:
    """Write a PNG: labels inside intervals, and how often a quadrant came that was said so often.

    Raises:
        MissingExtraError: if matplotlib is not installed.
    """
    figure, (left, right) = _panels()
    for axis, shares in calibration.coverage.items():
        left.plot(LEVELS, shares, marker="o", label=axis)
    left.set(title="intervals", xlabel="level said", ylabel="share of labels inside")
    said, seen, count = zip(*calibration.bins, strict=True)
    right.scatter(said, seen, s=[max(8, 220 * n / max(count)) for n in count], label="by range")
    right.set(title="quadrants", xlabel="probability said", ylabel="share seen")
    for panel in (left, right):
        panel.plot([0, 1], [0, 1], color="0.4", linewidth=1, linestyle="--", label="perfect")
        panel.set(xlim=(0, 1), ylim=(0, 1))
        panel.legend(loc="upper left")
    figure.savefig(stream, format="png", dpi=110)


def _panels() -> tuple[Any, Sequence[Any]]:
    try:
        # The object interface: pyplot would keep global state and look for a display.
        from matplotlib.backends.backend_agg import FigureCanvasAgg
        from matplotlib.figure import Figure
    except ImportError as exc:
        raise MissingExtraError("matplotlib is not installed: pip install 'attune[train]'") from exc
    figure: Any = Figure(figsize=(9, 4.2), layout="constrained")
    FigureCanvasAgg(figure)
    return figure, figure.subplots(1, 2)
