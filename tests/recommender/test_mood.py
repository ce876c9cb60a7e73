"""From expressions and words to targets in the mood plane."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from data.errors import InvalidParameterError
from data.moods import EMOTION_MOODS
from data.types import EMOTIONS, STRATEGIES, EmotionScores, Mood, Strategy
from recommender.config import MoodConfig
from recommender.mood import aim, expected_mood, mood_target, parse_mood
from recommender.query import Query

MOODS = st.builds(Mood, st.floats(-1, 1), st.floats(-1, 1))


def test_words_and_pairs_are_read() -> None:
    assert parse_mood("happy") == EMOTION_MOODS["happy"]
    assert parse_mood(" Calm ").arousal < 0
    assert parse_mood("0.25,-1") == Mood(0.25, -1.0)


@pytest.mark.parametrize("text", ["foo", "", "1", "2,0", "nan,0", "0,inf", "a,b", "0,0,0", "\x00"])
def test_anything_else_is_refused_with_the_known_words(text: str) -> None:
    with pytest.raises(InvalidParameterError, match="happy") as caught:
        parse_mood(text)
    assert caught.value.parameter == "mood"


def test_certain_expression_is_its_own_mood() -> None:
    scores = EmotionScores(tuple(float(e == "sad") for e in EMOTIONS), 1.0, False)
    assert expected_mood(scores) == EMOTION_MOODS["sad"]


@given(MOODS, st.sampled_from(STRATEGIES))
def test_targets_stay_in_the_plane(current: Mood, strategy: Strategy) -> None:
    target = aim(current, strategy)
    assert -1 <= target.valence <= 1
    assert -1 <= target.arousal <= 1


@given(MOODS)
def test_strategies_do_what_they_say(current: Mood) -> None:
    assert aim(current, "lift").valence >= min(1.0, current.valence + 0.69)
    assert aim(current, "calm").arousal <= -0.6
    assert aim(current, "energize").arousal >= 0.7


def test_anger_and_fear_are_not_amplified() -> None:
    for word in ("angry", "fear"):
        target = aim(EMOTION_MOODS[word], "match")
        assert abs(target.arousal) < abs(EMOTION_MOODS[word].arousal)
        assert abs(target.valence) < abs(EMOTION_MOODS[word].valence)
    assert aim(EMOTION_MOODS["sad"], "match") == EMOTION_MOODS["sad"]


def test_confidence_scales_with_the_camera_and_not_with_words() -> None:
    config = MoodConfig(uncertain_factor=0.5)
    sure = EmotionScores((0.1, 0, 0, 0.9, 0, 0, 0), 0.9, False)
    unsure = EmotionScores((0.1, 0, 0, 0.9, 0, 0, 0), 0.9, True)
    certain = mood_target(Query("u", emotion=sure), config)
    doubtful = mood_target(Query("u", emotion=unsure), config)
    stated = mood_target(Query("u", stated=Mood(0, 0)), config)
    assert certain is not None
    assert doubtful is not None
    assert stated is not None
    assert certain.confidence == pytest.approx((0.9 - 1 / 7) / (6 / 7))
    assert doubtful.confidence == pytest.approx(certain.confidence / 2)
    assert stated.confidence == 1.0


def test_no_face_and_no_word_is_no_target() -> None:
    assert mood_target(Query("u"), MoodConfig()) is None
