"""Session: what listeners put on soon after the songs played last."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

import numpy as np
from pydantic import Field
from scipy.sparse import csr_matrix, diags

from data.types import IntArray
from recommender.candidates.item_to_item import (
    ItemToItemConfig,
    ItemToItemScorer,
    strongest,
    widened,
)
from recommender.candidates.listening import Listening, history_rows
from recommender.stages import Arrays, Context


class SessionScorer(ItemToItemScorer):
    """Transitions from the newest songs of a history, the newest counting most.

    Args:
        similarity: (songs, songs), row i says what follows song i.
        half_life: after so many newer songs a song counts half.
    """

    def __init__(self, similarity: csr_matrix, half_life: float) -> None:
        super().__init__("session", similarity)
        self.half_life = half_life

    def rows(self, contexts: Sequence[Context]) -> csr_matrix:
        """Return float32 (contexts, songs): 1 for the newest song, less for every older one."""
        rows = [self._recent(c) for c in contexts]
        parts = [history_rows([c], self.known, "binary") for c in rows]
        for part, context in zip(parts, rows, strict=True):
            weight = dict(zip(context.songs.tolist(), context.weights.tolist(), strict=True))
            part.data = np.array([weight[s] for s in part.indices.tolist()], dtype=np.float32)
        indptr = np.concatenate([[0], np.cumsum([p.nnz for p in parts])])
        stacked = (
            np.concatenate([np.zeros(0, np.float32), *(p.data for p in parts)]),
            np.concatenate([np.zeros(0, np.int64), *(p.indices for p in parts)]),
            indptr,
        )
        return csr_matrix(stacked, shape=(len(contexts), len(self.known)), dtype=np.float32)

    def _recent(self, context: Context) -> Context:
        """Keep what still counts a hundredth, with the weight of its age in songs."""
        kept = context.songs[-max(1, int(self.half_life * 6.7)) :]
        age = np.arange(len(kept))[::-1]
        return Context(kept, (0.5 ** (age / self.half_life)).astype(np.float32))

    def with_songs(self, total: int) -> SessionScorer:
        """Return a scorer of ``total`` songs."""
        return SessionScorer(widened(self.similarity, total), self.half_life)


class SessionConfig(ItemToItemConfig):
    """Transitions within a window of songs, divided by popularity to a power."""

    name: ClassVar[str] = "session"
    window: int = Field(5, ge=1, description="songs after a song that count as following it")
    beta: float = Field(0.5, ge=0, le=1, description="how much popularity is divided out")
    half_life: float = Field(3.0, gt=0, description="songs of history after which one counts half")
    neighbours: int = Field(200, ge=1, description="kept for each song")
    grid: ClassVar[dict[str, tuple[object, ...]]] = {
        "window": (1, 3, 5, 10, 20),
        "beta": (0.2, 0.35, 0.5, 0.65, 0.8),
        "half_life": (1.0, 3.0, 10.0, 30.0),
    }

    def fit(self, listening: Listening, seed: int) -> SessionScorer:  # noqa: ARG002
        """Count pairs within the window, a pair d songs apart as 1 / d; nothing without times."""
        songs = listening.matrix.shape[1]
        counts = csr_matrix((songs, songs), dtype=np.float64)
        if listening.has_times:
            for step in range(1, self.window + 1):
                counts = counts + _pairs(listening.user, listening.song, songs, step) / step
        listeners = np.maximum(listening.matrix.getnnz(axis=0), 1).astype(np.float64)
        scaled = diags(1 / listeners) @ counts @ diags(listeners**-self.beta)
        return SessionScorer(strongest(csr_matrix(scaled), self.neighbours), self.half_life)

    def restore(self, arrays: Arrays) -> SessionScorer:
        """Rebuild the transitions."""
        return SessionScorer(super().restore(arrays).similarity, self.half_life)


def _pairs(user: IntArray, song: IntArray, songs: int, step: int) -> csr_matrix:
    """Count (song, song ``step`` later) of one listener, float64 (songs, songs)."""
    same = user[:-step] == user[step:]
    before, after = song[:-step][same], song[step:][same]
    keep = before != after
    parts = (np.ones(int(keep.sum())), (before[keep], after[keep]))
    return csr_matrix(parts, shape=(songs, songs))
