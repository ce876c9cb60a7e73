"""Ridge regression, its choice by artist-disjoint folds, and honest scores."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from data.reduction import PcaReducer
from data.types import FloatArray, IntArray

Array64 = NDArray[np.float64]
#: Fits on (train rows, train labels) and predicts the test rows, at each setting: (settings, test).
Grid = Callable[[IntArray, Array64, IntArray], Array64]


@dataclass(frozen=True, slots=True)
class Score:
    """Agreement of predictions with labels; the interval is 95 %, by bootstrap over artists."""

    r2: float
    low: float
    high: float
    pearson: float


def ridge(x: FloatArray, y: Array64, alphas: Sequence[float]) -> tuple[Array64, Array64]:
    """Solve ridge regression at every penalty from one eigendecomposition.

    Minimises ``|y - Xw - b|² + alpha |w|²`` (Hoerl & Kennard, 1970), ``b`` not penalised.

    Returns:
        weights (len(alphas), d) and intercepts (len(alphas),).
    """
    mean, centre = x.mean(axis=0, dtype=np.float64), y.mean()
    centred = x - mean
    values, vectors = np.linalg.eigh(centred.T @ centred)
    projected = vectors.T @ (centred.T @ (y - centre))
    shrunk = projected / (np.maximum(values, 0) + np.asarray(alphas)[:, None])
    weights = shrunk @ vectors.T
    return weights, centre - weights @ mean


def pca_ridge_grid(
    vectors: FloatArray, components: Sequence[int], alphas: Sequence[float], whiten: bool
) -> Grid:
    """Settings are all pairs (dimensions, penalty), dimensions outermost."""

    def predict(train: IntArray, y: Array64, test: IntArray) -> Array64:
        reducer = PcaReducer.fit(vectors[train], max(components), whiten=whiten)
        a, b = reducer.transform(vectors[train]), reducer.transform(vectors[test])
        found = []
        for k in components:
            weights, intercepts = ridge(a[:, :k], y, alphas)
            found.append(weights @ b[:, :k].T + intercepts[:, None])
        return np.concatenate(found)

    return predict


def ridge_grid(vectors: FloatArray, alphas: Sequence[float]) -> Grid:
    """Settings are the penalties; the vectors are used whole."""

    def predict(train: IntArray, y: Array64, test: IntArray) -> Array64:
        weights, intercepts = ridge(vectors[train], y, alphas)
        return np.asarray(weights @ vectors[test].T + intercepts[:, None])

    return predict


def tfidf_grid(texts: Sequence[str], features: int, alphas: Sequence[float]) -> Grid:
    """Settings are the penalties of a ridge on TF-IDF of words.

    Solved in its dual form: there are far fewer songs than words.
    """
    from sklearn.feature_extraction.text import TfidfVectorizer

    def predict(train: IntArray, y: Array64, test: IntArray) -> Array64:
        words = TfidfVectorizer(max_features=features, min_df=2, sublinear_tf=True)
        a = words.fit_transform([texts[i] for i in train])
        b = words.transform([texts[i] for i in test])
        values, basis = np.linalg.eigh((a @ a.T).toarray())
        projected = basis.T @ (y - y.mean())
        dual = (projected / (np.maximum(values, 0) + np.asarray(alphas)[:, None])) @ basis.T
        return np.asarray((b @ a.T).toarray() @ dual.T + y.mean()).T

    return predict


def mean_grid() -> Grid:
    """One setting: the mean of the training labels."""
    return lambda train, y, test: np.full((1, len(test)), y.mean())


def artist_folds(artists: Sequence[str], folds: int) -> Iterator[tuple[IntArray, IntArray]]:
    """Yield (train, test) rows; no artist is on both sides, folds are of like size."""
    from sklearn.model_selection import GroupKFold

    groups = np.unique(np.asarray(artists, dtype=str), return_inverse=True)[1]
    yield from GroupKFold(n_splits=folds).split(np.zeros(len(groups)), groups=groups)


def choose(grid: Grid, y: Array64, artists: Sequence[str], rows: IntArray, folds: int) -> int:
    """Return the setting with the least squared error over artist-disjoint folds of ``rows``."""
    errors: Array64 | float = 0.0
    for train, test in artist_folds([artists[i] for i in rows], folds):
        predicted = grid(rows[train], y[rows[train]], rows[test])
        errors = errors + ((predicted - y[rows[test]]) ** 2).sum(axis=1)
    return int(np.argmin(errors))


def out_of_fold(grid: Grid, y: Array64, artists: Sequence[str], folds: int) -> Array64:
    """Return nested out-of-fold predictions (n,): settings are chosen within each training part.

    Choosing on the folds that are scored would flatter the score; nesting does not.
    """
    found = np.full(len(y), np.nan)
    for train, test in artist_folds(artists, folds):
        setting = choose(grid, y, artists, train, folds)
        found[test] = grid(train, y[train], test)[setting]
    return found


def score(
    y: Array64, predicted: Array64, artists: Sequence[str], *, bootstrap: int, seed: int
) -> Score:
    """Score predictions; an artist's songs, which are alike, are resampled together."""
    groups = np.unique(np.asarray(artists, dtype=str), return_inverse=True)[1]
    # Sums by artist are enough for R² of a resample: no row is touched again.
    centred = y - y.mean()
    parts = np.stack([np.ones_like(y), centred, centred**2, (y - predicted) ** 2])
    sums = np.stack([np.bincount(groups, weights=part) for part in parts])
    size = sums.shape[1]
    rng = np.random.default_rng(seed)
    samples = []
    for _ in range(bootstrap):
        often = np.bincount(rng.integers(0, size, size), minlength=size)
        n, total, squares, error = sums @ often
        spread = squares - total * total / n
        samples.append(1 - error / spread if spread > 1e-12 * squares else np.nan)
    low, high = np.percentile(samples, [2.5, 97.5]) if samples else (np.nan, np.nan)
    return Score(r_squared(y, predicted), float(low), float(high), pearson(y, predicted))


def r_squared(y: Array64, predicted: Array64) -> float:
    """Coefficient of determination; NaN where the labels do not vary."""
    total = float(((y - y.mean()) ** 2).sum())
    return 1 - float(((y - predicted) ** 2).sum()) / total if total > 0 else float("nan")


def pearson(a: Array64, b: Array64) -> float:
    """Pearson's correlation; NaN where one side does not vary."""
    x, y = a - a.mean(), b - b.mean()
    norm = float(np.sqrt((x * x).sum() * (y * y).sum()))
    return float((x * y).sum()) / norm if norm > 0 else float("nan")
