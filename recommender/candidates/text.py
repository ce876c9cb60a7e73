"""Text: how close a song is to the words of a query, by its lyrics and by what the words name."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from data.types import FloatArray, IntArray
from recommender.candidates.content import ContentScorer
from recommender.config import TextConfig
from recommender.query import ReasonKind
from recommender.stages import AskedText, Context


class TextScorer:
    """Blends closeness of lyrics with the share of the named tags, genres and artists.

    Where the text names nothing that the catalogue has, lyrics alone decide, and a song without
    lyrics cannot be scored.
    """

    kind: ReasonKind = "text"
    name = "text"

    def __init__(self, config: TextConfig, content: ContentScorer, artist_codes: IntArray) -> None:
        self.config = config
        self._content = content
        self._artist_codes = artist_codes

    @property
    def is_fitted(self) -> bool:
        """True when at least one song has content."""
        return self._content.is_fitted

    def __call__(self, context: Context) -> FloatArray:
        """Return float32 (songs,); NaN where neither lyrics nor metadata can be compared."""
        if context.text is None:
            return np.full(len(self._artist_codes), np.nan, dtype=np.float32)
        by_lyrics, by_names = self.parts(context.text)
        score = np.nan_to_num(by_lyrics) + by_names
        known = np.isfinite(by_lyrics) | (by_names > 0)
        return np.where(known, score, np.nan).astype(np.float32)

    def parts(self, text: AskedText) -> tuple[FloatArray, FloatArray]:
        """Return what lyrics (NaN without) and what names add to the score, float32 (songs,)."""
        names = len(text.columns) + len(text.artists)
        share = self.config.lyrics_share if names else 1.0
        return share * self._content.lyric_cosines(text.lyrics), (1 - share) * self._named(text)

    def _named(self, text: AskedText) -> FloatArray:
        """Share of the named terms that a song has, each weighed by its rarity (idf)."""
        found = np.zeros(len(self._artist_codes), dtype=np.float32)
        total = 0.0
        for column, weight in zip(text.columns, self._content.space.idf[text.columns], strict=True):
            found += weight * self._content.has_term(int(column))
            total += float(weight)
        if len(text.artists):
            # An artist is at least as telling as the rarest tag.
            weight = max([1.0, *self._content.space.idf[text.columns].tolist()])
            found += weight * np.isin(self._artist_codes, text.artists)
            total += weight
        return (found / total).astype(np.float32) if total else found

    def contributions(self, text: AskedText, song: int) -> tuple[float, dict[str, float]]:
        """Split one song's score: what its lyrics add, and what each named term or artist adds."""
        share = self.config.lyrics_share if len(text.columns) + len(text.artists) else 1.0
        cosine = self._content.lyric_cosine(song, text.lyrics)
        weights = {int(c): float(self._content.space.idf[c]) for c in text.columns}
        artist = max([1.0, *weights.values()]) if len(text.artists) else 0.0
        total = sum(weights.values()) + artist
        own = self._content.columns_of(song)
        adds = {self._content.space.terms[c]: w for c, w in weights.items() if c in own}
        if self._artist_codes[song] in text.artists:
            adds["artist"] = artist
        return share * cosine, {t: (1 - share) * w / total for t, w in adds.items()}

    def score_many(self, contexts: Sequence[Context]) -> FloatArray:
        """Return float32 (contexts, songs)."""
        return np.stack([self(context) for context in contexts])

    def influences(self, context: Context, songs: IntArray) -> FloatArray | None:  # noqa: ARG002
        """No song of a history speaks for a text."""
        return None

    def arrays(self) -> dict[str, NDArray[np.generic]]:
        """Nothing: all of it is part of the content."""
        return {}
