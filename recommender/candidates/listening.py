"""What scorers that learn from listening share: how histories become rows, and their interface."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar, Literal

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_matrix

from data.config import FrozenConfig
from data.types import FloatArray, IntArray
from recommender.query import ReasonKind
from recommender.stages import Arrays, Context

Weighting = Literal["binary", "log"]


@dataclass(frozen=True)
class Listening:
    """Who played what: all that the scorers of this folder are fitted on.

    Attributes:
        matrix: float32 (users, songs), weights above 0.
        user: int64 (n,) user of each pair, oldest pair of a user first; with ``song``, the order
            in which songs were played. Empty where times are not known.
        song: int64 (n,).
        age: float64 (n,) days from each pair to the newest one.
        terms: float32 (songs, terms), which terms describe a song; None where nothing does.
    """

    matrix: csr_matrix
    user: IntArray
    song: IntArray
    age: NDArray[np.float64]
    terms: csr_matrix | None = None

    @property
    def has_times(self) -> bool:
        """True where it is known what was played before what."""
        return bool(len(self.age)) and float(self.age.max()) > 0


class ListeningConfig(FrozenConfig):
    """Settings of one scorer; :meth:`fit` makes it, :meth:`restore` reads it back."""

    #: Key of the scorer's scores, weights and stored arrays.
    name: ClassVar[str]
    #: Field -> values that tuning draws from.
    grid: ClassVar[dict[str, tuple[object, ...]]] = {}

    @abstractmethod
    def fit(self, listening: Listening, seed: int) -> ListeningScorer:
        """Fit; the same seed gives the same scorer."""

    @abstractmethod
    def restore(self, arrays: Arrays) -> ListeningScorer:
        """Rebuild from :meth:`ListeningScorer.arrays`."""


class ListeningScorer(ABC):
    """Scores songs by who listens to what; of a listener it needs nothing but the history.

    Attributes:
        name: key of its scores.
        weighting: how the strength of an event counts.
    """

    kind: ReasonKind = "collaborative"
    name: str
    weighting: Weighting

    @property
    @abstractmethod
    def known(self) -> NDArray[np.bool_]:
        """Bool (songs,): which songs can be scored."""

    @property
    def is_fitted(self) -> bool:
        """True when at least one song can be scored."""
        return bool(self.known.any())

    @abstractmethod
    def score_rows(self, rows: csr_matrix) -> FloatArray:
        """Score every song for every row.

        Args:
            rows: float32 (n, songs) damped weights of what each listener played.

        Returns:
            float32 (n, songs); what cannot be scored may hold anything.
        """

    @abstractmethod
    def row_influences(self, row: IntArray, weights: FloatArray, songs: IntArray) -> FloatArray:
        """Return float32 (n, stored): how much songs' scores fall without each entry of a row."""

    @abstractmethod
    def with_songs(self, total: int) -> ListeningScorer:
        """Return a scorer of ``total`` songs; those that came after fitting cannot be scored."""

    @abstractmethod
    def arrays(self) -> dict[str, NDArray[np.generic]]:
        """Return what must be stored to rebuild it."""

    def row(self, context: Context) -> tuple[IntArray, FloatArray]:
        """Return a history's known songs, int64 (stored,) by position, and damped weights."""
        songs, weights = known_row(context.songs, context.weights, self.known)
        return songs, damped_weights(weights, np.array([0, len(songs)]), self.weighting)

    def rows(self, contexts: Sequence[Context]) -> csr_matrix:
        """Return float32 (contexts, songs) rows of histories; unknown songs are left out."""
        return stacked([self.row(context) for context in contexts], len(self.known))

    def score_row(self, songs: IntArray, weights: FloatArray) -> FloatArray:
        """Return float32 (songs,) for one row; as :meth:`score_rows`, but cheaper to call."""
        scores = self.score_rows(stacked([(songs, weights)], len(self.known)))
        return np.asarray(scores[0], dtype=np.float32)

    def score_many(self, contexts: Sequence[Context]) -> FloatArray:
        """Return float32 (contexts, songs), NaN where song or listener is unknown."""
        rows = self.rows(contexts)
        scores = self.score_rows(rows)
        scores[:, ~self.known] = np.nan
        scores[np.diff(rows.indptr) == 0] = np.nan
        return scores

    def __call__(self, context: Context) -> FloatArray:
        """Return float32 (songs,), NaN where song or listener is unknown."""
        songs, weights = self.row(context)
        if not len(songs):
            return np.full(len(self.known), np.nan, dtype=np.float32)
        return np.where(self.known, self.score_row(songs, weights), np.float32(np.nan))

    def influences(self, context: Context, songs: IntArray) -> FloatArray | None:
        """Return float32 (n, h): how much each score falls without each song of the history."""
        row, weights = self.row(context)
        found = np.zeros((len(songs), len(context.songs)), dtype=np.float32)
        if len(row):
            place = np.minimum(np.searchsorted(row, context.songs), len(row) - 1)
            counts = row[place] == context.songs
            found[:, counts] = self.row_influences(row, weights, songs)[:, place[counts]]
        return found


