"""Ranking metrics over full rankings, one value per user, and their bootstrap intervals."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from data.types import IntArray

Values = NDArray[np.float64]


def recall_at_k(ranked: IntArray, relevant: Collection[int], k: int) -> float:
    """Share of the relevant items among the first ``k``: hits / relevant."""
    if not relevant:
        return float("nan")
    return sum(int(i) in relevant for i in ranked[:k]) / len(relevant)


def ndcg_at_k(ranked: IntArray, relevant: Collection[int], k: int) -> float:
    """Binary nDCG (Jarvelin & Kekalainen, 2002), ideal over min(k, relevant) places."""
    if not relevant:
        return float("nan")
    discounts = 1 / np.log2(np.arange(2, k + 2))
    hits = np.array([int(i) in relevant for i in ranked[:k]], dtype=np.float64)
    return float(hits @ discounts[: len(hits)] / discounts[: min(k, len(relevant))].sum())


def coverage(lists: Collection[IntArray], items: int) -> float:
    """Share of the catalogue that appears in at least one list."""
    return len({int(i) for ranked in lists for i in ranked}) / items


@dataclass(frozen=True, slots=True)
class Interval:
    """A mean with its 95 % bootstrap interval."""

    mean: float
    low: float
    high: float

    def __str__(self) -> str:
        return f"{self.mean:.4f} ({self.low:.4f}..{self.high:.4f})"


def bootstrap_mean(values: Values, rng: np.random.Generator, rounds: int = 2000) -> Interval:
    """Percentile bootstrap of the mean over users; NaN users are left out.

    Pass the difference of two systems' per-user values for a paired comparison.
    """
    kept = values[np.isfinite(values)]
    if not len(kept):
        return Interval(float("nan"), float("nan"), float("nan"))
    means = np.array([kept[rng.integers(0, len(kept), len(kept))].mean() for _ in range(rounds)])
    low, high = np.percentile(means, [2.5, 97.5])
    return Interval(float(kept.mean()), float(low), float(high))
