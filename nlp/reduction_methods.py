"""The ways of reducing that are compared, and what the fit in blocks costs."""

from __future__ import annotations

import time
import tracemalloc
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from data.reduction import PcaReducer
from data.types import FloatArray

Transform = Callable[[FloatArray], FloatArray]
#: Makes the map to ``k`` dimensions from training rows: (rows, k, seed) -> map.
Fit = Callable[[FloatArray, int, int], Transform]


def fit_pca(rows: FloatArray, k: int, _seed: int) -> Transform:
    """Principal components, by :class:`data.reduction.PcaReducer`."""
    return PcaReducer.fit(rows, k).transform


def fit_whitened(rows: FloatArray, k: int, _seed: int) -> Transform:
    """Principal components scaled to unit variance."""
    return PcaReducer.fit(rows, k, whiten=True).transform


def fit_svd(rows: FloatArray, k: int, seed: int) -> Transform:
    """Truncated SVD by scikit-learn: leading directions about zero, not about the mean."""
    from sklearn.decomposition import TruncatedSVD

    return _linear(TruncatedSVD(k, random_state=seed).fit(rows).components_)


def fit_projection(rows: FloatArray, k: int, seed: int) -> Transform:
    """Gaussian random projection by scikit-learn."""
    from sklearn.random_projection import GaussianRandomProjection

    return _linear(GaussianRandomProjection(k, random_state=seed).fit(rows).components_)


def _linear(components: FloatArray) -> Transform:
    # scikit-learn's own transform checks its input anew for every query: that would be timed.
    down = components.T.astype(np.float32)
    return lambda vectors: np.asarray(vectors @ down, dtype=np.float32)


#: In the order of the report.
METHODS: dict[str, Fit] = {
    "PCA": fit_pca,
    "PCA, whitened": fit_whitened,
    "truncated SVD": fit_svd,
    "random projection": fit_projection,
}
#: The leading numbers of a fit are a smaller fit: one fit of a fold serves all sizes.
NESTED = ("PCA", "PCA, whitened", "truncated SVD")


@dataclass(frozen=True, slots=True)
class FitCost:
    """One fit of principal components.

    Attributes:
        seconds: it took.
        megabytes: most that it held beside the vectors, 10⁶ bytes.
        kept: share of the variance that its components keep.
    """

    seconds: float
    megabytes: float
    kept: float


def measure_streaming(vectors: FloatArray, k: int = 64, block: int = 500) -> dict[str, FitCost]:
    """Compare the fit in blocks with scikit-learn's whole and incremental fits.

    Args:
        vectors: float32 (n, d).
        k: components, cut to what a block can give.
        block: rows at a time.
    """
    from sklearn.decomposition import PCA, IncrementalPCA

    k = min(k, block, len(vectors) - 1, vectors.shape[1])
    parts = [vectors[i : i + block] for i in range(0, len(vectors), block)]
    if len(parts) > 1 and len(parts[-1]) < k:  # IncrementalPCA wants k rows in every block
        parts[-2:] = [np.concatenate(parts[-2:])]

    def incremental() -> FloatArray:
        pca = IncrementalPCA(k)
        for part in parts:
            pca.partial_fit(part)
        return np.asarray(pca.components_, dtype=np.float32)

    fits: dict[str, Callable[[], FloatArray]] = {
        "all rows at once (scikit-learn PCA)": lambda: (
            PCA(k, svd_solver="full").fit(vectors).components_
        ),
        "in blocks (PcaReducer)": lambda: PcaReducer.fit_blocks(iter(parts), k).components,
        "in blocks (scikit-learn IncrementalPCA)": incremental,
    }
    return {name: _cost(fit, vectors) for name, fit in fits.items()}


def _cost(fit: Callable[[], FloatArray], vectors: FloatArray) -> FitCost:
    tracemalloc.start()
    begun = time.perf_counter()
    components = fit()
    seconds, peak = time.perf_counter() - begun, tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    centred = vectors - vectors.mean(axis=0, dtype=np.float64)
    kept = ((centred @ components.T) ** 2).sum() / (centred**2).sum()
    return FitCost(seconds, peak / 1e6, float(kept))
