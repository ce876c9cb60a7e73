"""What callers wrote to the catalogue lately: the feed of watchers and of the embedding worker."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import and_, or_, select
from sqlalchemy.orm import Session

from data.db.base import chunks
from data.db.models import Lyrics, SongRow


@dataclass(frozen=True, slots=True)
class SongChange:
    """One song at its last change.

    Attributes:
        at: when it was written; a writer that commits late may show up behind others.
        key: internal key, which orders changes of one moment.
        song_id: external id.
    """

    at: datetime
    key: int
    song_id: str


class SongChangeRepository:
    """Songs in the order they were last written."""

    def __init__(self, session: Session) -> None:
        self._session = session

    def after(
        self, at: datetime | None = None, key: int = 0, limit: int = 5000
    ) -> list[SongChange]:
        """Return the next changes, oldest first.

        Args:
            at: moment of the last change that is known; None starts at the beginning.
            key: key of that change; 0 gives the whole moment again.
            limit: at most so many.
        """
        query = select(SongRow.updated_at, SongRow.id, SongRow.external_id)
        if at is not None:
            same = and_(SongRow.updated_at == at, SongRow.id > key)
            query = query.where(or_(SongRow.updated_at > at, same))
        query = query.order_by(SongRow.updated_at, SongRow.id).limit(limit)
        return [SongChange(*row) for row in self._session.execute(query)]

    def lyrics(self, ids: Collection[str]) -> dict[str, str]:
        """Return the lyrics, as given, of those songs that have any, by id."""
        found: dict[str, str] = {}
        for part in chunks(sorted(set(ids))):
            query = (
                select(SongRow.external_id, Lyrics.text)
                .join(Lyrics, Lyrics.song_id == SongRow.id)
                .where(SongRow.external_id.in_(part), Lyrics.text != "")
            )
            found.update((song, text) for song, text in self._session.execute(query))
        return found
