"""The file of rows set aside: one JSON object per line, with place and reason."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any


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
        sha256: its hash, by which its rejects are told from others'.
    """

    def __init__(self, path: Path, kind: str, source: Path, sha256: str) -> None:
        self._path = path
        self._origin = {"file": str(source), "sha256": sha256, "kind": kind}

    def append(self, rejects: Sequence[Reject]) -> None:
        """Write ``rejects`` and wait until they are on disk."""
        if not rejects:
            return
        self._path.parent.mkdir(parents=True, exist_ok=True)
        with self._path.open("a", encoding="utf-8") as stream:
            stream.writelines(self._lines(rejects))
            stream.flush()
            os.fsync(stream.fileno())

    def forget_after(self, line: int) -> None:
        """Take out this file's rejects beyond ``line``: a killed run wrote but did not commit them.

        They are found again when those rows are read again.
        """
        if not self._path.exists() or not self._any_after(line):
            return
        kept = self._path.with_name(f".{self._path.name}.partial")
        with self._path.open(encoding="utf-8") as old, kept.open("w", encoding="utf-8") as new:
            new.writelines(text for text in old if not self._is_after(text, line))
            new.flush()
            os.fsync(new.fileno())
        os.replace(kept, self._path)

    def _any_after(self, line: int) -> bool:
        with self._path.open(encoding="utf-8") as stream:
            return any(self._is_after(text, line) for text in stream)

    def _lines(self, rejects: Sequence[Reject]) -> Iterator[str]:
        for reject in rejects:
            entry = {**self._origin, "line": reject.line, "reason": reject.reason}
            # ASCII only: bytes that were no UTF-8 keep their values as escapes.
            yield json.dumps({**entry, "row": reject.row}, default=str) + "\n"

    def _is_after(self, text: str, line: int) -> bool:
        try:
            entry = json.loads(text)
        except ValueError:
            # Torn by the kill, so not committed either.
            return not text.endswith("\n")
        same = all(entry.get(k) == self._origin[k] for k in ("sha256", "kind"))
        return same and int(entry["line"]) > line


def forget_rejects(folder: Path, user: str) -> int:
    """Take the rows that name a user out of every rejects file of a folder; returns how many."""
    return sum(_forget(path, user) for path in sorted(folder.glob("*.jsonl")))


def _forget(path: Path, user: str) -> int:
    partial = path.with_name(f".{path.name}.partial")
    dropped = 0
    with path.open(encoding="utf-8") as old, partial.open("w", encoding="utf-8") as new:
        for text in old:
            if _names(text, user):
                dropped += 1
            else:
                new.write(text)
        new.flush()
        os.fsync(new.fileno())
    if dropped:
        os.replace(partial, path)
    else:
        partial.unlink()
    return dropped


def _names(text: str, user: str) -> bool:
    row = json.loads(text).get("row")
    values = row.values() if isinstance(row, dict) else row if isinstance(row, list) else [row]
    return user in map(str, values)
