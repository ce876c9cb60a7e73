"""Metrics of full rankings, one value per user, and their bootstrap intervals.

Nothing is sampled: a list is the head of a ranking of the whole catalogue. A value that is not
defined is NaN and left out of means. Places that a list lacks are marked -1. What each metric is
for, its range, and which way is better: ``docs/metrics.md``.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from data.types import IntArray

Values = NDArray[np.float64]
_NAN = float("nan")
#: Numbers drawn at a time.
_BLOCK = 100_000


def recall_at_k(ranked: IntArray, relevant: Collection[int], k: int) -> float:
    """Share of the relevant items among the first ``k``: hits / relevant."""
    return float(_hits(ranked, relevant, k).sum() / len(relevant)) if relevant else _NAN


def precision_at_k(ranked: IntArray, relevant: Collection[int], k: int) -> float:
    """Share of the first ``k`` places that hold a relevant item: hits / k, short lists too."""
    return float(_hits(ranked, relevant, k).sum() / k) if relevant else _NAN


def hit_rate_at_k(ranked: IntArray, relevant: Collection[int], k: int) -> float:
    """1 where any of the first ``k`` is relevant, else 0."""
    return float(_hits(ranked, relevant, k).any()) if relevant else _NAN


def ndcg_at_k(ranked: IntArray, relevant: Collection[int], k: int) -> float:
    """Binary nDCG (Jarvelin & Kekalainen, 2002), ideal over min(k, relevant) places."""
    if not relevant:
        return _NAN
    discounts = 1 / np.log2(np.arange(2, k + 2))
    hits = _hits(ranked, relevant, k)
    return float(hits @ discounts[: len(hits)] / discounts[: min(k, len(relevant))].sum())


def average_precision_at_k(ranked: IntArray, relevant: Collection[int], k: int) -> float:
    """Sum of the precision at each hit among the first ``k``, over all relevant items; for MAP.

    The definition of trec_eval (``map_cut``). Others divide by min(k, relevant).
    """
    if not relevant:
        return _NAN
    hits = _hits(ranked, relevant, k)
    precision = np.cumsum(hits) / np.arange(1, len(hits) + 1)
    return float(hits @ precision / len(relevant))


def reciprocal_rank_at_k(ranked: IntArray, relevant: Collection[int], k: int) -> float:
    """1 / rank of the first hit, 0 without one among the first ``k``; for MRR (Voorhees, 1999)."""
    if not relevant:
        return _NAN
    places = np.flatnonzero(_hits(ranked, relevant, k))
    return float(1 / (places[0] + 1)) if len(places) else 0.0


def _hits(ranked: IntArray, relevant: Collection[int], k: int) -> Values:
    return np.array([int(i) in relevant for i in ranked[:k]], dtype=np.float64)


def ranking_values(top: IntArray, relevant: Any, cutoffs: Sequence[int]) -> dict[str, Values]:
    """Measure the lists of many users at once, as the functions above do for one.

    Args:
        top: int64 (n, m) ranked items, best first, none twice in a row; -1 where a list is over.
        relevant: scipy.sparse.csr_matrix (n, items); positive entries are the relevant items.
        cutoffs: the k; a list shorter than k counts as it is.

    Returns:
        ``recall@k``, ``precision@k``, ``hit_rate@k``, ``ndcg@k``, ``map@k`` and ``mrr@k`` for
        every k: float64 (n,), NaN for users with nothing relevant.
    """
    hits, sizes = _hit_table(top, relevant)
    places = np.arange(1, hits.shape[1] + 1)
    some = np.where(sizes > 0, sizes, np.nan)
    gains = hits / np.log2(places + 1)
    precisions = hits * np.cumsum(hits, axis=1) / places
    first = (hits / places).max(axis=1, initial=0)
    found: dict[str, Values] = {}
    for k in cutoffs:
        count = hits[:, :k].sum(axis=1)
        ideal = np.concatenate([[np.nan], np.cumsum(1 / np.log2(np.arange(2, k + 2)))])
        found[f"recall@{k}"] = count / some
        found[f"precision@{k}"] = np.where(sizes > 0, count / k, np.nan)
        found[f"hit_rate@{k}"] = np.where(sizes > 0, count > 0, np.nan)
        found[f"ndcg@{k}"] = gains[:, :k].sum(axis=1) / ideal[np.minimum(sizes, k)]
        found[f"map@{k}"] = precisions[:, :k].sum(axis=1) / some
        found[f"mrr@{k}"] = np.where(sizes > 0, np.where(count > 0, first, 0), np.nan)
    return found


def _hit_table(top: IntArray, relevant: Any) -> tuple[Values, IntArray]:
    """Return hits float64 (n, m) of zeros and ones, and the number of relevant items (n,)."""
    truth = relevant.tocsr() > 0
    sizes: IntArray = np.diff(truth.indptr).astype(np.int64)
    items = truth.shape[1]
    # One number per (row, item): a look-up in their sorted list costs no dense matrix.
    keys = np.repeat(np.arange(len(sizes)), sizes) * items + truth.indices
    asked = np.arange(len(top))[:, None] * items + top
    return (np.isin(asked, keys) & (top >= 0)).astype(np.float64), sizes


def coverage(lists: Collection[IntArray], items: int) -> float:
    """Share of the catalogue that appears in at least one list."""
    return float((exposure(lists, items) > 0).mean())


def exposure(lists: Collection[IntArray], items: int) -> IntArray:
    """Count for every item, int64 (items,), the lists that hold it; -1 is no item."""
    shown = np.concatenate([*lists, np.empty(0, dtype=np.int64)]).astype(np.int64)
    return np.bincount(shown[shown >= 0], minlength=items)


def gini(lists: Collection[IntArray], items: int) -> float:
    """Gini coefficient of exposure over the whole catalogue: twice the area above Lorenz' curve.

    With the items in the order of their exposure x: sum_i (2 i - items - 1) x_i / (items sum x),
    i from 1. 0 when every item is shown equally often, 1 - 1 / items when only one is ever shown;
    Shani & Gunawardana (2011) divide by items - 1 instead.
    """
    shown = np.sort(exposure(lists, items))
    total = int(shown.sum())
    places = 2 * np.arange(1, items + 1) - items - 1
    return float(places @ shown / (items * total)) if total else _NAN


def novelty(ranked: IntArray, listeners: IntArray, users: int) -> float:
    """Mean self-information -log2(listeners / users) of a list, in bits.

    Zhou et al. (2010), Vargas & Castells (2011). A song without a listener counts as if it had
    one: the largest value is log2(users).
    """
    return float(novelty_values(np.asarray(ranked)[None], listeners, users)[0])


def novelty_values(top: IntArray, listeners: IntArray, users: int) -> Values:
    """Measure :func:`novelty` of many lists.

    Args:
        top: int64 (n, m), -1 where a list is over.
        listeners: int64 (items,) training users of each item.
        users: number of training users.

    Returns:
        float64 (n,), NaN for empty lists.
    """
    bits = -np.log2(np.maximum(listeners, 1) / users)
    return _row_means(np.where(top >= 0, bits[top], np.nan))


def popularity_lift(ranked: IntArray, history: IntArray, listeners: IntArray) -> float:
    """Mean listeners of the songs of a list over those of the user's own songs.

    Above 1 the list is more popular than the user's taste (Jannach et al., *What recommenders
    recommend*, 2015). Abdollahpouri et al. (RecSys 2020) take the ratio of a group's means, less
    1. NaN without a list, a history, or listeners of it.
    """
    own = listeners[history].mean() if len(history) else _NAN
    shown = ranked[ranked >= 0]
    return float(listeners[shown].mean() / own) if len(shown) and own else _NAN


def popularity_lift_values(top: IntArray, known: Any, listeners: IntArray) -> Values:
    """Measure :func:`popularity_lift` of many lists.

    Args:
        top: int64 (n, m), -1 where a list is over.
        known: scipy.sparse.csr_matrix (n, items); positive entries are the users' own songs.
        listeners: int64 (items,) training users of each item.
    """
    held = known.tocsr() > 0
    sizes = np.diff(held.indptr)
    total = held @ listeners.astype(np.float64)
    own = np.divide(total, sizes, out=np.full(len(sizes), np.nan), where=total > 0)
    lifts: Values = _row_means(np.where(top >= 0, listeners[top], np.nan)) / own
    return lifts


def intra_list_diversity(similarity: NDArray[Any]) -> float:
    """1 - mean pairwise similarity of the songs of a list (Smyth & McClave, 2001).

    Args:
        similarity: (m, m), symmetric; NaN where a pair cannot be compared. The diagonal is not
            looked at.

    Returns:
        NaN where no pair can be compared.
    """
    pairs = np.asarray(similarity, np.float64)[np.triu_indices(len(similarity), 1)]
    known = pairs[np.isfinite(pairs)]
    return float(1 - known.mean()) if len(known) else _NAN


def mood_distance(moods: NDArray[Any], target: tuple[float, float]) -> float:
    """Mean Euclidean distance of the known moods of a list to a target in the mood plane.

    Args:
        moods: (m, 2) valence and arousal in [-1, 1], NaN where a song's mood is not known.
        target: valence and arousal.

    Returns:
        0 to 2 sqrt(2), NaN where no mood is known.
    """
    aimed = np.asarray(target, np.float64)
    return float(_row_means(np.linalg.norm(moods[None] - aimed, axis=2))[0])


def mood_distance_values(top: IntArray, moods: NDArray[Any], targets: NDArray[Any]) -> Values:
    """Measure :func:`mood_distance` of many lists.

    Args:
        top: int64 (n, m), -1 where a list is over.
        moods: (items, 2), NaN where unknown.
        targets: (n, 2), or (2,) for all.
    """
    aimed = np.broadcast_to(np.asarray(targets, np.float64), (len(top), 2))
    apart = np.linalg.norm(moods[top] - aimed[:, None], axis=2)
    return _row_means(np.where(top >= 0, apart, np.nan))


def _row_means(values: Values) -> Values:
    """Return the mean of the finite values of every row, NaN without any."""
    known = np.isfinite(values)
    count = known.sum(axis=1)
    total: Values = np.where(known, values, 0).sum(axis=1)
    means: Values = np.divide(total, count, out=np.full(len(values), np.nan), where=count > 0)
    return means


@dataclass(frozen=True, slots=True)
class Interval:
    """A mean with its 95 % bootstrap interval."""

    mean: float
    low: float
    high: float

    def __str__(self) -> str:
        return f"{self.mean:.4f} ({self.low:.4f}..{self.high:.4f})"


def bootstrap_mean(values: Values, rng: np.random.Generator, rounds: int = 2000) -> Interval:
    """Percentile bootstrap (Efron, 1979) of the mean over users; NaN users are left out.

    Pass the difference of two systems' per-user values for a paired comparison.
    """
    kept = values[np.isfinite(values)]
    if not len(kept):
        return Interval(_NAN, _NAN, _NAN)
    # Blocks of rounds: one at a time is slow for few users, all at once large for many.
    block = max(1, _BLOCK // len(kept))
    counts = [min(block, rounds - start) for start in range(0, rounds, block)]
    drawn = (rng.integers(0, len(kept), (count, len(kept))) for count in counts)
    means = np.concatenate([kept[index].mean(axis=1) for index in drawn])
    low, high = np.percentile(means, [2.5, 97.5])
    return Interval(float(kept.mean()), float(low), float(high))
