"""Figures with 95 % intervals by bootstrap over users."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from data.types import IntArray
from recommender.metrics import Interval

Float64Array = NDArray[np.float64]
_NAN = float("nan")


@dataclass(frozen=True)
class Resamples:
    """How often each user is drawn in each round; the same draws for every figure of a study.

    Attributes:
        counts: float64 (rounds, users).
    """

    counts: Float64Array

    @classmethod
    def draw(cls, users: int, rounds: int, seed: int) -> Resamples:
        """Draw ``users`` of ``users`` with return, ``rounds`` times."""
        rng = np.random.default_rng((seed, 7))
        return cls(rng.multinomial(users, np.full(users, 1 / users), size=rounds).astype(float))

    def mean(self, user: IntArray, values: Float64Array) -> Interval:
        """Mean over occasions, users resampled; NaN values are left out."""
        kept = np.isfinite(values)
        return self.ratio(user[kept], values[kept], np.ones(int(kept.sum())))

    def change(self, user: IntArray, on: Float64Array, off: Float64Array) -> Interval:
        """Relative change of the mean: mean(on) / mean(off) - 1, paired."""
        kept = np.isfinite(on) & np.isfinite(off)
        found = self.ratio(user[kept], on[kept], off[kept])
        return Interval(found.mean - 1, found.low - 1, found.high - 1)

    def ratio(self, user: IntArray, above: Float64Array, below: Float64Array) -> Interval:
        """Sum of ``above`` over sum of ``below``; NaN where nothing is below."""
        if not below.sum() > 0:
            return Interval(_NAN, _NAN, _NAN)
        users = self.counts.shape[1]
        top, bottom = (np.bincount(user, v, minlength=users) for v in (above, below))
        drawn = self.counts @ bottom
        rounds = (self.counts @ top)[drawn > 0] / drawn[drawn > 0]
        low, high = np.percentile(rounds, [2.5, 97.5])
        return Interval(float(above.sum() / below.sum()), float(low), float(high))


def bootstrap_rows(
    statistic: Callable[[IntArray], float], rows: IntArray, rounds: int, seed: int
) -> Interval:
    """Return a statistic of rows, one per user, with the interval of drawing them with return."""
    rng = np.random.default_rng((seed, 8))
    values = [statistic(rng.choice(rows, len(rows))) for _ in range(rounds)]
    low, high = np.nanpercentile(values, [2.5, 97.5])
    return Interval(statistic(rows), float(low), float(high))


def pearson(a: Float64Array, b: Float64Array) -> float:
    """Return the correlation; NaN where either does not vary."""
    if len(a) < 2 or not a.std() > 0 or not b.std() > 0:
        return _NAN
    return float(np.corrcoef(a, b)[0, 1])


def spearman(a: Float64Array, b: Float64Array) -> float:
    """Return the correlation of ranks; ties share the mean rank."""
    return pearson(ranks(a), ranks(b))


def auc(scores: Float64Array, positive: NDArray[np.bool_]) -> float:
    """Return the chance that a positive scores above a negative (Hanley & McNeil, 1982)."""
    n = int(positive.sum())
    if not 0 < n < len(positive):
        return _NAN
    above = float(ranks(scores)[positive].sum()) - n * (n + 1) / 2
    return above / (n * (len(positive) - n))


def ranks(values: Float64Array) -> Float64Array:
    """Return ranks from 1, ties sharing their mean."""
    _, place, count = np.unique(values, return_inverse=True, return_counts=True)
    return np.asarray((np.cumsum(count) - (count - 1) / 2)[place], dtype=np.float64)
