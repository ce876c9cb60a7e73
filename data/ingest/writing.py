"""Writing one block of parsed rows in the caller's transaction."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from sqlalchemy.orm import Session

from data.db.repositories import SongRepository
from data.ingest.events import ToldEvent, minute_key, moment_key, write_events
from data.ingest.matching import MatchTally, SongMatcher, key_of
from data.ingest.rejects import Reject
from data.ingest.rows import Listen
from data.types import EventRow, SongInput

#: Events of which one is a listen.
_HEARD = frozenset(("play", "complete", "skip"))


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


class ListenWriter:
    """Adds events, and the songs that only they know.

    Args:
        matcher: finds their songs.
        tally: counts how.
        new_songs: whether a song is made of artist and title where the catalogue has none.
        by_source: an event is known again by the song as the source has it, not by the one it was
            matched to, which a larger catalogue may change; and a listen whose minute is told is
            the same as the one of that minute whose second is.
    """

    def __init__(
        self, matcher: SongMatcher, tally: MatchTally, *, new_songs: bool, by_source: bool
    ) -> None:
        self._matcher, self._tally = matcher, tally
        self._new_songs, self._by_source = new_songs, by_source
        #: Songs that were made on the way: finding them again is no match with the catalogue.
        self._own: set[str] = set()

    def __call__(
        self, session: Session, rows: Sequence[Parsed], run: RunIdentity
    ) -> tuple[int, list[Reject]]:
        """Write one block; return (rows written, rows set aside)."""
        songs = SongRepository(session)
        found = self._matcher.find(session, [row.value for row in rows])
        events: list[ToldEvent] = []
        new: dict[str, SongInput] = {}
        rejects: list[Reject] = []
        for row, (song_id, how) in zip(rows, found, strict=True):
            listen: Listen = row.value
            chosen = song_id or self._made(listen, new)
            self._tally.add(listen, "none" if chosen in self._own else how)
            if chosen is None:
                rejects.append(Reject(row.line, _unknown(listen), row.raw))
            else:
                events.append(self._event(listen, chosen, row.line, run))
        songs.add_missing(list(new.values()))
        return write_events(session, events), rejects

    def _made(self, listen: Listen, new: dict[str, SongInput]) -> str | None:
        """Return the id of the song that is made, or has just been made, of a listen, or None."""
        if listen.song is None:
            # The listens of this block may have told of the recording.
            return self._matcher.identified(listen)
        if not self._new_songs:
            return None
        song_id = listen.song_id or key_of(listen.song.artist, listen.song.title)
        new.setdefault(song_id, replace(listen.song, id=song_id))
        self._own.add(song_id)
        self._matcher.learn(song_id, listen)
        return song_id

    def _event(self, listen: Listen, song_id: str, line: int, run: RunIdentity) -> ToldEvent:
        """Return the event with the key that keeps it from being stored twice.

        A time of day is the key, so that a longer export of the same account adds only what is new;
        where there is none the place in the file is.
        """
        name = self._name(listen, song_id)
        key, exactness = f"row:{run.fingerprint}:{line}", None
        if listen.at is not None and listen.precision != "day":
            key = moment_key(name, listen.event, listen.at)
            if self._by_source and listen.event in _HEARD:
                exactness = listen.precision
                key = minute_key(name, listen.at) if exactness == "minute" else key
        at = listen.at or run.started_at
        row = EventRow(listen.user, song_id, listen.event, at, listen.emotion, listen.count, key)
        return ToldEvent(row, name, exactness)

    def _name(self, listen: Listen, song_id: str) -> str:
        if not self._by_source:
            return song_id
        if listen.song is not None:
            return key_of(listen.song.artist, listen.song.title)
        return next(iter(listen.identifiers), song_id)


def _unknown(listen: Listen) -> str:
    """Say why no song was found or made."""
    if listen.song is not None:
        return "the catalogue has no such song"
    name = listen.song_id or " or ".join(listen.identifiers)
    return f"no song {name!r} in the catalogue, and no title and artist to make it"
