"""Whether a mood model's uncertainty is true: shares of labels inside, and of quadrants said."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.stats import norm

from nlp.corpus import Array64
from nlp.mood import AXES, QUADRANTS, MoodModel, MoodPrediction

LEVELS = (0.5, 0.68, 0.8, 0.9, 0.95)


@dataclass(frozen=True, slots=True)
class MoodCalibration:
    """How predictions with uncertainty compare with labels.

    Attributes:
        coverage: axis -> share of labels within the central interval of each of :data:`LEVELS`.
        quadrant_accuracy: share of songs whose likeliest quadrant is the label's.
        quadrant_log_loss: mean of -log p(label's quadrant), nats.
        base_accuracy: of always saying the commonest quadrant.
        base_log_loss: of saying the quadrants' shares for every song.
        bins: (said, seen, songs) by ranges of the probability said for a quadrant.
    """

    coverage: Mapping[str, tuple[float, ...]]
    quadrant_accuracy: float
    quadrant_log_loss: float
    base_accuracy: float
    base_log_loss: float
    bins: tuple[tuple[float, float, int], ...]


def calibrate(
    model: MoodModel, predicted: MoodPrediction, labels: Array64, bins: int = 8
) -> MoodCalibration:
    """Compare predictions of labelled songs with their labels.

    Args:
        model: says where the quadrants part.
        predicted: of songs that the model was not fitted on, or out of fold.
        labels: float64 (n, 2), standardised.
        bins: ranges of probability, of equal width.
    """
    error = np.abs(predicted.raw - labels) / predicted.deviation
    reach = [float(norm.ppf(0.5 + level / 2)) for level in LEVELS]
    coverage = {
        axis: tuple(float((error[:, i] <= r).mean()) for r in reach) for i, axis in enumerate(AXES)
    }
    said, true = model.quadrants(predicted), quadrant_of(labels, model)
    shares = np.bincount(true, minlength=len(QUADRANTS)) / len(true)
    told = np.clip(said[np.arange(len(true)), true], 1e-3, 1)
    return MoodCalibration(
        coverage,
        float((said.argmax(axis=1) == true).mean()),
        float(-np.log(told).mean()),
        float(shares.max()),
        float(-(shares * np.log(np.maximum(shares, 1e-12))).sum()),
        _reliability(said, true, bins),
    )


def quadrant_of(labels: Array64, model: MoodModel) -> NDArray[np.int64]:
    """Return int64 (n,), the labels' quadrants as :meth:`MoodModel.quadrants` orders them."""
    dark, quiet = (labels < model.centres).T
    return np.where(dark, np.where(quiet, 2, 1), np.where(quiet, 3, 0)).astype(np.int64)


def _reliability(
    said: NDArray[np.float32], true: NDArray[np.int64], bins: int
) -> tuple[tuple[float, float, int], ...]:
    p, hit = said.ravel(), (np.arange(said.shape[1]) == true[:, None]).ravel()
    which = np.minimum((p * bins).astype(int), bins - 1)
    return tuple(
        (float(p[which == b].mean()), float(hit[which == b].mean()), int((which == b).sum()))
        for b in range(bins)
        if (which == b).any()
    )
