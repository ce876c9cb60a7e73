"""Large arrays that processes of one machine share: one file, mapped read-only by each of them.

Every process loads its model as ever, and then takes the mapped twins of its arrays instead: the
private copies are freed, and the memory of one file serves all. Arrays that were derived while
loading are among them, so nothing has to know how a model is stored.

Layout::

    <folder>/<sha256 of the file's bytes>.arrays    header, then each array, 64 bytes aligned

A file is used only if its bytes have the hash that it is named by, which the process has computed
from its own arrays: one that was changed, or written in part, is replaced. The folder is locked
meanwhile, so several processes that start at once write one file.
"""

from __future__ import annotations

import hashlib
import mmap
import os
from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from dataclasses import fields, is_dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csc_matrix, csr_matrix

from data.locks import lock_file, locked_folder

Array = NDArray[Any]
#: Arrays below this stay private, bytes.
LEAST_BYTES = 16_384
_ALIGNED = 64
#: Objects of these packages are looked into.
_OWN = ("recommender.", "nlp.", "data.", "vision.")
_SPARSE = (csr_matrix, csc_matrix)


def share_arrays(root: object, folder: Path, least_bytes: int = LEAST_BYTES) -> int:
    """Replace every large array within ``root`` by a read-only one that other processes share.

    Not to be called while others use ``root``. Files that no process maps any more are removed.

    Args:
        root: an object of this package; what it holds is looked into.
        folder: of the shared files; made if absent.
        least_bytes: smaller arrays stay as they are.

    Returns:
        How many bytes are shared.

    Raises:
        OSError: if the folder cannot be written or the disk is full; ``root`` is as it was.
    """
    found = _large_arrays(root, least_bytes)
    if not found:
        return 0
    arrays = [array for array, _ in found]
    digest = hashlib.sha256()
    for chunk in _chunks(arrays):
        digest.update(chunk)
    name = f"{digest.hexdigest()}.arrays"
    folder.mkdir(parents=True, exist_ok=True)
    with locked_folder(folder):
        _prune(folder, keep=name)
        mapped = _mapped(folder / name) or _written(folder / name, arrays)
    for (_, places), twin in zip(found, _views(mapped, arrays), strict=True):
        for put in places:
            put(twin)
    return sum(array.nbytes for array in arrays)


def _large_arrays(root: object, least: int) -> list[tuple[Array, list[Callable[[Array], object]]]]:
    """Return each large array once, with what puts another in each of its places."""
    found: dict[int, tuple[Array, list[Callable[[Array], object]]]] = {}
    seen: set[int] = set()
    todo: list[object] = [root]
    while todo:
        held = todo.pop()
        if id(held) in seen:
            continue
        seen.add(id(held))
        if isinstance(held, tuple | list):
            todo += [value for value in held if not isinstance(value, str | int | float)]
            continue
        for name, value in _members(held):
            if type(value) is np.ndarray:
                if value.nbytes >= least and not value.dtype.hasobject and _is_dense(value):
                    put = held.__setitem__ if isinstance(held, dict) else None
                    place = partial(put or partial(object.__setattr__, held), name)
                    found.setdefault(id(value), (value, []))[1].append(place)
            elif not isinstance(value, str | int | float):
                todo.append(value)
    return list(found.values())


def _members(held: object) -> list[tuple[Any, object]]:
    """Return what an object of ours, a sparse matrix or a dictionary holds, by name."""
    if isinstance(held, dict):
        return list(held.items())
    if isinstance(held, _SPARSE):
        held.sum_duplicates()  # sorts in place where that is due, which it could not do later
        return [(name, getattr(held, name)) for name in ("data", "indices", "indptr")]
    if isinstance(held, type) or not type(held).__module__.startswith(_OWN):
        return []
    if is_dataclass(held) and not hasattr(held, "__dict__"):
        return [(field.name, getattr(held, field.name)) for field in fields(held)]
    return list(getattr(held, "__dict__", {}).items())


def _is_dense(array: Array) -> bool:
    return bool(array.flags.c_contiguous or array.flags.f_contiguous)


def _flat(array: Array) -> Array:
    """Return the array's bytes in the order they lie in memory, without a copy."""
    rows = array if array.flags.c_contiguous else array.T
    return rows.reshape(-1).view(np.uint8)


def _chunks(arrays: list[Array]) -> Iterator[bytes | memoryview]:
    """Yield the file of these arrays, in pieces."""
    layout = [(a.dtype.str, a.shape, bool(a.flags.c_contiguous)) for a in arrays]
    header = repr(layout).encode("ascii")
    yield header + bytes(-len(header) % _ALIGNED)
    for array in arrays:
        yield _flat(array).data
        yield bytes(-array.nbytes % _ALIGNED)


def _views(mapped: mmap.mmap, arrays: list[Array]) -> Iterator[Array]:
    """Yield the mapped twin of each array."""
    end = len(mapped)
    ends: list[int] = []
    for array in reversed(arrays):
        end -= array.nbytes + -array.nbytes % _ALIGNED
        ends.append(end)
    for array, start in zip(arrays, reversed(ends), strict=True):
        flat = np.frombuffer(mapped, array.dtype, array.size, start)
        c_order = array.flags.c_contiguous
        yield flat.reshape(array.shape) if c_order else flat.reshape(array.shape[::-1]).T


def _mapped(path: Path) -> mmap.mmap | None:
    """Map a file; None where there is none whose bytes have the hash in its name.

    The mapping keeps the open file, and with it a lock that says that the file is in use.
    """
    try:
        with path.open("rb") as stream:
            lock_file(stream, shared=True)
            found = mmap.mmap(stream.fileno(), 0, access=mmap.ACCESS_READ)
    except (FileNotFoundError, ValueError):  # ValueError: an empty file cannot be mapped
        return None
    return found if hashlib.sha256(found).hexdigest() == path.stem else None


def _written(path: Path, arrays: list[Array]) -> mmap.mmap:
    """Write the file whole, put it in place and map it."""
    partial_file = path.with_suffix(".partial")
    try:
        with partial_file.open("wb") as stream:
            for chunk in _chunks(arrays):
                stream.write(chunk)
        partial_file.chmod(0o400)
        os.replace(partial_file, path)
    finally:
        partial_file.unlink(missing_ok=True)
    mapped = _mapped(path)
    if mapped is None:
        raise OSError(f"{path} does not hold what was written to it")
    return mapped


def _prune(folder: Path, keep: str) -> None:
    """Remove the files that no process has mapped, and what a killed one left half-written."""
    for path in folder.iterdir():
        if path.suffix in {".arrays", ".partial"} and path.name != keep:
            with suppress(OSError), path.open("rb") as stream:
                if lock_file(stream, wait=False):
                    path.unlink()


def shared_bytes(root: object, least_bytes: int = LEAST_BYTES) -> Mapping[str, int]:
    """Return how many bytes of large arrays are ``mapped`` and how many are ``private``."""
    sizes = {"mapped": 0, "private": 0}
    for array, _ in _large_arrays(root, least_bytes):
        sizes["mapped" if _is_mapped(array) else "private"] += array.nbytes
    return sizes


def _is_mapped(array: Array) -> bool:
    base: object = array
    while isinstance(base, np.ndarray):
        base = base.base
    return isinstance(base, memoryview | mmap.mmap)
