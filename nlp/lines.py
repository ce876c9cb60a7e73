"""Which lines of a lyric carry its mood, by the same model that reads the whole.

Each distinct line is embedded and read by itself. What it carries is its reading along the
direction in which the whole song departs from a typical one. Lines are short and read apart from
their story, so a line's own mood is rough; the order of the lines is what is used.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from nlp.cleaning import clean_lyrics
from nlp.mood import MoodModel

if TYPE_CHECKING:
    from nlp.text import TextEncoder

_LEAST_WORDS = 3  # shorter lines say nothing by themselves


@dataclass(frozen=True, slots=True)
class LineMood:
    """One line of a cleaned lyric.

    Attributes:
        line: the words.
        valence: in (-1, 1), stretched for display as a whole song's is.
        arousal: likewise.
        weight: standard scores along the song's own direction; above 0 it carries the mood, below
            it speaks against it.
    """

    line: str
    valence: float
    arousal: float
    weight: float


def line_moods(text: str, encoder: TextEncoder, model: MoodModel) -> list[LineMood]:
    """Read the lines of a lyric, in their order; empty where no line has three words.

    Args:
        text: raw or cleaned.
        encoder: of the vectors that ``model`` was trained on.
        model: lyric heads; tags play no part.
    """
    cleaned = clean_lyrics(text)
    lines = [line for line in cleaned.split("\n") if len(line.split()) >= _LEAST_WORDS]
    if not lines:
        return []
    vectors = encoder.encode([cleaned, *lines])
    whole, *rest = model.standard_scores(vectors) - model.centres
    direction = whole / max(float(np.linalg.norm(whole)), 1e-6)
    shown = model.predict(vectors[1:])
    return [
        LineMood(line, float(valence), float(arousal), float(own @ direction))
        for line, valence, arousal, own in zip(
            lines, shown.valence, shown.arousal, rest, strict=True
        )
        if np.isfinite(own).all()
    ]
