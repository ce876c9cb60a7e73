"""Other settings over the same arrays, and the first answers of an engine that was just loaded."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from data.errors import BundleCorruptError, ConfigError
from data.types import FloatArray, IntArray, Mood
from recommender.deep.serving import ModelRanker
from recommender.engine import Engine
from recommender.pipeline import RecommendationPipeline
from recommender.query import Query
from recommender.stages import CandidateRanker, Context, ItemList
from recommender.variants import AnswerSettings, varied
from recommender.warming import warm_up
from tests.recommender import toys
from tests.recommender.fakes import engine
from tests.recommender.test_newcomers import BRIGHT, FOLK

QUERY = Query("u", n=toys.SONGS, stated=Mood(0.8, 0.4), exclude_heard=False)


@pytest.fixture(scope="module")
def found() -> Engine:
    return engine()


def pipeline_of(one: Engine) -> RecommendationPipeline:
    assert one.pipeline is not None
    return one.pipeline


def answer(one: Engine) -> list[tuple[str, float]]:
    return [(s.song_id, s.score) for s in one.recommend(QUERY, toys.history()).songs]


def test_settings_that_say_nothing_change_nothing(found: Engine) -> None:
    assert found.with_settings(AnswerSettings()) is found


def test_the_settings_in_force_give_the_same_answers(found: Engine) -> None:
    config = pipeline_of(found).model.config
    same = AnswerSettings(
        diversity=config.reranking.diversity,
        artist_cap=config.reranking.artist_cap,
        mood_strength=config.mood.strength,
        mood_order=config.mood.order,
        deep_ranker=False,
    )
    assert answer(found.with_settings(same)) == answer(found)


def test_a_mood_of_no_strength_is_no_mood(found: Engine) -> None:
    unmoved = found.with_settings(AnswerSettings(mood_strength=0.0))
    still = replace(QUERY, strategy="off")
    taste = [s.song_id for s in found.recommend(still, toys.history()).songs]
    assert [song for song, _ in answer(unmoved)] == taste
    assert answer(unmoved) != answer(found)


@pytest.mark.parametrize(
    ("settings", "part", "name"),
    [
        (AnswerSettings(diversity=0.7), "reranking", "diversity"),
        (AnswerSettings(artist_cap=1), "reranking", "artist_cap"),
        (AnswerSettings(mood_strength=2.0), "mood", "strength"),
        (AnswerSettings(mood_order=0.0), "mood", "order"),
    ],
)
def test_one_setting_changes_one_value(
    found: Engine, settings: AnswerSettings, part: str, name: str
) -> None:
    before = pipeline_of(found).model
    after = pipeline_of(found.with_settings(settings)).model
    (given,) = settings.model_dump(exclude_defaults=True).values()
    changed = getattr(before.config, part).model_copy(update={name: given})
    assert after.config == before.config.model_copy(update={part: changed})
    assert after.catalogue is before.catalogue
    assert pipeline_of(found).model is before


def test_songs_that_come_later_are_in_both(found: Engine) -> None:
    later = found.with_songs([FOLK], BRIGHT).with_settings(AnswerSettings(diversity=0.0))
    query = replace(QUERY, n=toys.SONGS + 1)
    assert FOLK.id in [s.song_id for s in later.recommend(query, toys.history()).songs]


@pytest.mark.parametrize("values", [{"diversity": 1.5}, {"artist_cap": 0}, {"colour": 1}])
def test_wrong_settings_are_refused(values: dict[str, float]) -> None:
    with pytest.raises(ConfigError, match=next(iter(values))):
        AnswerSettings.parse(values)


class Correction:
    """Stands in for the network: what it was given to correct is all that matters here."""

    def __init__(self, hybrid: CandidateRanker) -> None:
        self.hybrid = hybrid

    def with_hybrid(self, hybrid: CandidateRanker) -> Correction:
        return Correction(hybrid)

    def __call__(self, context: Context, songs: IntArray, parts: dict[str, FloatArray]) -> ItemList:
        return self.hybrid(context, songs, parts)


def test_a_network_corrects_the_hybrid_of_the_settings_or_is_left_out(found: Engine) -> None:
    plain = pipeline_of(found)
    correction = Correction(plain.ranker)
    ranker = ModelRanker(correction, np.zeros((1, 1), dtype=np.float32))  # type: ignore[arg-type]
    deep = RecommendationPipeline(plain.model, ranker, plain.version, plain.texts)
    kept = varied(deep, AnswerSettings(mood_strength=0.0))
    assert isinstance(kept.ranker, ModelRanker)
    assert kept.ranker.ranker.hybrid.mood.strength == 0.0  # type: ignore[attr-defined]
    without = varied(deep, AnswerSettings(deep_ranker=False))
    assert not isinstance(without.ranker, ModelRanker)


def test_a_good_engine_warms_up(found: Engine) -> None:
    warm_up(found)
    warm_up(Engine())


def test_an_engine_that_ranks_nothing_is_no_engine(found: Engine) -> None:
    plain = pipeline_of(found)

    def silent(context: Context, songs: IntArray, parts: dict[str, FloatArray]) -> ItemList:
        items = plain.ranker(context, songs, parts)
        return replace(items, scores=np.full(len(songs), np.nan, dtype=np.float32))

    broken = RecommendationPipeline(plain.model, silent, plain.version, plain.texts)  # type: ignore[arg-type]
    with pytest.raises(BundleCorruptError, match="ranks no songs"):
        warm_up(replace(found, pipeline=broken))
