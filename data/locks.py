"""Locks between processes, which the system lets go of when a process ends, however it ends."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path


@contextmanager
def locked_folder(folder: Path) -> Iterator[None]:
    """Hold the lock of a folder, waiting for whoever holds it; nothing is written for it.

    Where the system or the file system has no such locks (Windows, some network drives), nothing
    is locked.

    Raises:
        OSError: if there is no such folder.
    """
    handle = os.open(folder, os.O_RDONLY)
    try:
        with suppress(ImportError, OSError):
            import fcntl

            fcntl.flock(handle, fcntl.LOCK_EX)
        yield
    finally:
        os.close(handle)
