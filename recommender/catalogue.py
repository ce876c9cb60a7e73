"""The songs as the recommender sees them: arrays, no database."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

from data.text import artist_key
from data.types import FloatArray, IntArray, Song
from recommender.filters import SongFacts


def pack_strings(strings: Sequence[str]) -> NDArray[np.uint8]:
    """Join strings into one UTF-8 byte array, so that npz needs no pickle. No newlines allowed."""
    cleaned = (s.replace("\n", " ") for s in strings)
    return np.frombuffer("\n".join(cleaned).encode("utf-8"), dtype=np.uint8).copy()


def unpack_strings(packed: NDArray[np.uint8], count: int) -> tuple[str, ...]:
    """Undo :func:`pack_strings`; ``count`` tells no strings from one empty string."""
    return tuple(packed.tobytes().decode("utf-8").split("\n")) if count else ()


_Scalar = TypeVar("_Scalar", bound=np.generic)


def overlay(
    base: NDArray[_Scalar], rows: NDArray[_Scalar], at: IntArray, total: int
) -> NDArray[_Scalar]:
    """Return ``base`` made ``total`` rows long, with ``rows`` at the positions ``at``."""
    found = np.zeros((total, *base.shape[1:]), dtype=base.dtype)
    found[: len(base)] = base
    found[at] = rows
    return found


@dataclass(frozen=True)
class Catalogue:
    """All songs, in a fixed order; every array of the model follows it.

    Attributes:
        ids: song ids.
        titles: titles, for reasons.
        artists: artist names, for reasons.
        artist_codes: int64 (n,), equal for songs of one artist.
        artist_keys: folded name of the artist of each code.
        moods: float32 (n, 2) valence and arousal, NaN when unknown.
        facts: what filters ask about; None in bundles that were made before there were filters.
    """

    ids: tuple[str, ...]
    titles: tuple[str, ...]
    artists: tuple[str, ...]
    artist_codes: IntArray
    artist_keys: tuple[str, ...]
    moods: FloatArray
    facts: SongFacts | None = None

    def __len__(self) -> int:
        return len(self.ids)

    @cached_property
    def positions(self) -> dict[str, int]:
        """Song id -> position."""
        return {song_id: i for i, song_id in enumerate(self.ids)}

    @cached_property
    def artists_by_key(self) -> dict[str, int]:
        """Folded name of an artist -> code."""
        return dict(zip(self.artist_keys, range(len(self.artist_keys)), strict=True))

    @property
    def known_facts(self) -> SongFacts:
        """What filters ask about; unknown for every song of an old bundle."""
        return self.facts or SongFacts.unknown(len(self))

    def locate(self, song_ids: Iterable[str]) -> IntArray:
        """Return the positions of the ids that are known, in order, int64."""
        known = (self.positions.get(s) for s in song_ids)
        return np.array([p for p in known if p is not None], dtype=np.int64)

    def columns(self, song_ids: Sequence[str]) -> IntArray:
        """Return int64 (n,) positions of the ids, -1 for ids that the catalogue lacks."""
        return np.array([self.positions.get(s, -1) for s in song_ids], dtype=np.int64)

    @classmethod
    def from_songs(
        cls, songs: Sequence[Song], moods: Mapping[str, tuple[float, float]] | None = None
    ) -> Catalogue:
        """Build from database songs; ``moods`` fills in where a song has none of its own."""
        moods = moods or {}
        names = [s.artist for s in songs]
        # "Drake" and "drake" are one artist: sources do not agree on spelling.
        keys = np.array([artist_key(n) for n in names], dtype=object)
        distinct, codes = np.unique(keys, return_inverse=True)
        return cls(
            tuple(s.id for s in songs),
            tuple(s.title for s in songs),
            tuple(names),
            codes.astype(np.int64),
            tuple(distinct.tolist()),
            _plane(songs, moods),
            SongFacts.of(songs),
        )

    def with_songs(
        self, songs: Sequence[Song], moods: Mapping[str, tuple[float, float]] | None = None
    ) -> tuple[Catalogue, IntArray]:
        """Return a catalogue with songs added at the end, or replaced where the id is known.

        Args:
            songs: no id twice.
            moods: as for :meth:`from_songs`.

        Returns:
            the catalogue, and int64 (songs,) the position of each of ``songs`` in it.
        """
        positions = dict(self.positions)
        at = np.array([positions.setdefault(s.id, len(positions)) for s in songs], dtype=np.int64)
        keys = [artist_key(s.artist) for s in songs]
        codes = dict(self.artists_by_key)
        own = np.array([codes.setdefault(key, len(codes)) for key in keys], dtype=np.int64)
        found = Catalogue(
            tuple(positions),
            _renamed(self.titles, [s.title for s in songs], at, len(positions)),
            _renamed(self.artists, [s.artist for s in songs], at, len(positions)),
            overlay(self.artist_codes, own, at, len(positions)),
            tuple(codes),
            overlay(self.moods, _plane(songs, moods or {}), at, len(positions)),
            self.known_facts.with_songs(songs, at, len(positions)),
        )
        # Already counted: no need to number the ids again at the first request.
        found.__dict__["positions"] = positions
        found.__dict__["artists_by_key"] = codes
        return found, at

    def to_arrays(self) -> dict[str, NDArray[np.generic]]:
        """Return the arrays for an npz file."""
        return {
            "song_count": np.array(len(self)),
            "song_ids": pack_strings(self.ids),
            "song_titles": pack_strings(self.titles),
            "song_artists": pack_strings(self.artists),
            "artist_codes": self.artist_codes,
            "artist_count": np.array(len(self.artist_keys)),
            "artist_keys": pack_strings(self.artist_keys),
            "moods": self.moods,
            **({} if self.facts is None else self.facts.to_arrays()),
        }

    @classmethod
    def from_arrays(cls, arrays: Mapping[str, NDArray[np.generic]]) -> Catalogue:
        """Undo :meth:`to_arrays`."""
        count = int(arrays["song_count"])
        ids, titles, artists = (
            unpack_strings(arrays[k].astype(np.uint8), count)
            for k in ("song_ids", "song_titles", "song_artists")
        )
        return cls(
            ids,
            titles,
            artists,
            arrays["artist_codes"].astype(np.int64),
            unpack_strings(arrays["artist_keys"].astype(np.uint8), int(arrays["artist_count"])),
            arrays["moods"].astype(np.float32),
            SongFacts.from_arrays(arrays),
        )


def _plane(songs: Sequence[Song], moods: Mapping[str, tuple[float, float]]) -> FloatArray:
    """Return float32 (songs, 2): a song's stated mood, else that of ``moods``, else NaN."""
    plane = np.full((len(songs), 2), np.nan, dtype=np.float32)
    for i, song in enumerate(songs):
        own = (song.valence, song.arousal)
        plane[i] = moods.get(song.id, own) if np.isnan(own).any() else own
    return plane


def _renamed(
    base: tuple[str, ...], names: Sequence[str], at: IntArray, total: int
) -> tuple[str, ...]:
    found = [*base, *([""] * (total - len(base)))]
    for position, name in zip(at.tolist(), names, strict=True):
        found[position] = name
    return tuple(found)
