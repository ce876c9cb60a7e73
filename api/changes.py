"""Following the catalogue: which songs callers wrote since the last look."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from data.db.repositories import SongChange, SongChangeRepository
from data.db.session import Database

#: How far back every look goes behind the moment of the look before. A change carries the moment
#: it was written, not the one it was committed, and clocks of machines differ.
OVERLAP = timedelta(minutes=2)
_PAGE = 5000


class ChangeFeed:
    """Hands out every change of a song once, and misses none that comes late by :data:`OVERLAP`.

    For one thread. What was handed out is not handed out again, so that the caller has to keep it
    until it is dealt with; a new feed starts with the whole catalogue.

    Args:
        database: the catalogue.
        since: changes before that moment are not handed out; None for all.
    """

    def __init__(self, database: Database, since: datetime | None = None) -> None:
        self._database = database
        self._from = None if since is None else since - OVERLAP
        self._seen: dict[int, datetime] = {}

    def poll(self) -> list[SongChange]:
        """Return the changes that were not returned before, oldest first.

        Raises:
            StorageError: if the database does not answer; nothing is lost then.
        """
        until = datetime.now(UTC) - OVERLAP
        rows = self._rows()
        fresh = [row for row in rows if self._seen.get(row.key) != row.at]
        self._from = until
        self._seen = {row.key: row.at for row in rows if row.at >= until}
        return fresh

    def _rows(self) -> list[SongChange]:
        found: list[SongChange] = []
        at, key = self._from, 0
        while True:
            with self._database.session() as session:
                page = SongChangeRepository(session).after(at, key, _PAGE)
            found += page
            if len(page) < _PAGE:
                return found
            at, key = page[-1].at, page[-1].key
