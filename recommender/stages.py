"""The interfaces between stages. A stage is frozen config + call; NaN means "cannot score"."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol, runtime_checkable

import numpy as np
from numpy.typing import NDArray

from data.types import FloatArray, IntArray, Mood
from recommender.query import MoodTarget, ReasonKind

if TYPE_CHECKING:
    from recommender.model import RecommenderModel

Arrays = Mapping[str, NDArray[np.generic]]


@dataclass(frozen=True, slots=True)
class AskedText:
    """A text query as the scorers see it.

    Attributes:
        lyrics: float32 (k,) unit vector among the model's lyric vectors, or None.
        columns: int64, metadata columns of the tags and genres that the text names.
        artists: int64, codes of the artists that it names.
        mood: what it says about mood, or None.
        confidence: 0..1, of that mood.
    """

    lyrics: FloatArray | None
    columns: IntArray
    artists: IntArray
    mood: Mood | None = None
    confidence: float = 0.0


@dataclass(frozen=True, slots=True)
class Context:
    """One listener in one moment, in positions of the catalogue.

    Attributes:
        songs: int64 (h,) liked or played songs that the model knows, oldest first.
        weights: float32 (h,) their positive strengths.
        target: the mood to aim at, or None.
        text: what the listener asks for in words, or None.
        scores: part of taste -> float32 (songs,), where these songs were scored before; whoever
            scores them adds to it.
        speaking: part of taste -> song -> the song of the history that speaks most for it, or None,
            of songs that were explained before; whoever explains more adds to it.
    """

    songs: IntArray
    weights: FloatArray
    target: MoodTarget | None = None
    text: AskedText | None = None
    scores: dict[str, FloatArray] | None = None
    speaking: dict[str, dict[int, int | None]] | None = None


class Scorer(Protocol):
    """Gives every song of the catalogue a score for one context."""

    #: Key of its scores and of its weight in the hybrid.
    name: str
    #: What a reason that comes from it is called.
    kind: ReasonKind

    @property
    def is_fitted(self) -> bool:
        """Tell whether it has learned enough to score anything."""
        ...

    def __call__(self, context: Context) -> FloatArray:
        """Return float32 (songs,), NaN for songs (or contexts) it cannot score."""
        ...

    def score_many(self, contexts: Sequence[Context]) -> FloatArray:
        """Return float32 (contexts, songs): what single calls give, row by row."""
        ...

    def influences(self, context: Context, songs: IntArray) -> FloatArray | None:
        """Return float32 (n, h): how much each song of the history speaks for each of ``songs``."""
        ...

    def arrays(self) -> dict[str, NDArray[np.generic]]:
        """Return what must be stored to rebuild the stage with ``from_arrays``."""
        ...


@dataclass(frozen=True, slots=True)
class ItemList:
    """Candidates with scores and the evidence behind them: the one currency between stages.

    Attributes:
        songs: int64 (c,) positions in the catalogue, no position twice.
        scores: float32 (c,).
        evidence: per part, float32 (c,) what it added to the score.
    """

    songs: IntArray
    scores: FloatArray
    evidence: Mapping[str, FloatArray]

    def __len__(self) -> int:
        return len(self.songs)

    def take(self, index: IntArray) -> ItemList:
        """Return the rows of ``index``, in its order."""
        return ItemList(
            self.songs[index],
            self.scores[index],
            {k: v[index] for k, v in self.evidence.items()},
        )


class CandidateRanker(Protocol):
    """Scores candidates by all the evidence there is; the hybrid is one, a network another."""

    def __call__(
        self, context: Context, songs: IntArray, parts: Mapping[str, FloatArray]
    ) -> ItemList:
        """Return the candidates with scores and evidence, in the order given.

        Args:
            context: the listener and the moment.
            songs: int64 (c,) candidate positions.
            parts: per scorer, float32 (c,) raw scores, NaN where it cannot score.
        """
        ...


@runtime_checkable
class FollowsModel(Protocol):
    """A ranker that holds something of every song, and so has to follow its model."""

    def over(self, model: RecommenderModel) -> CandidateRanker:
        """Return the same ranker over the songs of another model."""
        ...


def top_rows(scores: FloatArray, n: int, allowed: NDArray[np.bool_]) -> IntArray:
    """Return what :func:`top_positions` does of the songs allowed, in the order of the catalogue.

    Args:
        scores: float32 (songs,); NaN and -inf are never chosen.
        n: how many at most.
        allowed: bool (songs,).
    """
    rows = _promising(scores, n, allowed)
    if len(rows) <= n:
        return rows
    values = scores[rows]
    threshold = np.partition(values, len(values) - n)[len(values) - n]
    chosen = values >= threshold
    surplus = np.count_nonzero(chosen) - n
    if surplus:  # ties are cut by position
        chosen[np.flatnonzero(values == threshold)[-surplus:]] = False
    return np.asarray(rows[chosen], dtype=np.int64)


#: In longer catalogues a sample tells where the best scores begin: one pass in place of sorting.
_SAMPLED, _EVERY = 4_096, 16


def _promising(scores: FloatArray, n: int, allowed: NDArray[np.bool_]) -> IntArray:
    """Return int64 rows that hold the ``n`` best of the allowed, if there are so many."""
    if len(scores) > _SAMPLED:
        sample = scores[::_EVERY]
        sample = sample[allowed[::_EVERY] & np.isfinite(sample)]
        rank = 2 * n // _EVERY + 8
        if len(sample) > rank:
            least = np.partition(sample, len(sample) - rank)[len(sample) - rank]
            rows = np.flatnonzero(allowed & (scores >= least))
            if len(rows) >= n:
                return rows
    return np.flatnonzero(allowed & np.isfinite(scores))


def top_positions(scores: FloatArray, n: int) -> IntArray:
    """Return the positions of the ``n`` highest finite scores, best first, ties by position.

    Args:
        scores: float32 (songs,); NaN and -inf are never returned.
    """
    keys = np.where(np.isfinite(scores), scores, -np.inf)
    if n < len(keys):
        # Everything at or above the n-th value takes part, so that ties are cut by position.
        threshold = np.partition(keys, len(keys) - n)[len(keys) - n]
        pool = np.flatnonzero((keys >= threshold) & (keys > -np.inf))
    else:
        pool = np.flatnonzero(keys > -np.inf)
    order = np.argsort(-keys[pool], kind="stable")[:n]
    return pool[order].astype(np.int64)
