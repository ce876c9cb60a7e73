"""Nearest songs by exact search: how many stay near in reduced vectors, and how fast they come."""

from __future__ import annotations

import time

import numpy as np

from data.types import FloatArray, IntArray
from nlp.reduction_methods import Transform


class Search:
    """A catalogue, songs of it that are looked up, and their nearest songs by whole vectors.

    Args:
        vectors: float32 (songs, d), finite.
        queries: how many songs to look up, drawn at random.
        neighbours: nearest songs of each.
        seed: of the draw.
    """

    def __init__(self, vectors: FloatArray, queries: int, neighbours: int, seed: int) -> None:
        rng = np.random.default_rng(seed)
        count = min(queries, len(vectors))
        self.vectors = vectors
        self.queries = np.sort(rng.choice(len(vectors), count, replace=False))
        self.n = neighbours
        self.truth = self.nearest(_unit(vectors))

    def nearest(self, reduced: FloatArray) -> IntArray:
        """Return int64 (queries, n): rows with the greatest dot product, the query left out."""
        return self._top(reduced, np.zeros(len(reduced), dtype=np.float32))

    def overlap(self, reduced: FloatArray) -> tuple[float, float]:
        """Return the neighbour overlap by cosine and by distance."""
        by_cosine = self.nearest(_unit(reduced))
        # |q - x|² orders as |x|²/2 - q·x does.
        by_distance = self._top(reduced, -(reduced**2).sum(axis=1) / 2)
        return self._shared(by_cosine), self._shared(by_distance)

    def explained(self, reduced: FloatArray) -> float:
        """Return the share of variance that the best linear map from ``reduced`` gives back."""
        z = reduced - reduced.mean(axis=0, dtype=np.float64)
        x = self.vectors - self.vectors.mean(axis=0, dtype=np.float64)
        basis = np.linalg.lstsq(z.T @ z, z.T @ x, rcond=1e-10)[0]
        residual = ((x - z @ basis) ** 2).sum()
        return float(1 - residual / (x * x).sum())

    def query_ms(self, transform: Transform, reduced: FloatArray, repeats: int) -> float:
        """Return the median milliseconds from a whole vector to its nearest songs by cosine."""
        catalogue, times = _unit(reduced), []
        for i in range(repeats):
            query = self.vectors[self.queries[i % len(self.queries)]][None]
            begun = time.perf_counter()
            likeness = catalogue @ transform(query)[0]
            top = np.argpartition(likeness, -self.n)[-self.n :]
            top[np.argsort(-likeness[top])]
            times.append(time.perf_counter() - begun)
        return float(np.median(times)) * 1000

    def _top(self, reduced: FloatArray, bias: FloatArray) -> IntArray:
        found = []
        for start in range(0, len(self.queries), 256):
            rows = self.queries[start : start + 256]
            likeness = reduced[rows] @ reduced.T + bias
            likeness[np.arange(len(rows)), rows] = -np.inf
            found.append(np.argpartition(likeness, -self.n, axis=1)[:, -self.n :])
        return np.concatenate(found)

    def _shared(self, found: IntArray) -> float:
        pairs = zip(found, self.truth, strict=True)
        return float(np.mean([len(np.intersect1d(a, b)) for a, b in pairs])) / self.n


def _unit(vectors: FloatArray) -> FloatArray:
    norms = np.linalg.norm(vectors, axis=1, keepdims=True)
    return np.asarray(vectors / np.maximum(norms, 1e-12), dtype=np.float32)
