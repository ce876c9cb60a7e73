"""The file of rows set aside: one JSON object per line, with place and reason."""

from __future__ import annotations

import json
import os
import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from data.locks import locked_folder


@dataclass(frozen=True, slots=True)
class Reject:
    """One row set aside."""

    line: int
    reason: str
    row: Any


class RejectsFile:
    """Rows of one ingested file that were set aside, appended to a file that others share.

    Args:
        path: the JSON-lines file; made, with its folder, at the first reject.
        kind: ``songs``, ``listens`` or ``feedback``.
        source: the file being ingested.
        sha256: its hash, by which, with kind and user, its rejects are told from others'.
        user: whose file it is, where that is known: a broken row does not name them itself.
    """

    def __init__(
        self, path: Path, kind: str, source: Path, sha256: str, user: str | None = None
    ) -> None:
        self._path = path
        self._origin = {"file": str(source), "sha256": sha256, "kind": kind}
        if user is not None:
            self._origin["user"] = user

    def append(self, rejects: Sequence[Reject]) -> None:
        """Write ``rejects`` and wait until they are on disk."""
        if not rejects:
            return
        self._path.parent.mkdir(parents=True, exist_ok=True)
        with locked_folder(self._path.parent), self._path.open("a", encoding="utf-8") as stream:
            # What another file's kill has torn stays a line of its own.
            stream.write("\n" if self._is_torn() else "")
            stream.writelines(self._lines(rejects))
            stream.flush()
            os.fsync(stream.fileno())

    def forget_after(self, line: int) -> None:
        """Take out this file's rejects beyond ``line``: a killed run wrote but did not commit them.

        They are found again when those rows are read again.
        """
        if self._path.exists():
            with locked_folder(self._path.parent):
                _drop(self._path, lambda text: self._is_after(text, line))

    def _is_torn(self) -> bool:
        with self._path.open("rb") as stream:
            size = stream.seek(0, os.SEEK_END)
            stream.seek(max(0, size - 1))
            return stream.read() not in (b"", b"\n")

    def _lines(self, rejects: Sequence[Reject]) -> Iterator[str]:
        for reject in rejects:
            entry = {**self._origin, "line": reject.line, "reason": reject.reason}
            # ASCII only: bytes that were no UTF-8 keep their values as escapes.
            yield json.dumps({**entry, "row": reject.row}, default=str) + "\n"

    def _is_after(self, text: str, line: int) -> bool:
        entry = _entry(text)
        if entry is None:
            return True
        same = all(entry.get(k) == self._origin.get(k) for k in ("sha256", "kind", "user"))
        return same and int(entry["line"]) > line


def forget_rejects(folder: Path, user: str) -> int:
    """Take the rows that name a user out of every rejects file of a folder; returns how many."""
    if not folder.is_dir():
        return 0
    with locked_folder(folder):
        return sum(_forget(path, user) for path in sorted(folder.glob("*.jsonl")))


def _forget(path: Path, user: str) -> int:
    named = 0

    def drop(text: str) -> bool:
        nonlocal named
        entry = _entry(text)
        found = entry is not None and _names(entry, user)
        named += found
        return found or entry is None

    _drop(path, drop)
    return named


def _drop(path: Path, unwanted: Callable[[str], bool]) -> None:
    """Rewrite a file without the unwanted lines; one without such is left alone."""
    partial = path.with_name(f".{path.name}.partial")
    dropped = False
    with path.open(encoding="utf-8") as old, partial.open("w", encoding="utf-8") as new:
        for text in old:
            if unwanted(text):
                dropped = True
            else:
                new.write(text)
        new.flush()
        os.fsync(new.fileno())
    if dropped:
        os.replace(partial, path)
    else:
        partial.unlink()


def _entry(text: str) -> dict[str, Any] | None:
    """Return what a line says; None of one torn by a kill.

    Its row was not committed either, and is found again when its file is read again.
    """
    try:
        found = json.loads(text)
    except ValueError:
        return None
    return found if isinstance(found, dict) else None


def _names(entry: dict[str, Any], user: str) -> bool:
    row = entry.get("row")
    if entry.get("user") == user or user in _values(row):
        return True
    # A row that could not be taken apart names them somewhere, as they are or as JSON spells them.
    spelled = "|".join(map(re.escape, (user, json.dumps(user)[1:-1])))
    return isinstance(row, str) and bool(re.search(rf"(?<!\w)(?:{spelled})(?!\w)", row))


def _values(row: Any) -> Iterator[str]:
    """Yield every value of a row, however deep it lies, as an id is read from it."""
    if isinstance(row, dict):
        row = list(row.values())
    if not isinstance(row, list):
        whole = isinstance(row, float) and row.is_integer()
        yield str(int(row) if whole else row).strip()
        return
    for value in row:
        yield from _values(value)
