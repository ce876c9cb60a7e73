"""What was put on in which emotion, as arrays: what the response to emotion is learned from."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from data.types import FloatArray, IntArray


@dataclass(frozen=True, slots=True)
class Moments:
    """Positive events that carry an emotion, one row each, by user and then by time.

    Attributes:
        user_ids: external ids; a user's number is its place here.
        item_ids: likewise for songs.
        user: int64 (n,), numbers of users.
        item: int64 (n,), numbers of items.
        emotion: int64 (n,), places in :data:`data.types.EMOTIONS`.
        weight: float32 (n,), above 0: :data:`data.types.EVENT_WEIGHTS` times the count.
        at: float64 (n,), seconds since 1970 UTC.
    """

    user_ids: tuple[str, ...]
    item_ids: tuple[str, ...]
    user: IntArray
    item: IntArray
    emotion: IntArray
    weight: FloatArray
    at: NDArray[np.float64]

    def __post_init__(self) -> None:
        columns = (self.user, self.item, self.emotion, self.weight, self.at)
        if len({len(column) for column in columns}) != 1:
            raise ValueError("user, item, emotion, weight and at must have one length")

    def __len__(self) -> int:
        return len(self.user)

    @classmethod
    def empty(cls) -> Moments:
        """Return a table without rows: nobody ever said how they felt."""
        none = np.zeros(0, dtype=np.int64)
        return cls((), (), none, none, none, np.zeros(0, dtype=np.float32), np.zeros(0))

    def take(self, index: IntArray | NDArray[np.bool_]) -> Moments:
        """Return the rows chosen by ``index`` (positions or a mask); ids keep their numbers."""
        return Moments(
            self.user_ids,
            self.item_ids,
            self.user[index],
            self.item[index],
            self.emotion[index],
            self.weight[index],
            self.at[index],
        )

    def with_emotions(self, emotion: IntArray) -> Moments:
        """Return the same events with other emotions: the permuted control is made by this."""
        return Moments(
            self.user_ids, self.item_ids, self.user, self.item, emotion, self.weight, self.at
        )
