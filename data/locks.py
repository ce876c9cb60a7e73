"""Locks between processes, which the system lets go of when a process ends, however it ends."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import IO, Any


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


def lock_file(stream: IO[Any], *, shared: bool = False, wait: bool = True) -> bool:
    """Lock an open file until it is closed, also by the end of the process.

    Args:
        stream: the file; a mapping that is made of it keeps the lock.
        shared: others may hold it too, if theirs is shared.
        wait: for whoever holds it.

    Returns:
        Whether it is held. Where the system has no such locks nothing is: who waits is told so
        all the same, and who does not, that another may hold it.

    Raises:
        OSError: if the file system has none.
    """
    try:
        import fcntl
    except ImportError:
        return wait
    kind = fcntl.LOCK_SH if shared else fcntl.LOCK_EX
    try:
        fcntl.flock(stream, kind if wait else kind | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True
