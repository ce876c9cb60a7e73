"""Looking for a picture in everything that a run left: its bytes, its pixels, its numbers.

A find is any run of bytes of a form of the picture. Of every form the blocks of 16 bytes at
multiples of 16 are looked for at every offset, so that any 32 bytes in a row are found wherever
they begin.
"""

from __future__ import annotations

import base64
import ctypes
import os
import struct
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import psutil
from numpy.typing import NDArray

_BLOCK = 16
#: A block of fewer values (an even wall, padding) is found everywhere and tells nothing.
_LEAST_VALUES = 5
_CREATED = 0x100 | 0x80 | 0x2  # IN_CREATE, IN_MOVED_TO, IN_MODIFY


def texts_of(data: bytes) -> Iterator[tuple[str, bytes]]:
    """Yield how bytes get into text: base64 at its three offsets, hex, escaped, as numbers."""
    for start in range(3):
        yield f"base64 {start}", base64.b64encode(data[start:])
        yield f"base64url {start}", base64.urlsafe_b64encode(data[start:])
    yield "hex", data.hex().encode()
    yield "capital hex", data.hex().upper().encode()
    yield "escaped", repr(data)[2:-1].encode()
    yield "numbers", repr(list(data[:4000])).encode()


def pixels_of(rgb: NDArray[np.uint8]) -> Iterator[tuple[str, bytes]]:
    """Yield the orders in which a picture's pixels lie in memory."""
    yield "rgb", rgb.tobytes()
    yield "bgr", rgb[..., ::-1].tobytes()
    yield "planes", np.moveaxis(rgb, -1, 0).tobytes()
    for channel, name in enumerate(("red", "green", "blue")):
        yield name, rgb[..., channel].tobytes()


class Leaks:
    """Finds any of some forms of pictures.

    Args:
        forms: name -> bytes of each form.
    """

    def __init__(self, forms: Mapping[str, bytes]) -> None:
        blocks: dict[bytes, str] = {}
        for name, data in forms.items():
            own = _telling_blocks(data)
            assert own, f"{name} has no block that could be told from others"
            blocks.update(dict.fromkeys(own, name))
        self._blocks = blocks
        heads = np.frombuffer(b"".join(blocks), "<u8")[::2]
        self._heads = np.unique(heads)

    def found_in(self, data: bytes) -> set[str]:
        """Return the names of the forms of which at least 32 bytes in a row are in ``data``."""
        found = set()
        for offset in range(8 if len(data) >= _BLOCK else 0):
            words = np.frombuffer(data, "<u8", (len(data) - offset) // 8, offset)
            at = np.searchsorted(self._heads, words)
            at[at == len(self._heads)] = 0
            for place in np.flatnonzero(self._heads[at] == words).tolist():
                start = 8 * place + offset
                name = self._blocks.get(data[start : start + _BLOCK])
                if name is not None:
                    found.add(name)
        return found

    def found_under(self, *folders: Path) -> dict[str, set[str]]:
        """Return file -> forms found, for every file under some folders."""
        files = [path for folder in folders for path in sorted(folder.rglob("*")) if path.is_file()]
        found = {str(path): self.found_in(path.read_bytes()) for path in files}
        return {path: names for path, names in found.items() if names}

    def found_open(self, process: psutil.Process) -> dict[str, set[str]]:
        """Return open file -> forms found; files that were deleted are read as well."""
        found = {}
        for one in [process, *process.children(recursive=True)]:
            for descriptor in Path(f"/proc/{one.pid}/fd").iterdir():
                try:
                    if descriptor.is_file():
                        found[f"{one.pid}: {descriptor.readlink()}"] = descriptor.read_bytes()
                except OSError:
                    continue  # closed meanwhile
        leaks = {name: self.found_in(data) for name, data in found.items()}
        return {name: forms for name, forms in leaks.items() if forms}


def _telling_blocks(data: bytes) -> list[bytes]:
    """Return the blocks of a form that occur nowhere by chance."""
    rows = np.frombuffer(data, np.uint8, len(data) // _BLOCK * _BLOCK).reshape(-1, _BLOCK)
    values = 1 + np.count_nonzero(np.diff(np.sort(rows, axis=1), axis=1), axis=1)
    whole = rows[values >= _LEAST_VALUES].tobytes()
    return [whole[start : start + _BLOCK] for start in range(0, len(whole), _BLOCK)]


class Watch:
    """Names every file that is made or written in some folders, however briefly (inotify)."""

    def __init__(self, *folders: Path) -> None:
        self._library = ctypes.CDLL(None, use_errno=True)
        self._descriptor = self._library.inotify_init1(os.O_NONBLOCK | os.O_CLOEXEC)
        assert self._descriptor >= 0, "this system has no inotify"
        self._folders = {self._add(folder): folder for folder in folders}

    def _add(self, folder: Path) -> int:
        number = self._library.inotify_add_watch(self._descriptor, bytes(folder), _CREATED)
        assert number >= 0, folder
        return int(number)

    def seen(self) -> set[Path]:
        """Return what has been made or written since the watch began, or since the last call."""
        found: set[Path] = set()
        while True:
            try:
                data = os.read(self._descriptor, 65536)
            except BlockingIOError:
                return found
            while data:
                number, _, _, length = struct.unpack_from("iIII", data)
                name = data[16 : 16 + length].rstrip(b"\0").decode()
                found.add(self._folders[number] / name)
                data = data[16 + length :]

    def close(self) -> None:
        """End the watch."""
        os.close(self._descriptor)


def numbers_of(values: Any) -> Iterator[tuple[str, bytes]]:
    """Yield how an array of numbers lies in memory."""
    for kind in ("<f4", "<f8", "<f2"):
        yield kind, np.ascontiguousarray(values, dtype=kind).tobytes()
