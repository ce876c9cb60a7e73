"""From a row of a file to a song or a listen."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any, cast

from data.errors import RowError
from data.ingest import values
from data.ingest.identifiers import links_of, row_identifiers
from data.text import song_key
from data.types import EMOTIONS, EVENTS, Event, SongInput

SONG_COLUMNS = (
    "id", "title", "artist", "album", "year", "duration_s", "duration_ms", "genre", "language",
    "tags", "links", "lyrics", "valence", "arousal", "explicit",
)  # fmt: skip
LISTEN_COLUMNS = (
    "user", "song", "event", "at", "count", "emotion", "title", "artist", "album", "duration_s",
    "duration_ms", "mbid", "isrc", "spotify",
)  # fmt: skip
MOST_PLAYS = 1_000_000_000


@dataclass(frozen=True, slots=True)
class Listen:
    """One row of listens, its song not looked up yet.

    Attributes:
        song: the song as told, or None; its id is empty when only artist and title are.
        song_id: the id as told, or None.
        at: None where the row has no time.
        precision: how exactly ``at`` is told, or None.
        identifiers: of the recording, the surest first; see :mod:`data.ingest.identifiers`.
    """

    user: str
    song_id: str | None
    song: SongInput | None
    event: Event
    at: datetime | None
    precision: values.Precision | None
    count: int
    emotion: str | None
    identifiers: tuple[str, ...] = ()


def parse_song(row: dict[str, Any]) -> SongInput:
    """Return the song of a row.

    Raises:
        RowError: naming the column, the value and what is wrong.
    """
    title, artist = values.required(row, "title"), values.required(row, "artist")
    valence = values.number(row, "valence", -1, 1)
    arousal = values.number(row, "arousal", -1, 1)
    if (valence is None) != (arousal is None):
        raise RowError("valence and arousal go together: one of them is missing")
    return SongInput(
        id=values.text(row, "id") or song_key(artist, title),
        title=title,
        artist=artist,
        album=values.text(row, "album"),
        # Public data sets write 0 where the year is unknown.
        year=values.integer(row, "year", 0, 2200) or None,
        duration_s=values.duration_s(row),
        genre=values.text(row, "genre"),
        tags=values.tags(row, "tags"),
        language=values.text(row, "language", 35),
        links=values.links(row, "links"),
        lyrics=values.text(row, "lyrics", values.LONGEST_LYRICS),
        valence=valence,
        arousal=arousal,
        explicit=values.truth(row, "explicit"),
    )


def parse_listen(row: dict[str, Any]) -> Listen:
    """Return the listen of a row; ``event`` is ``play`` where it is not told.

    Raises:
        RowError: naming the column, the value and what is wrong.
    """
    song_id, identifiers = values.text(row, "song"), row_identifiers(row)
    title, artist = values.text(row, "title"), values.text(row, "artist")
    if song_id is None and not identifiers and (title is None or artist is None):
        raise RowError("song is missing, and so is title or artist to make it from")
    song = None
    if title is not None and artist is not None:
        album, duration_s = values.text(row, "album"), values.duration_s(row)
        links = links_of(identifiers)
        song = SongInput(song_id or "", title, artist, album, duration_s=duration_s, links=links)
    at, precision = values.moment(row, "at") or (None, None)
    return Listen(
        user=values.required(row, "user"),
        song_id=song_id,
        song=song,
        event=cast(Event, values.choice(row, "event", EVENTS) or "play"),
        at=at,
        precision=precision,
        count=values.integer(row, "count", 1, MOST_PLAYS) or 1,
        emotion=values.choice(row, "emotion", EMOTIONS),
        identifiers=identifiers,
    )


def parse_feedback(row: dict[str, Any]) -> Listen:
    """Return the listen of a row that must name its event.

    Raises:
        RowError: as :func:`parse_listen`, and if ``event`` is missing.
    """
    values.required(row, "event")
    return parse_listen(row)
