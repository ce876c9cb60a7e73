"""Collaborative filtering: implicit ALS, with every user folded in at request time.

Only item factors are kept. A listener's factors are solved from the history of this moment, so
an event counts in the next request without retraining, and a request and a batch agree.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_matrix

from data.types import FloatArray
from recommender.config import CollaborativeConfig
from recommender.query import ReasonKind
from recommender.stages import Arrays, Context


def confidence(weights: FloatArray, alpha: float) -> FloatArray:
    """Map event weights to ALS confidences: ``alpha * log2(1 + weight)``, so 1 gives alpha.

    The logarithm keeps a song on repeat from drowning all others (Hu et al., 2008, eq. 6).
    """
    return (alpha * np.log2(1 + weights)).astype(np.float32)


class CollaborativeScorer:
    """iALS item factors; scores by the inner product with the folded-in listener."""

    kind: ReasonKind = "collaborative"

    def __init__(
        self,
        config: CollaborativeConfig,
        factors: FloatArray,
        gramian: NDArray[np.float64] | None = None,
    ) -> None:
        self.config = config
        self._factors = factors
        self._known = np.any(factors != 0, axis=1)
        if gramian is None:
            ridge = config.regularization * np.eye(factors.shape[1])
            gramian = factors.astype(np.float64).T @ factors.astype(np.float64) + ridge
        self._gramian = gramian

    @classmethod
    def fit(
        cls, config: CollaborativeConfig, interactions: csr_matrix, seed: int
    ) -> CollaborativeScorer:
        """Fit on float32 (users, songs) positive weights, single-threaded and so deterministic."""
        from implicit.cpu.als import AlternatingLeastSquares
        from threadpoolctl import threadpool_limits

        matrix = csr_matrix(interactions, dtype=np.float32, copy=True)
        matrix.data = confidence(matrix.data, config.alpha)
        with threadpool_limits(1, user_api="blas"):
            model = AlternatingLeastSquares(
                factors=config.embedding_size,
                regularization=config.regularization,
                iterations=config.epochs,
                random_state=seed,
                num_threads=1,
            )
            model.fit(matrix, show_progress=False)
        factors = np.array(model.item_factors, dtype=np.float32)
        # A song without a single listener has factors of pure noise: it cannot be scored.
        factors[np.asarray(matrix.getnnz(axis=0)).ravel() == 0] = 0
        return cls(config, factors)

    @property
    def is_fitted(self) -> bool:
        """True when at least one song has factors."""
        return bool(self._known.any())

    def __call__(self, context: Context) -> FloatArray:
        """Return float32 (songs,); NaN where the song or the listener is unknown to the factors."""
        rows = self._known[context.songs]
        if not rows.any():
            return np.full(len(self._factors), np.nan, dtype=np.float32)
        user = np.linalg.solve(*self._system(context)).astype(np.float32)
        return np.where(self._known, self._factors @ user, np.nan).astype(np.float32)

    def influences(self, context: Context, song: int) -> FloatArray | None:
        """Split the score of ``song`` over the history (Hu et al., 2008, section 5)."""
        matrix, _ = self._system(context)
        half = np.linalg.solve(matrix, self._factors[song].astype(np.float64))
        strength = confidence(context.weights, self.config.alpha)
        return (strength * (self._factors[context.songs] @ half)).astype(np.float32)

    def with_songs(self, total: int) -> CollaborativeScorer:
        """Return a scorer of ``total`` songs; those that came after training cannot be scored."""
        width = self._factors.shape[1]
        added = np.zeros((total - len(self._factors), width), dtype=np.float32)
        # Rows of zeros add nothing to the Gramian.
        factors = np.concatenate([self._factors, added])
        return CollaborativeScorer(self.config, factors, self._gramian)

    def neighbours(self, song: int) -> FloatArray:
        """Return float32 (songs,) cosines of the factors with those of ``song``; NaN if unknown."""
        if not self._known[song]:
            return np.full(len(self._factors), np.nan, dtype=np.float32)
        lengths = np.linalg.norm(self._factors, axis=1)
        scale = np.where(self._known, lengths * lengths[song], 1)
        cosines = self._factors @ self._factors[song] / scale
        return np.where(self._known, cosines, np.nan).astype(np.float32)

    def _system(self, context: Context) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Return A and b of the normal equations ``A x = b`` of one listener.

        implicit's convention: A = Y'Y + reg I + sum (c - 1) y y', b = sum c y, over the history.
        """
        items = self._factors[context.songs].astype(np.float64)
        strength = confidence(context.weights, self.config.alpha).astype(np.float64)
        matrix = self._gramian + items.T @ ((strength - 1)[:, None] * items)
        return matrix, items.T @ strength

    def arrays(self) -> dict[str, NDArray[np.generic]]:
        """Return the item factors."""
        return {"item_factors": self._factors}

    @classmethod
    def from_arrays(cls, config: CollaborativeConfig, arrays: Arrays) -> CollaborativeScorer:
        """Rebuild from :meth:`arrays`."""
        return cls(config, arrays["item_factors"].astype(np.float32))
