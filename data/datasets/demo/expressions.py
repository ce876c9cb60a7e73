"""Apparent expressions of the simulated listeners, as a noisy reader would see them."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

#: Valence and arousal of the expressions, in the order of EMOTIONS: the usual places in
#: Russell's circumplex (1980), rounded.
EXPRESSION_MOODS = np.array([
    (-0.6, 0.7), (-0.65, 0.3), (-0.55, 0.85), (0.75, 0.4), (-0.65, -0.5), (0.3, 0.85),
    (0.05, -0.15),
])  # fmt: skip
_EXPRESSION_WIDTH = 0.3
#: P(label seen | expression shown), rows and columns in the order of EMOTIONS. Invented, with
#: the confusions usual on FER2013: fear with sad, angry with sad and neutral, disgust with angry.
CONFUSION = np.array([
    (0.62, 0.03, 0.09, 0.03, 0.11, 0.02, 0.10),
    (0.22, 0.58, 0.05, 0.02, 0.08, 0.01, 0.04),
    (0.11, 0.01, 0.50, 0.03, 0.17, 0.09, 0.09),
    (0.01, 0.00, 0.02, 0.88, 0.02, 0.02, 0.05),
    (0.09, 0.01, 0.11, 0.04, 0.58, 0.01, 0.16),
    (0.03, 0.00, 0.09, 0.04, 0.02, 0.78, 0.04),
    (0.05, 0.01, 0.04, 0.06, 0.13, 0.02, 0.69),
])  # fmt: skip


def draw_expressions(mood: NDArray[np.float64], rng: np.random.Generator) -> NDArray[np.int64]:
    """Draw the expression that each mood shows.

    Args:
        mood: float64 (n, 2), valence and arousal.
        rng: source of chance.

    Returns:
        int64 (n,), indices into :data:`data.types.EMOTIONS`.
    """
    gap = ((mood[:, None, :] - EXPRESSION_MOODS[None]) ** 2).sum(axis=2)
    return pick(np.exp(-gap / (2 * _EXPRESSION_WIDTH**2)), rng)


def read_labels(mood: NDArray[np.float64], rng: np.random.Generator) -> NDArray[np.int64]:
    """Draw the expression each mood shows, then what an imperfect reader makes of it.

    Arguments and result as for :func:`draw_expressions`.
    """
    return pick(CONFUSION[draw_expressions(mood, rng)], rng)


def pick(weights: NDArray[np.floating], rng: np.random.Generator) -> NDArray[np.int64]:
    """Return one column per row, drawn in proportion to ``weights`` (n, columns)."""
    cumulative = np.cumsum(weights, axis=1)
    at = rng.random((len(weights), 1)) * cumulative[:, -1:]
    column: NDArray[np.int64] = (cumulative <= at).sum(axis=1, dtype=np.int64)
    last: NDArray[np.int64] = np.minimum(column, weights.shape[1] - 1)
    return last
