"""A catalogue of any size, drawn: for measuring at a scale that the demo does not have.

Nobody wrote these songs and nobody played them. The names are syllables, the lyrics are words in
no order, and their vectors are drawn around a point for each genre and artist. What is drawn has
the shape of the real thing: few songs that everybody plays and many that hardly anyone does,
listeners of a few genres with favourite artists, sessions with times, and now and then an emotion.
It is for speed and memory; a quality measured on it would mean nothing.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from data.config import FrozenConfig
from data.types import EMOTIONS, Event, EventRow, FloatArray, SongInput

GENRES = (
    "ambient", "bluegrass", "bossa nova", "chanson", "chamber pop", "classical", "country", "disco",
    "drum and bass", "dub", "electro", "flamenco", "folk", "funk", "gospel", "house", "indie rock",
    "jazz", "metal", "punk", "rap", "reggae", "soul", "synth pop",
)  # fmt: skip
_THEMES = (
    "rain", "city", "summer", "winter", "night", "morning", "road", "sea", "home", "love", "loss",
    "dance", "sleep", "work", "friends", "dream", "party", "train", "garden", "war", "hope", "fire",
)  # fmt: skip
_SYLLABLES = (
    "ba", "de", "fi", "go", "hu", "ka", "le", "mi", "no", "pu", "ra", "se", "ti", "vo", "lan",
    "mer", "nis", "tor", "vel", "zan",
)  # fmt: skip
_WORDS = (
    "bright", "cold", "hold", "tender", "broken", "river", "shadow", "gold", "alone", "wild",
    "slow", "burning", "quiet", "stranger", "heart", "stone", "silver", "falling", "rise",
    "forever",
)  # fmt: skip
#: Middle of each listen's kind: most are heard to the end.
_KINDS: tuple[Event, ...] = ("complete", "play", "skip", "like", "save", "dislike")
_SHARES = (0.56, 0.19, 0.13, 0.07, 0.03, 0.02)
_END = datetime(2026, 11, 1, tzinfo=UTC)
_DAYS = 184
_LANGUAGES, _SPOKEN = ("en", "es", "fr", "de"), (0.7, 0.12, 0.1, 0.08)


class DrawnConfig(FrozenConfig):
    """How much is drawn; the same values give the same catalogue and events."""

    songs: int = Field(50_000, ge=100, le=1_000_000)
    listeners: int = Field(5_000, ge=10, le=200_000)
    seed: int = Field(7, ge=0)
    per_artist: float = Field(10, ge=1, description="mean songs of an artist")
    median_listens: float = Field(110, ge=2, description="of a listener")
    favourites: int = Field(8, ge=1, description="artists that a listener comes back to")
    stated_moods: float = Field(0.6, ge=0, le=1, description="share of songs with a stated mood")


@dataclass(frozen=True, slots=True)
class Drawn:
    """What all songs have in common.

    Attributes:
        config: what it was drawn with.
        artist: int64 (songs,), sorted: an artist's songs are neighbours.
        genre: int64 (artists,).
        appeal: float64 (songs,), chance of being picked among all.
    """

    config: DrawnConfig
    artist: NDArray[np.int64]
    genre: NDArray[np.int64]
    appeal: NDArray[np.float64]


def draw(config: DrawnConfig) -> Drawn:
    """Draw artists, their genres and how well known each song is (Zipf, ranks at random)."""
    rng = np.random.default_rng((config.seed, 0))
    artists = max(2, round(config.songs / config.per_artist))
    size = rng.pareto(1.5, artists) + 0.5
    artist = np.sort(rng.choice(artists, config.songs, p=size / size.sum()))
    known = 1 / (rng.permutation(artists) + 1.0) ** 0.5
    appeal = known[artist] / (rng.permutation(config.songs) + 1.0) ** 0.6
    genre = rng.integers(len(GENRES), size=artists)
    return Drawn(config, artist, genre, appeal / appeal.sum())


def song_id(number: int) -> str:
    """Return the id of the song at a position."""
    return f"drawn-{number:06d}"


def draw_songs(drawn: Drawn) -> Iterator[SongInput]:
    """Yield the catalogue, lyrics included."""
    config = drawn.config
    rng = np.random.default_rng((config.seed, 1))
    centres = rng.uniform(-0.6, 0.6, (len(GENRES), 2))
    for number, artist in enumerate(drawn.artist.tolist()):
        genre = int(drawn.genre[artist])
        mood = np.clip(centres[genre] + rng.normal(0, 0.3, 2), -1, 1).round(3)
        stated = rng.random() < config.stated_moods
        yield SongInput(
            id=song_id(number),
            title=f"{_pick(rng, _WORDS)} {_pick(rng, _THEMES)} {number}".title(),
            artist=_artist_name(artist),
            album=f"{_pick(rng, _WORDS)} {artist % 7}".title(),
            year=int(rng.integers(1965, 2027)),
            duration_s=float(rng.integers(120, 360)),
            genre=GENRES[genre],
            tags=tuple(rng.choice(_THEMES, 3, replace=False).tolist()),
            language=str(rng.choice(_LANGUAGES, p=_SPOKEN)),
            links={"site": f"https://example.org/songs/{number}"},
            lyrics=_lyrics(rng, number),
            valence=float(mood[0]) if stated else None,
            arousal=float(mood[1]) if stated else None,
        )


def draw_vectors(drawn: Drawn, size: int = 384) -> FloatArray:
    """Return float32 (songs, size) of length 1, in the place of embedded lyrics."""
    rng = np.random.default_rng((drawn.config.seed, 2))
    genres = rng.normal(size=(len(GENRES), size))
    artists = genres[drawn.genre] + 0.7 * rng.normal(size=(len(drawn.genre), size))
    found = artists[drawn.artist].astype(np.float32)
    found += rng.standard_normal(found.shape, dtype=np.float32)
    found /= np.linalg.norm(found, axis=1, keepdims=True)
    return found


def draw_events(drawn: Drawn) -> Iterator[list[EventRow]]:
    """Yield the events of one listener after the other, each in order of time."""
    config = drawn.config
    rng = np.random.default_rng((config.seed, 3))
    taste = _Taste.of(drawn)
    listens = np.exp(rng.normal(np.log(config.median_listens), 0.6, config.listeners))
    for number, count in enumerate(np.clip(listens, 1, 1500).astype(int).tolist()):
        songs = taste.listens(count, rng)
        yield _events(f"listener-{number:05d}", songs, rng)


@dataclass(frozen=True, slots=True)
class _Taste:
    """Picks songs by appeal: of everything, of a genre, of an artist."""

    drawn: Drawn
    first: NDArray[np.int64]
    by_genre: tuple[NDArray[np.int64], ...]
    odds: tuple[NDArray[np.float64], ...]

    @classmethod
    def of(cls, drawn: Drawn) -> _Taste:
        first = np.searchsorted(drawn.artist, np.arange(len(drawn.genre) + 1))
        genre = drawn.genre[drawn.artist]
        groups = tuple(np.flatnonzero(genre == g) for g in range(len(GENRES)))
        odds = tuple(np.cumsum(drawn.appeal[group]) for group in groups)
        return cls(drawn, first, groups, odds)

    def listens(self, count: int, rng: np.random.Generator) -> NDArray[np.int64]:
        """Return what one new listener puts on: half of it by favourite artists."""
        likes = rng.dirichlet(np.full(len(GENRES), 0.15))
        genres = rng.choice(len(GENRES), size=count + self.drawn.config.favourites, p=likes)
        picked = np.array([self._of_genre(int(g), rng) for g in genres])
        favourites = self.drawn.artist[picked[count:]]
        loved = favourites[rng.integers(len(favourites), size=count)]
        width = self.first[loved + 1] - self.first[loved]
        # The first songs of an artist are the better loved: squares of uniform numbers.
        own = self.first[loved] + (rng.random(count) ** 2 * width).astype(np.int64)
        return np.where(rng.random(count) < 0.5, own, picked[:count])

    def _of_genre(self, genre: int, rng: np.random.Generator) -> int:
        group, odds = self.by_genre[genre], self.odds[genre]
        if not len(group):
            return int(rng.integers(self.drawn.config.songs))
        at = int(np.searchsorted(odds, rng.random() * odds[-1]))
        return int(group[min(at, len(group) - 1)])


def _events(user: str, songs: NDArray[np.int64], rng: np.random.Generator) -> list[EventRow]:
    sessions = len(songs) // 8 + 1
    starts = np.sort(rng.choice(_DAYS * 24, sessions, replace=sessions > _DAYS * 24))
    felt = np.where(rng.random(sessions) < 0.35, rng.integers(7, size=sessions), -1)
    kinds = rng.choice(len(_KINDS), size=len(songs), p=_SHARES)
    first = _END - timedelta(days=_DAYS)
    rows = []
    for i, (song, kind) in enumerate(zip(songs.tolist(), kinds.tolist(), strict=True)):
        session, place = divmod(i, 8)
        at = first + timedelta(hours=int(starts[session]), minutes=4 * place)
        label = EMOTIONS[felt[session]] if felt[session] >= 0 else None
        rows.append(EventRow(user, song_id(song), _KINDS[kind], at, label))
    return rows


def _pick(rng: np.random.Generator, words: tuple[str, ...]) -> str:
    return words[int(rng.integers(len(words)))]


def _artist_name(number: int) -> str:
    """Return a name of its own for every number."""
    size, parts = len(_SYLLABLES), []
    for _ in range(4):
        number, at = divmod(number, size)
        parts.append(_SYLLABLES[at])
    return f"{parts[0]}{parts[1]} {parts[2]}{parts[3]}{number or ''}".title()


def _lyrics(rng: np.random.Generator, number: int) -> str:
    """Return a short text that no other song has."""
    words = rng.integers(len(_WORDS), size=(6, 5))
    lines = [" ".join(_WORDS[word] for word in line) for line in words.tolist()]
    return "\n".join([*lines, f"verse {number}"]) + "\n"
