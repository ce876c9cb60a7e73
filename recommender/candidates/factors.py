"""Scorers by factors of songs: iALS, the ALS and the BPR of ``implicit``.

Only the songs' factors are kept. A listener's are solved from the history of this moment, so an
event counts in the next request without retraining, and a request and a batch agree.
"""

from __future__ import annotations

from abc import abstractmethod
from copy import copy
from typing import ClassVar, Generic, Self, TypeVar

import numpy as np
from numpy.typing import NDArray
from pydantic import Field
from scipy.sparse import csr_matrix, vstack

from data.types import FloatArray, IntArray
from recommender.candidates.ials_solver import Array64, Penalties, fit_factors, solve_rows
from recommender.candidates.listening import (
    Listening,
    ListeningConfig,
    ListeningScorer,
    Weighting,
    damped,
)
from recommender.stages import Arrays

#: A term of fewer songs says nothing about who plays them.
_LEAST_SONGS = 3


class FactorConfig(ListeningConfig):
    """Settings of a factorisation."""

    weighting: Weighting = "binary"
    embedding_size: int = Field(64, ge=2, le=512)

    @abstractmethod
    def gram(self, factors: Array64) -> Array64:
        """Return what every listener's normal equations share, float64 (d, d)."""

    @abstractmethod
    def fold_in(self, rows: csr_matrix, factors: Array64, gram: Array64) -> Array64:
        """Return float64 (n, d) factors of the listeners with these rows."""

    @abstractmethod
    def fold_in_one(
        self, songs: IntArray, weights: FloatArray, factors: Array64, gram: Array64
    ) -> Array64:
        """Return float64 (d,) factors of the listener with this row."""

    @abstractmethod
    def split(
        self, row: IntArray, weights: FloatArray, factors: Array64, gram: Array64, songs: IntArray
    ) -> Array64 | None:
        """Return (n, stored) how much scores fall without each stored entry; None if unknown."""

    def restore(self, arrays: Arrays) -> FactorScorer[Self]:
        """Rebuild the scorer."""
        return FactorScorer(self, arrays["factors"].astype(np.float32))


class SolvedConfig(FactorConfig):
    """A factorisation whose listeners are the solutions of a linear system each."""

    #: What of an entry's weight in b every pair has in A, seen or not.
    ground: ClassVar[float] = 0.0

    def fold_in_one(
        self, songs: IntArray, weights: FloatArray, factors: Array64, gram: Array64
    ) -> Array64:
        """Return float64 (d,) factors of the listener with this row."""
        matrix, pull = self.system(songs, weights, factors, gram)
        return np.asarray(np.linalg.solve(matrix, pull @ factors[songs]))

    def split(
        self, row: IntArray, weights: FloatArray, factors: Array64, gram: Array64, songs: IntArray
    ) -> Array64 | None:
        """Return (n, stored) how much scores fall without each stored entry; never None.

        The formula of leave-one-out for least squares (Sherman & Morrison, 1950), the penalty held
        fast: with ``h = A^-1 y``, ``x`` loses ``h (pull - held y.x) / (1 - held y.h)``.
        """
        matrix, pull = self.system(row, weights, factors, gram)
        items, held = factors[row], pull - self.ground
        solved = np.linalg.solve(matrix, items.T)
        said = items @ (solved @ pull)
        lever = 1 - held * np.einsum("hd,dh->h", items, solved)
        return np.asarray((factors[songs] @ solved) * ((pull - held * said) / lever))

    @abstractmethod
    def system(
        self, songs: IntArray, weights: FloatArray, factors: Array64, gram: Array64
    ) -> tuple[Array64, NDArray[np.float64]]:
        """Return the matrix A of one listener's ``A x = b``, and each entry's weight in b."""


Config = TypeVar("Config", bound=FactorConfig)


