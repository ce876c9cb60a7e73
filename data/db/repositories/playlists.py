"""Saved playlists."""

from __future__ import annotations

import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Row, Select, select
from sqlalchemy.orm import Session

from data.db.base import insert_for
from data.db.models import Playlist, User, utc_now
from data.db.repositories.users import UserRepository


@dataclass(frozen=True, slots=True)
class SavedPlaylist:
    """A playlist as stored.

    Attributes:
        details: moods, strategy and what belongs to each song, as JSON values.
        sha256: hex digest of the body it was asked for by, where that had an idempotency key.
    """

    id: str
    user_id: str
    name: str
    song_ids: tuple[str, ...]
    details: dict[str, Any]
    created_at: datetime
    sha256: str | None = None


class PlaylistRepository:
    """Playlists by their ids."""

    def __init__(self, session: Session) -> None:
        self._session = session

    def save(
        self,
        user_id: str,
        song_ids: Sequence[str],
        *,
        name: str,
        details: Mapping[str, Any] | None = None,
        idempotency_key: str | None = None,
        sha256: str | None = None,
    ) -> str:
        """Store a playlist and return its id, which cannot be guessed; makes the user if new.

        Where this user's ``idempotency_key`` has made one before, nothing is stored, and the id is
        that of the one before.
        """
        values = {
            "id": uuid.uuid4().hex,
            "user_id": UserRepository(self._session).ensure(user_id).id,
            "name": name,
            "song_ids": list(song_ids),
            "details": dict(details or {}),
            "idempotency_key": idempotency_key,
            "sha256": sha256,
            "created_at": utc_now(),
        }
        insert = insert_for(self._session, Playlist.__table__)  # type: ignore[arg-type]
        new = insert.on_conflict_do_nothing(index_elements=["user_id", "idempotency_key"])
        made = self._session.execute(new.returning(Playlist.id), values).scalar_one_or_none()
        before = None if made or idempotency_key is None else self.made(user_id, idempotency_key)
        return before.id if before is not None else str(values["id"])

    def get(self, playlist_id: str) -> SavedPlaylist | None:
        """Return a playlist, or None."""
        return self._one(_saved().where(Playlist.id == playlist_id))

    def made(self, user_id: str, idempotency_key: str) -> SavedPlaylist | None:
        """Return the playlist that a key of this user made, or None."""
        query = _saved().where(
            User.external_id == user_id, Playlist.idempotency_key == idempotency_key
        )
        return self._one(query)

    def _one(self, query: Select[Playlist, str]) -> SavedPlaylist | None:
        found: Row[Playlist, str] | None = self._session.execute(query).one_or_none()
        if found is None:
            return None
        row, user_id = found
        return SavedPlaylist(
            row.id,
            user_id,
            row.name,
            tuple(row.song_ids),
            row.details,
            row.created_at,
            row.sha256,
        )


def _saved() -> Select[Playlist, str]:
    return select(Playlist, User.external_id).join(User, User.id == Playlist.user_id)
