"""The ingest loop: blocks of rows, each committed together with how far the file has come."""

from __future__ import annotations

import hashlib
import json
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from itertools import islice
from pathlib import Path
from typing import Any

from sqlalchemy.orm import Session

from data.artifacts import file_sha256
from data.db.repositories.ingest_runs import IngestRunRepository, RunState
from data.db.session import Database
from data.errors import DatasetNotFoundError, InvalidParameterError, RowError
from data.frames import BrokenRow, file_format, iter_records
from data.ingest.exports import EXPORTS, iter_export
from data.ingest.matching import MatchTally, SongMatcher
from data.ingest.rejects import Reject, RejectsFile
from data.ingest.report import IngestReport
from data.ingest.rows import (
    LISTEN_COLUMNS,
    SONG_COLUMNS,
    parse_feedback,
    parse_listen,
    parse_song,
)
from data.ingest.writing import ListenWriter, Parsed, RunIdentity, write_songs

#: Rows per transaction: long enough to be fast, short enough not to block other writers.
BLOCK = 1000
#: Rows between two lines of progress.
PROGRESS_EVERY = 20_000

Progress = Callable[[str], None]
Records = Iterator[tuple[int, dict[str, Any] | BrokenRow]]
Write = Callable[[Session, Sequence[Parsed], RunIdentity], tuple[int, list[Reject]]]


def ingest_songs(
    database: Database,
    paths: Sequence[Path],
    *,
    format: str | None = None,
    columns: Mapping[str, str] | None = None,
    rejects: Path,
    resume: bool = True,
    report: Progress = lambda line: None,
) -> IngestReport:
    """Add or update the songs of ``paths``; see :data:`data.ingest.rows.SONG_COLUMNS`.

    Args:
        database: with an up-to-date schema.
        paths: files; each is taken up where an earlier run left it.
        format: ``csv``, ``parquet`` or ``jsonl``; by each file's ending if None.
        columns: our name -> the file's name; columns not named keep theirs.
        rejects: JSON-lines file that wrong rows are appended to.
        resume: False reads finished and half-done files again from the start; nothing is
            doubled, songs are updated.
        report: called with lines of progress.

    Raises:
        DatasetNotFoundError: if a file does not exist; nothing is read then.
        DatasetFormatError: if a file is of another format or lacks a column.
        InvalidParameterError: if ``columns`` names one that we do not have; nothing is read then.
        DatabaseUnavailableError: if the database is locked or gone; run again to go on.
    """
    job = _Job(database, "songs", parse_song, write_songs, SONG_COLUMNS, rejects, resume, report)
    return job.run(paths, format, columns, None)


def ingest_listens(
    database: Database,
    paths: Sequence[Path],
    *,
    format: str | None = None,
    columns: Mapping[str, str] | None = None,
    rejects: Path,
    resume: bool = True,
    report: Progress = lambda line: None,
    user: str | None = None,
    new_songs: bool = True,
) -> IngestReport:
    """Add the listens of ``paths``; see :data:`data.ingest.rows.LISTEN_COLUMNS`.

    A listen without a song id finds its song as :mod:`data.ingest.matching` says; a song that the
    catalogue lacks is made when artist and title are told.

    Args:
        database: as for :func:`ingest_songs`, like the other arguments.
        paths: files.
        format: also ``listenbrainz``, ``lastfm`` or ``spotify``: personal exports.
        columns: our name -> the file's name.
        rejects: JSON-lines file that wrong rows are appended to.
        resume: False reads every file again from the start; nothing is doubled.
        report: called with lines of progress.
        user: whose listens they are: of an export whatever it says, of a table where a row does
            not say.
        new_songs: False sets listens of songs aside that the catalogue lacks.

    Raises:
        DatasetNotFoundError: as for :func:`ingest_songs`, like the others.
    """
    tally, export = MatchTally(), format in EXPORTS
    matcher = SongMatcher(by_first_artist=export)
    write = ListenWriter(matcher, tally, new_songs=new_songs, by_source=export)
    told = None if new_songs else "catalogue"
    job = _Job(
        database, "listens", parse_listen, write, LISTEN_COLUMNS, rejects, resume, report, told
    )
    return replace(job.run(paths, format, columns, user), matches=tally)


def ingest_feedback(
    database: Database,
    paths: Sequence[Path],
    *,
    format: str | None = None,
    columns: Mapping[str, str] | None = None,
    rejects: Path,
    resume: bool = True,
    report: Progress = lambda line: None,
    user: str | None = None,
) -> IngestReport:
    """Add the events of ``paths`` like :func:`ingest_listens`; every row must name its event."""
    tally = MatchTally()
    write = ListenWriter(SongMatcher(False), tally, new_songs=True, by_source=False)
    job = _Job(database, "feedback", parse_feedback, write, LISTEN_COLUMNS, rejects, resume, report)
    return replace(job.run(paths, format, columns, user), matches=tally)


