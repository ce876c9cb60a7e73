"""Personal listening histories as the services export them, turned into rows of listens.

Each service has a module of its own that tells its files and their forms: :mod:`.listenbrainz`,
:mod:`.lastfm`, :mod:`.spotify`.
"""

from __future__ import annotations

import zipfile
from dataclasses import dataclass
from pathlib import Path

from data.errors import DatasetFormatError
from data.frames import BrokenRow
from data.ingest import lastfm, listenbrainz, spotify
from data.ingest.export_files import BROKEN_ARCHIVE, ExportFile, Records, Row, export_files

EXPORTS = {
    "lastfm": lastfm,
    "listenbrainz": listenbrainz,
    "spotify": spotify,
}


@dataclass(frozen=True, slots=True)
class _Placed:
    """Says where in an archive the rows of one file of it are."""

    place: str

    def __call__(self, line: int, row: Row | BrokenRow) -> Row | BrokenRow:
        if not self.place:
            return row
        if isinstance(row, BrokenRow):
            return BrokenRow(f"{self.place} {line}: {row.reason}", row.raw)
        return {**row, "in": f"{self.place} {line}"}


def iter_export(path: Path, format: str) -> Records:
    """Yield (line, row of listens).

    Lines are those of the file, or the elements of a JSON array, from 1. The rows of an archive
    are counted through, and those set aside tell their file.

    Args:
        path: one file of the export, or the zip archive it came in.
        format: one of :data:`EXPORTS`.

    Raises:
        DatasetFormatError: if it is not such an export.
    """
    service = EXPORTS[format]
    before = 0
    try:
        for file in export_files(path, service.wanted):
            last = before
            placed = _Placed(file.place)
            for line, row in _rows(service.rows(file), file, path):
                last = before + line
                yield last, placed(line, row)
            before = last
    except BROKEN_ARCHIVE as exc:
        if not zipfile.is_zipfile(path):
            raise
        raise DatasetFormatError(f"{path} is damaged: {exc}; export it again") from exc


def _rows(records: Records, file: ExportFile, path: Path) -> Records:
    """Name the whole path in errors about a file's form."""
    try:
        yield from records
    except DatasetFormatError as exc:
        where = f"{path}: " if file.place else f"{path.parent}/" if path.parent.name else ""
        raise DatasetFormatError(f"{where}{exc}") from exc
