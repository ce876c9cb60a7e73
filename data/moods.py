"""Where moods lie in the valence-arousal plane, and which of the seven emotions is nearest.

The emotions' places are the pleasure and arousal means of Russell & Mehrabian, "Evidence for a
three-factor theory of emotions", Journal of Research in Personality 11 (1977), 273-294 (terms
angry, disgusted, fearful, happy, sad, surprised), as later work quotes them; neutral is the origin
by definition. The plane is
that of Russell, "A circumplex model of affect", Journal of Personality and Social Psychology 39
(1980), 1161-1178.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from data.types import EMOTIONS, FloatArray, Mood

#: One place per emotion, in the order of :data:`data.types.EMOTIONS`.
EMOTION_MOODS: dict[str, Mood] = {
    "angry": Mood(-0.51, 0.59),
    "disgust": Mood(-0.60, 0.35),
    "fear": Mood(-0.64, 0.60),
    "happy": Mood(0.81, 0.51),
    "sad": Mood(-0.63, -0.27),
    "surprise": Mood(0.40, 0.67),
    "neutral": Mood(0.0, 0.0),
}

#: More words a listener may state. Russell & Mehrabian's "relaxed" and "excited" fix the scale; the
#: others are placed around the circumplex by us, at the angle where Russell (1980) drew the word or
#: its nearest neighbour.
MOOD_WORDS: dict[str, Mood] = {
    "calm": Mood(0.55, -0.60),
    "relaxed": Mood(0.68, -0.46),
    "peaceful": Mood(0.65, -0.65),
    "chill": Mood(0.45, -0.45),
    "sleepy": Mood(0.10, -0.85),
    "dreamy": Mood(0.35, -0.40),
    "tender": Mood(0.50, -0.25),
    "romantic": Mood(0.60, -0.05),
    "hopeful": Mood(0.55, 0.15),
    "cheerful": Mood(0.75, 0.40),
    "joyful": Mood(0.76, 0.48),
    "upbeat": Mood(0.60, 0.50),
    "excited": Mood(0.62, 0.75),
    "energetic": Mood(0.45, 0.80),
    "party": Mood(0.65, 0.80),
    "tense": Mood(-0.35, 0.65),
    "aggressive": Mood(-0.45, 0.80),
    "anxious": Mood(-0.40, 0.55),
    "gloomy": Mood(-0.60, -0.35),
    "lonely": Mood(-0.55, -0.40),
    "melancholic": Mood(-0.45, -0.50),
    "nostalgic": Mood(-0.10, -0.35),
    "bored": Mood(-0.45, -0.65),
}

_PLACES: NDArray[np.float64] = np.array(
    [(EMOTION_MOODS[e].valence, EMOTION_MOODS[e].arousal) for e in EMOTIONS]
)


def nearest_emotions(valence: FloatArray, arousal: FloatArray) -> list[str | None]:
    """Return, for each point, the emotion whose place is nearest (Euclidean); None for NaN.

    Args:
        valence: (n,) in [-1, 1].
        arousal: (n,) in [-1, 1].
    """
    points = np.stack([np.asarray(valence, float), np.asarray(arousal, float)], axis=1)
    known = np.isfinite(points).all(axis=1)
    distances = np.linalg.norm(np.nan_to_num(points)[:, None, :] - _PLACES[None], axis=2)
    nearest = distances.argmin(axis=1)
    return [EMOTIONS[i] if ok else None for i, ok in zip(nearest, known, strict=True)]


def nearest_emotion(valence: float, arousal: float) -> str | None:
    """Return the emotion whose place is nearest to one point; None for NaN."""
    point = (np.array([v], dtype=np.float32) for v in (valence, arousal))
    return nearest_emotions(*point)[0]
