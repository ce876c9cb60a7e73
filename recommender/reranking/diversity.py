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
    order = np.argsort(artists, kind="stable")
    _, starts, counts = np.unique(artists[order], return_index=True, return_counts=True)
    nth = np.empty(len(artists), dtype=np.int64)
    nth[order] = np.arange(len(artists)) - np.repeat(starts, counts)
    limit = config.artist_cap * math.ceil(config.pool / PAGE)
    return np.flatnonzero(nth < limit)[: config.pool].astype(np.int64)


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
        similarity: float32 (p, p) in [0, 1].
        artists: int64 (p,) artist codes.
        length: how many rows to choose.

    Returns:
        int64 (min(length, p),) rows in order. A longer list starts with the shorter one.
    """
    count = min(length, len(scores))
    low, high = float(scores.min(initial=0)), float(scores.max(initial=0))
    relevance = (scores - low) / (high - low) if high > low else np.zeros_like(scores)
    nearest = np.zeros(len(scores), dtype=np.float32)
    free = np.ones(len(scores), dtype=np.bool_)
    used = np.zeros(len(scores), dtype=np.int64)
    chosen: list[int] = []
    while len(chosen) < count:
        cap = config.artist_cap * math.ceil((len(chosen) + 1) / PAGE)
        allowed = free & (used < cap)
        gain = (1 - config.diversity) * relevance - config.diversity * nearest
        best = int(np.where(allowed if allowed.any() else free, gain, -np.inf).argmax())
        chosen.append(best)
        free[best] = False
        used += artists == artists[best]
        np.maximum(nearest, similarity[best], out=nearest)
    return np.array(chosen, dtype=np.int64)
