"""Artists that listeners want left out."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import delete, select
from sqlalchemy.orm import Session

from data.db.base import insert_for
from data.db.models import Artist, MutedArtist, SongRow, User, utc_now
from data.db.repositories.users import UserRepository
from data.text import artist_key


class MutedArtistRepository:
    """Muted artists by user; names count by :func:`data.text.artist_key`."""

    def __init__(self, session: Session) -> None:
        self._session = session

    def all_of(self, user_id: str) -> list[tuple[str, datetime]]:
        """Return (artist, since when) of a user's muted artists, first muted first."""
        return [(name, at) for _, name, at in self._rows(user_id)]

    def mute(self, user_id: str, name: str) -> bool:
        """Leave an artist out for a user from now on; the user is made if new.

        Returns:
            False if the catalogue has no artist of that name; nothing is stored then.
        """
        if self._of_key(user_id, name):
            return True
        artist = self._artist(name)
        if artist is None:
            return False
        insert = insert_for(self._session, MutedArtist.__table__)  # type: ignore[arg-type]
        row = {
            "user_id": UserRepository(self._session).ensure(user_id).id,
            "artist_id": artist,
            "at": utc_now(),
        }
        keys = ["user_id", "artist_id"]
        self._session.execute(insert.on_conflict_do_nothing(index_elements=keys), [row])
        return True

    def unmute(self, user_id: str, name: str) -> None:
        """Let an artist come back, if they were muted."""
        artists = self._of_key(user_id, name)
        if artists:
            user = select(User.id).where(User.external_id == user_id).scalar_subquery()
            gone = delete(MutedArtist).where(MutedArtist.user_id == user)
            self._session.execute(gone.where(MutedArtist.artist_id.in_(artists)))

    def _of_key(self, user_id: str, name: str) -> list[int]:
        """Return the artists of that name that the user has muted, by their internal keys."""
        key = artist_key(name)
        return [artist for artist, muted, _ in self._rows(user_id) if artist_key(muted) == key]

    def _rows(self, user_id: str) -> list[tuple[int, str, datetime]]:
        query = (
            select(Artist.id, Artist.name, MutedArtist.at)
            .join(MutedArtist, MutedArtist.artist_id == Artist.id)
            .join(User, User.id == MutedArtist.user_id)
            .where(User.external_id == user_id)
            .order_by(MutedArtist.at, Artist.id)
        )
        return [(artist, name, at) for artist, name, at in self._session.execute(query)]

    def _artist(self, name: str) -> int | None:
        """Find an artist by the name as displayed, else by its folded form, else none."""
        exact = self._session.scalar(select(Artist.id).where(Artist.name == name))
        if exact is not None:
            return exact
        # The key of every song begins with the folded name of its artist.
        begins = SongRow.key.startswith(f"{artist_key(name)}|", autoescape=True)
        query = select(SongRow.artist_id).where(begins).order_by(SongRow.id).limit(1)
        return self._session.scalar(query)
