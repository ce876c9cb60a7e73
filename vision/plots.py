"""Pictures of runs and evaluations. Matplotlib's object interface: no display, no global state."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from data.errors import MissingExtraError
from data.types import EMOTIONS, FloatArray, IntArray


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


def plot_accuracy_over_cost(points: Sequence[tuple[str, int, float]], path: Path) -> None:
    """Draw (name, multiply-accumulates, accuracy) of experiments, cost on a logarithmic axis."""
    figure = _figure(8.0, 5.0)
    axes = figure.subplots()
    for name, macs, accuracy in points:
        axes.plot([macs / 1e6], [accuracy], marker="o", color="tab:blue")
        axes.annotate(
            name, (macs / 1e6, accuracy), fontsize=7, xytext=(4, 3), textcoords="offset points"
        )
    axes.set_xscale("log")
    axes.set_xlabel("multiply-accumulates of one face, millions")
    axes.set_ylabel("accuracy on PrivateTest")
    figure.savefig(path, dpi=110)


def plot_mean_maps(maps: Mapping[str, tuple[FloatArray, FloatArray]], path: Path) -> None:
    """Draw mean occlusion maps: expression -> mean face in gray [0, 255], and heat in [-1, 1]."""
    figure = _figure(1.8 * max(1, len(maps)), 2.3)
    for axes, (name, (face, heat)) in zip(
        np.atleast_1d(figure.subplots(1, max(1, len(maps)))), maps.items(), strict=False
    ):
        axes.imshow(face, cmap="gray", vmin=0, vmax=255)
        strength = np.clip(np.abs(heat) / max(float(np.abs(heat).max()), 1e-6), 0, 1)
        axes.imshow(heat, cmap="PuOr_r", vmin=-0.6, vmax=0.6, alpha=0.75 * strength)
        axes.set_title(name, fontsize=9)
        axes.axis("off")
    figure.savefig(path, dpi=110)


def plot_risk_coverage(points: Sequence[tuple[float, float]], path: Path) -> None:
    """Draw the accuracy of the surest answers over the share of them, (coverage, accuracy)."""
    figure = _figure(5.0, 3.6)
    axes = figure.subplots()
    axes.plot([c for c, _ in points], [a for _, a in points], marker="o")
    axes.set_xlabel("share of answers, surest first")
    axes.set_ylabel("accuracy")
    figure.savefig(path, dpi=110)


def plot_class_counts(counts: Mapping[str, Sequence[int]], path: Path) -> None:
    """Draw how many pictures each expression has, for each named split."""
    figure = _figure(7.0, 3.6)
    axes = figure.subplots()
    width = 0.8 / max(1, len(counts))
    for i, (split, values) in enumerate(counts.items()):
        axes.bar(np.arange(len(EMOTIONS)) + i * width, values, width, label=split)
    axes.set_xticks(np.arange(len(EMOTIONS)) + 0.4 - width / 2, EMOTIONS)
    axes.set_ylabel("pictures")
    axes.legend(fontsize=8)
    figure.savefig(path, dpi=110)


def plot_examples(images: NDArray[np.uint8], titles: Sequence[str], path: Path) -> None:
    """Draw gray pictures uint8 (n, side, side) of a public data set side by side, titled."""
    figure = _figure(1.7 * len(images), 2.2)
    for axes, image, title in zip(
        np.atleast_1d(figure.subplots(1, len(images))), images, titles, strict=True
    ):
        axes.imshow(image, cmap="gray", vmin=0, vmax=255)
        axes.set_title(title, fontsize=8)
        axes.axis("off")
    figure.savefig(path, dpi=110)


def plot_framing(
    levelled: Sequence[tuple[float, float]],
    plain: Sequence[tuple[float, float]],
    own: float,
    path: Path,
) -> None:
    """Draw negative log-likelihood over (margin, it), eyes levelled and not, and of no crop."""
    figure = _figure(5.5, 3.6)
    axes = figure.subplots()
    for points, label in ((levelled, "eyes levelled"), (plain, "as found")):
        axes.plot(*zip(*points, strict=True), marker="o", label=label)
    axes.axhline(own, color="gray", linestyle="--", label="the data set's own frame")
    axes.set_xlabel("side of the crop, of the found square")
    axes.set_ylabel("negative log-likelihood")
    axes.legend(fontsize=8)
    figure.savefig(path, dpi=110)


def plot_dimensions(
    spectrum: NDArray[np.float64],
    points: Sequence[tuple[int, float, float, float]],
    own: float,
    path: Path,
) -> None:
    """Draw variance kept by leading components, and the accuracy of a linear probe on them.

    Args:
        spectrum: share of the variance along each component.
        points: (components, accuracy, low, high) of the probe.
        own: accuracy of the network's own last layer.
        path: of the PNG.
    """
    figure = _figure(9.5, 3.8)
    left, right = figure.subplots(1, 2)
    left.plot(np.arange(1, len(spectrum) + 1), np.cumsum(spectrum))
    left.set_ylim(0, 1.03)
    left.set_ylabel("share of the variance")
    sizes, accuracy, low, high = (np.array(column) for column in zip(*points, strict=True))
    right.errorbar(sizes, accuracy, (accuracy - low, high - accuracy), marker="o", capsize=2)
    right.axhline(own, color="gray", linestyle="--", label="the network's own last layer")
    right.set_ylabel("accuracy of the probe, with 95 %")
    right.legend(fontsize=8)
    for axes in (left, right):
        axes.set_xscale("log", base=2)
        axes.xaxis.set_major_formatter("{x:.0f}")
        axes.set_xlabel("leading components")
    figure.savefig(path, dpi=110)


def plot_faces_on_plane(points: FloatArray, labels: IntArray, path: Path) -> None:
    """Draw faces at float32 (n, 2), coloured by label, and the mean of each label."""
    figure = _figure(7.5, 6.0)
    axes = figure.subplots()
    colours = np.array([f"C{i}" for i in range(len(EMOTIONS))])
    order = np.random.default_rng(0).permutation(len(labels))  # or the last label hides the others
    axes.scatter(*points[order].T, c=colours[labels[order]], s=7, alpha=0.5, edgecolors="none")
    for i in np.unique(labels):
        middle = points[labels == i].mean(axis=0)
        axes.scatter(*middle, c=colours[i], s=130, edgecolors="black", label=EMOTIONS[i])
    axes.legend(fontsize=8, title="label, and its mean")
    axes.set_xlabel("first principal component")
    axes.set_ylabel("second")
    figure.savefig(path, dpi=110)
