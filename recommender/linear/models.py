"""Collaborative models that need nothing but who played what.

Each is fitted on a float32 (users, items) matrix of positive weights and scores whole rows of
users, so that a comparison ranks every item for every user. Where play counts count, they come
damped.
"""

from __future__ import annotations

from abc import abstractmethod
from typing import ClassVar, Literal, Protocol

import numpy as np
from pydantic import Field
from scipy.sparse import csr_matrix, diags

from data.config import FrozenConfig
from data.types import FloatArray, IntArray
from recommender.linear.ials import fit_factors


class Fitted(Protocol):
    """A fitted model."""

    def scores(self, users: IntArray) -> FloatArray:
        """Return float32 (users, items), higher is better; known items are scored too."""
        ...


class ModelConfig(FrozenConfig):
    """Settings of a model; :meth:`fit` makes one."""

    #: Field -> values that tuning draws from.
    grid: ClassVar[dict[str, tuple[object, ...]]] = {}

    @abstractmethod
    def fit(self, train: csr_matrix, seed: int) -> Fitted:
        """Fit on float32 (users, items), weights above 0."""


class ItemToItem:
    """Scores are a user's row times an item-to-item matrix.

    Args:
        rows: float32 (users, items), what users are described by.
        similarity: (items, items), dense float32 or sparse; column j says who recommends item j.
    """

    def __init__(self, rows: csr_matrix, similarity: FloatArray | csr_matrix) -> None:
        self._rows = rows
        self.similarity = similarity

    def scores(self, users: IntArray) -> FloatArray:
        """Return float32 (users, items)."""
        found = self._rows[users] @ self.similarity
        return np.asarray(found.toarray() if hasattr(found, "toarray") else found, np.float32)


class Factors:
    """Scores are inner products of user and item factors, float32 (n, k) each."""

    def __init__(self, users: FloatArray, items: FloatArray) -> None:
        self._users, self._items = users, items

    def scores(self, users: IntArray) -> FloatArray:
        """Return float32 (users, items)."""
        return np.asarray(self._users[users] @ self._items.T, dtype=np.float32)


class Same:
    """The same scores for everybody, float32 (items,)."""

    def __init__(self, items: FloatArray) -> None:
        self._items = items

    def scores(self, users: IntArray) -> FloatArray:
        """Return float32 (users, items)."""
        return np.tile(self._items, (len(users), 1))


class Popularity(ModelConfig):
    """How many users have an item."""

    def fit(self, train: csr_matrix, seed: int) -> Fitted:  # noqa: ARG002
        """Count users per item."""
        return Same(np.asarray(train.getnnz(axis=0), dtype=np.float32))


class ItemKnn(ModelConfig):
    """The nearest items by cosine, or by BM25 (Robertson & Walker, SIGIR 1994), users as terms."""

    weighting: Literal["binary", "bm25"] = "binary"
    neighbours: int = Field(200, ge=1, description="kept for each item")
    shrink: float = Field(0.0, ge=0, description="added to the product of lengths")
    grid: ClassVar[dict[str, tuple[object, ...]]] = {
        "weighting": ("binary", "bm25"),
        "neighbours": (50, 100, 200, 400, 800),
        "shrink": (0.0, 1.0, 3.0, 10.0, 30.0),
    }

    def fit(self, train: csr_matrix, seed: int) -> Fitted:  # noqa: ARG002
        """Compare every pair of items."""
        rows = _binary(train)
        x = bm25(train) if self.weighting == "bm25" else rows
        product = (x.T @ x).tocsr()
        lengths = np.sqrt(np.asarray(x.multiply(x).sum(axis=0)).ravel())
        product = product.tocoo()
        scale = lengths[product.row] * lengths[product.col] + self.shrink
        product.data = product.data / np.maximum(scale, 1e-12)
        product.data[product.row == product.col] = 0
        return ItemToItem(rows, strongest(product.tocsr(), self.neighbours))


