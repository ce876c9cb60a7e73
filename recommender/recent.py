"""What one process keeps in memory for a while: so many at most, none longer than so long."""

from __future__ import annotations

import threading
import time
from collections import OrderedDict
from collections.abc import Callable, Hashable
from typing import Generic, TypeVar

K = TypeVar("K", bound=Hashable)
V = TypeVar("V")


class Recent(Generic[K, V]):
    """The latest values by key; safe to share between threads.

    Args:
        most: values kept; 0 keeps none.
        longest_s: age from which a value is no longer given, seconds.
    """

    def __init__(self, most: int, longest_s: float) -> None:
        self.most = most
        self._longest_s = longest_s
        self._kept: OrderedDict[K, tuple[float, V]] = OrderedDict()
        self._lock = threading.Lock()

    def get(self, key: K) -> V | None:
        """Return what is kept, if it is not too old."""
        kept = self._kept.get(key)
        if kept is None or time.monotonic() - kept[0] >= self._longest_s:
            return None
        return kept[1]

    def keep(self, key: K, value: V) -> None:
        """Keep a value in place of the one before; the oldest go where there are too many."""
        now = time.monotonic()
        with self._lock:
            self._kept[key] = (now, value)
            self._kept.move_to_end(key)
            while len(self._kept) > self.most or self._oldest_is_old(now):
                self._kept.popitem(last=False)

    def forget(self, which: Callable[[K], bool]) -> None:
        """Drop the values of the keys that ``which`` names."""
        with self._lock:
            for key in [key for key in self._kept if which(key)]:
                del self._kept[key]

    def _oldest_is_old(self, now: float) -> bool:
        oldest = next(iter(self._kept.values()), None)
        return oldest is not None and now - oldest[0] >= self._longest_s
