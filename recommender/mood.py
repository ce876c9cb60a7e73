"""From an apparent expression or a stated mood, and a strategy, to a target in the mood plane."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace

from data.errors import InvalidParameterError
from data.moods import EMOTION_MOODS, MOOD_WORDS
from data.types import EMOTIONS, EmotionScores, Mood, Strategy
from recommender.config import MoodConfig
from recommender.query import MoodTarget, Query
from recommender.response import UserResponse, lifted
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
    places = [EMOTION_MOODS[e] for e in EMOTIONS]
    return mean_mood(list(zip(scores.probabilities, places, strict=True)))


def mean_mood(moods: Sequence[tuple[float, Mood]]) -> Mood:
    """Return the mean of (probability, mood), the probabilities summing to 1."""
    return Mood(sum(p * m.valence for p, m in moods), sum(p * m.arousal for p, m in moods))


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
    query: Query,
    config: MoodConfig,
    text: AskedText | None = None,
    response: UserResponse | None = None,
) -> MoodTarget | None:
    """Return the target of a query, or None where the mood is not to count.

    A stated mood beats the camera, has confidence 1, and is met where it is. A camera's confidence
    is rescaled so that chance level counts nothing, and discounted when the expression is
    uncertain; it counts less than a word. What a text says counts where there is neither.

    Args:
        query: who asks, in what mood.
        config: how much the moment counts.
        text: what the query's text says, if anything.
        response: how this listener responds to emotions; None for the plain rule.
    """
    if query.strategy == "off":
        return None
    known = response if config.learned else None
    if query.stated is not None:
        least = config.stated_weight
        # Who says a mood and asks for a match is met there; rising is asked for by ``lift``.
        met = None if known is None else replace(known, lift=0.0)
        return _target(query.strategy, [(1.0, query.stated)], config, 1.0, 1.0, met, least)
    if query.emotion is None:
        if text is None or text.mood is None:
            return None
        aimed = [(1.0, text.mood)]
        # What is asked for in words is no mood that the listener is in: the plain rule.
        return _target(query.strategy, aimed, config, text.confidence, 1.0, None, 1.0)
    confidence = max(0.0, (query.emotion.confidence - _CHANCE) / (1 - _CHANCE))
    if query.emotion.uncertain:
        confidence *= config.uncertain_factor
    places = [EMOTION_MOODS[e] for e in EMOTIONS]
    moods = list(zip(query.emotion.probabilities, places, strict=True))
    # Confidence counts twice: a doubtful reading errs in the target and in whether it is the
    # mood at all. Squared beat plain where the camera was simulated.
    trust = config.camera * confidence
    return _target(query.strategy, moods, config, confidence, trust, known, 0.0)


def own_aim(current: Mood, strategy: Strategy, response: UserResponse | None) -> Mood:
    """Where this listener is to go from ``current``; :func:`aim` where nothing was learned.

    Only ``match`` depends on the listener: it goes between the rule and the lifted mood, as far as
    the listener's choices did. Neither of the two is more tense than a tense mood, so nothing
    between them is.
    """
    stay = aim(current, strategy)
    if response is None or strategy != "match":
        return stay
    rise = lifted(current)
    share = response.lift
    return Mood(
        (1 - share) * stay.valence + share * rise.valence,
        (1 - share) * stay.arousal + share * rise.arousal,
    )


def _target(
    strategy: Strategy,
    moods: Sequence[tuple[float, Mood]],
    config: MoodConfig,
    confidence: float,
    trust: float,
    response: UserResponse | None,
    least: float,
) -> MoodTarget:
    """Aim from a distribution of moods.

    Args:
        strategy: any but ``off``.
        moods: (probability, mood), the probabilities summing to 1.
        config: whether the mean is taken of the moods or of their targets.
        confidence: 0..1.
        trust: 0..1, of this kind of reading against a stated mood.
        response: of the listener; None for the plain rule.
        least: lowest weight; strategies that ask for a change never count less than 1.
    """
    current = mean_mood(moods)
    if config.expected:
        target = mean_mood([(p, own_aim(mood, strategy, response)) for p, mood in moods])
    else:
        target = own_aim(current, strategy, response)
    weight = 1.0 if response is None else response.strength
    floor = least if strategy == "match" else 1.0
    return MoodTarget(current, target, strategy, confidence, trust * max(floor, weight))
