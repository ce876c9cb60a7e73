"""Saved playlists."""

from __future__ import annotations

import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from data.db.models import Playlist, User
from data.db.repositories.users import UserRepository


@dataclass(frozen=True, slots=True)
class SavedPlaylist:
    """A playlist as stored; ``details`` holds moods and strategy as JSON values."""

    id: str
    user_id: str
    name: str
    song_ids: tuple[str, ...]
    details: dict[str, Any]
    created_at: datetime


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
    ) -> str:
        """Store a playlist and return its id, which cannot be guessed; makes the user if new."""
        user = UserRepository(self._session).ensure(user_id)
        row = Playlist(
            id=uuid.uuid4().hex,
            user_id=user.id,
            name=name,
            song_ids=list(song_ids),
            details=dict(details or {}),
        )
        self._session.add(row)
        self._session.flush()
        return row.id

    def get(self, playlist_id: str) -> SavedPlaylist | None:
        """Return a playlist, or None."""
        query = select(Playlist, User.external_id).join(User, User.id == Playlist.user_id)
        found = self._session.execute(query.where(Playlist.id == playlist_id)).one_or_none()
        if found is None:
            return None
        row, user_id = found
        return SavedPlaylist(
            row.id, user_id, row.name, tuple(row.song_ids), row.details, row.created_at
        )
