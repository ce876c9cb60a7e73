"""Streaming rows out of csv, Parquet and JSON-lines files, with the place of every row."""

from __future__ import annotations

import csv
import json
from collections import deque
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from data.errors import DatasetFormatError, DatasetNotFoundError, RowError

#: File name ending -> format.
SUFFIXES = {
    ".csv": "csv", ".parquet": "parquet", ".jsonl": "jsonl", ".ndjson": "jsonl",
}  # fmt: skip
#: Longest field of a csv file, characters; the module's own limit is shorter than some lyrics.
LONGEST_FIELD = 2_000_000

Row = dict[str, Any]


@dataclass(frozen=True, slots=True)
class BrokenRow:
    """A row that cannot even be taken apart.

    Attributes:
        reason: what is wrong.
        raw: the row as far as it was read.
    """

    reason: str
    raw: Any


def iter_rows(
    path: Path, format: str | None = None, columns: Mapping[str, str] | None = None
) -> Iterator[tuple[int, Row]]:
    """Yield (line, row) of a table file, a block at a time in memory.

    Lines count from 1: physical lines of csv (where the row starts) and JSON lines, data rows of
    Parquet.

    Args:
        path: the file.
        format: ``csv``, ``parquet`` or ``jsonl``; by the file's ending if None.
        columns: our name -> the file's name; columns not named keep theirs.

    Raises:
        DatasetNotFoundError: if there is no such file.
        DatasetFormatError: if it is not of that format or lacks a column.
        RowError: at a row that cannot be read; see :func:`iter_records` to go on after it.
    """
    for line, row in iter_records(path, format, columns):
        if isinstance(row, BrokenRow):
            raise RowError(f"{path} line {line}: {row.reason}")
        yield line, row


def iter_records(
    path: Path,
    format: str | None = None,
    columns: Mapping[str, str] | None = None,
    only: Collection[str] | None = None,
) -> Iterator[tuple[int, Row | BrokenRow]]:
    """Yield like :func:`iter_rows`, but a broken row as :class:`BrokenRow` instead of an error.

    Args:
        path: the file.
        format: as above.
        columns: as above.
        only: our names of the columns wanted; a format that can will not read the others.
    """
    if not path.is_file():
        raise DatasetNotFoundError(f"no file at {path}")
    reader = _READERS[file_format(path, format)]
    return reader(path, dict(columns or {}), None if only is None else set(only))


def file_format(path: Path, format: str | None = None) -> str:
    """Return the format asked for, or the one the file's ending tells.

    Raises:
        DatasetFormatError: if there is no such format.
    """
    found = format or SUFFIXES.get(path.suffix.lower(), "")
    if found not in _READERS:
        known = ", ".join(sorted(_READERS))
        raise DatasetFormatError(f"{path}: format {found or path.suffix!r} is not one of {known}")
    return found


def _renaming(
    path: Path, names: Collection[str], columns: Mapping[str, str], only: set[str] | None
) -> dict[str, str]:
    """Return the file's name -> our name for every column to be read."""
    absent = sorted(set(columns.values()) - set(names))
    if absent:
        raise DatasetFormatError(f"{path} has no column {absent}; it has {sorted(names)}")
    ours = {source: name for name, source in columns.items()}
    renamed = {n: ours.get(n, n) for n in names if n in ours or n not in columns}
    return {n: o for n, o in renamed.items() if only is None or o in only}


class _Lines:
    """The physical lines of a file, numbered from 1; those of a broken record can be had again."""

    def __init__(self, stream: Iterable[str]) -> None:
        self._stream = iter(stream)
        self._again: deque[str] = deque()
        self.record: list[str] = []
        self.number = 0

    def __iter__(self) -> Iterator[str]:
        return self

    def __next__(self) -> str:
        text = self._again.popleft() if self._again else next(self._stream)
        self.number += 1
        self.record.append(text)
        return text

    def rewind(self) -> None:
        """Go back to the second line of the current record."""
        again = self.record[1:]
        self._again.extendleft(reversed(again))
        self.number -= len(again)


def _csv_rows(
    path: Path, columns: dict[str, str], only: set[str] | None
) -> Iterator[tuple[int, Row | BrokenRow]]:
    csv.field_size_limit(LONGEST_FIELD)
    # Wrong bytes become surrogates, so that the one row can be set aside and the rest read.
    with path.open(newline="", encoding="utf-8-sig", errors="surrogateescape") as stream:
        records = csv_records(stream)
        _, header = next(records, (1, []))
        if isinstance(header, BrokenRow) or len(set(header)) != len(header) or not header:
            raise DatasetFormatError(f"{path}: the first line must name every column once")
        names = [name.strip() for name in header]
        keep = _renaming(path, names, columns, only)
        for line, fields in records:
            if isinstance(fields, BrokenRow):
                yield line, fields
            elif len(fields) == len(names):
                named = zip(names, fields, strict=True)
                yield line, {keep[name]: value for name, value in named if name in keep}
            else:
                reason = f"{len(fields)} fields, the header has {len(names)}"
                yield line, BrokenRow(reason, fields)


def csv_records(
    stream: Iterable[str], delimiter: str = ","
) -> Iterator[tuple[int, list[str] | BrokenRow]]:
    """Yield (line, fields) of every record; empty lines are passed over.

    A quote that is never closed swallows the lines after it: such a record is given up at its
    first line, and reading goes on at the next one.
    """
    lines = _Lines(stream)
    reader = csv.reader(lines, delimiter=delimiter, strict=True)
    while True:
        lines.record, line = [], lines.number + 1
        try:
            fields = next(reader, None)
        except csv.Error as exc:
            yield line, BrokenRow(f"not csv: {exc}", lines.record[0].rstrip("\r\n"))
            lines.rewind()
            reader = csv.reader(lines, delimiter=delimiter, strict=True)
            continue
        if fields is None:
            return
        if fields:
            yield line, fields


def _jsonl_rows(
    path: Path, columns: dict[str, str], only: set[str] | None
) -> Iterator[tuple[int, Row | BrokenRow]]:
    ours = {source: name for name, source in columns.items()}
    with path.open(encoding="utf-8-sig", errors="surrogateescape", newline="\n") as stream:
        for line, text in enumerate(stream, start=1):
            if not text.strip():
                continue
            try:
                row = json.loads(text)
            except (ValueError, RecursionError) as exc:
                yield line, BrokenRow(f"not JSON: {exc}", text.rstrip("\n"))
                continue
            if not isinstance(row, dict):
                yield line, BrokenRow("not a JSON object", row)
                continue
            named: Row = row
            keep = {n: ours.get(n, n) for n in named if n in ours or n not in columns}
            yield line, {o: named[n] for n, o in keep.items() if only is None or o in only}


def _parquet_rows(
    path: Path, columns: dict[str, str], only: set[str] | None
) -> Iterator[tuple[int, Row | BrokenRow]]:
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        with pq.ParquetFile(path) as file:
            keep = _renaming(path, file.schema_arrow.names, columns, only)
            line = 0
            for batch in file.iter_batches(batch_size=1000, columns=list(keep)):
                for row in batch.to_pylist():
                    line += 1
                    yield line, {ours: row[name] for name, ours in keep.items()}
    except (pa.ArrowException, OSError, ValueError, OverflowError) as exc:
        raise DatasetFormatError(f"{path} is not a readable Parquet file: {exc}") from exc


_Reader = Callable[[Path, dict[str, str], set[str] | None], Iterator[tuple[int, Row | BrokenRow]]]
_READERS: dict[str, _Reader] = {"csv": _csv_rows, "parquet": _parquet_rows, "jsonl": _jsonl_rows}
