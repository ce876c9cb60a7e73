"""Writing one block of parsed rows in the caller's transaction."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from sqlalchemy.orm import Session

from data.db.repositories import InteractionRepository, SongRepository
from data.ingest.rejects import Reject
from data.ingest.rows import Listen
from data.text import song_key
from data.types import EventRow, SongInput


@dataclass(frozen=True, slots=True)
class Parsed:
    """A row taken apart; ``raw`` is kept for the rejects file."""

    line: int
    value: Any
    raw: Any


@dataclass(frozen=True, slots=True)
class RunIdentity:
    """What the rows of one file under one reading share.

    Attributes:
        fingerprint: names the run in idempotency keys.
        started_at: stands for the time of rows that have none, the same after a resume.
    """

    fingerprint: str
    started_at: datetime


def write_songs(
    session: Session, rows: Sequence[Parsed], _run: RunIdentity
) -> tuple[int, list[Reject]]:
    """Add or update songs; return (rows written, rows set aside)."""
    return SongRepository(session).upsert_many([row.value for row in rows]), []


def write_listens(
    session: Session, rows: Sequence[Parsed], run: RunIdentity
) -> tuple[int, list[Reject]]:
    """Add events, and the songs that only they know; return (rows written, rows set aside)."""
    songs = SongRepository(session)
    told = {row.value.song_id for row in rows if row.value.song_id is not None}
    known = songs.known_ids(told)
    by_key = songs.ids_of_keys([_key(row.value) for row in rows if row.value.song_id is None])
    events: list[EventRow] = []
    new: list[SongInput] = []
    rejects: list[Reject] = []
    for row in rows:
        listen: Listen = row.value
        song_id = listen.song_id or by_key.setdefault(_key(listen), _key(listen))
        if listen.song is not None:
            new.append(replace(listen.song, id=song_id))
        elif song_id not in known:
            reason = f"no song {song_id!r} in the catalogue, and no title and artist to make it"
            rejects.append(Reject(row.line, reason, row.raw))
            continue
        events.append(_event(listen, song_id, row.line, run))
    songs.add_missing(new)
    return InteractionRepository(session).add_many(events), rejects


def _key(listen: Listen) -> str:
    assert listen.song is not None  # a listen without an id has artist and title
    return song_key(listen.song.artist, listen.song.title)


def _event(listen: Listen, song_id: str, line: int, run: RunIdentity) -> EventRow:
    """Return the event with the key that keeps it from being stored twice.

    One user cannot do one thing with one song twice at one moment, so an exact time is the key
    (a longer export of the same account adds only what is new); else the place in the file is.
    """
    key = f"row:{run.fingerprint}:{line}"
    if listen.exact and listen.at is not None:
        what = f"{song_id}\n{listen.event}\n{listen.at.timestamp():.6f}"
        key = f"at:{hashlib.sha256(what.encode()).hexdigest()[:32]}"
    at = listen.at or run.started_at
    return EventRow(listen.user, song_id, listen.event, at, listen.emotion, listen.count, key)
