"""Users: made when first seen, exported and erased on request."""

from __future__ import annotations

from collections.abc import Collection
from typing import Any

from sqlalchemy import delete, func, select
from sqlalchemy.orm import Session

from data.db.base import begin_writing, chunks, insert_for
from data.db.models import (
    ApiKey,
    Artist,
    EmotionLog,
    Interaction,
    MutedArtist,
    Playlist,
    RateBucket,
    SongRow,
    User,
    utc_now,
)
from data.times import utc_text


class UserRepository:
    """Users by the ids their callers use."""

    def __init__(self, session: Session) -> None:
        self._session = session

    def ensure(self, external_id: str) -> User:
        """Return the user, made if new; safe when two requests do so at once."""
        self.ensure_many([external_id])
        return self._session.scalars(select(User).where(User.external_id == external_id)).one()

    def ensure_many(self, external_ids: Collection[str]) -> dict[str, int]:
        """Return external id -> internal key, making the users that are new.

        Until the transaction ends nobody else can erase them: rows about them may be added.
        """
        ordered = sorted(set(external_ids))
        begin_writing(self._session)
        known = self._keys(ordered, held=True)
        # Again where one was erased between being made and being looked up.
        while missing := [name for name in ordered if name not in known]:
            insert = insert_for(self._session, User.__table__)  # type: ignore[arg-type]
            now = utc_now()
            self._session.execute(
                insert.on_conflict_do_nothing(index_elements=["external_id"]),
                [{"external_id": name, "created_at": now} for name in missing],
            )
            known.update(self._keys(missing, held=True))
        return known

    def ids(self) -> list[str]:
        """Return the external ids of all users, sorted."""
        return sorted(self._session.scalars(select(User.external_id)))

    def count(self) -> int:
        """Return the number of users."""
        return self._session.scalar(select(func.count()).select_from(User)) or 0

    def erase(self, external_id: str) -> bool:
        """Delete the user and every row about them, keys bound to them included.

        Returns:
            False if nothing was stored about them, not even a key.
        """
        connection = self._session.connection()
        theirs = select(ApiKey.id).where(ApiKey.user == external_id)
        connection.execute(delete(RateBucket).where(RateBucket.key.in_(theirs)))
        keys = connection.execute(delete(ApiKey).where(ApiKey.user == external_id))
        users = connection.execute(delete(User).where(User.external_id == external_id))
        return keys.rowcount + users.rowcount > 0

    def export(self, external_id: str) -> dict[str, Any] | None:
        """Return everything stored about the user, as JSON values; None if that is nothing.

        ``known`` is false of a user of whom there is only a key.
        """
        user = self._session.scalar(select(User).where(User.external_id == external_id))
        keys = self._keys_bound(external_id)
        if user is None and not keys:
            return None
        return {
            "user": external_id,
            "known": user is not None,
            "created_at": utc_text(user.created_at if user else None),
            "interactions": [] if user is None else self._interactions(user.id),
            "emotions": [] if user is None else self._emotions(user.id),
            "muted_artists": [] if user is None else self._muted(user.id),
            "playlists": [] if user is None else self._playlists(user.id),
            "api_keys": keys,
        }

    def _keys(self, external_ids: Collection[str], *, held: bool = False) -> dict[str, int]:
        """Return external id -> internal key of those there are; ``held``: none is deleted."""
        found: dict[str, int] = {}
        for part in chunks(list(external_ids)):
            query = select(User.external_id, User.id).where(User.external_id.in_(part))
            if held:  # SQLite has no such lock: there, one writer is all there is
                query = query.with_for_update(read=True, key_share=True)
            found.update((name, key) for name, key in self._session.execute(query))
        return found

    def _keys_bound(self, external_id: str) -> list[dict[str, Any]]:
        query = select(ApiKey).where(ApiKey.user == external_id).order_by(ApiKey.created_at)
        return [
            {
                "id": row.id,
                "name": row.name,
                "created_at": utc_text(row.created_at),
                "last_used_at": utc_text(row.last_used_at),
            }
            for row in self._session.scalars(query)
        ]

    def _interactions(self, key: int) -> list[dict[str, Any]]:
        query = (
            select(Interaction, SongRow.external_id)
            .join(SongRow, SongRow.id == Interaction.song_id)
            .where(Interaction.user_id == key)
            .order_by(Interaction.at, Interaction.id)
        )
        return [
            {
                "song": song,
                "event": row.event,
                "count": row.count,
                "at": utc_text(row.at),
                "emotion": row.emotion,
            }
            for row, song in self._session.execute(query)
        ]

    def _emotions(self, key: int) -> list[dict[str, Any]]:
        live = EmotionLog.expires_at > utc_now()
        query = select(EmotionLog).where(EmotionLog.user_id == key, live).order_by(EmotionLog.id)
        return [
            {
                "label": row.label,
                "confidence": row.confidence,
                "source": row.source,
                "at": utc_text(row.at),
                "expires_at": utc_text(row.expires_at),
            }
            for row in self._session.scalars(query)
        ]

    def _muted(self, key: int) -> list[dict[str, Any]]:
        query = (
            select(Artist.name, MutedArtist.at)
            .join(MutedArtist, MutedArtist.artist_id == Artist.id)
            .where(MutedArtist.user_id == key)
            .order_by(MutedArtist.at, Artist.id)
        )
        return [{"artist": a, "at": utc_text(at)} for a, at in self._session.execute(query)]

    def _playlists(self, key: int) -> list[dict[str, Any]]:
        query = select(Playlist).where(Playlist.user_id == key).order_by(Playlist.created_at)
        return [
            {
                "id": row.id,
                "name": row.name,
                "songs": row.song_ids,
                "details": row.details,
                "created_at": utc_text(row.created_at),
            }
            for row in self._session.scalars(query)
        ]
