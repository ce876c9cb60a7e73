"""Histories read a moment ago, used again where the database says that nothing happened since.

Every request asks the database whether its listener did anything, so that the last event counts at
once; but to be told that nothing changed is a tenth of the work of reading what a listener did.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from data.db.repositories import InteractionRepository
from data.types import UserHistory
from recommender.recent import Recent

if TYPE_CHECKING:
    from data.db.repositories import HistoryStamp
    from data.db.session import Database

#: A longer history is read each time: a few listeners with everything must not fill the memory.
LONGEST_HISTORY = 2_000


class _Kept(NamedTuple):
    stamp: HistoryStamp
    moments: bool
    history: UserHistory


class RecentHistories:
    """Keeps the latest histories of one process in memory; safe to share between threads.

    Args:
        most: histories kept, some 10 kB each and 400 kB at the most; 0 keeps none.
        longest_s: age from which a history is read anew in any case, seconds.
    """

    def __init__(self, most: int, longest_s: float = 60.0) -> None:
        self._kept: Recent[str, _Kept] = Recent(most, longest_s)

    def read(self, database: Database, user_id: str, *, moments: bool) -> UserHistory:
        """Return what a user did until now; the same object as before where nothing changed.

        Args:
            database: with the events.
            user_id: the caller's id.
            moments: whether those with an emotion are needed.

        Raises:
            DatabaseUnavailableError: if the database does not answer.
        """
        with database.session() as session:
            events = InteractionRepository(session)
            if not self._kept.most:
                return events.history(user_id, moments=moments)
            # The stamp comes first: what happens in between then makes it an old one.
            stamp = events.stamp(user_id)
            if stamp is None:
                return UserHistory(user_id)
            kept = self._kept.get(user_id)
            if kept is not None and kept.stamp == stamp and kept.moments >= moments:
                return kept.history
            history = events.history(user_id, moments=moments)
        if len(history.song_ids) + len(history.moments) <= LONGEST_HISTORY:
            self._kept.keep(user_id, _Kept(stamp, moments, history))
        return history

    def forget(self, user_id: str) -> None:
        """Drop a user's history."""
        self._kept.forget(lambda user: user == user_id)
