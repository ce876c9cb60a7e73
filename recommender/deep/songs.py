"""What the networks know of every song, as arrays that follow the catalogue."""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import Any

import numpy as np
from numpy.typing import NDArray

from data.types import FloatArray
from recommender.stages import Arrays


@dataclass(frozen=True)
class SongFeatures:
    """Static features of n songs.

    Attributes:
        listeners: float32 (n,) ``log(1 + listeners)``; NaN for a song that came after training.
        age: float32 (n,) ``log(1 + years)`` since release or first event, NaN unknown.
        moods: float32 (n, 2) valence and arousal, NaN unknown.
        lyrics: float32 (n, k) unit rows, zero where none.
        tags: float32 (n, t) unit rows of :func:`reduce_terms`, zero where none.
        factors: float32 (n, d) collaborative factors, zero where none.
    """

    listeners: FloatArray
    age: FloatArray
    moods: FloatArray
    lyrics: FloatArray
    tags: FloatArray
    factors: FloatArray

    def __post_init__(self) -> None:
        lengths = {len(getattr(self, f.name)) for f in fields(self)}
        if len(lengths) != 1:
            raise ValueError(f"song features must have one length, got {sorted(lengths)}")

    def __len__(self) -> int:
        return len(self.listeners)

    @classmethod
    def of(
        cls,
        listeners: FloatArray,
        *,
        age: FloatArray | None = None,
        moods: FloatArray | None = None,
        lyrics: FloatArray | None = None,
        tags: FloatArray | None = None,
        factors: FloatArray | None = None,
    ) -> SongFeatures:
        """Bring counts and vectors into form; what is None is unknown for every song.

        Args:
            listeners: (n,) counts, NaN where unknown.
            age: (n,) years, NaN unknown.
            moods: (n, 2).
            lyrics: (n, k), NaN or zero rows where none.
            tags: (n, t), likewise.
            factors: (n, d), likewise; these keep their lengths.
        """
        n = len(listeners)
        unknown, none = np.full(n, np.nan, np.float32), np.zeros((n, 0), np.float32)
        return cls(
            np.log1p(np.asarray(listeners, dtype=np.float32)),
            unknown if age is None else np.log1p(np.maximum(age, 0)).astype(np.float32),
            np.stack([unknown, unknown], axis=1) if moods is None else moods.astype(np.float32),
            none if lyrics is None else _unit(lyrics),
            none if tags is None else _unit(tags),
            none if factors is None else np.nan_to_num(factors).astype(np.float32),
        )

    def with_songs(self, others: SongFeatures, at: NDArray[np.int64], total: int) -> SongFeatures:
        """Return features of ``total`` songs, those of ``others`` at the positions ``at``."""

        def laid(name: str) -> FloatArray:
            old, new = getattr(self, name), getattr(others, name)
            found = np.full((total, *old.shape[1:]), np.nan, dtype=np.float32)
            found[: len(old)] = old
            found[at] = new
            return found

        return SongFeatures(**{f.name: laid(f.name) for f in fields(self)})

    def content(self) -> FloatArray:
        """Return float32 (n, k + t + 4): lyrics, tags, mood and whether it and lyrics are known.

        Nothing in it comes from listeners, so a song that nobody has heard has it too.
        """
        mood = np.isfinite(self.moods).all(axis=1)
        words = np.any(self.lyrics != 0, axis=1)
        flags = np.stack([mood, words], axis=1)
        parts = (self.lyrics, self.tags, np.nan_to_num(self.moods), flags)
        return np.concatenate(parts, axis=1).astype(np.float32)

    def arrays(self) -> dict[str, NDArray[np.generic]]:
        """Return what an npz file must hold."""
        return {f"deep_{f.name}": getattr(self, f.name) for f in fields(self)}

    @classmethod
    def from_arrays(cls, arrays: Arrays) -> SongFeatures:
        """Rebuild from :meth:`arrays`."""
        return cls(**{f.name: arrays[f"deep_{f.name}"].astype(np.float32) for f in fields(cls)})


def reduce_terms(matrix: Any, size: int) -> tuple[FloatArray, FloatArray]:
    """Reduce a sparse (songs, terms) matrix by truncated SVD (latent semantic analysis).

    Signs are fixed, so that the same matrix gives the same numbers.

    Returns:
        float32 (songs, k) unit rows, zero where a song has no term, and float32 (terms, k) that
        places songs which come later: ``unit(rows @ components)``; k is at most ``size``.
    """
    from scipy.sparse.linalg import svds

    k = min(size, min(matrix.shape) - 1)
    if k < 1 or not matrix.nnz:
        return np.zeros((matrix.shape[0], 0), np.float32), np.zeros(
            (matrix.shape[1], 0), np.float32
        )
    start = np.ones(min(matrix.shape), dtype=np.float64)
    _, values, rows = svds(matrix.astype(np.float64), k=k, v0=start)
    rows = rows[np.argsort(-values)]
    peak = np.take_along_axis(rows, np.abs(rows).argmax(axis=1)[:, None], axis=1)
    components = (rows * np.sign(peak)).T.astype(np.float32)
    return _unit(np.asarray(matrix @ components)), components


def _unit(rows: FloatArray) -> FloatArray:
    known = np.nan_to_num(rows)
    norms = np.linalg.norm(known, axis=1, keepdims=True)
    return np.asarray(known / np.where(norms > 1e-12, norms, 1), dtype=np.float32)
