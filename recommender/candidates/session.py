"""Session: what listeners put on soon after the songs played last."""

from __future__ import annotations

from typing import ClassVar

import numpy as np
from pydantic import Field
from scipy.sparse import csr_matrix, diags

from data.types import FloatArray, IntArray
from recommender.candidates.item_to_item import (
    ItemToItemConfig,
    ItemToItemScorer,
    strongest,
    widened,
)
from recommender.candidates.listening import Listening, known_row
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

    def row(self, context: Context) -> tuple[IntArray, FloatArray]:
        """Return the songs that still count a hundredth: 1 the newest, less every older one."""
        kept = context.songs[-max(1, int(self.half_life * 6.7)) :]
        age = np.arange(len(kept))[::-1]
        weights = (0.5 ** (age / self.half_life)).astype(np.float32)
        return known_row(kept, weights, self.known)

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
