"""Principal components of lyric vectors: scikit-learn to fit, numpy alone to apply."""

from __future__ import annotations

from pathlib import Path
from typing import Self

import numpy as np

from data.errors import TrainingError
from data.types import FloatArray
from nlp.files import load_arrays, save_arrays


class PcaReducer:
    """Projects vectors on their leading principal components.

    Args:
        mean: float32 (d,), subtracted first.
        components: float32 (k, d), orthonormal rows, leading first.
        scale: float32 (k,), what each score is divided by; ones without whitening.
    """

    def __init__(self, mean: FloatArray, components: FloatArray, scale: FloatArray) -> None:
        self.mean = mean
        self.components = components
        self.scale = scale

    @property
    def n_components(self) -> int:
        """How many components there are."""
        return len(self.components)

    @classmethod
    def fit(cls, vectors: FloatArray, n_components: int, *, whiten: bool = False) -> Self:
        """Fit on the rows of ``vectors`` (n, d) that are finite.

        ``n_components`` is cut to what the data can give, min(n - 1, d).

        Raises:
            TrainingError: if fewer than two rows are finite.
        """
        from sklearn.decomposition import PCA

        rows = vectors[np.isfinite(vectors).all(axis=1)]
        if len(rows) < 2:
            raise TrainingError(f"principal components need two vectors or more, not {len(rows)}")
        k = max(1, min(n_components, len(rows) - 1, rows.shape[1]))
        # Equal rows have no variance to share out; scikit-learn then divides zero by zero.
        with np.errstate(invalid="ignore"):
            pca = PCA(k, svd_solver="full").fit(rows.astype(np.float64))
        # Directions without variance must not be blown up to unit variance.
        deviation = np.sqrt(np.maximum(pca.explained_variance_, 1e-12))
        scale = deviation if whiten else np.ones(k)
        return cls(
            pca.mean_.astype(np.float32),
            pca.components_.astype(np.float32),
            scale.astype(np.float32),
        )

    def transform(self, vectors: FloatArray) -> FloatArray:
        """Return float32 (n, k) scores; rows with NaN stay NaN."""
        centred = np.asarray(vectors, dtype=np.float32) - self.mean
        return np.asarray((centred @ self.components.T) / self.scale, dtype=np.float32)

    def leading(self, k: int) -> PcaReducer:
        """Return the reducer to the first ``k`` components only."""
        return PcaReducer(self.mean, self.components[:k], self.scale[:k])

    def save(self, path: Path) -> None:
        """Write to an ``.npz``."""
        save_arrays(path, {"mean": self.mean, "components": self.components, "scale": self.scale})

    @classmethod
    def load(cls, path: Path) -> Self:
        """Read what :meth:`save` wrote.

        Raises:
            ArtifactError: if the file is missing or is not a reducer.
        """
        arrays = load_arrays(path, ("mean", "components", "scale"))
        return cls(*(arrays[n].astype(np.float32) for n in ("mean", "components", "scale")))
