"""From one listener's candidates to the numbers that the ranker reads; numpy alone."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from data.types import FloatArray, IntArray
from recommender.deep.config import FeatureGroups
from recommender.deep.songs import SongFeatures
from recommender.stages import Context

#: Vectors compared with the mean of the history.
_VECTORS = ("lyrics", "tags", "factors")


@dataclass(frozen=True)
class RankingCase:
    """One list to learn from.

    Attributes:
        context: of the listener.
        songs: int64 (c,) candidates.
        parts: raw scores by scorer, float32 (c,), NaN where it cannot score. They must not have
            seen what is to be found.
        blend: float32 (c,) score of the hybrid.
        relevant: bool (c,), what is to be found.
        user: number of the listener; all cases of one are held out together.
    """

    context: Context
    songs: IntArray
    parts: Mapping[str, FloatArray]
    blend: FloatArray
    relevant: NDArray[np.bool_]
    user: int


@dataclass(frozen=True)
class FeatureLayout:
    """Which numbers, in which order.

    Attributes:
        scorers: whose evidence is read; a name that ``parts`` lacks counts as missing.
        sizes: lengths of the lyric, tag and factor vectors.
        groups: what is left out.
    """

    scorers: tuple[str, ...]
    sizes: tuple[int, int, int]
    groups: FeatureGroups

    @cached_property
    def names(self) -> tuple[str, ...]:
        """Name of every column of :meth:`build`."""
        g = self.groups
        found = ["blend", "blend_reciprocal_rank", "blend_log_rank"]
        if g.evidence:
            kinds = ("score", "missing", "reciprocal_rank")
            found += [f"{kind}:{scorer}" for kind in kinds for scorer in self.scorers]
        if g.listener:
            found += ["history", *(f"coverage:{scorer}" for scorer in self.scorers)]
        if g.popularity:
            found += ["listeners", "listeners_unknown"]
        if g.recency:
            found += ["age", "age_unknown"]
        if g.mood:
            found += ["valence", "arousal", "mood_unknown"]
            found += ["target_valence", "target_arousal", "target_confidence"]
            found += ["mood_distance", "mood_pull"]
        for name, size in zip(_VECTORS, self.sizes, strict=True):
            if getattr(g, name) and size:
                found += [f"{name}:cosine", f"{name}:unknown"]
                found += [f"{name}:{i}" for i in range(size)] if g.products else []
        return tuple(found)

    def build(
        self,
        context: Context,
        songs: IntArray,
        parts: Mapping[str, FloatArray],
        blend: FloatArray,
        table: SongFeatures,
    ) -> FloatArray:
        """Return float32 (c, features), finite everywhere, in the order of :attr:`names`."""
        g = self.groups
        blocks = [_blend(blend)]
        scores = self._scores(parts, len(songs))
        if g.evidence:
            blocks += _evidence(scores)
        if g.listener:
            share = np.isfinite(scores).mean(axis=1) if len(songs) else np.zeros(len(scores))
            about = np.concatenate([[np.log1p(len(context.songs))], share])
            blocks.append(np.tile(about.astype(np.float32), (len(songs), 1)))
        if g.popularity:
            blocks.append(_known(table.listeners[songs]))
        if g.recency:
            blocks.append(_known(table.age[songs]))
        if g.mood:
            blocks.append(_mood(context, table.moods[songs]))
        for name, size in zip(_VECTORS, self.sizes, strict=True):
            if getattr(g, name) and size:
                blocks.append(_against(context, songs, getattr(table, name), g.products))
        return np.concatenate(blocks, axis=1, dtype=np.float32)

    def _scores(self, parts: Mapping[str, FloatArray], count: int) -> FloatArray:
        silent = np.full(count, np.nan, dtype=np.float32)
        rows = [parts.get(scorer, silent) for scorer in self.scorers]
        return np.stack(rows) if rows else np.zeros((0, count), dtype=np.float32)


def _blend(blend: FloatArray) -> FloatArray:
    rank = _ranks(blend[None])[0]
    return np.stack([blend, 1 / (1 + rank), np.log1p(rank)], axis=1).astype(np.float32)


def _evidence(scores: FloatArray) -> list[FloatArray]:
    """Standard scores, missing flags and reciprocal ranks of (scorers, c), each (c, scorers)."""
    finite = np.isfinite(scores)
    count = np.maximum(finite.sum(axis=1, keepdims=True), 1)
    known = np.where(finite, scores, 0)
    centred = np.where(finite, known - known.sum(axis=1, keepdims=True) / count, 0)
    spread = np.sqrt((centred**2).sum(axis=1, keepdims=True) / count)
    z = np.clip(centred / np.where(spread > 1e-9, spread, np.inf), -8, 8)
    ranks = np.where(finite, 1 / (1 + _ranks(scores)), 0)
    return [np.asarray(v.T, dtype=np.float32) for v in (z, ~finite, ranks)]


def _ranks(scores: FloatArray) -> FloatArray:
    """Return 0-based ranks of every row, best first, NaN last, ties by position."""
    order = np.argsort(-scores, axis=1, kind="stable")
    ranks = np.empty(scores.shape, dtype=np.float32)
    places = np.broadcast_to(np.arange(scores.shape[1], dtype=np.float32), scores.shape)
    np.put_along_axis(ranks, order, places, axis=1)
    return ranks


def _known(values: FloatArray) -> FloatArray:
    return np.stack([np.nan_to_num(values), np.isnan(values)], axis=1).astype(np.float32)


def _mood(context: Context, moods: FloatArray) -> FloatArray:
    """Song's mood, the target, their distance and ``-confidence * distance``.

    An unknown distance is taken as 1, about that of two random points of the square.
    """
    unknown: NDArray[np.bool_] = np.asarray(np.isnan(moods).any(axis=1))
    filled = np.where(unknown[:, None], 0, moods)
    found = np.zeros((len(moods), 8), dtype=np.float32)
    found[:, :2], found[:, 2] = filled, unknown
    if context.target is not None:
        aim = np.array([context.target.target.valence, context.target.target.arousal])
        distance = np.where(unknown, 1.0, np.linalg.norm(filled - aim, axis=1))
        found[:, 3:5], found[:, 5] = aim, context.target.confidence
        found[:, 6], found[:, 7] = distance, -context.target.confidence * distance
    return found


def _against(context: Context, songs: IntArray, vectors: FloatArray, products: bool) -> FloatArray:
    """Compare candidates with the weighted mean of the history, by cosine and by component."""
    rows = vectors[songs]
    mean = _profile(context, vectors)
    lengths = np.linalg.norm(rows, axis=1)
    unknown = (lengths < 1e-12) | (not mean.any())
    by_component = rows * mean
    cosine = by_component.sum(axis=1) / np.maximum(lengths, 1e-12)
    found = np.stack([np.where(unknown, 0, cosine), unknown], axis=1)
    return np.concatenate([found, by_component] if products else [found], axis=1)


def _profile(context: Context, vectors: FloatArray) -> FloatArray:
    """Unit mean of the history's vectors, weights damped; zero where there is nothing to mean."""
    total = np.log2(1 + context.weights) @ vectors[context.songs]
    norm = float(np.linalg.norm(total))
    return np.asarray(total / norm if norm > 1e-12 else total * 0, dtype=np.float32)
