"""The hybrid: standard scores, weights by length and coverage, fresh songs, mood and text."""

from __future__ import annotations

import tomllib

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from data.errors import ConfigError
from data.types import FloatArray, Mood
from recommender.config import BlendConfig, MoodConfig, TextConfig
from recommender.query import MoodTarget
from recommender.scoring.hybrid import DISCOUNT, HybridScorer, hats, standardise
from recommender.stages import AskedText, Context
from tests.recommender.candidates.contract import listener

NAN = np.nan
SONGS = np.arange(4)


def column(*values: float) -> FloatArray:
    return np.array(values, dtype=np.float32)


POPULAR = column(4, 3, 2, 1)
BLEND = BlendConfig(
    lengths=(0, 10), weights={"popular": (1.0, 0.0), "ials": (0.0, 1.0)}, missing={}, fresh=0.5
)
#: z of four equal steps.
STEPS = column(3, 1, -1, -3) / np.sqrt(5).astype(np.float32)


def test_standard_scores_by_hand() -> None:
    np.testing.assert_allclose(standardise(POPULAR), STEPS, rtol=1e-6)
    np.testing.assert_allclose(standardise(column(1, NAN, 3)), [-1, 0, 1])
    for nothing in (column(NAN, NAN), column(5, 5), column(5, NAN), column()):
        assert not standardise(nothing).any()


@given(
    st.lists(st.floats(0, 500), min_size=1, max_size=6, unique=True).map(sorted),
    st.integers(0, 1000),
)
def test_shares_of_a_length_are_of_its_two_neighbours_and_sum_to_one(
    lengths: list[float], length: int
) -> None:
    shares = hats(length, lengths)
    assert shares.min() >= 0
    assert shares.sum() == pytest.approx(1)
    assert np.ptp(np.flatnonzero(shares)) <= 1


def test_shares_go_with_the_logarithm_of_the_length() -> None:
    """Of 0, 1 and 7 songs: log2(1 + n) is 0, 1 and 3, and of 3 songs it is 2."""
    assert hats(3, (0, 1, 7)).tolist() == pytest.approx([0, 0.5, 0.5])
    assert hats(0, (0, 1, 7)).tolist() == [1, 0, 0]
    assert hats(500, (0, 1, 7)).tolist() == [0, 0, 1]
    assert hats(2, (5, 9)).tolist() == [1, 0]


def test_weights_depend_on_length_and_coverage() -> None:
    blend = BLEND.model_copy(update={"coverage": {"ials": 0.4}})
    found = HybridScorer(blend, MoodConfig()).weights(10, {"ials": 0.5, "popular": 1.0})
    assert found == pytest.approx({"popular": 0.0, "ials": 1.2})
    assert HybridScorer(blend, MoodConfig()).weights(0, {})["ials"] == 0


def scores(
    parts: dict[str, FloatArray], context: Context | None = None, blend: BlendConfig = BLEND
) -> FloatArray:
    found = HybridScorer(blend, MoodConfig(strength=1.5))(context or listener(), SONGS, parts)
    total = np.sum([*found.evidence.values()], axis=0)
    np.testing.assert_allclose(found.scores, total, rtol=1e-5)
    assert found.songs is SONGS
    return found.scores


def test_a_newcomer_gets_what_is_popular_and_a_listener_the_taste() -> None:
    parts = {"popular": POPULAR, "ials": column(1, 2, 3, 4)}
    np.testing.assert_allclose(scores(parts), STEPS, rtol=1e-5)
    np.testing.assert_allclose(scores(parts, listener(*range(10, 20))), -STEPS, rtol=1e-5)


def test_the_sum_of_the_parts_is_brought_to_unit_spread() -> None:
    """So that the mood means the same whatever the weights are."""
    blend = BLEND.model_copy(update={"weights": {"popular": (0.2, 0.2), "ials": (7.0, 7.0)}})
    parts = {"popular": POPULAR, "ials": column(1, 5, 3, NAN)}
    assert scores(parts, listener(9), blend).std() == pytest.approx(1, rel=1e-5)


