"""From expressions and words to targets in the mood plane."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from data.errors import InvalidParameterError
from data.moods import EMOTION_MOODS
from data.types import EMOTIONS, STRATEGIES, EmotionScores, Mood, Strategy
from recommender.config import MoodConfig
from recommender.moment import ordered, whole_pages
from recommender.mood import aim, expected_mood, mood_target, own_aim, parse_mood
from recommender.query import MoodTarget, Query
from recommender.reranking.diversity import PAGE
from recommender.response import UserResponse, lifted
from recommender.stages import ItemList

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


def read_as(emotion: str, confidence: float = 0.9) -> EmotionScores:
    """A sure reading: the rest of the probability is spread over the other six."""
    rest = (1 - confidence) / 6
    return EmotionScores(
        tuple(confidence if e == emotion else rest for e in EMOTIONS), confidence, False
    )


STAYS, RISES, DEAF = UserResponse(1.5, 0.0), UserResponse(1.0, 1.0), UserResponse(0.0, 0.5)


def test_without_a_learned_response_the_rule_stands() -> None:
    sad = EMOTION_MOODS["sad"]
    found = mood_target(Query("u", stated=sad), MoodConfig(), None, None)
    assert found == MoodTarget(sad, aim(sad, "match"), "match", 1.0, 1.0)
    assert found.pull == 1.0


def test_a_mood_seen_is_met_where_this_listener_goes_from_it() -> None:
    sad, sure = EMOTION_MOODS["sad"], EmotionScores((0, 0, 0, 0, 1.0, 0, 0), 0.9, False)
    stays, rises = (
        mood_target(Query("u", emotion=sure), MoodConfig(), None, r) for r in (STAYS, RISES)
    )
    assert stays is not None
    assert rises is not None
    assert (stays.target.valence, stays.target.arousal) == pytest.approx((sad.valence, sad.arousal))
    rise = lifted(sad)
    assert (rises.target.valence, rises.target.arousal) == pytest.approx(
        (rise.valence, rise.arousal)
    )


def test_a_mood_stated_is_met_where_it_is() -> None:
    sad = EMOTION_MOODS["sad"]
    for response in (STAYS, RISES, DEAF):
        found = mood_target(Query("u", stated=sad), MoodConfig(), None, response)
        assert found is not None
        assert found.target == sad
    half = own_aim(sad, "match", UserResponse(1.0, 0.5))
    assert half.valence == pytest.approx((sad.valence + lifted(sad).valence) / 2)


@pytest.mark.parametrize("strategy", ["lift", "calm", "energize"])
def test_a_wish_for_change_is_met_by_rule_and_never_below_the_population(
    strategy: Strategy,
) -> None:
    sad = EMOTION_MOODS["sad"]
    for response, weight in ((STAYS, 1.5), (RISES, 1.0), (DEAF, 1.0)):
        query = Query("u", stated=sad, strategy=strategy)
        found = mood_target(query, MoodConfig(), None, response)
        assert found is not None
        assert found.target == aim(sad, strategy)
        assert found.weight == weight


def test_who_does_not_respond_is_left_alone_by_the_camera_but_not_by_their_own_word() -> None:
    config = MoodConfig(stated_weight=0.5)
    seen = mood_target(Query("u", emotion=read_as("sad")), config, None, DEAF)
    said = mood_target(Query("u", stated=EMOTION_MOODS["sad"]), config, None, DEAF)
    assert seen is not None
    assert said is not None
    assert seen.pull == 0
    assert said.pull == 0.5


def test_a_camera_pulls_with_the_square_of_its_confidence_and_less_than_a_word() -> None:
    config = MoodConfig(camera=0.4)
    found = mood_target(Query("u", emotion=read_as("happy", 0.9)), config, None, STAYS)
    assert found is not None
    confidence = (0.9 - 1 / 7) / (6 / 7)
    assert found.confidence == pytest.approx(confidence)
    assert found.pull == pytest.approx(0.4 * 1.5 * confidence**2)


def test_the_target_is_the_mean_over_the_seven_emotions() -> None:
    """Half anger, half joy: anger is met at half its strength, joy as it is."""
    scores = EmotionScores((0.5, 0, 0, 0.5, 0, 0, 0), 0.5, False)
    found = mood_target(Query("u", emotion=scores), MoodConfig(expected=True))
    plain = mood_target(Query("u", emotion=scores), MoodConfig(expected=False))
    angry, happy = EMOTION_MOODS["angry"], EMOTION_MOODS["happy"]
    assert found is not None
    assert plain is not None
    assert found.target.valence == pytest.approx(0.5 * (0.5 * angry.valence + happy.valence))
    assert plain.target == aim(expected_mood(scores), "match")
    assert found.current == plain.current


def test_what_was_learned_can_be_switched_off() -> None:
    query = Query("u", emotion=read_as("sad"))
    assert mood_target(query, MoodConfig(learned=False), None, RISES) == mood_target(
        query, MoodConfig(learned=False)
    )


@given(
    st.sampled_from(("angry", "fear", "disgust")), st.floats(0, 2.5), st.floats(0, 1),
)  # fmt: skip
def test_no_response_amplifies_a_tense_mood(word: str, strength: float, lift: float) -> None:
    felt = EMOTION_MOODS[word]
    found = mood_target(Query("u", stated=felt), MoodConfig(), None, UserResponse(strength, lift))
    assert found is not None
    assert found.target.valence >= 0.5 * felt.valence
    assert found.target.arousal <= 0.6 * felt.arousal + 1e-9


@given(MOODS, st.sampled_from(STRATEGIES), st.floats(0, 1))
def test_own_aims_stay_in_the_plane(current: Mood, strategy: Strategy, lift: float) -> None:
    target = own_aim(current, strategy, UserResponse(1.0, lift))
    assert -1 <= target.valence <= 1
    assert -1 <= target.arousal <= 1


def items(scores: list[float], mood: list[float]) -> ItemList:
    rows = np.arange(len(scores))
    evidence = {"mood": np.array(mood, dtype=np.float32)}
    return ItemList(rows, np.array(scores, dtype=np.float32), evidence)


def test_taste_orders_what_the_mood_chose() -> None:
    """Scores with the mood fall; without it they rise."""
    count = 2 * PAGE
    mood = np.linspace(4, 0, count)
    scores = mood + np.linspace(0, 1, count)
    given_items = items(scores.tolist(), mood.tolist())
    found = ordered(given_items, MoodConfig(order=0.0), among=10**6)
    assert found.songs.tolist() == [*range(PAGE - 1, -1, -1), *range(count - 1, PAGE - 1, -1)]
    same = ordered(given_items, MoodConfig(order=1.0), among=10**6)
    assert same.songs.tolist() == list(range(count))


def test_where_there_is_nothing_to_choose_the_mood_orders() -> None:
    mood = np.linspace(4, 0, PAGE)
    given_items = items((mood + np.linspace(0, 1, PAGE)).tolist(), mood.tolist())
    found = ordered(given_items, MoodConfig(order=0.0), among=PAGE)
    assert found.songs.tolist() == list(range(PAGE))


def test_a_list_without_a_mood_stays_as_it_is() -> None:
    bare = ItemList(np.arange(3), np.zeros(3, "f4"), {"ials": np.array([0, 2, 1], "f4")})
    assert ordered(bare, MoodConfig(), among=100) is bare


@pytest.mark.parametrize(("length", "whole"), [(0, 0), (1, PAGE), (PAGE, PAGE), (21, 2 * PAGE)])
def test_pages_are_filled(length: int, whole: int) -> None:
    assert whole_pages(length) == whole
