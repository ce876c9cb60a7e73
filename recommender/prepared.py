"""What of an answer depends on the history alone: worked out once while a history is in use.

A listener who moves the mood, turns the page or opens it again asks with the same history. Which
songs those are, how they respond to moods and what the parts make of them stays the same.
"""

from __future__ import annotations

import threading
import weakref
from collections.abc import Callable
from dataclasses import dataclass, field

from data.types import FloatArray, IntArray, UserHistory
from recommender.response import UserResponse


@dataclass(slots=True)
class Prepared:
    """One history in the terms of one model.

    Attributes:
        songs: int64 (h,) as :attr:`recommender.stages.Context.songs`.
        weights: float32 (h,).
        response: to moods; None until a question with a mood asks for it, and then a tuple of it.
        scores: part -> float32 (songs,), of the parts of taste that were asked so far.
        speaking: part -> song -> the song of the history that speaks most for it, or None; of the
            songs that were explained so far.
        asked: how often; whoever asks once leaves no scores behind.
    """

    songs: IntArray
    weights: FloatArray
    response: tuple[UserResponse | None] | None = None
    scores: dict[str, FloatArray] = field(default_factory=dict)
    speaking: dict[str, dict[int, int | None]] = field(default_factory=dict)
    asked: int = 0


class PreparedHistories:
    """The latest of one model; safe to share between threads.

    They belong to the history *object*: whoever reads a history anew gets a new one, and what was
    prepared goes when nobody holds the history any more.

    Args:
        most: kept at a time.
    """

    def __init__(self, most: int) -> None:
        self._most = most
        self._kept: dict[int, tuple[weakref.ref[UserHistory], Prepared]] = {}
        self._lock = threading.Lock()

    def of(self, history: UserHistory, prepare: Callable[[UserHistory], Prepared]) -> Prepared:
        """Return what was prepared for this history, or prepare it."""
        key = id(history)
        kept = self._kept.get(key)
        if kept is not None and kept[0]() is history:
            return kept[1]
        found = prepare(history)
        with self._lock:
            # An id is given again when its object is gone: what belonged to that goes with it.
            self._kept[key] = weakref.ref(history, lambda _: self._drop(key)), found
            while len(self._kept) > self._most:
                self._drop(next(iter(self._kept)))
        return found

    def __len__(self) -> int:
        return len(self._kept)

    def _drop(self, key: int) -> None:
        self._kept.pop(key, None)
