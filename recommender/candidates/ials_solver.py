"""iALS with regularisation scaled by frequency, as a few batched linear solves.

Rendle, Krichene, Zhang & Koren, *Revisiting the Performance of iALS on Item Recommendation
Benchmarks*, RecSys 2022: the loss is ``sum over seen w (1 - u.v)² + a0 * sum over all (u.v)² +
reg * sum over users (n_u + a0 * items) ** nu * |u|²``, and the same for items. With ``nu = 1`` a
frequent user or item is held back as much as it is fitted, which ``implicit``'s single penalty
cannot express.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_matrix

from data.types import FloatArray, IntArray

Array64 = NDArray[np.float64]
Factors = NDArray[np.floating]
#: Numbers gathered at a time: 256 MB of float32 with what is made of them.
_ROOM = 16_000_000


def fit_factors(
    train: csr_matrix,
    *,
    size: int,
    unseen: float,
    regularization: float,
    exponent: float,
    epochs: int,
    seed: int,
    start: FloatArray | None = None,
) -> FloatArray:
    """Fit by alternating exact solves.

    Args:
        train: float (users, items); what is stored counts as seen, with its value as weight.
        size: length of a factor.
        unseen: a0, the weight of a pair that was not seen.
        regularization: reg.
        exponent: nu, 0 for one penalty for all, 1 for one in proportion to frequency.
        epochs: of both sides.
        seed: of the items' first factors.
        start: float32 (items, size) first factors instead; rows of zeros are drawn.

    Returns:
        float32 (items, size).
    """
    by_user, by_item = train.tocsr(), train.T.tocsr()
    rng = np.random.default_rng(seed)
    items: Factors = rng.normal(0, 0.1 / np.sqrt(size), (train.shape[1], size)).astype(np.float32)
    if start is not None:
        items = np.where(np.any(start != 0, axis=1)[:, None], start, items)
    penalties = Penalties(unseen, regularization, exponent)
    for _ in range(epochs):
        users = solve_rows(by_user, items, penalties)
        items = solve_rows(by_item, users, penalties)
    return np.asarray(items, dtype=np.float32)


@dataclass(frozen=True, slots=True)
class Penalties:
    """The constants of the loss: a0, reg and nu."""

    unseen: float
    regularization: float
    exponent: float

    def gram(self, other: Factors) -> Factors:
        """Return a0 times the Gram matrix of the other side."""
        return np.asarray(self.unseen * (other.T @ other))

    def ridge(self, seen: NDArray[np.floating] | np.floating, items: int) -> Array64:
        """Return the penalty of rows that have seen so much, float64 like ``seen``."""
        return np.asarray(self.regularization * (seen + self.unseen * items) ** self.exponent)


def solve_rows(
    rows: csr_matrix, other: Factors, penalties: Penalties, gram: Factors | None = None
) -> Factors:
    """Return the factors (n, size) that minimise the loss with the other side held fast.

    All is computed in the precision of ``other``.

    A row with nothing seen gets zeros. It is also how a listener is folded in.

    Args:
        rows: (n, m) weights of what was seen.
        other: (m, size) factors.
        penalties: of the loss.
        gram: ``penalties.gram(other)``, where it is at hand.
    """
    size = other.shape[1]
    eye = np.eye(size, dtype=other.dtype)
    gram = penalties.gram(other) if gram is None else gram
    found = np.zeros((rows.shape[0], size), dtype=other.dtype)
    counts = np.diff(rows.indptr)
    seen = np.asarray(rows.sum(axis=1), dtype=np.float64).ravel()
    ridge = penalties.ridge(seen, len(other)).astype(other.dtype)
    for part, places in _blocks(rows, counts, size):
        gathered = other[rows.indices[places]]  # (rows, seen, size): equally many seen in a block
        weighted = gathered * rows.data[places].astype(other.dtype)[..., None]
        normal = gathered.transpose(0, 2, 1) @ weighted
        normal += gram + ridge[part][:, None, None] * eye
        found[part] = np.linalg.solve(normal, weighted.sum(axis=1)[..., None])[..., 0]
    return found


def _blocks(rows: csr_matrix, counts: IntArray, size: int) -> Iterator[tuple[IntArray, IntArray]]:
    """Yield rows that have seen equally many, with the places of what they have seen."""
    for count in np.unique(counts[counts > 0]).tolist():
        same = np.flatnonzero(counts == count)
        step = max(1, _ROOM // (size * max(count, size)))
        for start in range(0, len(same), step):
            part = same[start : start + step]
            yield part, rows.indptr[part][:, None] + np.arange(count)
