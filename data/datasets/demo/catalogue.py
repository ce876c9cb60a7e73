"""The demo songs: one TOML file per invented artist under ``artists/``, lyrics included."""

from __future__ import annotations

import tomllib
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from data.errors import DatasetFormatError
from data.text import fold
from data.types import Mood, SongInput

_FOLDER = Path(__file__).parent / "artists"


@dataclass(frozen=True, slots=True)
class DemoSong:
    """One original song.

    Attributes:
        id: ``demo-<artist>-<title>`` in ASCII, stable as long as neither is renamed.
        duration_s: seconds.
        language: ISO 639-1.
        mood: what the author meant the lyric to carry.
        tags: theme, setting, season, instrument or occasion.
        lyrics: stanzas parted by blank lines, section marks in square brackets.
    """

    id: str
    title: str
    album: str
    year: int
    duration_s: float
    language: str
    mood: Mood
    tags: tuple[str, ...]
    lyrics: str


@dataclass(frozen=True, slots=True)
class DemoArtist:
    """One invented artist and the songs; ``tags`` tell style and instruments."""

    name: str
    genre: str
    tags: tuple[str, ...]
    songs: tuple[DemoSong, ...]


def load_artists() -> list[DemoArtist]:
    """Return every artist, in the order of the file names.

    Raises:
        DatasetFormatError: naming the file that cannot be read.
    """
    return list(_artists())


def demo_songs() -> list[SongInput]:
    """Return the catalogue rows, artist by artist.

    The tags are the artist's followed by the song's. ``valence`` and ``arousal`` are the
    authors' intention (see :func:`intended_moods`), so that an installation without a mood
    model has moods; they are not measured and nothing should be evaluated against them as if
    they were.
    """
    return [
        SongInput(
            id=song.id,
            title=song.title,
            artist=artist.name,
            album=song.album,
            year=song.year,
            duration_s=song.duration_s,
            genre=artist.genre,
            tags=tuple(dict.fromkeys(artist.tags + song.tags)),
            language=song.language,
            lyrics=song.lyrics,
            valence=song.mood.valence,
            arousal=song.mood.arousal,
        )
        for artist in _artists()
        for song in artist.songs
    ]


def intended_moods() -> dict[str, Mood]:
    """Return song id -> the mood its author meant; the source of these moods is "author"."""
    return {song.id: song.mood for artist in _artists() for song in artist.songs}


@cache
def _artists() -> tuple[DemoArtist, ...]:
    return tuple(_read(path) for path in sorted(_FOLDER.glob("*.toml")))


def _read(path: Path) -> DemoArtist:
    try:
        values = tomllib.loads(path.read_text(encoding="utf-8"))
        return DemoArtist(
            name=values["name"],
            genre=values["genre"],
            tags=tuple(values["tags"]),
            songs=tuple(_song(values["name"], song) for song in values["songs"]),
        )
    except (tomllib.TOMLDecodeError, UnicodeDecodeError, KeyError, TypeError, ValueError) as exc:
        raise DatasetFormatError(f"{path} is not a demo artist file: {exc!r}") from exc


def _song(artist: str, values: dict[str, Any]) -> DemoSong:
    return DemoSong(
        id=f"demo-{_slug(artist)}-{_slug(values['title'])}",
        title=values["title"],
        album=values["album"],
        year=int(values["year"]),
        duration_s=float(values["duration_s"]),
        language=values["language"],
        mood=Mood(float(values["valence"]), float(values["arousal"])),
        tags=tuple(values["tags"]),
        lyrics=values["lyrics"].strip() + "\n",
    )


def _slug(text: str) -> str:
    return "-".join(fold(text).split())