class FactorScorer(ListeningScorer, Generic[Config]):
    """Scores by the inner product with the folded-in listener; songs of zeros are unknown."""

    def __init__(self, config: Config, factors: FloatArray) -> None:
        self.config = config
        self.name, self.weighting = config.name, config.weighting
        self.factors = factors
        # Without the songs that came later: penalties go with the number of songs.
        self._double = factors.astype(np.float64)
        self._known: NDArray[np.bool_] = np.any(factors != 0, axis=1)
        self._gram = config.gram(self._double)

    @property
    def known(self) -> NDArray[np.bool_]:
        """Bool (songs,): songs with factors."""
        return self._known

    def score_rows(self, rows: csr_matrix) -> FloatArray:
        """Return float32 (n, songs)."""
        users = self.config.fold_in(rows, self._double, self._gram).astype(np.float32)
        return np.asarray(users @ self.factors.T, dtype=np.float32)

    def score_row(self, songs: IntArray, weights: FloatArray) -> FloatArray:
        """Return float32 (songs,)."""
        user = self.config.fold_in_one(songs, weights, self._double, self._gram)
        return np.asarray(self.factors @ user.astype(np.float32), dtype=np.float32)

    def users(self, rows: csr_matrix) -> FloatArray:
        """Return float32 (n, d) factors of listeners."""
        return self.config.fold_in(rows, self._double, self._gram).astype(np.float32)

    def row_influences(self, row: IntArray, weights: FloatArray, songs: IntArray) -> FloatArray:
        """Return how much the scores fall without each song of the history."""
        found = np.zeros((len(songs), len(row)), dtype=np.float32)
        known = self._known[songs]
        parts = self.config.split(row, weights, self._double, self._gram, songs[known])
        if parts is not None:
            found[known] = parts
        return found

    def neighbours(self, song: int) -> FloatArray:
        """Return float32 (songs,) cosines of the factors with those of ``song``; NaN if unknown."""
        if not self._known[song]:
            return np.full(len(self.factors), np.nan, dtype=np.float32)
        lengths = np.linalg.norm(self.factors, axis=1)
        scale = np.where(self._known, lengths * lengths[song], 1)
        cosines = self.factors @ self.factors[song] / scale
        return np.where(self._known, cosines, np.nan).astype(np.float32)

    def with_songs(self, total: int) -> FactorScorer[Config]:
        """Return a scorer of ``total`` songs; listeners are folded in as before."""
        more = total - len(self.factors)
        # What was fitted is shared, not copied: other processes may map the same arrays.
        found = copy(self)
        found.factors = np.pad(self.factors, ((0, more), (0, 0)))
        found._known = np.pad(self._known, (0, more))
        return found

    def arrays(self) -> dict[str, NDArray[np.generic]]:
        """Return the songs' factors."""
        return {"factors": self.factors}


class IalsConfig(SolvedConfig):
    """iALS with penalties by frequency, see :mod:`recommender.candidates.ials_solver`."""

    name: ClassVar[str] = "ials"
    unseen: float = Field(0.03, gt=0, description="weight of a pair that was not seen")
    regularization: float = Field(0.03, gt=0)
    exponent: float = Field(1.0, ge=0, le=1, description="of frequency in the penalty")
    epochs: int = Field(8, ge=1, le=200)
    grid: ClassVar[dict[str, tuple[object, ...]]] = {
        "weighting": ("binary", "log"),
        "embedding_size": (32, 64, 96, 128),
        "unseen": (0.01, 0.02, 0.03, 0.05, 0.1),
        "regularization": (0.01, 0.02, 0.03, 0.05, 0.1),
        "exponent": (0.5, 0.75, 1.0),
    }

    @property
    def penalties(self) -> Penalties:
        """The constants of the loss."""
        return Penalties(self.unseen, self.regularization, self.exponent)

    def fit(
        self, listening: Listening, seed: int, start: FloatArray | None = None
    ) -> FactorScorer[IalsConfig]:
        """Fit by exact solves, from ``start`` where factors of an earlier fit are at hand."""
        return FactorScorer(
            self,
            fit_factors(
                self.seen(listening),
                size=self.embedding_size,
                unseen=self.unseen,
                regularization=self.regularization,
                exponent=self.exponent,
                epochs=self.epochs,
                seed=seed,
                start=start,
            ),
        )

    def seen(self, listening: Listening) -> csr_matrix:
        """Return the weights that are fitted, (rows, songs)."""
        return damped(listening.matrix, self.weighting)

    def gram(self, factors: Array64) -> Array64:
        """Return a0 times the songs' Gramian."""
        return np.asarray(self.penalties.gram(factors), dtype=np.float64)

    def fold_in(self, rows: csr_matrix, factors: Array64, gram: Array64) -> Array64:
        """Solve as the fit does."""
        return np.asarray(solve_rows(rows, factors, self.penalties, gram), dtype=np.float64)

    def system(
        self, songs: IntArray, weights: FloatArray, factors: Array64, gram: Array64
    ) -> tuple[Array64, NDArray[np.float64]]:
        """Return A and the weights of b."""
        items, pull = factors[songs], weights.astype(np.float64)
        matrix = gram + items.T @ (pull[:, None] * items)
        matrix.flat[:: len(gram) + 1] += self.penalties.ridge(pull.sum(), len(factors))
        return matrix, pull


