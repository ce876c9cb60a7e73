"""The songs as the recommender sees them: arrays, no database."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from data.text import artist_key
from data.types import FloatArray, IntArray, Song


def pack_strings(strings: Sequence[str]) -> NDArray[np.uint8]:
    """Join strings into one UTF-8 byte array, so that npz needs no pickle. No newlines allowed."""
    cleaned = (s.replace("\n", " ") for s in strings)
    return np.frombuffer("\n".join(cleaned).encode("utf-8"), dtype=np.uint8).copy()


def unpack_strings(packed: NDArray[np.uint8], count: int) -> tuple[str, ...]:
    """Undo :func:`pack_strings`; ``count`` tells no strings from one empty string."""
    return tuple(packed.tobytes().decode("utf-8").split("\n")) if count else ()


@dataclass(frozen=True)
class Catalogue:
    """All songs, in a fixed order; every array of the model follows it.

    Attributes:
        ids: song ids.
        titles: titles, for reasons.
        artists: artist names, for reasons.
        artist_codes: int64 (n,), equal for songs of one artist.
        moods: float32 (n, 2) valence and arousal, NaN when unknown.
    """

    ids: tuple[str, ...]
    titles: tuple[str, ...]
    artists: tuple[str, ...]
    artist_codes: IntArray
    moods: FloatArray

    def __len__(self) -> int:
        return len(self.ids)

    @cached_property
    def positions(self) -> dict[str, int]:
        """Song id -> position."""
        return {song_id: i for i, song_id in enumerate(self.ids)}

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
        _, codes = np.unique(keys, return_inverse=True)
        plane = np.full((len(songs), 2), np.nan, dtype=np.float32)
        for i, song in enumerate(songs):
            own = (song.valence, song.arousal)
            plane[i] = moods.get(song.id, own) if np.isnan(own).any() else own
        return cls(
            tuple(s.id for s in songs),
            tuple(s.title for s in songs),
            tuple(names),
            codes.astype(np.int64),
            plane,
        )

    def to_arrays(self) -> dict[str, NDArray[np.generic]]:
        """Return the arrays for an npz file."""
        return {
            "song_count": np.array(len(self)),
            "song_ids": pack_strings(self.ids),
            "song_titles": pack_strings(self.titles),
            "song_artists": pack_strings(self.artists),
            "artist_codes": self.artist_codes,
            "moods": self.moods,
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
            arrays["moods"].astype(np.float32),
        )
