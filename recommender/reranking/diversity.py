"""Maximal marginal relevance with a cap on songs of one artist, in one greedy pass."""

from __future__ import annotations

import math

import numpy as np

from data.types import FloatArray, IntArray
from recommender.config import RerankingConfig

#: The artist cap is per this many ranks, about what a listener sees at once.
PAGE = 20


def pool_rows(artists: IntArray, config: RerankingConfig) -> IntArray:
    """Choose the rows that reranking looks at, int64, best first.

    Of one artist no more than the cap allows on as many pages as the pool fills; otherwise an
    artist with hundreds of songs would be the whole pool, with nobody else to put between.

    Args:
        artists: int64 (c,) artist codes, best-scored first.
        config: pool size and cap.
    """
    limit = config.artist_cap * math.ceil(config.pool / PAGE)
    return np.flatnonzero(_nth_of_artist(artists) < limit)[: config.pool].astype(np.int64)


def _nth_of_artist(artists: IntArray) -> IntArray:
    """Return int64 (c,): how many rows before each are of the same artist."""
    order = np.argsort(artists, kind="stable")
    ordered = artists[order]
    first = np.concatenate([[True], ordered[1:] != ordered[:-1]])
    starts = np.flatnonzero(first)
    nth = np.empty(len(artists), dtype=np.int64)
    nth[order] = np.arange(len(artists)) - np.repeat(starts, np.diff([*starts, len(artists)]))
    return nth


def within_reach(
    scores: FloatArray, artists: IntArray, length: int, config: RerankingConfig
) -> int:
    """Return how many rows :func:`rerank` can choose from: no row after these is ever chosen.

    Where K rows fill the pages under the cap, each of them gains ``(1 - d) * relevance - d`` at
    least, and what gains less without any song near it has no chance.

    Args:
        scores: float32 (p,), best first.
        artists: int64 (p,) artist codes.
        length: how many rows are to be chosen.
        config: of the reranking.
    """
    nth = _nth_of_artist(artists)
    enough = 0
    for page in range(1, math.ceil(length / PAGE) + 1):
        rows = np.flatnonzero(nth < config.artist_cap * page)
        wanted = min(page * PAGE, length)
        if len(rows) < wanted:
            return len(scores)
        enough = max(enough, int(rows[wanted - 1]))
    gain = (1 - config.diversity) * _relevance(scores)
    return max(enough + 1, int(np.count_nonzero(gain >= gain[enough] - config.diversity)))


def _relevance(scores: FloatArray) -> FloatArray:
    """Scale scores to [0, 1]; all zeros where nothing differs."""
    low, high = float(scores.min(initial=0)), float(scores.max(initial=0))
    if high <= low:
        return np.zeros_like(scores)
    return np.asarray((scores - low) / (high - low), dtype=np.float32)


def rerank(
    scores: FloatArray,
    similarity: FloatArray,
    artists: IntArray,
    length: int,
    config: RerankingConfig,
) -> IntArray:
    """Choose ``length`` rows greedily (Carbonell & Goldstein, 1998).

    Each step takes the song with the highest ``(1 - d) * relevance - d * nearest``, where relevance
    is the score scaled to [0, 1] over the pool and nearest the largest similarity to a song already
    chosen. An artist at the cap waits until the next page; when nobody else is left, the cap gives
    way rather than the list being short.

    Args:
        scores: float32 (p,), best first.
        similarity: float32 (r, r) in [0, 1], of the first r rows, which are all that are chosen
            from (:func:`within_reach`).
        artists: int64 (p,) artist codes.
        length: how many rows to choose.

    Returns:
        int64 (min(length, p),) rows in order. A longer list starts with the shorter one.
    """
    reach = len(similarity)
    count = min(length, reach)
    relevance, artists = (1 - config.diversity) * _relevance(scores)[:reach], artists[:reach]
    nearest = np.zeros(reach, dtype=np.float32)
    free = np.ones(reach, dtype=np.bool_)
    used = np.zeros(reach, dtype=np.int64)
    chosen: list[int] = []
    while len(chosen) < count:
        cap = config.artist_cap * math.ceil((len(chosen) + 1) / PAGE)
        allowed = free & (used < cap)
        gain = relevance - config.diversity * nearest
        best = int(np.where(allowed if allowed.any() else free, gain, -np.inf).argmax())
        chosen.append(best)
        free[best] = False
        used += artists == artists[best]
        np.maximum(nearest, similarity[best], out=nearest)
    return np.array(chosen, dtype=np.int64)
