"""Writing whole files: either the new one is there afterwards, or the old one still is."""

from __future__ import annotations

import os
import struct
import tokenize
import uuid
import zipfile
import zlib
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
from numpy.typing import NDArray

from data.errors import ArtifactError

#: What numpy and zipfile raise on broken or hostile ``.npz`` bytes, depending on where they break;
#: a header may promise more than there is memory.
BROKEN_ARRAYS = (
    OSError, ValueError, EOFError, MemoryError, NotImplementedError, OverflowError, RuntimeError,
    SyntaxError, TypeError, struct.error, tokenize.TokenError, zipfile.BadZipFile, zlib.error,
)  # fmt: skip


def replace_file(path: Path, write: Callable[[BinaryIO], object]) -> None:
    """Let ``write`` fill a new file, put it on disk, and rename it to ``path``."""
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = path.with_name(f".{path.name}.{uuid.uuid4().hex}")
    try:
        with partial.open("wb") as stream:
            write(stream)
            stream.flush()
            os.fsync(stream.fileno())
        os.replace(partial, path)
    finally:
        partial.unlink(missing_ok=True)


def replace_text(path: Path, text: str) -> None:
    """Write ``text`` as UTF-8."""
    replace_file(path, lambda stream: stream.write(text.encode("utf-8")))


def save_arrays(path: Path, arrays: Mapping[str, NDArray[Any]]) -> None:
    """Write named arrays as ``.npz``."""
    replace_file(path, lambda stream: np.savez(stream, allow_pickle=False, **arrays))


def load_arrays(
    path: Path, names: tuple[str, ...], optional: tuple[str, ...] = ()
) -> dict[str, NDArray[Any]]:
    """Read named arrays from an ``.npz``, without pickle.

    Args:
        path: the file.
        names: what it must hold.
        optional: what is read too where it is there.

    Raises:
        ArtifactError: if the file is missing, is not an ``.npz``, or lacks a name.
    """
    try:
        # Opened here: of a file that is no zip, numpy would leave its own handle open.
        with path.open("rb") as stream, np.load(stream, allow_pickle=False) as stored:
            more = tuple(name for name in optional if name in stored)
            return {name: stored[name] for name in (*names, *more)}
    except (KeyError, *BROKEN_ARRAYS) as exc:
        raise ArtifactError(
            f"{path} does not hold the arrays {', '.join(names)} ({type(exc).__name__}: {exc})"
        ) from exc
