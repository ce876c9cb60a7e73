"""What a song's words and tags say of its mood: how sure that is, and which lines carry it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

from data.datasets.tags import fold_tags
from data.types import EMOTIONS, FloatArray, Song
from nlp.fusion import Source
from nlp.lines import LineMood, line_moods
from nlp.mood import QUADRANTS, MoodModel

if TYPE_CHECKING:
    from nlp.text import TextEncoder


@dataclass(frozen=True, slots=True)
class MoodReading:
    """The mood model's reading of one song.

    Attributes:
        valence: in (-1, 1), stretched for display.
        arousal: likewise.
        emotion: the nearest of the seven.
        standard_scores: predicted valence and arousal in standard scores of the training labels.
        deviation: of valence's and arousal's errors, in standard scores.
        emotions: probability of each of the seven.
        quadrants: probability of each quarter of the plane.
        source: what it was read from, as :class:`nlp.fusion.Source` names it, lower case.
        lines: those that carry the mood most, first the one that does so most; a weight below 0
            speaks against it.
    """

    valence: float
    arousal: float
    emotion: str
    standard_scores: tuple[float, float]
    deviation: tuple[float, float]
    emotions: Mapping[str, float]
    quadrants: Mapping[str, float]
    source: str
    lines: tuple[LineMood, ...]


def read_mood(
    model: MoodModel,
    encoder: TextEncoder | None,
    song: Song,
    vector: FloatArray,
    lyrics: str | None,
    lines: int,
) -> MoodReading | None:
    """Read one song; None where neither its words nor its tags tell anything.

    Args:
        model: of the bundle.
        encoder: reads lines; None reads none.
        song: for its tags.
        vector: float32 (d,) of its lyrics, NaN without.
        lyrics: as given.
        lines: at most so many.
    """
    predicted = model.predict(vector[None], [fold_tags(song.tags)])
    emotion = predicted.emotion[0]
    if emotion is None:
        return None
    read = line_moods(lyrics, encoder, model) if lyrics and encoder is not None and lines else []
    carrying = sorted(read, key=lambda one: -one.weight)
    raw, deviation = predicted.raw[0].tolist(), predicted.deviation[0].tolist()
    return MoodReading(
        float(predicted.valence[0]),
        float(predicted.arousal[0]),
        emotion,
        (raw[0], raw[1]),
        (deviation[0], deviation[1]),
        _shares(EMOTIONS, model.emotions(predicted)),
        _shares(QUADRANTS, model.quadrants(predicted)),
        Source(int(predicted.source[0])).name.lower(),
        tuple(carrying[:lines]),
    )


def _shares(names: tuple[str, ...], shares: FloatArray) -> dict[str, float]:
    return {name: round(share, 4) for name, share in zip(names, shares[0].tolist(), strict=True)}
