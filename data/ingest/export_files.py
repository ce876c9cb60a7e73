"""The files of an export: one by one, or all together in the archive they came in."""

from __future__ import annotations

import io
import json
import re
import struct
import zipfile
import zlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import IO, Any, TextIO

from data.errors import DatasetFormatError
from data.frames import BrokenRow

Row = dict[str, Any]
Records = Iterator[tuple[int, Row | BrokenRow]]
#: Most bytes that a member of an archive may unpack to: a Spotify file has about 13 MB.
LARGEST_MEMBER = 1 << 30
#: What zipfile raises on damaged archives, depending on where the damage is.
BROKEN_ARCHIVE = (
    zipfile.BadZipFile, zlib.error, struct.error, EOFError, IndexError, NotImplementedError,
    OSError, OverflowError, RuntimeError, ValueError,
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class ExportFile:
    """One file of an export.

    Attributes:
        name: of the file, without folders.
        place: its path in the archive; empty if it is in none.
        open: opens it as text, with bytes that are no UTF-8 as surrogates.
    """

    name: str
    place: str
    open: Callable[[], TextIO]


def export_files(path: Path, wanted: Callable[[str], bool]) -> Iterator[ExportFile]:
    """Yield the file itself, or those of an archive that are wanted, in the order of their numbers.

    Args:
        path: a file or a zip archive.
        wanted: told the path inside an archive.

    Raises:
        DatasetFormatError: if an archive is damaged, holds nothing wanted, or unpacks to too much.
    """
    if not zipfile.is_zipfile(path):
        yield ExportFile(path.name, "", partial(_text, path))
        return
    with zipfile.ZipFile(path) as archive:
        members = [one for one in archive.infolist() if not one.is_dir() and wanted(one.filename)]
        if not members:
            raise DatasetFormatError(f"{path} holds no file of listens of that service")
        for one in sorted(members, key=lambda one: _numbered(one.filename)):
            if one.file_size > LARGEST_MEMBER:
                raise DatasetFormatError(f"{path}: {one.filename} unpacks to too many bytes")
            opened = partial(_member, archive, one, path)
            yield ExportFile(one.filename.rpartition("/")[2], one.filename, opened)


def _text(path: Path) -> TextIO:
    return path.open(newline="", encoding="utf-8-sig", errors="surrogateescape")


def _member(archive: zipfile.ZipFile, member: zipfile.ZipInfo, path: Path) -> TextIO:
    try:
        stream: IO[bytes] = archive.open(member)
    except (zipfile.BadZipFile, NotImplementedError, RuntimeError) as exc:
        raise DatasetFormatError(f"{path}: {member.filename} cannot be unpacked: {exc}") from exc
    return io.TextIOWrapper(stream, encoding="utf-8-sig", errors="surrogateescape", newline="")


def _numbered(name: str) -> tuple[int, list[tuple[int, int | str]]]:
    """Return a sorting key by which 2 comes before 10, and what is in folders first.

    ListenBrainz' feedback, which names recordings only, so follows the listens that tell of them.
    """
    parts = re.split(r"(\d+)", name)
    numbers: list[tuple[int, int | str]] = [
        (0, int(part)) if part.isdecimal() and part.isascii() else (1, part) for part in parts
    ]
    return -name.count("/"), numbers


def json_items(file: ExportFile, inner: Callable[[Row], Any]) -> Records:
    """Yield (place, object) of JSON lines, of an array, or of one object that holds an array.

    Args:
        file: read a line at a time where it has one object per line.
        inner: returns the array that an object holds, or None.

    Raises:
        DatasetFormatError: if an array is cut off.
    """
    with file.open() as stream:
        number, first = next(((n, t) for n, t in enumerate(stream, start=1) if t.strip()), (1, ""))
        alone = _loaded(first)
        if isinstance(alone, dict) and inner(alone) is None:
            yield number, alone
            yield from _lines(enumerate(stream, start=number + 1))
            return
        text = first + stream.read()
    whole = _loaded(text)
    if isinstance(whole, BrokenRow):
        if text.lstrip().startswith("["):
            raise DatasetFormatError(f"{file.name} is not a whole JSON array: export it again")
        yield from _lines(enumerate(text.split("\n"), start=number))
        return
    found = inner(whole) if isinstance(whole, dict) else whole
    items = found if isinstance(found, list) else [whole]
    yield from ((place, _object(item)) for place, item in enumerate(items, start=1))


def _lines(numbered: Iterator[tuple[int, str]]) -> Records:
    return ((number, _object(_loaded(text))) for number, text in numbered if text.strip())


def _object(item: Any) -> Row | BrokenRow:
    return item if isinstance(item, dict | BrokenRow) else BrokenRow("not a JSON object", item)


def _loaded(text: str) -> Any:
    try:
        return json.loads(text)
    except (ValueError, RecursionError) as exc:
        return BrokenRow(f"not JSON: {exc}", text)
