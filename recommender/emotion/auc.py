"""The area under the ROC curve, and its bootstrap over users.

A pair of a liked and a disliked rating may belong to two users. Pairs are counted once per two
users, (users, users), so that drawing users again is a matrix product and needs no sorting.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from data.types import IntArray

Array64 = NDArray[np.float64]


@dataclass(frozen=True)
class PairCounts:
    """Pairs of a liked and a disliked rating.

    Attributes:
        right: float64 (users, users), pairs whose liked rating (of the row's user) is scored above
            the disliked one (of the column's user); ties count half.
        every: float64 (users, users), all pairs.
    """

    right: Array64
    every: Array64

    def area(self, drawn: Array64) -> float:
        """Return the AUC where user u was drawn ``drawn[u]`` times; NaN without a pair."""
        pairs = float(drawn @ self.every @ drawn)
        return float(drawn @ self.right @ drawn) / pairs if pairs else float("nan")


def count_pairs(
    scores: Array64, liked: NDArray[np.bool_], user: IntArray, users: int
) -> PairCounts:
    """Count the pairs of some ratings.

    Args:
        scores: float64 (n,), higher for what should be liked.
        liked: bool (n,).
        user: int64 (n,) in ``range(users)``.
        users: how many there are.
    """
    good, bad = np.flatnonzero(liked), np.flatnonzero(~liked)
    difference = scores[good][:, None] - scores[bad][None]
    won = (difference > 0) + 0.5 * (difference == 0)
    ones = np.eye(users)
    left, right = ones[user[good]], ones[user[bad]]
    return PairCounts(left.T @ won @ right, left.T @ np.ones_like(won) @ right)


def mean_area(counts: list[PairCounts], drawn: Array64) -> float:
    """Return the mean AUC over splits that have a pair among the drawn users."""
    areas = np.array([one.area(drawn) for one in counts])
    return float(np.nanmean(areas)) if np.isfinite(areas).any() else float("nan")


def draw_users(users: int, rounds: int, rng: np.random.Generator) -> Array64:
    """Return how often each user is drawn in each bootstrap sample, float64 (rounds, users)."""
    return rng.multinomial(users, np.full(users, 1 / users), size=rounds).astype(np.float64)
