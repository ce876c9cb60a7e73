"""Which songs may not come: those banned by id, and those that a filter does not admit.

Filters are arrays over the whole catalogue and are applied before anything is ranked, so that a
list is as long with them as without, where there are songs enough.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from data.filters import ANY_SONG, SongFilter, language_code
from data.text import artist_key
from data.types import IntArray, Song

if TYPE_CHECKING:
    from recommender.catalogue import Catalogue

BoolArray = NDArray[np.bool_]
#: Years after it are taken as unknown: a number that wide cannot be meant.
_LAST_YEAR = 9999
#: Names of the stored arrays.
_NAMES = ("song_years", "song_languages", "song_explicit")


@dataclass(frozen=True, slots=True)
class SongFacts:
    """What filters ask about, one row per song.

    Attributes:
        years: int16 (n,), 0 where unknown.
        languages: int32 (n,), :func:`language_number`; 0 where unknown.
        explicit: int8 (n,), 1 marked as explicit, 0 marked as not, -1 unknown.
    """

    years: NDArray[np.int16]
    languages: NDArray[np.int32]
    explicit: NDArray[np.int8]

    @classmethod
    def of(cls, songs: Sequence[Song]) -> SongFacts:
        """Read them off catalogue rows."""
        return cls(
            np.array([_year(song) for song in songs], dtype=np.int16),
            np.array([language_number(song.language) for song in songs], dtype=np.int32),
            np.array([-1 if s.explicit is None else s.explicit for s in songs], dtype=np.int8),
        )

    @classmethod
    def unknown(cls, count: int) -> SongFacts:
        """Return the facts of songs of which nothing is known."""
        return cls(
            np.zeros(count, dtype=np.int16),
            np.zeros(count, dtype=np.int32),
            np.full(count, -1, dtype=np.int8),
        )

    def with_songs(self, songs: Sequence[Song], at: IntArray, total: int) -> SongFacts:
        """Return facts of ``total`` songs, those of ``songs`` at the positions ``at``."""
        found, new = SongFacts.unknown(total), SongFacts.of(songs)
        for name in ("years", "languages", "explicit"):
            array = getattr(found, name)
            array[: len(self.years)] = getattr(self, name)
            array[at] = getattr(new, name)
        return found

    def refused(self, songs: SongFilter) -> BoolArray:
        """Return bool (n,): True where year, language or explicit words speak against a song."""
        found = np.zeros(len(self.years), dtype=np.bool_)
        if songs.year_from is not None:
            found |= self.years < songs.year_from
        if songs.year_to is not None:
            found |= self.years > songs.year_to
        if songs.year_from is not None or songs.year_to is not None:
            found |= self.years == 0
        if songs.languages:
            spoken = [self.languages == language_number(code) for code in songs.languages]
            found |= ~np.logical_or.reduce(spoken)
        if not songs.explicit:
            found |= self.explicit == 1
        return found

    def to_arrays(self) -> dict[str, NDArray[np.generic]]:
        """Return the arrays for an npz file."""
        return dict(zip(_NAMES, (self.years, self.languages, self.explicit), strict=True))

    @classmethod
    def from_arrays(cls, arrays: Mapping[str, NDArray[np.generic]]) -> SongFacts | None:
        """Undo :meth:`to_arrays`; None where a bundle was made before there were filters."""
        if any(name not in arrays for name in _NAMES):
            return None
        years, languages, explicit = (arrays[name] for name in _NAMES)
        return cls(years.astype(np.int16), languages.astype(np.int32), explicit.astype(np.int8))


def _year(song: Song) -> int:
    year = song.year or 0
    return year if 0 < year <= _LAST_YEAR else 0


def language_number(text: str | None) -> int:
    """Return a language's code as a number of up to three bytes, 0 for none."""
    return int.from_bytes((language_code(text) or "").encode("ascii"), "big")


def left_out(
    catalogue: Catalogue,
    banned: Iterable[str],
    songs: SongFilter,
    muted: Sequence[str] = (),
    newest: int | None = None,
) -> IntArray:
    """Return int64 positions, ascending, of the songs that must not come.

    Args:
        catalogue: all songs.
        banned: ids; those that the catalogue lacks are passed over.
        songs: what is asked for.
        muted: names of artists that the listener wants left out.
        newest: songs at this position and after it are left out too: they came while a list was
            being read page by page.
    """
    refused = np.zeros(len(catalogue), dtype=np.bool_)
    if songs != ANY_SONG:
        refused |= catalogue.known_facts.refused(songs)
    keys = {*songs.without_keys, *map(artist_key, muted)}
    if keys:
        codes = catalogue.artists_by_key
        artists = np.zeros(len(catalogue.artist_keys), dtype=np.bool_)
        artists[[codes[key] for key in keys if key in codes]] = True
        refused |= artists[catalogue.artist_codes]
    if newest is not None:
        refused[newest:] = True
    refused[catalogue.locate(banned)] = True
    return np.flatnonzero(refused).astype(np.int64)
