"""What a fuzz target is: seeds, a check, and the errors that are allowed."""

from __future__ import annotations

import atexit
import os
import shutil
import tempfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from data.errors import AttuneError


@dataclass(frozen=True)
class Target:
    """One place where bytes come in.

    Attributes:
        name: of the target.
        seeds: well-formed inputs, and some that are nearly so.
        check: takes any bytes; raises nothing but what is documented.
        tokens: bytes that mean something there, for the mutator.
        documented: errors that ``check`` may raise.
    """

    name: str
    seeds: Callable[[], Sequence[bytes]]
    check: Callable[[bytes], object]
    tokens: tuple[bytes, ...] = ()
    documented: tuple[type[Exception], ...] = (AttuneError,)

    def run(self, data: bytes) -> bool:
        """Check one input; True if it was taken, False if it was refused as documented."""
        try:
            self.check(data)
        except self.documented:
            return False
        return True


@cache
def folder() -> Path:
    """A folder for files of this process, in memory where that is to be had."""
    root = "/dev/shm" if os.path.isdir("/dev/shm") else None
    made = Path(tempfile.mkdtemp(prefix="attune-fuzz-", dir=root))
    atexit.register(shutil.rmtree, made, True)
    return made


def as_file(data: bytes, name: str) -> Path:
    """Write an input to a file; the next one of that name replaces it."""
    path = folder() / name
    path.write_bytes(data)
    return path


class Choices:
    """Reads numbers and texts off an input, so that bytes can stand for any arguments."""

    def __init__(self, data: bytes) -> None:
        self._data = data
        self._at = 0

    def byte(self) -> int:
        """Return the next byte, 0 at the end."""
        self._at += 1
        return self._data[self._at - 1] if self._at <= len(self._data) else 0

    def text(self, most: int = 40) -> str:
        """Return the next text: any code points, lone surrogates among them."""
        size = self.byte() % (most + 1)
        part = self._data[self._at : self._at + 2 * size]
        self._at += len(part)
        text = part.decode("utf-16-le", "replace")
        return text + chr(0xD800 + size) if size % 5 == 4 else text

    def rest(self) -> bytes:
        """Return what was not read yet."""
        part = self._data[self._at :]
        self._at = len(self._data)
        return part
