"""Content: closeness of lyrics and of artist, album, genre and tags to what was played."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_matrix

from data.text import artist_key, fold
from data.types import FloatArray, Song
from recommender.config import ContentConfig
from recommender.query import ReasonKind
from recommender.stages import Arrays, Context

# The same few thousand tags and artists come up hundreds of thousands of times.
_fold, _artist_key = (lru_cache(maxsize=1 << 17)(f) for f in (fold, artist_key))


class ContentScorer:
    """Mean cosine similarity to the history, lyrics and metadata blended.

    Lyric vectors are float32 (songs, k) rows of unit length or all zero; metadata is a sparse
    (songs, terms) matrix of unit rows or empty ones. A song with neither cannot be scored.
    """

    kind: ReasonKind = "content"

    def __init__(self, config: ContentConfig, lyrics: FloatArray, metadata: csr_matrix) -> None:
        self.config = config
        self._lyrics = lyrics
        self._metadata = metadata
        self._known = np.any(lyrics != 0, axis=1) | (np.diff(metadata.indptr) > 0)

    @classmethod
    def fit(cls, config: ContentConfig, songs: Sequence[Song], lyrics: FloatArray) -> ContentScorer:
        """Fit on songs and their float32 (songs, k) reduced lyric vectors, NaN rows where none."""
        return cls(config, unit_rows(np.nan_to_num(lyrics)), metadata_matrix(songs, config))

    @property
    def is_fitted(self) -> bool:
        """True when at least one song has content."""
        return bool(self._known.any())

    def __call__(self, context: Context) -> FloatArray:
        """Return float32 (songs,); NaN where the song or the whole history has no content."""
        songs, weights = self._profile(context)
        if not self._known[songs].any():
            return np.full(len(self._known), np.nan, dtype=np.float32)
        share = self.config.lyrics_share
        by_lyrics = self._lyrics @ (weights @ self._lyrics[songs])
        terms = np.asarray(self._metadata[songs].T @ weights).ravel()
        by_metadata = self._metadata @ terms
        score = share * by_lyrics + (1 - share) * by_metadata
        return np.where(self._known, score, np.nan).astype(np.float32)

    def influences(self, context: Context, song: int) -> FloatArray | None:
        """Return each history song's part in the score of ``song``, float32 (h,)."""
        weights = np.zeros(len(context.songs), dtype=np.float32)
        weights[-self.config.recent :] = self._profile(context)[1]
        share = self.config.lyrics_share
        by_lyrics = self._lyrics[context.songs] @ self._lyrics[song]
        row = self._metadata[song].toarray().ravel()
        by_metadata = self._metadata[context.songs] @ row
        total = weights * (share * by_lyrics + (1 - share) * by_metadata)
        return np.asarray(total, dtype=np.float32)

    def pairwise(self, songs: NDArray[np.int64]) -> FloatArray:
        """Return the float32 (p, p) content similarity between songs, in [0, 1]."""
        share = self.config.lyrics_share
        lyrics, metadata = self._lyrics[songs], self._metadata[songs]
        blend = share * (lyrics @ lyrics.T) + (1 - share) * (metadata @ metadata.T).toarray()
        return np.asarray(np.clip(blend, 0, 1), dtype=np.float32)

    def _profile(self, context: Context) -> tuple[NDArray[np.int64], FloatArray]:
        songs = context.songs[-self.config.recent :]
        return songs, _normalised(context.weights[-self.config.recent :])

    def arrays(self) -> dict[str, NDArray[np.generic]]:
        """Return lyric vectors (stored as float16) and the parts of the sparse matrix."""
        return {
            "lyrics": self._lyrics.astype(np.float16),
            "metadata_data": self._metadata.data,
            "metadata_indices": self._metadata.indices,
            "metadata_indptr": self._metadata.indptr,
            "metadata_shape": np.array(self._metadata.shape),
        }

    @classmethod
    def from_arrays(cls, config: ContentConfig, arrays: Arrays) -> ContentScorer:
        """Rebuild from :meth:`arrays`."""
        rows, terms = (int(v) for v in arrays["metadata_shape"])
        parts = (arrays["metadata_data"], arrays["metadata_indices"], arrays["metadata_indptr"])
        return cls(
            config,
            arrays["lyrics"].astype(np.float32),
            csr_matrix(parts, shape=(rows, terms), dtype=np.float32),
        )


def unit_rows(vectors: FloatArray) -> FloatArray:
    """Scale every row to length 1; zero rows stay zero."""
    norms = np.linalg.norm(vectors, axis=1, keepdims=True)
    return np.asarray(vectors / np.where(norms > 0, norms, 1), dtype=np.float32)


def metadata_matrix(songs: Sequence[Song], config: ContentConfig) -> csr_matrix:
    """TF-IDF of artist, album, genre and tags: float32 (songs, terms), unit rows.

    A term of one song only cannot connect anything and is left out.
    """
    described = [song_terms(s, config.artist_weight) for s in songs]
    frequency = Counter(term for terms in described for term in terms)
    vocabulary = {t: i for i, t in enumerate(sorted(t for t, c in frequency.items() if c > 1))}
    idf = {t: np.log((1 + len(songs)) / (1 + frequency[t])) + 1 for t in vocabulary}
    indptr, indices, data = [0], [], []
    for terms in described:
        row = {vocabulary[t]: w * idf[t] for t, w in terms.items() if t in vocabulary}
        norm = float(np.sqrt(sum(v * v for v in row.values()))) or 1.0
        indices += sorted(row)
        data += [row[i] / norm for i in sorted(row)]
        indptr.append(len(indices))
    return csr_matrix(
        (np.array(data, np.float32), np.array(indices, np.int32), np.array(indptr, np.int32)),
        shape=(len(songs), len(vocabulary)),
    )


def song_terms(song: Song, artist_weight: float) -> dict[str, float]:
    """Return the weighted terms that describe a song."""
    artist = _artist_key(song.artist)
    terms = {f"artist:{artist}": artist_weight} if artist_weight else {}
    if song.album:
        terms[f"album:{artist}|{_fold(song.album)}"] = 1.0
    if song.genre:
        terms[f"genre:{_fold(song.genre)}"] = 1.0
    for tag in song.tags:
        terms[f"tag:{_fold(tag)}"] = 1.0
    return terms


def _normalised(weights: FloatArray) -> FloatArray:
    damped = np.log2(1 + weights)
    total = float(damped.sum())
    return np.asarray(damped / total if total else damped, dtype=np.float32)
