"""Principal components of any vectors, fitted in one pass over blocks of rows; numpy alone.

The fit adds up the covariance block by block (Chan, Golub & LeVeque, 1983, for sums of squares
about a mean that moves) and takes its eigenvectors once. It is exact whatever the blocks, unlike
scikit-learn's IncrementalPCA, which drops the smaller components after each block. It holds two
d x d arrays and one block in float64, never all rows: a few MB for d = 384, however many songs
there are. Squaring costs precision only in directions with less than 1e-14 of the variance, which
nobody keeps.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Self

import numpy as np
from numpy.typing import NDArray

from data.errors import TrainingError
from data.files import load_arrays, save_arrays
from data.types import FloatArray

_ROWS = 4096  # of a block when all rows are in memory: bounds the float64 copy
_LEAST = 1e-12  # share of the variance below which a direction is not blown up to unit variance


class PcaReducer:
    """Projects vectors on their leading principal components.

    Args:
        mean: float32 (d,), subtracted first.
        components: float32 (k, d), orthonormal rows, leading first.
        scale: float32 (k,), what each score is divided by; ones without whitening.
        variances: float32 (k,), variance of the fitted rows along each; None where not known.
        total: variance of the fitted rows in all d directions.
    """

    def __init__(
        self,
        mean: FloatArray,
        components: FloatArray,
        scale: FloatArray,
        variances: FloatArray | None = None,
        total: float = float("nan"),
    ) -> None:
        self.mean = mean
        self.components = components
        self.scale = scale
        self.variances = np.full(len(scale), np.nan, np.float32) if variances is None else variances
        self.total = total

    @property
    def n_components(self) -> int:
        """How many components there are."""
        return len(self.components)

    @property
    def explained(self) -> NDArray[np.float64]:
        """Share of the variance along each component, (k,); NaN where it was not recorded."""
        if self.total == 0:
            return np.zeros(self.n_components)
        return self.variances.astype(np.float64) / self.total

    @classmethod
    def fit(cls, vectors: FloatArray, n_components: float, *, whiten: bool = False) -> Self:
        """Fit on the rows of ``vectors`` (n, d) that are finite; see :meth:`fit_blocks`."""
        return cls.fit_blocks(_blocks(vectors), n_components, whiten=whiten)

    @classmethod
    def fit_blocks(
        cls, blocks: Iterable[FloatArray], n_components: float, *, whiten: bool = False
    ) -> Self:
        """Fit on rows that come in blocks, each seen once and then let go.

        Args:
            blocks: (rows, d) each, of any number of rows; rows that are not finite do not count.
            n_components: how many to keep, cut to what the data can give, min(n - 1, d); or, below
                1, the share of the variance to keep by the fewest components that do.
            whiten: scale every score to unit variance.

        Raises:
            TrainingError: if fewer than two rows are finite, or blocks differ in their width.
            ValueError: if ``n_components`` is not a share in (0, 1) or a whole number from 1.
        """
        if not (0 < n_components < 1 or (n_components >= 1 and n_components == int(n_components))):
            raise ValueError(f"n_components is a share in (0, 1) or 1, 2, ..., not {n_components}")
        moments = _Moments()
        for block in blocks:
            moments.add(block)
        variances, components = moments.directions()
        if n_components < 1:
            k = components_for(variances, n_components)
        else:
            k = min(int(n_components), len(variances))
        found = cls(
            moments.mean.astype(np.float32),
            components[:k].astype(np.float32),
            np.ones(k, dtype=np.float32),
            variances[:k].astype(np.float32),
            moments.total,
        )
        return found.whitened() if whiten else found

    def transform(self, vectors: FloatArray) -> FloatArray:
        """Return float32 (n, k) scores; rows with NaN stay NaN."""
        centred = np.asarray(vectors, dtype=np.float32) - self.mean
        return np.asarray((centred @ self.components.T) / self.scale, dtype=np.float32)

    def leading(self, k: int) -> Self:
        """Return the reducer to the first ``k`` components only."""
        return type(self)(
            self.mean, self.components[:k], self.scale[:k], self.variances[:k], self.total
        )

    def whitened(self) -> Self:
        """Return the reducer that scales every score to unit variance.

        Directions without variance are left as they are.

        Raises:
            TrainingError: if the variances were not recorded.
        """
        if not np.isfinite(self.total):
            raise TrainingError("this reducer was saved without its variances: fit it again")
        varied = self.variances > _LEAST * self.total
        scale = np.sqrt(np.where(varied, self.variances, 1)).astype(np.float32)
        return type(self)(self.mean, self.components, scale, self.variances, self.total)

    def save(self, path: Path) -> None:
        """Write to an ``.npz``."""
        arrays = {"mean": self.mean, "components": self.components, "scale": self.scale}
        save_arrays(
            path, {**arrays, "variances": self.variances, "total": np.array(self.total, np.float64)}
        )

    @classmethod
    def load(cls, path: Path) -> Self:
        """Read what :meth:`save` wrote; files of older versions lack the variances.

        Raises:
            ArtifactError: if the file is missing or is not a reducer.
        """
        names = ("mean", "components", "scale")
        arrays = load_arrays(path, names, optional=("variances", "total"))
        mean, components, scale = (arrays[n].astype(np.float32) for n in names)
        found = cls(mean, components, scale)
        if "variances" in arrays and "total" in arrays:
            found.variances = arrays["variances"].astype(np.float32)
            found.total = float(arrays["total"])
        return found


def components_for(variances: NDArray[np.floating], share: float) -> int:
    """Return the fewest leading components that keep ``share`` of the variance, 1 at least.

    Args:
        variances: of all directions, largest first.
        share: in (0, 1].
    """
    sums = np.cumsum(variances, dtype=np.float64)
    # One part in 1e12 is rounding: a share that is reached exactly must count as reached.
    reached = int(np.searchsorted(sums, share * sums[-1] * (1 - 1e-12)))
    return min(reached + 1, len(sums))


class _Moments:
    """Number, mean and scatter matrix of rows seen so far, float64."""

    def __init__(self) -> None:
        self.count = 0
        self.mean = np.zeros(0)
        self.scatter = np.zeros((0, 0))

    def add(self, block: FloatArray) -> None:
        if block.ndim != 2:
            raise TrainingError(f"a block of vectors has the shape (rows, d), not {block.shape}")
        if not self.count:
            self.mean = np.zeros(block.shape[1])
            self.scatter = np.zeros((block.shape[1], block.shape[1]))
        if block.shape[1] != len(self.mean):
            raise TrainingError(
                f"vectors of {block.shape[1]} numbers cannot follow those of {len(self.mean)}"
            )
        rows = block[np.isfinite(block).all(axis=1)].astype(np.float64)
        if not len(rows):
            return
        mean = rows.mean(axis=0)
        rows -= mean
        shift, count = mean - self.mean, self.count + len(rows)
        self.scatter += rows.T @ rows
        self.scatter += np.outer(shift, shift) * (self.count * len(rows) / count)
        self.mean = self.mean + shift * (len(rows) / count)
        self.count = count

    @property
    def total(self) -> float:
        """Variance in all directions."""
        return float(np.trace(self.scatter)) / (self.count - 1)

    def directions(self) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Return variances (k,), largest first, and directions (k, d); k = min(n - 1, d).

        Each direction's largest number is positive, as scikit-learn has it: the same data give the
        same signs.
        """
        if self.count < 2:
            raise TrainingError(f"principal components need two vectors or more, not {self.count}")
        values, vectors = np.linalg.eigh(self.scatter / (self.count - 1))
        k = min(self.count - 1, len(values))
        rows = vectors.T[::-1][:k]
        signs = np.sign(rows[np.arange(k), np.abs(rows).argmax(axis=1)])
        return np.maximum(values[::-1][:k], 0), rows * signs[:, None]


def _blocks(vectors: FloatArray) -> Iterator[FloatArray]:
    for start in range(0, max(len(vectors), 1), _ROWS):
        yield vectors[start : start + _ROWS]
