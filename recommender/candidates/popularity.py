"""Popularity: how many listeners a song has, overall, of late, and near a mood."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar, Self

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from data.config import FrozenConfig
from data.types import FloatArray, IntArray
from recommender.candidates.listening import Listening
from recommender.candidates.mood import target_distances
from recommender.query import ReasonKind
from recommender.stages import Arrays, Context


class PopularityScorer:
    """Scores a song by the logarithm of its number of listeners, the same for everybody."""

    kind: ReasonKind = "popular"
    name = "popular"

    def __init__(self, scores: FloatArray) -> None:
        self._scores = scores

    @classmethod
    def fit(cls, listeners: FloatArray) -> PopularityScorer:
        """Fit on float32 (songs,) counts of listeners with positive feedback."""
        return cls(np.log1p(listeners).astype(np.float32))

    @property
    def is_fitted(self) -> bool:
        """Always True: fitting makes the object."""
        return True

    def __call__(self, context: Context) -> FloatArray:  # noqa: ARG002
        """Return float32 (songs,) log(1 + listeners); NaN for songs that came after fitting."""
        return self._scores

    def score_many(self, contexts: Sequence[Context]) -> FloatArray:
        """Return float32 (contexts, songs), every row the same."""
        return np.tile(self._scores, (len(contexts), 1))

    def influences(self, context: Context, songs: IntArray) -> FloatArray | None:  # noqa: ARG002
        """No song of a history speaks for a popular one."""
        return None

    def listeners(self, song: int) -> int:
        """Return how many listeners the song had when the model was fitted."""
        return round(float(np.expm1(np.nan_to_num(self._scores[song]))))

    def counts(self) -> IntArray:
        """Return int64 (songs,) listeners when the model was fitted; 0 for what came later."""
        counts: IntArray = np.rint(np.expm1(np.nan_to_num(self._scores))).astype(np.int64)
        return counts

    def with_songs(self, total: int) -> Self:
        """Return a scorer of ``total`` songs; those that came after training cannot be scored.

        Nobody has had the chance to play them, which is not the same as nobody playing them.
        """
        return type(self)(_with_unknown(self._scores, total))

    def arrays(self) -> dict[str, NDArray[np.generic]]:
        """Return the stored scores."""
        return {self.name: self._scores}

    @classmethod
    def from_arrays(cls, config: object, arrays: Arrays) -> Self:  # noqa: ARG003
        """Rebuild from :meth:`arrays`."""
        return cls(arrays[cls.name].astype(np.float32))


class RecentConfig(FrozenConfig):
    """What is played of late."""

    half_life: float = Field(30.0, gt=0, description="days after which a listener counts half")
    grid: ClassVar[dict[str, tuple[object, ...]]] = {
        "half_life": (3.0, 7.0, 14.0, 30.0, 60.0, 120.0)
    }


class RecentScorer(PopularityScorer):
    """Popularity where older listeners count less; knows nothing where times are not known."""

    name = "recent"

    @classmethod
    def fit_recent(cls, config: RecentConfig, listening: Listening) -> Self:
        """Fit on the ages of plays, from the newest play of all."""
        songs = listening.matrix.shape[1]
        if not listening.has_times:
            return cls(np.full(songs, np.nan, dtype=np.float32))
        weight = 0.5 ** (listening.age / config.half_life)
        return cls(np.log1p(np.bincount(listening.song, weight, songs)).astype(np.float32))

    @property
    def is_fitted(self) -> bool:
        """True when times were known."""
        return bool(np.isfinite(self._scores).any())


class MoodPopularityScorer:
    """The popular songs near the mood aimed at; all others cannot be scored."""

    kind: ReasonKind = "popular"
    name = "popular_mood"
    #: How far from the target a song may lie, in the plane of [-1, 1] x [-1, 1].
    radius = 0.5

    def __init__(self, popularity: PopularityScorer, moods: FloatArray) -> None:
        self._popularity = popularity
        self._moods = moods

    @property
    def is_fitted(self) -> bool:
        """True when at least one song has a mood."""
        return bool(np.isfinite(self._moods).all(axis=1).any())

    def __call__(self, context: Context) -> FloatArray:
        """Return float32 (songs,) log(1 + listeners) within the radius, NaN elsewhere."""
        near = target_distances(self._moods, context) <= self.radius
        return np.where(near, self._popularity(context), np.nan).astype(np.float32)

    def score_many(self, contexts: Sequence[Context]) -> FloatArray:
        """Return float32 (contexts, songs)."""
        return np.stack([self(c) for c in contexts])

    def influences(self, context: Context, songs: IntArray) -> FloatArray | None:  # noqa: ARG002
        """No song of a history speaks for it."""
        return None

    def arrays(self) -> dict[str, NDArray[np.generic]]:
        """Nothing: its data are those of popularity and catalogue."""
        return {}


def _with_unknown(scores: FloatArray, total: int) -> FloatArray:
    added = np.full(total - len(scores), np.nan, dtype=np.float32)
    return np.concatenate([scores, added])
