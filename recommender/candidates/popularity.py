"""Popularity: how many listeners a song has, on a log scale."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from data.types import FloatArray
from recommender.query import ReasonKind
from recommender.stages import Arrays, Context


class PopularityScorer:
    """Scores a song by the logarithm of its number of listeners, the same for everybody."""

    kind: ReasonKind = "popular"

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

    def influences(self, context: Context, song: int) -> FloatArray | None:  # noqa: ARG002
        """No song of a history speaks for a popular one."""
        return None

    def listeners(self, song: int) -> int:
        """Return how many listeners the song had when the model was fitted."""
        return round(float(np.expm1(np.nan_to_num(self._scores[song]))))

    def with_songs(self, total: int) -> PopularityScorer:
        """Return a scorer of ``total`` songs; those that came after training cannot be scored.

        Nobody has had the chance to play them, which is not the same as nobody playing them.
        """
        added = np.full(total - len(self._scores), np.nan, dtype=np.float32)
        return PopularityScorer(np.concatenate([self._scores, added]))

    def arrays(self) -> dict[str, NDArray[np.generic]]:
        """Return the stored scores."""
        return {"popularity": self._scores}

    @classmethod
    def from_arrays(cls, config: None, arrays: Arrays) -> PopularityScorer:  # noqa: ARG003
        """Rebuild from :meth:`arrays`."""
        return cls(arrays["popularity"].astype(np.float32))
