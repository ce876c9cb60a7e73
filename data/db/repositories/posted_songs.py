"""Idempotency keys of posted songs."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta

from sqlalchemy import delete, select
from sqlalchemy.orm import Session

from data.db.base import insert_for
from data.db.models import PostedSong, SongRow, utc_now
from data.db.repositories.song_writing import song_keys

#: A key that is older is forgotten: nobody sends a request again after a month.
KEPT = timedelta(days=30)


@dataclass(frozen=True, slots=True)
class Posted:
    """What an idempotency key was used for.

    Attributes:
        sha256: hex digest of the body.
        song_id: external id of the song.
        created: whether the song was new then.
    """

    sha256: str
    song_id: str
    created: bool


class PostedSongRepository:
    """Which idempotency key posted what."""

    def __init__(self, session: Session) -> None:
        self._session = session

    def get(self, key: str) -> Posted | None:
        """Return what ``key`` was used for, or None."""
        query = (
            select(PostedSong.sha256, SongRow.external_id, PostedSong.created)
            .join(SongRow, SongRow.id == PostedSong.song_id)
            .where(PostedSong.idempotency_key == key)
        )
        row = self._session.execute(query).one_or_none()
        return None if row is None else Posted(*row)

    def record(self, key: str, posted: Posted) -> bool:
        """Keep a key with its song, which must be there; forget keys that are too old.

        Returns:
            False if another request recorded the key first.
        """
        self._session.execute(delete(PostedSong).where(PostedSong.at < utc_now() - KEPT))
        values = {
            "idempotency_key": key,
            "sha256": posted.sha256,
            "song_id": song_keys(self._session, [posted.song_id])[posted.song_id],
            "created": posted.created,
            "at": utc_now(),
        }
        insert = insert_for(self._session, PostedSong.__table__)  # type: ignore[arg-type]
        new = insert.on_conflict_do_nothing(index_elements=["idempotency_key"])
        # RETURNING, because psycopg does not count the rows of an insert that did nothing.
        row = self._session.execute(new.returning(PostedSong.idempotency_key), values)
        return row.one_or_none() is not None
