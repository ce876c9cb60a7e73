"""Scorers that compare songs with songs: a history's score is the sum over its songs."""

from __future__ import annotations

from typing import ClassVar, Literal

import numpy as np
from numpy.typing import NDArray
from pydantic import Field
from scipy.sparse import csc_matrix, csr_matrix, diags

from data.types import FloatArray, IntArray
from recommender.candidates.listening import (
    Listening,
    ListeningConfig,
    ListeningScorer,
    Weighting,
    damped,
    stored_entries,
)
from recommender.stages import Arrays


class ItemToItemScorer(ListeningScorer):
    """Scores are a history's row times a (songs, songs) matrix; column j says who speaks for j."""

    def __init__(self, name: str, similarity: csr_matrix, weighting: Weighting = "binary") -> None:
        self.name = name
        self.weighting = weighting
        self.similarity = similarity
        self._known = np.zeros(similarity.shape[1], dtype=np.bool_)
        self._known[similarity.indices] = True
        self._known |= np.diff(similarity.indptr) > 0

    @property
    def known(self) -> NDArray[np.bool_]:
        """Bool (songs,): songs with any neighbour."""
        return self._known

    def score_rows(self, rows: csr_matrix) -> FloatArray:
        """Return float32 (n, songs)."""
        return np.asarray((rows @ self.similarity).toarray(), dtype=np.float32)

    def score_row(self, songs: IntArray, weights: FloatArray) -> FloatArray:
        """Return float32 (songs,)."""
        entry, row = stored_entries(self.similarity, songs)
        strengths = self.similarity.data[entry] * weights[row]
        columns = self.similarity.indices[entry]
        return np.bincount(columns, strengths, self.similarity.shape[1]).astype(np.float32)

    def row_influences(self, row: IntArray, weights: FloatArray, songs: IntArray) -> FloatArray:
        """Return float32 (n, stored)."""
        entry, of = stored_entries(self.similarity, row)
        asked = np.full(self.similarity.shape[1], -1, dtype=np.int64)
        asked[songs] = np.arange(len(songs))
        place = asked[self.similarity.indices[entry]]
        found = np.zeros((len(songs), len(row)), dtype=np.float32)
        hit = place >= 0
        found[place[hit], of[hit]] = self.similarity.data[entry[hit]] * weights[of[hit]]
        return found

    def with_songs(self, total: int) -> ItemToItemScorer:
        """Return a scorer of ``total`` songs."""
        return ItemToItemScorer(self.name, widened(self.similarity, total), self.weighting)

    def arrays(self) -> dict[str, NDArray[np.generic]]:
        """Return the parts of the matrix, values in half precision as shares of the largest."""
        values = self.similarity.data
        largest_one = np.abs(values).max(initial=0) or np.float32(1)
        return {
            "values": (values / largest_one).astype(np.float16),
            "scale": np.float32(largest_one),
            "indices": self.similarity.indices,
            "indptr": self.similarity.indptr,
        }


class ItemToItemConfig(ListeningConfig):
    """Settings that all of them share."""

    weighting: Weighting = "binary"

    def restore(self, arrays: Arrays) -> ItemToItemScorer:
        """Rebuild the matrix."""
        songs = len(arrays["indptr"]) - 1
        values = arrays["values"].astype(np.float32) * arrays["scale"].astype(np.float32)
        matrix = csr_matrix((values, arrays["indices"], arrays["indptr"]), shape=(songs, songs))
        return ItemToItemScorer(self.name, matrix, self.weighting)


class ItemKnnConfig(ItemToItemConfig):
    """The nearest songs by cosine, or by BM25 (Robertson & Walker, SIGIR 1994), users as terms."""

    name: ClassVar[str] = "item_knn"
    terms: Literal["binary", "bm25"] = "bm25"
    neighbours: int = Field(200, ge=1, description="kept for each song")
    shrink: float = Field(10.0, ge=0, description="added to the product of lengths")
    grid: ClassVar[dict[str, tuple[object, ...]]] = {
        "weighting": ("binary", "log"),
        "terms": ("binary", "bm25"),
        "neighbours": (50, 100, 200, 400, 800),
        "shrink": (0.0, 1.0, 3.0, 10.0, 30.0),
    }

    def fit(self, listening: Listening, seed: int) -> ItemToItemScorer:  # noqa: ARG002
        """Compare every pair of songs."""
        rows = damped(listening.matrix, "binary")
        x = bm25(listening.matrix) if self.terms == "bm25" else rows
        product = (x.T @ x).tocoo()
        lengths = np.sqrt(np.asarray(x.multiply(x).sum(axis=0)).ravel())
        scale = lengths[product.row] * lengths[product.col] + self.shrink
        product.data = product.data / np.maximum(scale, 1e-12)
        product.data[product.row == product.col] = 0
        kept = strongest(product.tocsr(), self.neighbours)
        return ItemToItemScorer(self.name, kept, self.weighting)


