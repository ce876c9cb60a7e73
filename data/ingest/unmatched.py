"""The file of artists and titles that no song of the catalogue was found for."""

from __future__ import annotations

import csv
import os
from collections.abc import Iterable
from pathlib import Path

from data.ingest.matching import Pair

#: Ends the names of these files, so that what they say of an erased user can be found.
SUFFIX = ".unmatched.csv"
_COLUMNS = ("user", "artist", "title", "listens")


def write_unmatched(path: Path, counts: Iterable[tuple[Pair, int]]) -> None:
    """Write (pair, listens) in the order given, in place of what the file held before."""
    _replace(path, [[*pair, str(count)] for pair, count in counts])


def forget_unmatched(folder: Path, user: str) -> int:
    """Take the rows of a user out of every such file of a folder; returns how many."""
    dropped = 0
    for path in sorted(folder.glob(f"*{SUFFIX}")):
        with path.open(newline="", encoding="utf-8") as stream:
            rows = list(csv.reader(stream))[1:]
        kept = [row for row in rows if row and row[0] != user]
        if len(kept) < len(rows):
            _replace(path, kept)
            dropped += len(rows) - len(kept)
    return dropped


def _replace(path: Path, rows: Iterable[list[str]]) -> None:
    partial = path.with_name(f".{path.name}.partial")
    with partial.open("w", newline="", encoding="utf-8") as stream:
        writer = csv.writer(stream)
        writer.writerow(_COLUMNS)
        writer.writerows(rows)
        stream.flush()
        os.fsync(stream.fileno())
    os.replace(partial, path)
