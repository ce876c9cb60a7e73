"""A text query, read: where it lies among lyrics, what it names, which mood it speaks of."""

from __future__ import annotations

import unicodedata
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from threading import Lock
from typing import TYPE_CHECKING

import numpy as np

from data.errors import InvalidParameterError
from data.moods import EMOTION_MOODS, MOOD_WORDS
from data.types import FloatArray, Mood
from recommender.candidates.content import unit_rows
from recommender.config import TextConfig
from recommender.model import RecommenderModel
from recommender.space import LyricSpace
from recommender.stages import AskedText
from recommender.words import mood_words, runs

if TYPE_CHECKING:
    from nlp.text import TextEncoder

Report = Callable[[str], None]
#: A longer text is no query.
MAX_CHARACTERS = 500


def checked_text(text: str) -> str:
    """Return a query text without control characters, its spaces single.

    Raises:
        InvalidParameterError: if it is too long, or holds no letter and no digit.
    """
    if len(text) > MAX_CHARACTERS:
        raise InvalidParameterError(
            "text", f"the text has {len(text)} characters, the most is {MAX_CHARACTERS}"
        )
    bare = "".join(" " if unicodedata.category(c) in {"Cc", "Cs"} else c for c in text)
    if not any(c.isalnum() for c in bare):
        raise InvalidParameterError(
            "text", "there are no words in the text: say what to look for, as in 'rainy sunday'"
        )
    return " ".join(bare.split())


class LazyTextEncoder:
    """An encoder that is opened by the first text, once, whichever thread asks first.

    Args:
        load: opens it.
    """

    def __init__(self, load: Callable[[], TextEncoder]) -> None:
        self._load = load
        self._lock = Lock()
        self._opened: TextEncoder | None = None

    @property
    def name(self) -> str:
        """Name of the encoder; opens it."""
        return self.opened().name

    @property
    def dimension(self) -> int:
        """Length of a vector; opens the encoder."""
        return self.opened().dimension

    def opened(self) -> TextEncoder:
        """Return the encoder, opened."""
        with self._lock:
            if self._opened is None:
                self._opened = self._load()
            return self._opened

    def encode(self, texts: Sequence[str], report: Report | None = None) -> FloatArray:
        """Encode texts; see :class:`nlp.text.TextEncoder`."""
        return self.opened().encode(texts, report)


@dataclass(frozen=True)
class TextReader:
    """Reads query texts for one bundle.

    Attributes:
        encoder: None reads tags, artists and mood words only.
        space: of the bundle.
    """

    encoder: TextEncoder | None = None
    space: LyricSpace = field(default_factory=LyricSpace)

    def read(self, text: str, model: RecommenderModel) -> AskedText:
        """Read a text.

        Raises:
            InvalidParameterError: if it is empty or too long, or nothing in it can be looked for.
        """
        bare = checked_text(text)
        named = model.words.find(bare)
        vector = self._vector(bare)
        lyrics = None if vector is None else self._place(vector, model)
        mood, confidence = self._mood(bare, vector, model.config.text)
        if lyrics is None and not named and mood is None:
            raise InvalidParameterError(
                "text",
                f"no word of {bare[:60]!r} is known: try a mood, a theme, a tag or an artist",
            )
        return AskedText(lyrics, named.columns, named.artists, mood, confidence)

    def _vector(self, text: str) -> FloatArray | None:
        if self.encoder is None:
            return None
        vector = np.asarray(self.encoder.encode([text])[0], dtype=np.float32)
        return vector if np.isfinite(vector).all() else None

    def _place(self, vector: FloatArray, model: RecommenderModel) -> FloatArray | None:
        reduced = self.space.reduce(vector[None], model.content.lyrics_size)
        return unit_rows(reduced)[0] if np.isfinite(reduced).all() else None

    def _mood(
        self, text: str, vector: FloatArray | None, config: TextConfig
    ) -> tuple[Mood | None, float]:
        """Blend what mood words say with what the mood model makes of vector and words."""
        missing = np.full(self.space.dimension, np.nan, dtype=np.float32)
        predicted = self.space.mood_of(missing if vector is None else vector, runs(text))
        said = [EMOTION_MOODS.get(w) or MOOD_WORDS[w] for w in mood_words(text)]
        if not said:
            return predicted, config.confidence if predicted else 0.0
        stated = Mood(
            float(np.mean([m.valence for m in said])), float(np.mean([m.arousal for m in said]))
        )
        own = config.words_share if predicted else 1.0
        other = predicted or stated
        blended = Mood(
            own * stated.valence + (1 - own) * other.valence,
            own * stated.arousal + (1 - own) * other.arousal,
        )
        return blended, config.words_confidence
