"""Catalogue rows of the songs in answers, kept in memory between requests."""

from __future__ import annotations

import threading
import time
from collections.abc import Collection
from datetime import UTC, datetime

from api.changes import ChangeFeed
from data.db.repositories import SongRepository
from data.db.session import Database
from data.types import Song

#: Rows kept at most; about a kilobyte each.
MOST_ROWS = 50_000
#: Whoever takes a song out of the database by hand sees it gone after so many seconds.
LONGEST_S = 30.0


class SongRows:
    """Reads songs by id, from memory where they were read before; safe to share between threads.

    Args:
        database: with the catalogue.
        look_s: how often to look for songs that were changed, seconds; 0 keeps no rows.
        longest_s: age from which a row is read again in any case, seconds.
    """

    def __init__(self, database: Database, look_s: float, longest_s: float = LONGEST_S) -> None:
        self._database = database
        self._look_s = look_s
        self._longest_s = longest_s if look_s else 0.0
        self._kept: dict[str, tuple[float, Song]] = {}
        self._feed = ChangeFeed(database, datetime.now(UTC))
        self._looked = time.monotonic()
        self._looking = threading.Lock()
        self._lock = threading.Lock()
        self._changes = 0

    def get_many(self, ids: Collection[str]) -> dict[str, Song]:
        """Return the songs of ``ids`` that exist, by id.

        Raises:
            DatabaseUnavailableError: if one has to be read and the database does not answer.
        """
        now = time.monotonic()
        if self._look_s and now - self._looked >= self._look_s:
            self._look(now)
        kept = {song: self._kept.get(song) for song in ids}
        found = {
            song: one[1] for song, one in kept.items() if one and now - one[0] < self._longest_s
        }
        missing = [song for song in ids if song not in found]
        if missing:
            found.update(self._read(missing, now))
        return found

    def _look(self, now: float) -> None:
        """Forget the songs that were changed; one thread looks, the others go on."""
        if not self._looking.acquire(blocking=False):
            return
        try:
            changed = [change.song_id for change in self._feed.poll()]
            self._looked = now
        finally:
            self._looking.release()
        with self._lock:
            self._changes += bool(changed)
            for song in changed:
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
