"""Deleting what has expired, whether or not anybody asks for it."""

from __future__ import annotations

import threading
from datetime import UTC, datetime

import structlog

from data.db.repositories import EmotionRepository
from data.db.session import Database
from data.errors import StorageError

#: Pause between looks, seconds. Rows that have expired are not shown meanwhile.
INTERVAL_S = 600.0
_log = structlog.get_logger("attune.expiry")


class Expiry:
    """Deletes expired rows at the start and then every now and then, in a thread of its own.

    Args:
        database: with the emotion history.
        interval_s: pause between looks.
    """

    def __init__(self, database: Database, interval_s: float = INTERVAL_S) -> None:
        self._database = database
        self._interval_s = interval_s
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._run, name="attune-expiry", daemon=True)

    def start(self) -> None:
        """Start looking; returns at once."""
        self._thread.start()

    def stop(self) -> None:
        """End after the look in hand."""
        self._stopping.set()
        if self._thread.is_alive():
            self._thread.join(30)

    def _run(self) -> None:
        while True:
            try:
                delete_expired(self._database)
            except StorageError as exc:
                _log.warning("expiry_failed", error=type(exc).__name__)
            if self._stopping.wait(self._interval_s):
                return


def delete_expired(database: Database) -> int:
    """Delete the remembered moods of all users that have expired; return how many.

    Raises:
        StorageError: if the database does not answer; they are not shown all the same.
    """
    with database.session() as session:
        gone = EmotionRepository(session).purge(datetime.now(UTC))
    if gone:
        database.forget_deleted()
    return gone
