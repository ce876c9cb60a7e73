"""From an apparent expression or a stated mood, and a strategy, to a target in the mood plane."""

from __future__ import annotations

import math

from data.errors import InvalidParameterError
from data.moods import EMOTION_MOODS, MOOD_WORDS
from data.types import EMOTIONS, EmotionScores, Mood, Strategy
from recommender.config import MoodConfig
from recommender.query import MoodTarget, Query
from recommender.stages import AskedText

#: Below chance level (one in seven) a confidence says nothing.
_CHANCE = 1 / len(EMOTIONS)


def parse_mood(text: str) -> Mood:
    """Read ``happy``, ``calm`` and the like, or ``<valence>,<arousal>``.

    Raises:
        InvalidParameterError: naming the words that are known.
    """
    word = text.strip().lower()
    if word in EMOTION_MOODS:
        return EMOTION_MOODS[word]
    if word in MOOD_WORDS:
        return MOOD_WORDS[word]
    parts = word.split(",")
    if len(parts) == 2:
        try:
            valence, arousal = (float(p) for p in parts)
        except ValueError:
            valence = arousal = math.nan
        if -1 <= valence <= 1 and -1 <= arousal <= 1:
            return Mood(valence, arousal)
    known = ", ".join(sorted({*EMOTION_MOODS, *MOOD_WORDS}))
    raise InvalidParameterError(
        "mood", f"mood {text[:40]!r} is neither valence,arousal (each -1..1) nor one of: {known}"
    )


def expected_mood(scores: EmotionScores) -> Mood:
    """Return the probability-weighted mean of the seven emotions' moods."""
    pairs = [(p, EMOTION_MOODS[e]) for p, e in zip(scores.probabilities, EMOTIONS, strict=True)]
    return Mood(sum(p * m.valence for p, m in pairs), sum(p * m.arousal for p, m in pairs))


def aim(current: Mood, strategy: Strategy) -> Mood:
    """Where ``strategy`` aims from ``current``.

    ``match`` stays, except that tense moods (negative and aroused: anger, fear) are met at half
    their strength rather than amplified. ``lift`` raises valence, ``calm`` lowers arousal and
    ``energize`` raises it, the latter two without going below a mildly pleasant valence. The
    constants are design choices, not measurements; neither matching nor compensation is known to
    work better.
    """
    v, a = current.valence, current.arousal
    if strategy == "lift":
        return Mood(min(1.0, max(v, -0.2) + 0.7), max(-1.0, min(1.0, 0.6 * a + 0.15)))
    if strategy == "calm":
        return Mood(max(v, 0.3), min(a, -0.6))
    if strategy == "energize":
        return Mood(max(v, 0.4), max(a, 0.7))
    if strategy == "match" and v < 0 < a:
        return Mood(0.5 * v, 0.5 * a)
    return current


def mood_target(
    query: Query, config: MoodConfig, text: AskedText | None = None
) -> MoodTarget | None:
    """Return the target of a query, or None where the mood is not to count.

    A stated mood beats the camera and has confidence 1. A camera's confidence is rescaled so that
    chance level counts nothing, and discounted when the expression is uncertain. What a text says
    counts where there is neither.
    """
    if query.strategy == "off":
        return None
    if query.stated is not None:
        return MoodTarget(query.stated, aim(query.stated, query.strategy), query.strategy, 1.0)
    if query.emotion is None:
        if text is None or text.mood is None:
            return None
        aimed = aim(text.mood, query.strategy)
        return MoodTarget(text.mood, aimed, query.strategy, text.confidence)
    current = expected_mood(query.emotion)
    confidence = max(0.0, (query.emotion.confidence - _CHANCE) / (1 - _CHANCE))
    if query.emotion.uncertain:
        confidence *= config.uncertain_factor
    return MoodTarget(current, aim(current, query.strategy), query.strategy, confidence)
