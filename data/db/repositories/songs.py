"""Reading the catalogue; writing it is in :mod:`data.db.repositories.song_writing`."""

from __future__ import annotations

import json
from collections.abc import Collection, Iterator, Mapping, Sequence
from typing import Any

from sqlalchemy import (
    ColumnElement,
    Select,
    Text,
    bindparam,
    cast,
    func,
    literal,
    null,
    or_,
    select,
    update,
)
from sqlalchemy.orm import Session

from data.db.base import chunks
from data.db.models import Artist, Interaction, Lyrics, SongRow
from data.db.repositories.song_writing import insert_missing, song_keys, upsert_songs
from data.filters import ANY_SONG, SongFilter, language_spellings
from data.text import artist_key, fold
from data.types import Song, SongInput

NAN = float("nan")
#: Rows read at a time where it is not known how many will do.
_STREAMED = 200
#: The columns of a :class:`data.types.Song`, after the internal key.
_COLUMNS = (
    SongRow.id, SongRow.external_id, SongRow.title, Artist.name, SongRow.album, SongRow.year,
    SongRow.duration_s, SongRow.genre, SongRow.tags, SongRow.language, SongRow.links,
    SongRow.valence, SongRow.arousal, SongRow.mood_emotion, SongRow.explicit,
)  # fmt: skip


#: Songs by their ids; built once, since every request needs it.
_OF_IDS: Select[*tuple[Any, ...]] = (
    select(*(column.expression for column in _COLUMNS))
    .select_from(SongRow.__table__)
    .join(Artist.__table__, Artist.__table__.c.id == SongRow.__table__.c.artist_id)
    .where(SongRow.__table__.c.external_id.in_(bindparam("ids", expanding=True)))
)


def _catalogue() -> Select[*tuple[Any, ...]]:
    return select(*_COLUMNS).join(Artist, Artist.id == SongRow.artist_id)


def _song(row: Sequence[Any]) -> Song:
    external_id, title, artist, album, year, duration_s, genre, tags, language, links = row[1:11]
    valence, arousal, emotion, explicit = row[11:]
    return Song(
        external_id,
        title,
        artist,
        album,
        year,
        duration_s,
        genre,
        tuple(tags or ()),
        language,
        links,
        NAN if valence is None else valence,
        NAN if arousal is None else arousal,
        emotion,
        explicit,
    )


