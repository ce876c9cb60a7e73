"""How far each file has been ingested."""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import delete, select, update
from sqlalchemy.orm import Session

from data.db.base import insert_for
from data.db.models import IngestRun, utc_now
from data.errors import StorageError


@dataclass(frozen=True, slots=True)
class RunState:
    """Where a run stands.

    Attributes:
        last_row: line of the last committed row, 0 before the first.
        read: rows read so far.
    """

    id: int
    last_row: int
    read: int
    started_at: datetime
    finished: bool


class IngestRunRepository:
    """Runs by kind, file hash and options."""

    def __init__(self, session: Session) -> None:
        self._session = session

    def start(self, kind: str, sha256: str, options: str, path: str) -> RunState:
        """Return the run of this file, made if new; safe when two processes start it."""
        values = {
            "kind": kind,
            "sha256": sha256,
            "options": options,
            "path": path,
            "last_row": 0,
            "read": 0,
            "written": 0,
            "rejected": 0,
            "started_at": utc_now(),
        }
        insert = insert_for(self._session, IngestRun.__table__)  # type: ignore[arg-type]
        unique = ["kind", "sha256", "options"]
        self._session.execute(insert.on_conflict_do_nothing(index_elements=unique), [values])
        row = self._session.scalars(
            select(IngestRun).where(
                IngestRun.kind == kind, IngestRun.sha256 == sha256, IngestRun.options == options
            )
        ).one()
        finished = row.finished_at is not None
        return RunState(row.id, row.last_row, row.read, row.started_at, finished)

    def advance(
        self, run_id: int, last_row: int, *, read: int, written: int, rejected: int
    ) -> None:
        """Record a block; a row counts as read once, however often it is read.

        Raises:
            StorageError: if the run was forgotten meanwhile.
        """
        run = self._session.get(IngestRun, run_id, with_for_update=True)
        if run is None:
            raise StorageError("whose import this is was erased while it ran: start it again")
        if last_row > run.last_row:
            run.last_row = last_row
            run.read += read
            run.written += written
            run.rejected += rejected
        self._session.flush()

    def finish(self, run_id: int) -> None:
        """Record that the file's end was reached."""
        query = update(IngestRun).where(IngestRun.id == run_id)
        self._session.execute(query.values(finished_at=utc_now()))

    def forget(self, user: str) -> int:
        """Delete the runs of a user's own files, which then are read anew; return how many."""
        runs = self._session.execute(select(IngestRun.id, IngestRun.options))
        theirs = [key for key, options in runs if json.loads(options).get("user") == user]
        if theirs:
            self._session.execute(delete(IngestRun).where(IngestRun.id.in_(theirs)))
        return len(theirs)
