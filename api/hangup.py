"""SIGHUP: reload what is in force, unless the terminal that the service runs in was closed."""

from __future__ import annotations

import asyncio
import os
import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from multiprocessing import parent_process


@contextmanager
def on_hangup(reload: Callable[[], None]) -> Iterator[None]:
    """Call ``reload`` upon SIGHUP, in the running event loop's main thread.

    Where the terminal was closed the process ends instead, as nobody could end it otherwise; a
    worker leaves that to its parent. Where there is no such signal, or another thread runs the
    loop, nothing happens.
    """
    main = threading.current_thread() is threading.main_thread()
    if not main or not hasattr(signal, "SIGHUP"):
        yield
        return
    closed = terminal_watch()

    def received() -> None:
        if parent_process() is None and closed():
            os.kill(os.getpid(), signal.SIGTERM)
        else:
            reload()

    loop = asyncio.get_running_loop()
    loop.add_signal_handler(signal.SIGHUP, received)
    try:
        yield
    finally:
        loop.remove_signal_handler(signal.SIGHUP)


def terminal_watch() -> Callable[[], bool]:
    """Return what tells whether the controlling terminal, if there is one now, was closed since."""
    before = _has_terminal()
    return lambda: before and not _has_terminal()


def _has_terminal() -> bool:
    try:
        os.close(os.open("/dev/tty", os.O_RDONLY | os.O_NOCTTY))
    except OSError:
        return False
    return True