def stacked(rows: Sequence[tuple[IntArray, FloatArray]], songs: int) -> csr_matrix:
    """Return the rows of :meth:`ListeningScorer.row` as one float32 (rows, songs) matrix."""
    indptr = np.concatenate([[0], np.cumsum([len(row) for row, _ in rows])])
    indices = np.concatenate([np.zeros(0, np.int64), *(row for row, _ in rows)])
    data = np.concatenate([np.zeros(0, np.float32), *(weights for _, weights in rows)])
    return csr_matrix((data, indices, indptr), shape=(len(rows), songs))


def stored_entries(matrix: csr_matrix, rows: IntArray) -> tuple[IntArray, IntArray]:
    """Return where the entries of some rows are stored, and which of ``rows`` each is of.

    A request asks for few rows, and slicing a matrix costs more than what is done with them.

    Args:
        matrix: compressed by rows.
        rows: int64 (n,).
    """
    starts = matrix.indptr[rows]
    counts = matrix.indptr[rows + 1] - starts
    ends = np.cumsum(counts)
    places = np.arange(int(ends[-1]) if len(ends) else 0)
    return places + np.repeat(starts - ends + counts, counts), np.repeat(
        np.arange(len(rows)), counts
    )


def known_row(
    songs: IntArray, weights: FloatArray, known: NDArray[np.bool_]
) -> tuple[IntArray, FloatArray]:
    """Return those of a history's songs that are known, by position, with their weights."""
    keep = known[songs]
    songs, weights = songs[keep], weights[keep]
    order = np.argsort(songs, kind="stable")
    return songs[order], weights[order]


def damped(rows: csr_matrix, weighting: Weighting) -> csr_matrix:
    """Return weights as scorers count them: all 1, or ``log2(1 + weight)`` with a mean of 1 a row.

    The logarithm keeps a song on repeat from drowning all others (as in Hu, Koren & Volinsky,
    ICDM 2008, eq. 6); the mean of 1 makes counts of plays and strengths of events the same scale.
    """
    found = csr_matrix(rows, dtype=np.float32, copy=True)
    found.data = damped_weights(found.data, found.indptr, weighting)
    return found


def damped_weights(data: FloatArray, indptr: IntArray, weighting: Weighting) -> FloatArray:
    """Do what :func:`damped` does to the stored weights of rows, float32 (stored,)."""
    if weighting == "binary":
        return np.ones(len(data), dtype=np.float32)
    logs = np.log2(1 + data)
    counts = np.diff(indptr)
    row = np.repeat(np.arange(len(counts)), counts)
    means = np.bincount(row, logs, len(counts)) / np.maximum(counts, 1)
    return np.asarray(logs / np.where(means > 0, means, 1)[row], dtype=np.float32)
