"""Pictures of runs and evaluations. Matplotlib's object interface: no display, no global state."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from data.errors import MissingExtraError
from data.types import EMOTIONS, IntArray


def plot_confusion(confusion: IntArray, path: Path) -> None:
    """Draw counts int64 (7, 7), true label by prediction, shaded by the share of the true label."""
    figure = _figure(6.0, 5.4)
    axes = figure.subplots()
    share = confusion / np.maximum(confusion.sum(axis=1, keepdims=True), 1)
    axes.imshow(share, cmap="Blues", vmin=0, vmax=1)
    for (row, column), count in np.ndenumerate(confusion):
        colour = "white" if share[row, column] > 0.5 else "black"
        axes.text(column, row, str(count), ha="center", va="center", color=colour, fontsize=8)
    axes.set_xticks(range(len(EMOTIONS)), EMOTIONS, rotation=45, ha="right")
    axes.set_yticks(range(len(EMOTIONS)), EMOTIONS)
    axes.set_xlabel("predicted")
    axes.set_ylabel("labelled")
    figure.savefig(path, dpi=110)


def plot_reliability(bins: Sequence[tuple[float, float, int]], path: Path) -> None:
    """Draw accuracy over confidence for bins of (mean confidence, accuracy, count)."""
    figure = _figure(5.0, 5.0)
    upper, lower = figure.subplots(2, 1, sharex=True, height_ratios=(3, 1))
    filled = np.array([b for b in bins if b[2]], dtype=np.float64).reshape(-1, 3)
    upper.plot([0, 1], [0, 1], color="gray", linestyle="--", linewidth=1)
    upper.plot(filled[:, 0], filled[:, 1], marker="o")
    upper.set_ylabel("accuracy")
    upper.set_ylim(0, 1)
    lower.bar(filled[:, 0], filled[:, 2], width=0.04)
    lower.set_xlabel("confidence")
    lower.set_ylabel("pictures")
    figure.savefig(path, dpi=110)


def plot_learning_curve(history: Sequence[Mapping[str, float]], path: Path) -> None:
    """Draw loss and both accuracies over epochs."""
    figure = _figure(7.0, 3.6)
    left, right = figure.subplots(1, 2)
    epochs = [row["epoch"] for row in history]
    left.plot(epochs, [row["loss"] for row in history])
    left.set_ylabel("training loss")
    for name, label in (("accuracy", "training, augmented"), ("val_accuracy", "validation")):
        right.plot(epochs, [row[name] for row in history], label=label)
    right.set_ylabel("accuracy")
    right.legend(fontsize=8)
    for axes in (left, right):
        axes.set_xlabel("epoch")
    figure.savefig(path, dpi=110)


def _figure(width: float, height: float) -> Any:
    try:
        from matplotlib.figure import Figure
    except ImportError as exc:
        raise MissingExtraError("plots need matplotlib: pip install 'attune[train]'") from exc
    return Figure(figsize=(width, height), layout="constrained")
