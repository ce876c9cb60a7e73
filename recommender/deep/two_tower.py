"""The retrieval network as it is served: a song tower, a user tower, both plain numpy.

A song has two vectors, both of a learned part by id and a part by content: what it says of a
listener who has it, and whom it suits. A listener is the weighted sum of the first over the
history, through a small perceptron; the score is the inner product with the second, plus a bias.
Ids are dropped at random in training, so that songs which nobody has heard are placed by content.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from data.types import FloatArray, IntArray
from recommender.catalogue import overlay
from recommender.deep.config import TwoTowerConfig
from recommender.query import ReasonKind
from recommender.stages import Arrays, Context

_PREFIX = "two_tower_"


@dataclass(frozen=True)
class TowerWeights:
    """All that serving needs; n songs, d numbers a vector, f numbers of content.

    Attributes:
        queries: float32 (n, d), what a song says of its listeners.
        targets: float32 (n, d + 1), whom it suits; the last column is its bias.
        known: bool (n,), False for songs with neither an id nor content.
        shift: float32 (f,) subtracted from content.
        factor: float32 (f,) multiplied then; 0 for what never varied.
        hidden: float32 (f + 1, h) first layer of the song tower, its bias as the last row; h = 0
            for a linear tower.
        out: float32 (h, 2 d + 1), or (f, 2 d + 1) for a linear tower.
        user_in: float32 (d + 1, u) first layer of the user tower, its bias as the last row.
        user_out: float32 (u, d), its second layer.
    """

    queries: FloatArray
    targets: FloatArray
    known: NDArray[np.bool_]
    shift: FloatArray
    factor: FloatArray
    hidden: FloatArray
    out: FloatArray
    user_in: FloatArray
    user_out: FloatArray

    def place(self, content: FloatArray) -> tuple[FloatArray, FloatArray]:
        """Return queries (m, d) and targets (m, d + 1) of songs by content (m, f) alone."""
        x = (content - self.shift) * self.factor
        if self.hidden.shape[1]:
            x = np.maximum(x @ self.hidden[:-1] + self.hidden[-1], 0)
        found = np.asarray(x @ self.out, dtype=np.float32)
        size = self.queries.shape[1]
        return found[:, :size], found[:, size:]


class TwoTower:
    """A :class:`recommender.stages.Scorer` over :class:`TowerWeights`."""

    name = "two_tower"
    kind: ReasonKind = "collaborative"

    def __init__(self, config: TwoTowerConfig, weights: TowerWeights) -> None:
        self.config = config
        self.weights = weights

    @property
    def is_fitted(self) -> bool:
        """True when at least one song can be scored."""
        return bool(self.weights.known.any())

    def __call__(self, context: Context) -> FloatArray:
        """Return float32 (songs,); NaN where song or listener has neither ids nor content."""
        if not self.weights.known[context.songs].any():
            return np.full(len(self.weights.known), np.nan, dtype=np.float32)
        strength = damped(context.weights)
        return self._scores(self._users(strength @ self.weights.queries[context.songs], strength))

    def score_rows(self, rows: Any) -> FloatArray:
        """Return float32 (m, songs) of sparse (m, songs) positive weights; NaN as for one."""
        weighted = rows.astype(np.float32).copy()
        weighted.data = damped(weighted.data)
        lengths = np.sqrt(np.asarray(weighted.multiply(weighted).sum(axis=1), dtype=np.float32))
        sums = np.asarray(weighted @ self.weights.queries, dtype=np.float32)
        means = np.asarray(sums / np.maximum(lengths.reshape(-1, 1), 1e-12), dtype=np.float32)
        found = self._scores(self._towered(means))
        found[np.asarray(rows @ self.weights.known.astype(np.float32)).ravel() == 0] = np.nan
        return found

    def influences(self, context: Context, songs: IntArray) -> FloatArray | None:
        """Return float32 (n, h): how much scores fall without each song; 0 for unknown ones."""
        if not len(context.songs):
            return None
        strength = damped(context.weights)
        each = strength[:, None] * self.weights.queries[context.songs]
        left = np.sqrt(np.maximum((strength**2).sum() - strength**2, 1e-12))
        without = self._towered(((each.sum(axis=0) - each) / left[:, None]).astype(np.float32))
        whole = self._users(each.sum(axis=0), strength)
        falls = self.weights.targets[songs, :-1] @ (whole - without).T
        return np.where(self.weights.known[songs, None], falls, 0).astype(np.float32)

    def with_songs(self, content: FloatArray, at: IntArray, total: int) -> TwoTower:
        """Return a scorer of ``total`` songs; those that are new are placed by content.

        A song that training knew keeps its vectors.

        Args:
            content: float32 (m, f), as training had it; zero rows where there is none.
            at: int64 (m,) positions.
            total: length of the new catalogue.
        """
        w = self.weights
        new = at >= len(w.known)
        queries, targets = w.place(content[new])
        known = np.any(content[new] != 0, axis=1)
        grown = replace(
            w,
            queries=overlay(w.queries, queries, at[new], total),
            targets=overlay(w.targets, targets, at[new], total),
            known=overlay(w.known, known, at[new], total),
        )
        return TwoTower(self.config, grown)

    def arrays(self) -> dict[str, NDArray[np.generic]]:
        """Return what an npz file must hold."""
        return {_PREFIX + f.name: getattr(self.weights, f.name) for f in fields(TowerWeights)}

    @classmethod
    def from_arrays(cls, config: TwoTowerConfig, arrays: Arrays) -> TwoTower:
        """Rebuild from :meth:`arrays`."""
        found: Mapping[str, Any] = {f.name: arrays[_PREFIX + f.name] for f in fields(TowerWeights)}
        return cls(config, TowerWeights(**found))

    def _users(self, total: FloatArray, strength: FloatArray) -> FloatArray:
        length = max(float(np.linalg.norm(strength)), 1e-12)
        return self._towered(np.asarray(total / length, dtype=np.float32))

    def _towered(self, users: FloatArray) -> FloatArray:
        """Run the user tower on (..., d); the perceptron's output is added to its input."""
        w = self.weights
        if not w.user_in.shape[1]:
            return users
        inner = np.maximum(users @ w.user_in[:-1] + w.user_in[-1], 0)
        return np.asarray(users + inner @ w.user_out, dtype=np.float32)

    def _scores(self, users: FloatArray) -> FloatArray:
        targets = self.weights.targets
        found = users @ targets[:, :-1].T + targets[:, -1]
        return np.where(self.weights.known, found, np.nan).astype(np.float32)


def damped(weights: FloatArray) -> FloatArray:
    """Return ``log2(1 + weight)``: 1 for one play, and a song on repeat does not drown the rest."""
    return np.log2(1 + weights).astype(np.float32)
