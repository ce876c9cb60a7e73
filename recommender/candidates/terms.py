"""The terms that describe songs (artist, album, genre, tags) and their TF-IDF weights.

The vocabulary is kept with the model, so that a song which came after training is placed in the
same space as all others.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property, lru_cache

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_matrix

from data.text import artist_key, fold
from data.types import FloatArray, Song
from recommender.catalogue import pack_strings, unpack_strings
from recommender.stages import Arrays

# The same few thousand tags and artists come up hundreds of thousands of times.
_fold, _artist_key = (lru_cache(maxsize=1 << 17)(f) for f in (fold, artist_key))

Described = Sequence[Mapping[str, float]]


def song_terms(song: Song, artist_weight: float) -> dict[str, float]:
    """Return the weighted terms that describe a song: ``kind:text`` -> weight."""
    artist = _artist_key(song.artist)
    terms = {f"artist:{artist}": artist_weight} if artist_weight else {}
    if song.album:
        terms[f"album:{artist}|{_fold(song.album)}"] = 1.0
    if song.genre:
        terms[f"genre:{_fold(song.genre)}"] = 1.0
    for tag in song.tags:
        terms[f"tag:{_fold(tag)}"] = 1.0
    return terms


@dataclass(frozen=True)
class TermSpace:
    """The vocabulary of metadata. A term of one song only cannot connect anything and is left out.

    Attributes:
        terms: ``kind:text``, one per column of the metadata matrix.
        idf: float32 (terms,), ``log((1 + songs) / (1 + frequency)) + 1``.
        songs: how many songs the frequencies were counted on.
    """

    terms: tuple[str, ...]
    idf: FloatArray
    songs: int

    @cached_property
    def columns(self) -> dict[str, int]:
        """Term -> column."""
        return {term: i for i, term in enumerate(self.terms)}

    @classmethod
    def fit(cls, described: Described) -> TermSpace:
        """Take every term of two songs or more, in alphabetical order."""
        return cls((), np.zeros(0, dtype=np.float32), 0).extended(described)

    def extended(self, described: Described) -> TermSpace:
        """Add the terms that are new here and shared by two of ``described`` or more.

        Columns and weights of the terms that are known stay as they are, so rows made before
        stay valid. A new term that also described one song of the training is not known to have:
        the two are connected by the next training.
        """
        songs = self.songs + len(described)
        frequency = Counter(t for terms in described for t in terms if t not in self.columns)
        fresh = sorted(t for t, count in frequency.items() if count > 1)
        if not fresh:
            return self
        counts = np.array([frequency[t] for t in fresh], dtype=np.float64)
        idf = (np.log((1 + songs) / (1 + counts)) + 1).astype(np.float32)
        return TermSpace((*self.terms, *fresh), np.concatenate([self.idf, idf]), songs)

    def rows(self, described: Described) -> csr_matrix:
        """Return float32 (songs, terms), unit rows; empty where no term is known."""
        indptr: list[int] = [0]
        indices: list[int] = []
        data: list[float] = []
        for terms in described:
            known = ((self.columns.get(t), w) for t, w in terms.items())
            row = {c: w * float(self.idf[c]) for c, w in known if c is not None}
            norm = float(np.sqrt(sum(v * v for v in row.values()))) or 1.0
            indices += sorted(row)
            data += [row[c] / norm for c in sorted(row)]
            indptr.append(len(indices))
        return csr_matrix(
            (np.array(data, np.float32), np.array(indices, np.int32), np.array(indptr, np.int32)),
            shape=(len(described), len(self.terms)),
        )

    def arrays(self) -> dict[str, NDArray[np.generic]]:
        """Return what an npz file must hold."""
        return {
            "terms": pack_strings(self.terms),
            "term_idf": self.idf,
            "term_songs": np.array(self.songs),
        }

    @classmethod
    def from_arrays(cls, arrays: Arrays) -> TermSpace:
        """Rebuild from :meth:`arrays`."""
        idf = arrays["term_idf"].astype(np.float32)
        terms = unpack_strings(arrays["terms"].astype(np.uint8), len(idf))
        return cls(terms, idf, int(arrays["term_songs"]))
