"""Where lyric vectors lie: the bundle's principal components and its mood model."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from data.datasets.tags import fold_tags
from data.reduction import PcaReducer
from data.types import FloatArray, Mood, Song
from nlp.mood import MoodModel


@dataclass(frozen=True, slots=True)
class LyricSpace:
    """Places vectors of the encoder among the songs of a bundle.

    Attributes:
        reducer: what made the model's lyric vectors; None where training had too few lyrics.
        mood: the bundle's mood model; None where it is of another encoder.
    """

    reducer: PcaReducer | None = None
    mood: MoodModel | None = None

    @property
    def dimension(self) -> int:
        """Length of the vectors that the mood model, else the reducer, takes; 0 without both."""
        reducer = self.reducer if self.mood is None else self.mood.reducer
        return 0 if reducer is None else len(reducer.mean)

    def reduce(self, vectors: FloatArray, size: int) -> FloatArray:
        """Return float32 (n, size) reduced vectors; NaN rows where there is nothing to reduce."""
        found = np.full((len(vectors), size), np.nan, dtype=np.float32)
        have = np.isfinite(vectors).all(axis=1)
        if self.reducer is not None and have.any():
            found[have] = self.reducer.transform(vectors[have])
        return found

    def moods(self, songs: Sequence[Song], vectors: FloatArray) -> dict[str, tuple[float, float]]:
        """Predict (valence, arousal) by song id, where lyrics or tags tell it.

        Args:
            songs: with their tags.
            vectors: float32 (songs, d) lyric vectors, NaN rows where none.
        """
        if self.mood is None or not songs:
            return {}
        predicted = self.mood.predict(vectors, [fold_tags(song.tags) for song in songs])
        rows = zip(songs, predicted.valence.tolist(), predicted.arousal.tolist(), strict=True)
        return {song.id: (v, a) for song, v, a in rows if np.isfinite(v) and np.isfinite(a)}

    def mood_of(self, vector: FloatArray, words: Sequence[str]) -> Mood | None:
        """Predict the mood of a text; None where it cannot be told.

        Args:
            vector: float32 (d,) of the whole text, NaN where there is none.
            words: of the text; those that the mood model knows as tags count as tags.
        """
        found = self.moods([Song("", "", "", tags=tuple(words))], vector[None])
        return Mood(*found[""]) if found else None
