"""iALS with regularisation scaled by frequency, as a few batched linear solves.

Rendle, Krichene, Zhang & Koren, *Revisiting the Performance of iALS on Item Recommendation
Benchmarks*, RecSys 2022: the loss is ``sum over seen (1 - u.v)² + a0 * sum over all (u.v)² + reg *
sum over users (n_u + a0 * items) ** nu * |u|²``, and the same for items. With ``nu = 1`` a
frequent user or item is held back as much as it is fitted, which ``implicit``'s single penalty
cannot express.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_matrix

from data.types import FloatArray, IntArray

Array64 = NDArray[np.float64]
#: Numbers gathered at a time: 512 MB of float64 with what is made of them.
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
) -> tuple[FloatArray, FloatArray]:
    """Fit by alternating exact solves.

    Args:
        train: (users, items); what is stored counts as seen, whatever its value.
        size: length of a factor.
        unseen: a0, the weight of a pair that was not seen.
        regularization: reg.
        exponent: nu, 0 for one penalty for all, 1 for one in proportion to frequency.
        epochs: of both sides.
        seed: of the items' first factors.

    Returns:
        float32 (users, size) and (items, size).
    """
    by_user, by_item = train.tocsr(), train.T.tocsr()
    rng = np.random.default_rng(seed)
    items: Array64 = rng.normal(0, 0.1 / np.sqrt(size), (train.shape[1], size))
    users: Array64 = np.zeros((train.shape[0], size))
    for _ in range(epochs):
        users = solve_rows(by_user, items, unseen, regularization, exponent)
        items = solve_rows(by_item, users, unseen, regularization, exponent)
    return users.astype(np.float32), items.astype(np.float32)


def solve_rows(
    rows: csr_matrix, other: Array64, unseen: float, regularization: float, exponent: float
) -> Array64:
    """Return the factors (n, size) that minimise the loss with the other side held fast.

    A row with nothing seen gets zeros. It is also how a listener is folded in.
    """
    size = other.shape[1]
    gram, eye = unseen * (other.T @ other), np.eye(size)
    found = np.zeros((rows.shape[0], size))
    counts = np.diff(rows.indptr)
    scale = regularization * (counts + unseen * len(other)) ** exponent
    for part, seen in _blocks(rows, counts, size):
        gathered = other[seen]  # (rows, seen, size): rows of one block have the same length
        normal = gathered.transpose(0, 2, 1) @ gathered
        normal += gram + scale[part][:, None, None] * eye
        found[part] = np.linalg.solve(normal, gathered.sum(axis=1)[..., None])[..., 0]
    return found


def _blocks(rows: csr_matrix, counts: IntArray, size: int) -> Iterator[tuple[IntArray, IntArray]]:
    """Yield rows that have seen equally many, with what they have seen, (rows, seen)."""
    for count in np.unique(counts[counts > 0]).tolist():
        same = np.flatnonzero(counts == count)
        step = max(1, _ROOM // (size * max(count, size)))
        for start in range(0, len(same), step):
            part = same[start : start + step]
            places = rows.indptr[part][:, None] + np.arange(count)
            yield part, rows.indices[places]