class Rp3Beta(ModelConfig):
    """Random walks of three steps, popular ends damped (Paudel et al., ACM TiiS 7, 2017)."""

    alpha: float = Field(1.0, gt=0, description="exponent of step probabilities")
    beta: float = Field(0.6, ge=0, description="how much popularity is divided out")
    neighbours: int = Field(200, ge=1, description="kept for each item")
    grid: ClassVar[dict[str, tuple[object, ...]]] = {
        "alpha": (0.6, 0.8, 1.0, 1.2, 1.4),
        "beta": (0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8),
        "neighbours": (100, 200, 400, 800),
    }

    def fit(self, train: csr_matrix, seed: int) -> Fitted:  # noqa: ARG002
        """Multiply the two steps from item to user to item."""
        rows = _binary(train)
        step = _powered(_stochastic(rows), self.alpha)
        back = _powered(_stochastic(rows.T.tocsr()), self.alpha)
        walk = (back @ step).tocsr()
        degree = np.maximum(np.asarray(rows.sum(axis=0)).ravel(), 1)
        walk = (walk @ diags(degree**-self.beta)).tolil()
        walk.setdiag(0)
        return ItemToItem(rows, strongest(walk.tocsr(), self.neighbours))


class Ease(ModelConfig):
    """Embarrassingly shallow autoencoder (Steck, WWW 2019): a closed form, dense in the items."""

    regularization: float = Field(100.0, gt=0)
    grid: ClassVar[dict[str, tuple[object, ...]]] = {
        "regularization": (10.0, 20.0, 50.0, 100.0, 200.0, 300.0, 500.0, 1000.0, 2000.0)
    }

    def fit(self, train: csr_matrix, seed: int) -> Fitted:  # noqa: ARG002
        """Invert the regularised Gram matrix; B = I - P / diag(P), the diagonal 0."""
        rows = _binary(train)
        gram = (rows.T @ rows).toarray().astype(np.float64)
        gram[np.diag_indices_from(gram)] += self.regularization
        inverse = np.linalg.inv(gram)
        similarity = inverse / -np.diag(inverse)
        np.fill_diagonal(similarity, 0)
        return ItemToItem(rows, similarity.astype(np.float32))


class Ials(ModelConfig):
    """iALS with penalties in proportion to frequency, see :mod:`recommender.linear.ials`."""

    embedding_size: int = Field(64, ge=2)
    unseen: float = Field(0.03, gt=0, description="weight of a pair that was not seen")
    regularization: float = Field(0.03, gt=0)
    exponent: float = Field(1.0, ge=0, le=1, description="of frequency in the penalty")
    epochs: int = Field(8, ge=1)
    grid: ClassVar[dict[str, tuple[object, ...]]] = {
        "embedding_size": (32, 64, 96, 128),
        "unseen": (0.01, 0.02, 0.03, 0.05, 0.1),
        "regularization": (0.01, 0.02, 0.03, 0.05, 0.1),
        "exponent": (0.5, 0.75, 1.0),
        "epochs": (8, 12),
    }

    def fit(self, train: csr_matrix, seed: int) -> Fitted:
        """Fit by exact solves."""
        return Factors(
            *fit_factors(
                _binary(train),
                size=self.embedding_size,
                unseen=self.unseen,
                regularization=self.regularization,
                exponent=self.exponent,
                epochs=self.epochs,
                seed=seed,
            )
        )


class Als(ModelConfig):
    """Implicit ALS (Hu, Koren & Volinsky, ICDM 2008) of the ``implicit`` package: one penalty."""

    embedding_size: int = Field(64, ge=2)
    regularization: float = Field(10.0, ge=0)
    confidence: float = Field(10.0, gt=0, description="of a seen pair; an unseen one has 1")
    epochs: int = Field(8, ge=1)
    grid: ClassVar[dict[str, tuple[object, ...]]] = {
        "embedding_size": (32, 64, 96, 128),
        "regularization": (1.0, 3.0, 10.0, 30.0, 100.0),
        "confidence": (5.0, 10.0, 20.0, 30.0, 50.0, 100.0),
        "epochs": (8, 15),
    }

    def fit(self, train: csr_matrix, seed: int) -> Fitted:
        """Fit single-threaded, so that the same seed gives the same factors."""
        from implicit.cpu.als import AlternatingLeastSquares
        from threadpoolctl import threadpool_limits

        rows = _binary(train)
        rows.data[:] = self.confidence
        with threadpool_limits(1, user_api="blas"):
            model = AlternatingLeastSquares(
                factors=self.embedding_size,
                regularization=self.regularization,
                iterations=self.epochs,
                num_threads=1,
                random_state=seed,
            )
            model.fit(rows, show_progress=False)
        return Factors(np.asarray(model.user_factors), np.asarray(model.item_factors))