class IalsTermsConfig(IalsConfig):
    """iALS where every term (artist, tag, genre, album) is one more listener of its songs.

    So songs of one kind get near factors, and a song that nobody played has factors too.
    """

    name: ClassVar[str] = "ials_terms"
    side: float = Field(1.0, gt=0, description="weight of a term's songs against a listener's")
    grid: ClassVar[dict[str, tuple[object, ...]]] = {
        "weighting": ("binary", "log"),
        "embedding_size": (64, 96, 128),
        "unseen": (0.02, 0.03, 0.05),
        "regularization": (0.01, 0.02, 0.03),
        "side": (0.1, 0.3, 1.0, 2.0),
    }

    def seen(self, listening: Listening) -> csr_matrix:
        """Return listeners and, below them, terms."""
        rows = damped(listening.matrix, self.weighting)
        if listening.terms is None:
            return rows
        terms = listening.terms.T.tocsr()
        terms = terms[np.diff(terms.indptr) >= _LEAST_SONGS].astype(np.float32)
        terms.data = np.full(terms.nnz, self.side, dtype=np.float32)
        return vstack([rows, terms], format="csr", dtype=np.float32)


class AlsConfig(SolvedConfig):
    """Implicit ALS (Hu, Koren & Volinsky, ICDM 2008) of the ``implicit`` package: one penalty."""

    name: ClassVar[str] = "als"
    ground: ClassVar[float] = 1.0
    regularization: float = Field(10.0, ge=0)
    alpha: float = Field(10.0, gt=0, description="confidence of a weight of 1; unseen pairs have 1")
    epochs: int = Field(8, ge=1, le=200)
    grid: ClassVar[dict[str, tuple[object, ...]]] = {
        "weighting": ("binary", "log"),
        "embedding_size": (32, 64, 96, 128),
        "regularization": (0.1, 1.0, 3.0, 10.0, 30.0, 100.0),
        "alpha": (3.0, 5.0, 10.0, 20.0, 30.0, 50.0, 100.0),
    }

    def fit(self, listening: Listening, seed: int) -> FactorScorer[AlsConfig]:
        """Fit single-threaded, so that the same seed gives the same factors."""
        from implicit.cpu.als import AlternatingLeastSquares
        from threadpoolctl import threadpool_limits

        rows = damped(listening.matrix, self.weighting)
        rows.data *= self.alpha
        with threadpool_limits(1, user_api="blas"):
            model = AlternatingLeastSquares(
                factors=self.embedding_size,
                regularization=self.regularization,
                iterations=self.epochs,
                num_threads=1,
                random_state=seed,
            )
            model.fit(rows, show_progress=False)
        return FactorScorer(self, _of_played(np.array(model.item_factors, np.float32), rows))

    def gram(self, factors: Array64) -> Array64:
        """Return the songs' Gramian and the penalty."""
        return np.asarray(factors.T @ factors + self.regularization * np.eye(factors.shape[1]))

    def fold_in(self, rows: csr_matrix, factors: Array64, gram: Array64) -> Array64:
        """Solve every listener's normal equations."""
        found = np.zeros((rows.shape[0], factors.shape[1]))
        for number in range(rows.shape[0]):
            row = rows[[number]]
            if row.nnz:
                found[number] = self.fold_in_one(row.indices, row.data, factors, gram)
        return found

    def system(
        self, songs: IntArray, weights: FloatArray, factors: Array64, gram: Array64
    ) -> tuple[Array64, NDArray[np.float64]]:
        """Return A = Y'Y + reg + sum (c - 1) y y' and c, the weights of b = sum c y."""
        items, strength = factors[songs], self.alpha * weights.astype(np.float64)
        return gram + items.T @ ((strength - 1)[:, None] * items), strength


