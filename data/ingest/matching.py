"""Which song of the catalogue a listen means.

Tried in turn: the id that is told; the recording, ISRC or Spotify track that is told; artist and
title as :func:`data.text.song_key` folds them (case, accents, "The", featured guests, editions,
brackets); and, for personal exports, title and the first of several artists, where the catalogue
has one such song: services do not agree on who is credited ("A & B", "A, B", "A").
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Literal

from sqlalchemy.orm import Session

from data.db.repositories import SongRepository
from data.ingest.identifiers import song_identifiers
from data.ingest.rows import Listen
from data.text import artist_key, song_key

How = Literal["id", "mbid", "isrc", "spotify", "title", "first_artist", "none"]
#: Words and marks between several artists.
_AND = re.compile(
    r"\s*[,;/]\s+|\s+(?:&|\+|x|×|and|with|vs\.?|feat\.?|ft\.?|featuring)\s+|\s*;\s*", re.I
)
Pair = tuple[str, str, str]
#: Artist and title -> their key; a history is mostly the same songs again.
key_of = lru_cache(maxsize=50_000)(song_key)


@dataclass(slots=True)
class MatchTally:
    """How the songs of the listens were found.

    Attributes:
        ways: way -> listens.
        unmatched: (user, artist, title) that no song of the catalogue was found for -> listens.
    """

    ways: Counter[str] = field(default_factory=Counter)
    unmatched: Counter[Pair] = field(default_factory=Counter)
    _spelled: dict[tuple[str, str], tuple[str, str]] = field(default_factory=dict, repr=False)

    def add(self, listen: Listen, how: How) -> None:
        """Count one listen; spellings of one pair count as the first of them."""
        self.ways[how] += 1
        if how == "none":
            song = listen.song
            artist, title = (
                ("", listen.song_id or "") if song is None else (song.artist, song.title)
            )
            key = (listen.user, key_of(artist, title))
            self.unmatched[(listen.user, *self._spelled.setdefault(key, (artist, title)))] += 1

    def __add__(self, other: MatchTally) -> MatchTally:
        return MatchTally(self.ways + other.ways, self.unmatched + other.unmatched)


class SongMatcher:
    """Finds songs; reads the catalogue's identifiers and credits once, when they are needed.

    Args:
        by_first_artist: whether the last of the ways is tried.
    """

    def __init__(self, by_first_artist: bool) -> None:
        self._by_first_artist = by_first_artist
        self._identified: dict[str, str] | None = None
        #: None where several songs would do.
        self._credited: dict[str, str | None] = {}

    def find(self, session: Session, listens: Sequence[Listen]) -> list[tuple[str | None, How]]:
        """Return (song id, way) of every listen; None where the catalogue has no such song."""
        songs = SongRepository(session)
        known = songs.known_ids({one.song_id for one in listens if one.song_id is not None})
        by_key = songs.ids_of_keys({key for one in listens if (key := _key(one)) is not None})
        return [self._find(songs, one, known, by_key) for one in listens]

    def _find(
        self, songs: SongRepository, listen: Listen, known: set[str], by_key: dict[str, str]
    ) -> tuple[str | None, How]:
        if listen.song_id is not None:
            return (listen.song_id, "id") if listen.song_id in known else (None, "none")
        for one in listen.identifiers:
            if (found := self._catalogue(songs).get(one)) is not None:
                return found, one.partition(":")[0]  # type: ignore[return-value]
        key = _key(listen)
        if key in by_key:
            return by_key[key], "title"
        if self._by_first_artist and key is not None and listen.song is not None:
            self._catalogue(songs)
            loose = self._credited.get(_credit(listen.song.artist, key))
            if loose is not None:
                return loose, "first_artist"
        return None, "none"

    def identified(self, listen: Listen) -> str | None:
        """Return the song with one of the listen's identifiers, of those read or learnt so far."""
        known = self._identified or {}
        return next((known[one] for one in listen.identifiers if one in known), None)

    def learn(self, song_id: str, listen: Listen) -> None:
        """Take in a song that has just been made of a listen."""
        if self._identified is not None and listen.song is not None:
            key = key_of(listen.song.artist, listen.song.title)
            self._add(song_id, listen.song.artist, key, listen.identifiers)

    def _catalogue(self, songs: SongRepository) -> dict[str, str]:
        if self._identified is None:
            self._identified = {}
            for song_id, links, artist, key in songs.iter_identities():
                self._add(song_id, artist, key, song_identifiers(song_id, links))
        return self._identified

    def _add(self, song_id: str, artist: str, key: str, identifiers: Iterable[str]) -> None:
        assert self._identified is not None
        for one in identifiers:
            self._identified.setdefault(one, song_id)
        if self._by_first_artist:
            credit = _credit(artist, key)
            other = self._credited.get(credit, song_id)
            self._credited[credit] = song_id if other == song_id else None


def _key(listen: Listen) -> str | None:
    return None if listen.song is None else key_of(listen.song.artist, listen.song.title)


def _credit(artist: str, key: str) -> str:
    """Return first artist and title, both folded."""
    first = _AND.split(artist, maxsplit=1)[0].strip() or artist
    return f"{artist_key(first)}|{key.partition('|')[2]}"
