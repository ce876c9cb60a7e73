"""Content: closeness of lyrics and of artist, album, genre and tags to what was played."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_matrix, vstack

from data.types import FloatArray, IntArray, Song
from recommender.candidates.listening import stored_entries
from recommender.candidates.terms import TermSpace, song_terms
from recommender.catalogue import overlay
from recommender.config import ContentConfig
from recommender.query import ReasonKind
from recommender.stages import Arrays, Context


class ContentScorer:
    """Mean cosine similarity to the history, lyrics and metadata blended.

    Lyric vectors are float32 (songs, k) rows of unit length or all zero; metadata is a sparse
    (songs, terms) matrix of unit rows or empty ones. A song with neither cannot be scored.
    """

    kind: ReasonKind = "content"
    name = "content"

    def __init__(
        self, config: ContentConfig, lyrics: FloatArray, metadata: csr_matrix, space: TermSpace
    ) -> None:
        self.config = config
        self.space = space
        self._lyrics = lyrics
        self._metadata = metadata
        self._known = np.any(lyrics != 0, axis=1) | (np.diff(metadata.indptr) > 0)

    @classmethod
    def fit(cls, config: ContentConfig, songs: Sequence[Song], lyrics: FloatArray) -> ContentScorer:
        """Fit on songs and their float32 (songs, k) reduced lyric vectors, NaN rows where none."""
        described = [song_terms(s, config.artist_weight) for s in songs]
        space = TermSpace.fit(described)
        return cls(config, unit_rows(np.nan_to_num(lyrics)), space.rows(described), space)

    def with_songs(
        self, songs: Sequence[Song], lyrics: FloatArray, at: IntArray, total: int
    ) -> ContentScorer:
        """Return a scorer that knows these songs too, placed by the stored vocabulary.

        Args:
            songs: new ones, or new descriptions of known ones.
            lyrics: float32 (songs, k) reduced lyric vectors, NaN rows where none.
            at: int64 (songs,) position of each in the new catalogue.
            total: length of the new catalogue.
        """
        described = [song_terms(s, self.config.artist_weight) for s in songs]
        space = self.space.extended(described)
        return ContentScorer(
            self.config,
            overlay(self._lyrics, unit_rows(np.nan_to_num(lyrics)), at, total),
            _overlay_sparse(self._metadata, space.rows(described), at, total),
            space,
        )

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
        entry, row = stored_entries(self._metadata, songs)
        strengths = self._metadata.data[entry] * weights[row]
        width = self._metadata.shape[1]
        terms = np.bincount(self._metadata.indices[entry], strengths, width).astype(np.float32)
        by_metadata = self._metadata @ terms
        score = share * by_lyrics + (1 - share) * by_metadata
        return np.where(self._known, score, np.nan).astype(np.float32)

    def score_many(self, contexts: Sequence[Context]) -> FloatArray:
        """Return float32 (contexts, songs)."""
        return np.stack([self(context) for context in contexts])

    def influences(self, context: Context, songs: IntArray) -> FloatArray | None:
        """Return each history song's part in the scores of ``songs``, float32 (n, h)."""
        weights = np.zeros(len(context.songs), dtype=np.float32)
        weights[-self.config.recent :] = self._profile(context)[1]
        share = self.config.lyrics_share
        by_lyrics = self._lyrics[songs] @ self._lyrics[context.songs].T
        by_metadata = self._shared(songs, context.songs)
        total = weights * (share * by_lyrics + (1 - share) * by_metadata)
        return np.asarray(total, dtype=np.float32)

    def _shared(self, songs: IntArray, others: IntArray) -> FloatArray:
        """Return float32 (n, m) metadata cosines of a few songs with others."""
        dense, columns = self._dense(songs)
        theirs, their_row = stored_entries(self._metadata, others)
        found = np.searchsorted(columns, self._metadata.indices[theirs])
        found[np.append(columns, -1)[found] != self._metadata.indices[theirs]] = len(columns)
        against = np.zeros((len(others), len(columns) + 1), dtype=np.float32)
        against[their_row, found] = self._metadata.data[theirs]
        return np.asarray(dense @ against.T, dtype=np.float32)

    def _dense(self, songs: IntArray) -> tuple[FloatArray, IntArray]:
        """Return the metadata of a few songs in the c columns they have, and one of zeros.

        Slices and products of SciPy's sparse matrices take several times as long for so few.

        Returns:
            float32 (n, c + 1), and int (c,) the columns, in order.
        """
        entries, row = stored_entries(self._metadata, songs)
        columns, place = np.unique(self._metadata.indices[entries], return_inverse=True)
        dense = np.zeros((len(songs), len(columns) + 1), dtype=np.float32)
        dense[row, place] = self._metadata.data[entries]
        return dense, columns

    def terms_of_songs(self) -> csr_matrix:
        """Return float32 (songs, terms) unit rows, empty where a song has no term."""
        return self._metadata

    def lyric_vectors(self) -> FloatArray:
        """Return float32 (songs, k) unit rows, zero where a song has no lyrics."""
        return self._lyrics

    @property
    def lyrics_size(self) -> int:
        """Length of a reduced lyric vector."""
        return int(self._lyrics.shape[1])

    def lyric_cosines(self, vector: FloatArray | None) -> FloatArray:
        """Return float32 (songs,) cosines with a unit vector (k,); NaN for songs without lyrics."""
        has_lyrics = np.any(self._lyrics != 0, axis=1)
        if vector is None or not has_lyrics.any():
            return np.full(len(self._lyrics), np.nan, dtype=np.float32)
        return np.where(has_lyrics, self._lyrics @ vector, np.nan).astype(np.float32)

    def lyric_cosine(self, song: int, vector: FloatArray | None) -> float:
        """Return one song's cosine with a unit vector (k,); 0 where there is nothing to compare."""
        return 0.0 if vector is None else float(self._lyrics[song] @ vector)

    def columns_of(self, song: int) -> frozenset[int]:
        """Return the columns of a song's terms."""
        start, stop = self._metadata.indptr[song : song + 2]
        return frozenset(self._metadata.indices[start:stop].tolist())

    def has_term(self, column: int) -> NDArray[np.bool_]:
        """Tell for every song whether it has the term of a column."""
        found = np.zeros(len(self._known), dtype=np.bool_)
        hits = np.flatnonzero(self._metadata.indices == column)
        found[np.searchsorted(self._metadata.indptr, hits, side="right") - 1] = True
        return found

    def neighbours(self, song: int) -> tuple[FloatArray, FloatArray]:
        """Return float32 (songs,) cosines with one song: of lyrics (NaN without), of metadata."""
        vector = self._lyrics[song]
        by_lyrics = self.lyric_cosines(vector if vector.any() else None)
        row = self._metadata[song].toarray().ravel()
        return by_lyrics, np.asarray(self._metadata @ row, dtype=np.float32)

    def shared_terms(self, first: int, second: int) -> dict[str, float]:
        """Return what each shared term adds to the metadata cosine of two songs, most first."""
        product = self._metadata[first].multiply(self._metadata[second]).tocoo()
        pairs = sorted(zip(product.data, product.col, strict=True), key=lambda p: -p[0])
        return {self.space.terms[int(column)]: float(value) for value, column in pairs}

    def pairwise(self, songs: NDArray[np.int64]) -> FloatArray:
        """Return the float32 (p, p) content similarity between songs, in [0, 1]."""
        share = self.config.lyrics_share
        lyrics, (metadata, _) = self._lyrics[songs], self._dense(songs)
        blend = share * (lyrics @ lyrics.T) + (1 - share) * (metadata @ metadata.T)
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
            **self.space.arrays(),
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
            TermSpace.from_arrays(arrays),
        )


def unit_rows(vectors: FloatArray) -> FloatArray:
    """Scale every row to length 1; zero rows stay zero."""
    norms = np.linalg.norm(vectors, axis=1, keepdims=True)
    return np.asarray(vectors / np.where(norms > 0, norms, 1), dtype=np.float32)


def _overlay_sparse(base: csr_matrix, rows: csr_matrix, at: IntArray, total: int) -> csr_matrix:
    """Do what :func:`recommender.catalogue.overlay` does; ``rows`` may have more columns."""
    parts = (base.data, base.indices, base.indptr)
    widened = csr_matrix(parts, shape=(base.shape[0], rows.shape[1]), copy=False)
    stacked = vstack([widened, rows], format="csr", dtype=np.float32)
    order = np.arange(total)
    order[at] = base.shape[0] + np.arange(len(at))
    return stacked if len(at) == total - base.shape[0] else stacked[order]


def _normalised(weights: FloatArray) -> FloatArray:
    damped = np.log2(1 + weights)
    total = float(damped.sum())
    return np.asarray(damped / total if total else damped, dtype=np.float32)
