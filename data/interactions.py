"""The interactions of all users as arrays: what training, splitting and evaluation work on."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from data.types import FloatArray, IntArray


@dataclass(frozen=True, slots=True)
class Interactions:
    """Distinct (user, item) pairs, one row each.

    Attributes:
        user_ids: external ids; a user's number is its place here.
        item_ids: likewise for songs.
        user: int64 (n,), numbers of users.
        item: int64 (n,), numbers of items.
        weight: float32 (n,), summed :data:`data.types.EVENT_WEIGHTS`; 0 for pairs that were only
            skipped or are disliked: heard, but no sign of liking.
        at: float64 (n,), time of the pair's last event, seconds since 1970 UTC; or anything that
            grows with it, such as the place in a playlist. 0 everywhere where it is not known.
    """

    user_ids: tuple[str, ...]
    item_ids: tuple[str, ...]
    user: IntArray
    item: IntArray
    weight: FloatArray
    at: NDArray[np.float64]

    def __post_init__(self) -> None:
        if not len(self.user) == len(self.item) == len(self.weight) == len(self.at):
            raise ValueError("user, item, weight and at must have one length")

    def __len__(self) -> int:
        return len(self.user)

    @property
    def has_times(self) -> bool:
        """Whether it is known when, or in which order, things were heard."""
        return bool(self.at.any())

    def matrix(self) -> Any:
        """Return the weights as scipy.sparse.csr_matrix, float32 (users, items).

        Pairs of weight 0 are stored as explicit zeros.
        """
        from scipy.sparse import csr_matrix

        shape = (len(self.user_ids), len(self.item_ids))
        return csr_matrix((self.weight, (self.user, self.item)), shape=shape, dtype=np.float32)

    def take(self, index: IntArray | NDArray[np.bool_]) -> Interactions:
        """Return the rows chosen by ``index`` (positions or a mask); ids keep their numbers."""
        return Interactions(
            self.user_ids,
            self.item_ids,
            self.user[index],
            self.item[index],
            self.weight[index],
            self.at[index],
        )
