"""What scorers that learn from listening share: how histories become rows, and their interface."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar, Literal

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_matrix, diags

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
    def row_influences(self, row: csr_matrix, song: int) -> FloatArray:
        """Return float32 (stored,): how much a song's score falls without each stored entry."""

    @abstractmethod
    def with_songs(self, total: int) -> ListeningScorer:
        """Return a scorer of ``total`` songs; those that came after fitting cannot be scored."""

    @abstractmethod
    def arrays(self) -> dict[str, NDArray[np.generic]]:
        """Return what must be stored to rebuild it."""

    def rows(self, contexts: Sequence[Context]) -> csr_matrix:
        """Return float32 (contexts, songs) rows of histories; unknown songs are left out."""
        return history_rows(contexts, self.known, self.weighting)

    def score_many(self, contexts: Sequence[Context]) -> FloatArray:
        """Return float32 (contexts, songs), NaN where song or listener is unknown."""
        rows = self.rows(contexts)
        scores = self.score_rows(rows)
        scores[:, ~self.known] = np.nan
        scores[np.diff(rows.indptr) == 0] = np.nan
        return scores

    def __call__(self, context: Context) -> FloatArray:
        """Return float32 (songs,), NaN where song or listener is unknown."""
        return np.asarray(self.score_many([context])[0], dtype=np.float32)

    def influences(self, context: Context, song: int) -> FloatArray | None:
        """Return float32 (h,): how much the score of ``song`` falls without each song."""
        row = self.rows([context])
        parts = dict(
            zip(row.indices.tolist(), self.row_influences(row, song).tolist(), strict=True)
        )
        return np.array([parts.get(s, 0.0) for s in context.songs.tolist()], dtype=np.float32)


def history_rows(
    contexts: Sequence[Context], known: NDArray[np.bool_], weighting: Weighting
) -> csr_matrix:
    """Return float32 (contexts, songs) damped weights of the known songs of each history."""
    kept = [known[context.songs] for context in contexts]
    songs = [context.songs[keep] for context, keep in zip(contexts, kept, strict=True)]
    weights = [context.weights[keep] for context, keep in zip(contexts, kept, strict=True)]
    indptr = np.concatenate([[0], np.cumsum([len(s) for s in songs])])
    none = np.zeros(0)
    parts = (np.concatenate([none, *weights]), np.concatenate([none.astype(np.int64), *songs]))
    rows = csr_matrix((*parts, indptr), shape=(len(contexts), len(known)), dtype=np.float32)
    rows.sort_indices()
    return damped(rows, weighting)


def damped(rows: csr_matrix, weighting: Weighting) -> csr_matrix:
    """Return weights as scorers count them: all 1, or ``log2(1 + weight)`` with a mean of 1 a row.

    The logarithm keeps a song on repeat from drowning all others (as in Hu, Koren & Volinsky,
    ICDM 2008, eq. 6); the mean of 1 makes counts of plays and strengths of events the same scale.
    """
    found = csr_matrix(rows, dtype=np.float32, copy=True)
    if weighting == "binary":
        found.data[:] = 1
        return found
    found.data = np.log2(1 + found.data)
    means = np.asarray(found.sum(axis=1)).ravel() / np.maximum(np.diff(found.indptr), 1)
    return csr_matrix(diags(1 / np.where(means > 0, means, 1)) @ found, dtype=np.float32)
