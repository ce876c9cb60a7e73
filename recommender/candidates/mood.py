"""Mood: how close a song is to the target in the valence-arousal plane."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from data.types import FloatArray, IntArray
from recommender.query import ReasonKind
from recommender.stages import Arrays, Context

#: Longest distance between two points of the square [-1, 1] x [-1, 1].
_DIAGONAL = float(2 * np.sqrt(2))


def target_distances(moods: FloatArray, context: Context) -> FloatArray:
    """Return float32 (songs,) distances to the mood aimed at; NaN unknown, or if none counts.

    Args:
        moods: float32 (songs, 2), NaN where unknown.
        context: with its target.
    """
    if context.target is None or context.target.pull <= 0:
        return np.full(len(moods), np.nan, dtype=np.float32)
    aim = context.target.target
    # Column by column: a norm along rows of two takes ten times as long.
    valence = moods[:, 0] - np.float32(aim.valence)
    arousal = moods[:, 1] - np.float32(aim.arousal)
    return np.asarray(np.sqrt(valence * valence + arousal * arousal), dtype=np.float32)


class MoodScorer:
    """Scores a song by its distance to the target: 1 at the target, 0 at the far corner.

    The score falls with the root of the distance: near the target a step counts more than far away,
    where a song is wrong either way. That brings lists nearer for the same loss of taste.
    """

    kind: ReasonKind = "mood"
    name = "mood"

    def __init__(self, moods: FloatArray) -> None:
        self._moods = moods

    @property
    def is_fitted(self) -> bool:
        """True when at least one song has a mood."""
        return bool(np.isfinite(self._moods).all(axis=1).any())

    def __call__(self, context: Context) -> FloatArray:
        """Return float32 (songs,) in [0, 1]; NaN for songs without a mood, or if none counts."""
        distance = target_distances(self._moods, context)
        return np.asarray(1 - np.sqrt(distance / _DIAGONAL), dtype=np.float32)

    def score_many(self, contexts: Sequence[Context]) -> FloatArray:
        """Return float32 (contexts, songs)."""
        return np.stack([self(context) for context in contexts])

    def influences(self, context: Context, songs: IntArray) -> FloatArray | None:  # noqa: ARG002
        """No song of a history speaks for a mood."""
        return None

    def arrays(self) -> dict[str, NDArray[np.generic]]:
        """Nothing: moods are part of the catalogue."""
        return {}

    @classmethod
    def from_arrays(cls, config: None, arrays: Arrays) -> MoodScorer:  # noqa: ARG003
        """Rebuild from the catalogue's moods."""
        return cls(arrays["moods"].astype(np.float32))