class Bpr(ModelConfig):
    """Bayesian personalised ranking (Rendle et al., UAI 2009) of the ``implicit`` package."""

    embedding_size: int = Field(64, ge=2)
    learning_rate: float = Field(0.05, gt=0)
    regularization: float = Field(0.01, ge=0)
    epochs: int = Field(100, ge=1)
    grid: ClassVar[dict[str, tuple[object, ...]]] = {
        "embedding_size": (32, 64, 128),
        "learning_rate": (0.01, 0.03, 0.1),
        "regularization": (0.001, 0.003, 0.01, 0.03, 0.1),
        "epochs": (50, 100, 200),
    }

    def fit(self, train: csr_matrix, seed: int) -> Fitted:
        """Fit single-threaded, so that the same seed gives the same factors."""
        from implicit.cpu.bpr import BayesianPersonalizedRanking

        model = BayesianPersonalizedRanking(
            factors=self.embedding_size,
            learning_rate=self.learning_rate,
            regularization=self.regularization,
            iterations=self.epochs,
            num_threads=1,
            random_state=seed,
        )
        model.fit(_binary(train), show_progress=False)
        return Factors(np.asarray(model.user_factors), np.asarray(model.item_factors))


#: Every model of the comparison, by the name it has in tables.
MODELS: dict[str, type[ModelConfig]] = {
    "popularity": Popularity,
    "ItemKNN": ItemKnn,
    "RP3beta": Rp3Beta,
    "EASE": Ease,
    "BPR": Bpr,
    "ALS (implicit)": Als,
    "iALS": Ials,
}


def strongest(similarity: csr_matrix, count: int) -> csr_matrix:
    """Keep the ``count`` largest entries of each column; ties by row number."""
    columns = similarity.tocsc()
    kept_rows, kept_data, starts = [], [], [0]
    for start, end in zip(columns.indptr, columns.indptr[1:], strict=False):
        rows, data = columns.indices[start:end], columns.data[start:end]
        order = np.lexsort((rows, -data))[:count]
        order = order[data[order] > 0]
        kept_rows.append(rows[order])
        kept_data.append(data[order])
        starts.append(starts[-1] + len(order))
    from scipy.sparse import csc_matrix

    parts = (np.concatenate(kept_data), np.concatenate(kept_rows), np.array(starts))
    return csc_matrix(parts, shape=similarity.shape, dtype=np.float32).tocsr()


def bm25(train: csr_matrix, k1: float = 1.2, b: float = 0.2) -> csr_matrix:
    """Weigh plays as BM25 weighs words: users are the terms, items the documents."""
    x = train.T.tocsr().astype(np.float64)
    idf = np.log(x.shape[0] / (1 + np.asarray(train.getnnz(axis=1), dtype=np.float64)))
    length = np.asarray(x.sum(axis=1)).ravel()
    norm = (1 - b) + b * length / max(float(length.mean()), 1e-12)
    x = x.tocoo()
    x.data = x.data * (k1 + 1) / (k1 * norm[x.row] + x.data) * np.maximum(idf[x.col], 0)
    return x.T.tocsr()


def _binary(train: csr_matrix) -> csr_matrix:
    rows = csr_matrix(train, dtype=np.float32, copy=True)
    rows.eliminate_zeros()
    rows.data[:] = 1
    return rows


def _stochastic(rows: csr_matrix) -> csr_matrix:
    total = np.maximum(np.asarray(rows.sum(axis=1)).ravel(), 1e-12)
    return (diags(1 / total) @ rows).tocsr()


def _powered(rows: csr_matrix, exponent: float) -> csr_matrix:
    found = rows.copy()
    found.data = found.data**exponent
    return found