class Rp3BetaConfig(ItemToItemConfig):
    """Random walks of three steps, popular ends damped (Paudel et al., ACM TiiS 7, 2017)."""

    name: ClassVar[str] = "rp3beta"
    alpha: float = Field(0.8, gt=0, description="exponent of step probabilities")
    beta: float = Field(0.4, ge=0, description="how much popularity is divided out")
    neighbours: int = Field(200, ge=1, description="kept for each song")
    grid: ClassVar[dict[str, tuple[object, ...]]] = {
        "weighting": ("binary", "log"),
        "alpha": (0.6, 0.8, 1.0, 1.2, 1.4),
        "beta": (0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8),
        "neighbours": (100, 200, 400, 800),
    }

    def fit(self, listening: Listening, seed: int) -> ItemToItemScorer:  # noqa: ARG002
        """Multiply the two steps from song to user to song."""
        rows = damped(listening.matrix, "binary")
        step = _powered(_stochastic(rows), self.alpha)
        back = _powered(_stochastic(rows.T.tocsr()), self.alpha)
        degree = np.maximum(np.asarray(rows.sum(axis=0)).ravel(), 1)
        walk = ((back @ step) @ diags(degree**-self.beta)).tocoo()
        walk.data[walk.row == walk.col] = 0
        kept = strongest(walk.tocsr(), self.neighbours)
        return ItemToItemScorer(self.name, kept, self.weighting)


class EaseConfig(ItemToItemConfig):
    """Embarrassingly shallow autoencoder (Steck, WWW 2019): a closed form, dense in the songs.

    It grows with the cube of the songs, so only the most played ones take part.
    """

    name: ClassVar[str] = "ease"
    regularization: float = Field(100.0, gt=0)
    songs: int = Field(4000, ge=2, description="most played songs that take part")
    neighbours: int = Field(800, ge=1, description="kept for each song, by magnitude")
    grid: ClassVar[dict[str, tuple[object, ...]]] = {
        "weighting": ("binary", "log"),
        "regularization": (10.0, 20.0, 50.0, 100.0, 200.0, 300.0, 500.0, 1000.0),
    }

    def fit(self, listening: Listening, seed: int) -> ItemToItemScorer:  # noqa: ARG002
        """Invert the regularised Gram matrix; B = I - P / diag(P), the diagonal 0."""
        rows = damped(listening.matrix, "binary")
        chosen = _most_played(rows, self.songs)
        part = rows[:, chosen]
        gram = (part.T @ part).toarray().astype(np.float64)
        gram[np.diag_indices_from(gram)] += self.regularization
        inverse = np.linalg.inv(gram)
        weights = inverse / -np.diag(inverse)
        np.fill_diagonal(weights, 0)
        kept = largest(weights, self.neighbours).tocoo()
        total = rows.shape[1]
        parts = (kept.data, (chosen[kept.row], chosen[kept.col]))
        matrix = csr_matrix(parts, shape=(total, total), dtype=np.float32)
        return ItemToItemScorer(self.name, matrix, self.weighting)


def widened(similarity: csr_matrix, total: int) -> csr_matrix:
    """Return a square matrix as (total, total); what is added is empty."""
    added = np.full(total - similarity.shape[0], similarity.indptr[-1], similarity.indptr.dtype)
    parts = (similarity.data, similarity.indices, np.concatenate([similarity.indptr, added]))
    return csr_matrix(parts, shape=(total, total))


def _most_played(rows: csr_matrix, count: int) -> IntArray:
    listeners = rows.getnnz(axis=0)
    order = np.argsort(-listeners, kind="stable")[:count]
    return np.sort(order[listeners[order] > 0]).astype(np.int64)


def largest(weights: NDArray[np.float64], count: int) -> csr_matrix:
    """Keep the ``count`` entries of largest magnitude of each column; ties by row number."""
    if count >= len(weights):
        return csr_matrix(weights, dtype=np.float32)
    order = np.argsort(-np.abs(weights), axis=0, kind="stable")[:count]
    columns = np.tile(np.arange(weights.shape[1]), (count, 1))
    data = np.take_along_axis(weights, order, axis=0)
    parts = (data.ravel(), (order.ravel(), columns.ravel()))
    return csr_matrix(parts, shape=weights.shape, dtype=np.float32)


def strongest(similarity: csr_matrix, count: int) -> csr_matrix:
    """Keep the ``count`` largest entries above 0 of each column; ties by row number."""
    columns = similarity.tocsc()
    kept_rows, kept_data, starts = [], [], [0]
    for start, end in zip(columns.indptr, columns.indptr[1:], strict=False):
        rows, data = columns.indices[start:end], columns.data[start:end]
        if end - start > count:
            order = np.lexsort((rows, -data))[:count]
            rows, data = rows[order], data[order]
        above = data > 0
        kept_rows.append(rows[above])
        kept_data.append(data[above])
        starts.append(starts[-1] + int(above.sum()))
    parts = (np.concatenate(kept_data), np.concatenate(kept_rows), np.array(starts))
    found = csc_matrix(parts, shape=similarity.shape, dtype=np.float32).tocsr()
    found.sort_indices()
    return found


def bm25(matrix: csr_matrix, k1: float = 1.2, b: float = 0.2) -> csr_matrix:
    """Weigh plays as BM25 weighs words: users are the terms, songs the documents."""
    x = matrix.T.tocsr().astype(np.float64)
    idf = np.log(x.shape[0] / (1 + np.asarray(matrix.getnnz(axis=1), dtype=np.float64)))
    length = np.asarray(x.sum(axis=1)).ravel()
    norm = (1 - b) + b * length / max(float(length.mean()), 1e-12)
    x = x.tocoo()
    x.data = x.data * (k1 + 1) / (k1 * norm[x.row] + x.data) * np.maximum(idf[x.col], 0)
    return x.T.tocsr()


def _stochastic(rows: csr_matrix) -> csr_matrix:
    total = np.maximum(np.asarray(rows.sum(axis=1)).ravel(), 1e-12)
    return (diags(1 / total) @ rows).tocsr()


def _powered(rows: csr_matrix, exponent: float) -> csr_matrix:
    found = rows.copy()
    found.data = found.data**exponent
    return found