def test_missing_counts_only_where_a_part_scores_others() -> None:
    blend = BLEND.model_copy(
        update={"weights": {"popular": (1.0, 1.0), "ials": (1.0, 1.0)}, "missing": {"ials": -2.0}}
    )
    flat = column(1, 1, 1, 1)
    found = scores({"popular": flat, "ials": column(1, 1, NAN, NAN)}, listener(9), blend)
    assert found.tolist() == [0, 0, *([found[2]] * 2)]
    assert found[2] < 0
    assert not scores({"popular": flat, "ials": np.full(4, NAN, np.float32)}, None, blend).any()


def test_a_weight_below_zero_corrects_and_is_no_reason() -> None:
    """Popularity counts against songs; what it adds to rare ones is credited to nobody."""
    blend = BLEND.model_copy(update={"weights": {"popular": (-0.5, -0.5), "ials": (1.0, 1.0)}})
    parts = {"popular": POPULAR, "ials": column(1, 3, 3, 1)}
    found = HybridScorer(blend, MoodConfig())(listener(9), SONGS, parts)
    raw = standardise(parts["ials"]) - 0.5 * STEPS
    np.testing.assert_allclose(found.scores, raw / raw.std(), rtol=1e-5)
    assert set(found.evidence) == {"ials", DISCOUNT, "fresh"}
    np.testing.assert_allclose(np.sign(found.evidence["ials"]), [-1, 1, 1, -1])
    np.testing.assert_allclose(found.evidence[DISCOUNT], -0.5 * STEPS / raw.std(), rtol=1e-5)


def test_parts_that_a_model_lacks_have_no_say() -> None:
    parts = {"popular": POPULAR}
    np.testing.assert_allclose(scores(parts, listener(9)), STEPS, rtol=1e-5)
    assert not scores(parts, listener(*range(10, 20))).any()


def test_fresh_songs_are_those_without_a_popularity() -> None:
    parts = {"popular": column(2, 2, 2, NAN), "ials": np.full(4, NAN, np.float32)}
    found = HybridScorer(BLEND, MoodConfig())(listener(), SONGS, parts)
    assert found.evidence["fresh"].tolist() == [0, 0, 0, 0.5]
    assert found.scores.tolist() == [0, 0, 0, 0.5]


@pytest.mark.parametrize(("confidence", "weight"), [(1.0, 1.0), (0.5, 1.0), (1.0, 0.4)])
def test_the_mood_adds_its_strength_times_its_pull(confidence: float, weight: float) -> None:
    target = MoodTarget(Mood(0, 0), Mood(0, 0), "match", confidence, weight)
    parts = {"popular": POPULAR, "ials": POPULAR, "mood": column(0, 1, 2, 3)}
    expected = STEPS - 1.5 * confidence * weight * STEPS
    np.testing.assert_allclose(scores(parts, listener(target=target)), expected, atol=1e-6)


def test_a_mood_that_does_not_count_is_no_evidence() -> None:
    target = MoodTarget(Mood(0, 0), Mood(0, 0), "match", 0.0)
    parts = {"popular": POPULAR, "ials": POPULAR, "mood": np.full(4, NAN, np.float32)}
    found = HybridScorer(BLEND, MoodConfig())(listener(target=target), SONGS, parts)
    assert "mood" not in found.evidence


def test_a_text_comes_before_taste() -> None:
    none = np.zeros(0, dtype=np.int64)
    asked = Context(none, column(), None, AskedText(None, none, none))
    parts = {"popular": POPULAR, "ials": POPULAR, "text": column(0, NAN, 1, 1)}
    text = TextConfig(strength=2.0, taste=0.5)
    found = HybridScorer(BLEND, MoodConfig(), text)(asked, SONGS, parts)
    # A song that cannot be compared with the text is as far from it as one of closeness 0.
    np.testing.assert_allclose(found.scores, 0.5 * STEPS + 2.0 * column(-1, -1, 1, 1), rtol=1e-5)


def test_a_blend_survives_toml_and_refuses_what_does_not_fit() -> None:
    assert BlendConfig.parse(tomllib.loads(BLEND.to_toml())) == BLEND
    for wrong, words in (
        ({"lengths": [0, 10, 10]}, "lengths must rise"),
        ({"lengths": [0, 10], "weights": {"ials": [1.0]}}, "weights of ials"),
        ({"lengths": [0], "weights": {"ials": [-0.1]}}, "weights of ials"),
    ):
        with pytest.raises(ConfigError, match=words):
            BlendConfig.parse(wrong)
