"""Waiting for another process or thread: by its state, with a deadline."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from typing import TypeVar

T = TypeVar("T")


def eventually(look: Callable[[], T], within_s: float = 60.0) -> T:
    """Return what ``look`` returns as soon as that is true; fail when it never is."""
    deadline = time.monotonic() + within_s
    between = threading.Event()
    while not (found := look()):
        assert time.monotonic() < deadline, f"still {found!r} after {within_s:g} s"
        between.wait(0.02)
    return found