class _Job:
    """One kind of rows on their way into one database."""

    def __init__(
        self,
        database: Database,
        kind: str,
        parse: Callable[[dict[str, Any]], Any],
        write: Write,
        wanted: tuple[str, ...],
        rejects: Path,
        resume: bool,
        report: Progress,
        songs: str | None = None,
    ) -> None:
        self._songs = songs
        self._database, self._kind, self._parse, self._write = database, kind, parse, write
        self._wanted, self._rejects, self._resume, self._report = wanted, rejects, resume, report

    def run(
        self,
        paths: Sequence[Path],
        format: str | None,
        columns: Mapping[str, str] | None,
        user: str | None,
    ) -> IngestReport:
        """Ingest every file; a missing or unknown one is told before the first is begun."""
        self._check_columns(format, columns or {})
        formats = [self._format(path, format) for path in paths]
        total = IngestReport()
        for path, found in zip(paths, formats, strict=True):
            total += self._file(path, found, dict(columns or {}), user)
        return total

    def _check_columns(self, format: str | None, columns: Mapping[str, str]) -> None:
        if columns and format in EXPORTS:
            raise InvalidParameterError("column", f"exports of {format} have columns of their own")
        unknown = sorted(columns.keys() - set(self._wanted))
        if unknown:
            known = ", ".join(self._wanted)
            raise InvalidParameterError(
                "column", f"{self._kind} have no column {unknown[0]!r}; name one of {known}"
            )

    def _format(self, path: Path, format: str | None) -> str:
        if not path.is_file():
            raise DatasetNotFoundError(f"no file at {path}")
        if format in EXPORTS and self._kind == "listens":
            return str(format)
        return file_format(path, format)

    def _file(
        self, path: Path, format: str, columns: dict[str, str], user: str | None
    ) -> IngestReport:
        began = time.perf_counter()
        sha256 = file_sha256(path)
        how = {"format": format, "columns": columns, "user": user}
        if self._songs is not None:
            how["songs"] = self._songs
        options = json.dumps(how, sort_keys=True)
        with self._database.session() as session:
            state = IngestRunRepository(session).start(self._kind, sha256, options, str(path))
        if state.finished and self._resume:
            self._report(f"{path.name}: {state.read} rows, all ingested before")
            return IngestReport(state.read, skipped=state.read, seconds=time.perf_counter() - began)
        done = state.last_row if self._resume else 0
        rejects = RejectsFile(self._rejects, self._kind, path, sha256, user)
        rejects.forget_after(done)
        identity = hashlib.sha256(f"{self._kind}\n{sha256}\n{options}".encode()).hexdigest()[:16]
        run = RunIdentity(identity, state.started_at)
        records = self._records(path, format, columns, user)
        counts = self._blocks(path, records, done, state, run, rejects)
        with self._database.session() as session:
            IngestRunRepository(session).finish(state.id)
        return counts + IngestReport(seconds=time.perf_counter() - began)

    def _records(
        self, path: Path, format: str, columns: dict[str, str], user: str | None
    ) -> Records:
        if format in EXPORTS:
            records = iter_export(path, format)
        else:
            records = iter_records(path, format, columns, self._wanted)
        for line, row in records:
            if user is not None and not isinstance(row, BrokenRow):
                # A service has its own name for the owner of an export, and not in every file.
                row["user"] = user if format in EXPORTS else row.get("user") or user
            yield line, row

    def _blocks(
        self,
        path: Path,
        records: Records,
        done: int,
        state: RunState,
        run: RunIdentity,
        rejects: RejectsFile,
    ) -> IngestReport:
        counts = IngestReport()
        reported = 0
        while block := list(islice(records, BLOCK)):
            fresh = [(line, row) for line, row in block if line > done]
            counts += IngestReport(read=len(block) - len(fresh), skipped=len(block) - len(fresh))
            if fresh:
                counts += self._block(fresh, state, run, rejects)
            if counts.read - reported >= PROGRESS_EVERY:
                reported = counts.read
                self._report(_progress(path, counts))
        self._report(_progress(path, counts))
        return counts

    def _block(
        self,
        block: Sequence[tuple[int, dict[str, Any] | BrokenRow]],
        state: RunState,
        run: RunIdentity,
        rejects: RejectsFile,
    ) -> IngestReport:
        """Write one block in one transaction, its rejects before the commit.

        Killed between the two, the next run takes those rejects out and finds them again.
        """
        parsed, wrong = self._parsed(block)
        with self._database.session() as session:
            written, refused = self._write(session, parsed, run)
            wrong = sorted(wrong + refused, key=lambda reject: reject.line)
            rejects.append(wrong)
            counts = IngestReport(
                len(block), written, len(wrong), len(block) - written - len(wrong)
            )
            IngestRunRepository(session).advance(
                state.id, block[-1][0], read=len(block), written=written, rejected=len(wrong)
            )
        return counts

    def _parsed(
        self, block: Sequence[tuple[int, dict[str, Any] | BrokenRow]]
    ) -> tuple[list[Parsed], list[Reject]]:
        parsed: list[Parsed] = []
        wrong: list[Reject] = []
        for line, row in block:
            if isinstance(row, BrokenRow):
                wrong.append(Reject(line, row.reason, row.raw))
                continue
            try:
                parsed.append(Parsed(line, self._parse(row), row))
            except RowError as exc:
                wrong.append(Reject(line, str(exc), row))
        return parsed, wrong


def _progress(path: Path, counts: IngestReport) -> str:
    return (
        f"{path.name}: {counts.read} rows read, {counts.written} written, "
        f"{counts.rejected} rejected, {counts.skipped} known before"
    )