class BprConfig(FactorConfig):
    """Bayesian personalised ranking (Rendle et al., UAI 2009) of the ``implicit`` package."""

    name: ClassVar[str] = "bpr"
    learning_rate: float = Field(0.03, gt=0)
    regularization: float = Field(0.01, gt=0)
    epochs: int = Field(100, ge=1)
    grid: ClassVar[dict[str, tuple[object, ...]]] = {
        "embedding_size": (32, 64, 128),
        "learning_rate": (0.01, 0.03, 0.1),
        "regularization": (0.001, 0.003, 0.01, 0.03, 0.1),
        "epochs": (50, 100, 200),
    }
    #: Newton steps when folding in; the loss is convex and few are needed.
    steps: ClassVar[int] = 6

    def fit(self, listening: Listening, seed: int) -> FactorScorer[BprConfig]:
        """Fit single-threaded, so that the same seed gives the same factors."""
        from implicit.cpu.bpr import BayesianPersonalizedRanking

        rows = damped(listening.matrix, "binary")
        model = BayesianPersonalizedRanking(
            factors=self.embedding_size,
            learning_rate=self.learning_rate,
            regularization=self.regularization,
            iterations=self.epochs,
            num_threads=1,
            random_state=seed,
        )
        model.fit(rows, show_progress=False)
        return FactorScorer(self, _of_played(np.array(model.item_factors, np.float32), rows))

    def gram(self, factors: Array64) -> Array64:
        """Return the mean song, (1, d): what every listener's songs are held against."""
        known = factors[np.any(factors != 0, axis=1)]
        return known.mean(axis=0, keepdims=True) if len(known) else np.zeros((1, factors.shape[1]))

    def fold_in(self, rows: csr_matrix, factors: Array64, gram: Array64) -> Array64:
        """Maximise the loss of BPR over the history, each song against the mean song.

        The last factor is the songs' bias, and every listener has 1 there.
        """
        found = np.zeros((rows.shape[0], factors.shape[1]))
        for number in range(rows.shape[0]):
            seen = rows.indices[rows.indptr[number] : rows.indptr[number + 1]]
            if len(seen):
                found[number] = self.fold_in_one(seen, seen, factors, gram)
        return found

    def fold_in_one(
        self,
        songs: IntArray,
        weights: FloatArray,  # noqa: ARG002
        factors: Array64,
        gram: Array64,
    ) -> Array64:
        """Return float64 (d,) factors of the listener who has played these songs."""
        return np.append(self._newton(factors[songs] - gram), 1.0)

    def _newton(self, gaps: Array64) -> Array64:
        """Return (d - 1,) weights of a logistic regression with penalty; (h, d) gaps."""
        x, bias = gaps[:, :-1], gaps[:, -1]
        user = np.zeros(x.shape[1])
        penalty = max(self.regularization * len(x), 1e-3)
        for _ in range(self.steps):
            miss = 1 / (1 + np.exp(np.clip(x @ user + bias, -30, 30)))
            slope = x.T @ miss - penalty * user
            curve = (x.T * (miss * (1 - miss))) @ x + penalty * np.eye(len(user))
            user = user + np.linalg.solve(curve, slope)
        return user

    def split(
        self,
        row: IntArray,  # noqa: ARG002
        weights: FloatArray,  # noqa: ARG002
        factors: Array64,  # noqa: ARG002
        gram: Array64,  # noqa: ARG002
        songs: IntArray,  # noqa: ARG002
    ) -> None:
        """Return None: the score is no sum over the history."""
        return


def _of_played(factors: FloatArray, rows: csr_matrix) -> FloatArray:
    """Drop the factors of songs that nobody played: they are noise."""
    factors[rows.getnnz(axis=0) == 0] = 0
    return factors
