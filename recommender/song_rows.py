"""Catalogue rows of the songs in an answer, kept in memory between requests."""

from __future__ import annotations

import threading
import time
from collections.abc import Collection
from typing import TYPE_CHECKING

from data.db.repositories import SongRepository
from data.types import Song

if TYPE_CHECKING:
    from data.db.session import Database

#: Rows kept at most; about a kilobyte each.
MOST_ROWS = 50_000
#: Whoever takes a song out of the database by hand sees it gone after so many seconds.
LONGEST_S = 30.0


class SongRows:
    """Reads songs by id, from memory where they were read before; safe to share between threads.

    Songs that change have to be forgotten by :meth:`forget`, which the service's watcher does.

    Args:
        database: with the catalogue.
        longest_s: age from which a row is read again, seconds.
    """

    def __init__(self, database: Database, longest_s: float = LONGEST_S) -> None:
        self._database = database
        self._longest_s = longest_s
        self._kept: dict[str, tuple[float, Song]] = {}
        self._lock = threading.Lock()
        self._changes = 0

    def get_many(self, ids: Collection[str]) -> dict[str, Song]:
        """Return the songs of ``ids`` that exist, by id.

        Raises:
            DatabaseUnavailableError: if one has to be read and the database does not answer.
        """
        now = time.monotonic()
        kept = {song: self._kept.get(song, (-self._longest_s, None)) for song in ids}
        found = {s: row for s, (at, row) in kept.items() if row and now - at < self._longest_s}
        missing = [song for song in ids if song not in found]
        if missing:
            found.update(self._read(missing, now))
        return found

    def forget(self, ids: Collection[str]) -> None:
        """Read these songs anew when they are next asked for."""
        with self._lock:
            self._changes += 1
            for song in ids:
                self._kept.pop(song, None)

    def _read(self, ids: Collection[str], now: float) -> dict[str, Song]:
        before = self._changes
        with self._database.session() as session:
            found = SongRepository(session).get_many(ids)
        with self._lock:
            # What was changed meanwhile may have been read too early.
            if before == self._changes:
                if len(self._kept) + len(found) > MOST_ROWS:
                    self._kept.clear()
                self._kept.update((song, (now, row)) for song, row in found.items())
        return found
