"""Writing songs: portable upserts, thousands of rows at a time."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import Any

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from data.db.base import chunks, insert_for
from data.db.models import Artist, Lyrics, SongRow, utc_now
from data.text import fold, song_key
from data.types import SongInput

_KEPT = (
    "album", "year", "duration_s", "genre", "language", "tags", "links", "valence", "arousal",
    "mood_source", "explicit",
)  # fmt: skip
_REPLACED = ("key", "search", "title", "artist_id", "updated_at")


def upsert_songs(session: Session, rows: Sequence[SongInput]) -> int:
    """Add or update songs, artists and lyrics; return the number of songs written.

    A field that is None never erases a known value. Of several rows with one id the last wins.
    """
    if not rows:
        return 0
    insert = insert_for(session, SongRow.__table__)  # type: ignore[arg-type]
    new, old = insert.excluded, SongRow.__table__.c
    kept = {name: func.coalesce(new[name], old[name]) for name in _KEPT}
    always = {name: new[name] for name in _REPLACED}
    statement = insert.on_conflict_do_update(
        index_elements=["external_id"], set_={**always, **kept}
    )
    session.execute(statement, _song_values(session, rows))
    _upsert_lyrics(session, rows)
    return len(rows)


def insert_missing(session: Session, rows: Sequence[SongInput]) -> int:
    """Add the songs whose id is not there yet; return how many."""
    present = set(song_keys(session, [row.id for row in rows]))
    missing = {row.id: row for row in reversed(rows) if row.id not in present}
    if missing:
        insert = insert_for(session, SongRow.__table__)  # type: ignore[arg-type]
        values = _song_values(session, list(missing.values()))
        session.execute(insert.on_conflict_do_nothing(index_elements=["external_id"]), values)
        _upsert_lyrics(session, list(missing.values()))
    return len(missing)


def song_keys(session: Session, ids: Collection[str]) -> dict[str, int]:
    """Return external id -> internal key of the songs that exist."""
    found: dict[str, int] = {}
    for part in chunks(sorted(set(ids))):
        query = select(SongRow.external_id, SongRow.id).where(SongRow.external_id.in_(part))
        found.update((external_id, key) for external_id, key in session.execute(query))
    return found


def _song_values(session: Session, rows: Sequence[SongInput]) -> list[dict[str, Any]]:
    artists = _artist_keys(session, {row.artist for row in rows})
    now = utc_now()
    # Sorted (stably, so the last of equals still wins): two writers then lock in one order.
    return [
        {
            "external_id": row.id,
            "key": song_key(row.artist, row.title),
            "search": fold(" ".join((row.artist, row.title, row.album or ""))),
            "title": row.title,
            "artist_id": artists[row.artist],
            "album": row.album,
            "year": row.year,
            "duration_s": row.duration_s,
            "genre": row.genre,
            "language": row.language,
            "tags": list(row.tags) or None,
            "links": row.links or None,
            "valence": row.valence,
            "arousal": row.arousal,
            "mood_source": None if None in (row.valence, row.arousal) else "stated",
            "explicit": row.explicit,
            "created_at": now,
            "updated_at": now,
        }
        for row in sorted(rows, key=lambda row: row.id)
    ]


def _artist_keys(session: Session, names: set[str]) -> dict[str, int]:
    ordered = sorted(names)
    insert = insert_for(session, Artist.__table__)  # type: ignore[arg-type]
    known = _known_artists(session, ordered)
    missing = [{"name": name} for name in ordered if name not in known]
    if missing:
        session.execute(insert.on_conflict_do_nothing(index_elements=["name"]), missing)
        known = _known_artists(session, ordered)
    return known


def _known_artists(session: Session, names: Sequence[str]) -> dict[str, int]:
    found: dict[str, int] = {}
    for part in chunks(names):
        query = select(Artist.name, Artist.id).where(Artist.name.in_(part))
        found.update((name, key) for name, key in session.execute(query))
    return found


def _upsert_lyrics(session: Session, rows: Sequence[SongInput]) -> None:
    lyrics = {row.id: row.lyrics for row in rows if row.lyrics is not None}
    if not lyrics:
        return
    keys = song_keys(session, lyrics)
    values = [{"song_id": keys[song], "text": text} for song, text in sorted(lyrics.items())]
    insert = insert_for(session, Lyrics.__table__)  # type: ignore[arg-type]
    session.execute(
        insert.on_conflict_do_update(
            index_elements=["song_id"], set_={"text": insert.excluded.text}
        ),
        values,
    )
