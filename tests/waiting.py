"""Waiting for another process or thread: by its state, with a deadline."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from typing import TypeVar

T = TypeVar("T")


#: Between two looks, seconds: at first, and at most. Looking costs whoever is waited for time too.
_FIRST_S, _LONGEST_S = 0.01, 0.1


def eventually(look: Callable[[], T], within_s: float = 120.0) -> T:
    """Return what ``look`` returns as soon as that is true; fail when it never is."""
    deadline = time.monotonic() + within_s
    between, pause_s = threading.Event(), _FIRST_S
    while not (found := look()):
        assert time.monotonic() < deadline, f"still {found!r} after {within_s:g} s"
        between.wait(pause_s)
        pause_s = min(_LONGEST_S, 1.2 * pause_s)
    return found