class SongRepository:
    """Songs by their external ids."""

    def __init__(self, session: Session) -> None:
        self._session = session

    def get(self, external_id: str) -> Song | None:
        """Return one song, or None."""
        row = self._session.execute(
            _catalogue().where(SongRow.external_id == external_id)
        ).one_or_none()
        return None if row is None else _song(row)

    def get_many(self, ids: Collection[str]) -> dict[str, Song]:
        """Return the songs of ``ids`` that exist, by id."""
        found: dict[str, Song] = {}
        connection = self._session.connection()
        for part in chunks(sorted(set(ids))):
            rows = connection.execute(_OF_IDS, {"ids": part})
            found.update((row[1], _song(row)) for row in rows)
        return found

    def count(self) -> int:
        """Return the number of songs."""
        return self._session.scalar(select(func.count()).select_from(SongRow)) or 0

    def iter_catalogue(self, block: int = 5000) -> Iterator[list[Song]]:
        """Yield every song in the order it was added, at most ``block`` at a time."""
        last = 0
        while True:
            query = _catalogue().where(SongRow.id > last).order_by(SongRow.id).limit(block)
            rows = self._session.execute(query).all()
            if not rows:
                return
            last = rows[-1][0]
            yield [_song(row) for row in rows]

    def iter_lyrics(self, block: int = 1000) -> Iterator[list[tuple[str, str, str | None]]]:
        """Yield (song id, lyrics, language) of every song that has lyrics."""
        last = 0
        while True:
            query = (
                select(SongRow.id, SongRow.external_id, Lyrics.text, SongRow.language)
                .join(Lyrics, Lyrics.song_id == SongRow.id)
                .where(SongRow.id > last)
                .order_by(SongRow.id)
                .limit(block)
            )
            rows = self._session.execute(query).all()
            if not rows:
                return
            last = rows[-1][0]
            yield [(external_id, text, language) for _, external_id, text, language in rows]

    def fill_languages(self, codes: Mapping[str, str]) -> int:
        """Write the language of songs that have none yet; return how many got one.

        It is no change that a caller made, so followers of changes are not told.
        """
        statement = (
            update(SongRow)
            .where(SongRow.external_id == bindparam("song"), SongRow.language.is_(None))
            .values(language=bindparam("code"))
        )
        found = 0
        for song, code in sorted(codes.items()):
            done = self._session.connection().execute(statement, {"song": song, "code": code})
            found += done.rowcount
        return found

    def lyrics(self, external_id: str) -> str | None:
        """Return one song's lyrics, or None."""
        query = select(Lyrics.text).join(SongRow, SongRow.id == Lyrics.song_id)
        return self._session.scalar(query.where(SongRow.external_id == external_id))

    def search(
        self,
        text: str | None = None,
        *,
        artist: str | None = None,
        genre: str | None = None,
        tag: str | None = None,
        songs: SongFilter = ANY_SONG,
        only_explicit: bool = False,
        after: str | None = None,
        limit: int = 20,
    ) -> tuple[list[Song], str | None]:
        """Return songs that match every given condition, and the cursor of the next page.

        Args:
            text: every word must occur in artist, title or album, whatever case or accents.
            artist: exact name.
            genre: exact genre, whatever case of its ASCII letters.
            tag: a whole tag, whatever case of its ASCII letters.
            songs: more conditions, but for artists to leave out.
            only_explicit: only songs that are marked as explicit.
            after: cursor of the previous page; None for the first. A foreign one gives no songs.
            limit: at most so many songs.
        """
        query = _catalogue().order_by(SongRow.id).limit(limit + 1)
        for word in fold(text).split() if text else ():
            query = query.where(SongRow.search.contains(word, autoescape=True))
        if artist is not None:
            query = query.where(Artist.name == artist)
        if genre is not None:
            folded = func.lower(SongRow.genre) == genre.lower()
            query = query.where(or_(SongRow.genre == genre, folded))
        if tag is not None:
            query = query.where(_has_tag(tag))
        if only_explicit:
            query = query.where(SongRow.explicit.is_(True))
        query = query.where(*_admitting(songs))
        if after is not None:
            # A cursor is an internal key: at most 2^31, or PostgreSQL refuses the comparison.
            known = after.isascii() and after.isdecimal() and len(after) < 10
            query = query.where(SongRow.id > int(after) if known else null())
        rows = self._session.execute(query).all()
        more = str(rows[limit - 1][0]) if len(rows) > limit else None
        return [_song(row) for row in rows[:limit]], more

    def popular(
        self,
        n: int,
        exclude: Collection[str] = (),
        songs: SongFilter = ANY_SONG,
        until: int | None = None,
    ) -> list[tuple[str, float]]:
        """Return the ``n`` songs with most listeners, as (id, listeners), best first.

        Skips and dislikes do not count. Songs nobody listened to follow, oldest first, so that
        an empty history still gives ``n`` songs where the catalogue has them.

        Args:
            n: how many.
            exclude: ids to leave out.
            songs: conditions on the songs.
            until: number of the last event that counts; None for all.
        """
        barred, artists = set(exclude), songs.without_keys
        found: dict[str, float] = {}
        for song, artist, score in self._by_listeners(songs, until):
            if len(found) == n:
                break
            if song not in barred and not (artists and artist_key(artist) in artists):
                found.setdefault(song, float(score))
        return list(found.items())

    def _by_listeners(self, songs: SongFilter, until: int | None) -> Iterator[tuple[Any, ...]]:
        """Yield (id, artist, listeners), most first, then every song once more with none."""
        listeners = func.count(Interaction.user_id.distinct())
        heard = (
            select(SongRow.external_id, Artist.name, listeners)
            .join(Artist, Artist.id == SongRow.artist_id)
            .join(Interaction, Interaction.song_id == SongRow.id)
            .where(Interaction.event.not_in(("skip", "dislike")), *_admitting(songs))
            .group_by(SongRow.id, SongRow.external_id, Artist.name)
            .order_by(listeners.desc(), SongRow.id)
        )
        if until is not None:
            heard = heard.where(Interaction.id <= until)
        rest = (
            select(SongRow.external_id, Artist.name, literal(0))
            .join(Artist, Artist.id == SongRow.artist_id)
            .where(*_admitting(songs))
            .order_by(SongRow.id)
        )
        for query in (heard, rest):
            with self._session.execute(query.execution_options(yield_per=_STREAMED)) as rows:
                for row in rows:
                    yield tuple(row)

    def upsert_many(self, rows: Sequence[SongInput]) -> int:
        """Add or update songs; see :func:`data.db.repositories.song_writing.upsert_songs`."""
        return upsert_songs(self._session, rows)

    def add_missing(self, rows: Sequence[SongInput]) -> int:
        """Add the songs whose id is not there yet, leave the others alone; return how many."""
        return insert_missing(self._session, rows)

    def known_ids(self, ids: Collection[str]) -> set[str]:
        """Return those of ``ids`` that are in the catalogue."""
        return set(song_keys(self._session, ids))

    def iter_identities(
        self, block: int = 5000
    ) -> Iterator[tuple[str, dict[str, str] | None, str, str]]:
        """Yield (id, links, artist, song key) of every song in the order it was added."""
        query = (
            select(SongRow.external_id, SongRow.links, Artist.name, SongRow.key)
            .join(Artist, Artist.id == SongRow.artist_id)
            .order_by(SongRow.id)
        )
        with self._session.execute(query.execution_options(yield_per=block)) as rows:
            yield from rows

    def ids_of_keys(self, keys: Collection[str]) -> dict[str, str]:
        """Return song key -> external id of the song first added under it."""
        found: dict[str, str] = {}
        for part in chunks(sorted(set(keys))):
            query = select(SongRow.key, SongRow.external_id).where(SongRow.key.in_(part))
            for key, external_id in self._session.execute(query.order_by(SongRow.id)):
                found.setdefault(key, external_id)
        return found


def _admitting(songs: SongFilter) -> Iterator[ColumnElement[bool]]:
    """Yield the conditions of a filter, but for the artists: their names are folded in Python."""
    if songs.year_from is not None:
        yield SongRow.year >= songs.year_from
    if songs.year_to is not None:
        yield SongRow.year.between(1, songs.year_to)
    if not songs.explicit:
        yield SongRow.explicit.is_not(True)
    if songs.languages:
        spellings = [s for code in songs.languages for s in language_spellings(code)]
        written = func.replace(func.lower(SongRow.language), "_", "-")
        # Up to the first hyphen: "en-gb" is English.
        yield or_(written.in_(spellings), *(written.startswith(f"{s}-") for s in spellings))


def _has_tag(tag: str) -> ColumnElement[bool]:
    """Look for the tag as it stands, quoted and escaped, in the JSON text of the list."""
    listed = cast(SongRow.tags, Text)
    folded = func.lower(listed).contains(json.dumps(tag.lower()), autoescape=True)
    return or_(listed.contains(json.dumps(tag), autoescape=True), folded)
