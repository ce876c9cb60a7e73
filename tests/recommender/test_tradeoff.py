"""The studies of the moment: their lists, their figures, and a run of all of them."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from data.datasets.demo import DemoConfig, DemoListeners
from data.types import EMOTIONS, EmotionScores, Mood
from recommender.bootstrap import build_pipeline
from recommender.config import MoodConfig, PipelineConfig, RecommenderConfig
from recommender.deep.config import DeepConfig
from recommender.moment_study.camera import Answers, draw_answers
from recommender.moment_study.config import MomentStudyConfig
from recommender.moment_study.figures import Resamples, auc, pearson, spearman
from recommender.moment_study.lists import judge, served_list
from recommender.moment_study.periods import (
    Listener,
    Occasion,
    Period,
    Report,
    learn_before,
    listener_of,
)
from recommender.moment_study.recovery import permuted
from recommender.moment_study.study import run_moment_study
from recommender.moment_study.tradeoff import Moods, trade_off, ways
from recommender.mood_tuning import STRENGTHS as STRENGTHS_TRIED
from recommender.mood_tuning import tune_strength
from recommender.query import MoodTarget, Query
from recommender.ranking import TestCase
from recommender.stages import Context
from tests.recommender import toys
from tests.recommender.test_response import MOMENTS

STRENGTHS = (0.0, 0.2, 0.5, 1.0, 2.0, 4.0)
BRIGHT = Mood(0.8, -0.5)


def listener(count: int = 60) -> Listener:
    """Taste falls along the songs; their moods, from far away to the target, are mixed."""
    place = np.random.default_rng(1).permutation(np.linspace(-0.8, 0.8, count))
    return Listener(
        songs=np.arange(count),
        taste=np.linspace(1.7, -1.7, count).astype(np.float32),
        moods=np.stack([place, -0.5 + 0 * place], axis=1).astype(np.float32),
        heard=np.zeros(count, dtype=bool),
        history=toys.history(),
        among=count,
    )


def occasion(*songs: int) -> Occasion:
    return Occasion(0, -1, np.zeros(2), np.array([0.8, -0.5]), np.array(songs))


def test_a_list_is_judged_by_what_was_put_on_and_how_near_it_is() -> None:
    known = replace(listener(3), moods=np.array([(-0.8, -0.5), (0, 0), (0.8, -0.5)], dtype="f4"))
    ndcg, distance = judge(known, np.array([2, 0]), occasion(0), k=2)
    assert ndcg == pytest.approx(1 / np.log2(3))
    assert distance == pytest.approx((0 + 1.6) / 2)


def test_more_mood_brings_lists_nearer_and_none_leaves_them() -> None:
    target = MoodTarget(BRIGHT, BRIGHT, "match", 1.0)
    near = [
        judge(
            listener(), served_list(listener(), target, MoodConfig(strength=s), 20), occasion(0), 20
        )[1]
        for s in (0.0, 0.5, 1.0, 4.0)
    ]
    assert near == sorted(near, reverse=True)
    off = served_list(listener(), None, MoodConfig(), 20)
    assert off.tolist() == list(range(20))
    still = served_list(listener(), target, MoodConfig(strength=0), 20)
    assert still.tolist() == off.tolist()


def test_the_lists_under_study_are_those_of_the_pipeline() -> None:
    """All songs are candidates here, so the study's candidates are the pipeline's too."""
    config = toys.config().model_copy(update={"candidates": toys.SONGS})
    pipeline = build_pipeline(replace(toys.model(), config=config))
    history = toys.history()
    known = listener_of(pipeline, history)
    query = Query("u", stated=BRIGHT)
    context = pipeline.context(history, query)
    items = pipeline.candidates(context, np.zeros(0, dtype=np.int64), at_least=1)
    found = served_list(known, context.target, config.mood, 20)
    assert set(known.songs[found].tolist()) == set(items.songs[:20].tolist())


def test_a_song_without_a_mood_brings_no_list_nearer() -> None:
    moods = np.array([(-0.8, -0.5), (np.nan, np.nan), (0.8, -0.5)], dtype=np.float32)
    known = replace(listener(3), moods=moods)
    assert judge(known, np.array([1]), occasion(0), k=2)[1] == pytest.approx((1.6 + 0) / 2)


def test_the_strength_is_the_most_that_the_budget_allows() -> None:
    """Taste finds the hidden songs at once; a list of ten has to lose some of them to a mood."""
    model = toys.model(toys.config().model_copy(update={"candidates": toys.SONGS}))
    pipeline = build_pipeline(model)
    positions = np.arange(0, toys.SONGS, 2)
    context = Context(positions[:6], np.ones(6, dtype=np.float32))
    tests = [TestCase(context, frozenset(positions[6:].tolist()))] * 12
    free, _ = tune_strength(pipeline, tests, 6, 0.99, seed=1)
    strict, log = tune_strength(pipeline, tests, 6, 0.0, seed=1)
    assert free == STRENGTHS_TRIED[-1] > strict
    assert log["ndcg_lost"] <= 0
    assert tune_strength(pipeline, [], 6, 0.03, seed=1) == (MoodConfig().strength, {})


@pytest.mark.parametrize("name", list(ways(MoodConfig(), 20, (0.1, 4.0))))
def test_every_way_comes_nearer_with_its_strength(name: str) -> None:
    strengths, way = ways(MoodConfig(), 20, (0.1, 4.0))[name]
    target = MoodTarget(BRIGHT, BRIGHT, "match", 1.0)
    ends = [way.at(s)(listener(), target) for s in (strengths[0], strengths[-1])]
    near = [judge(listener(), rows, occasion(0), 20)[1] for rows in ends]
    assert near[1] < near[0]
    assert len(set(ends[1].tolist())) == 20


def test_the_goal_is_reached_with_no_more_than_it_takes() -> None:
    _, way = ways(MoodConfig(), 20, (0.1, 4.0))["least mood for the goal"]
    target = MoodTarget(BRIGHT, BRIGHT, "match", 1.0)
    before = judge(listener(), np.arange(20), occasion(0), 20)[1]
    after = judge(listener(), way.at(0.7)(listener(), target), occasion(0), 20)[1]
    assert 0.6 * before < after <= 0.7 * before


def test_the_point_that_halves_the_distance_is_found() -> None:
    moods = Moods.of({0: listener()}, [occasion(0, 1)])
    found = trade_off(moods, moods, MoodConfig(), 20, STRENGTHS, Resamples.draw(1, 10, 0))
    point = found["taste + z(nearness)"].halved
    assert point is not None
    assert point.distance_change.mean == pytest.approx(-0.5, abs=0.1)
    assert point.ndcg_change.mean < 0


def test_figures_by_hand() -> None:
    a = np.array([1.0, 2, 3, 4])
    assert pearson(a, 2 * a + 1) == pytest.approx(1)
    assert spearman(a, np.exp(a)) == pytest.approx(1)
    assert spearman(a, -np.exp(a)) == pytest.approx(-1)
    assert auc(a, np.array([False, True, False, True])) == pytest.approx(0.75)
    assert np.isnan(auc(a, np.zeros(4, dtype=bool)))
    assert np.isnan(pearson(a, np.ones(4)))


def test_a_change_is_relative_and_paired() -> None:
    draws = Resamples.draw(3, 200, 1)
    user, off = np.array([0, 0, 1, 2]), np.array([0.1, 0.3, 0.2, 0.4])
    found = draws.change(user, 1.1 * off, off)
    assert (found.mean, found.low, found.high) == pytest.approx((0.1, 0.1, 0.1))
    assert draws.mean(user, np.array([1.0, np.nan, 3, 2])).mean == pytest.approx(2)
    assert np.isnan(draws.change(user, off, 0 * off).mean)


def test_permuting_moves_whole_occasions() -> None:
    shuffled = permuted(MOMENTS, seed=1)
    assert sorted(shuffled.emotion.tolist()) == sorted(MOMENTS.emotion.tolist())
    assert (shuffled.emotion != MOMENTS.emotion).mean() > 0.5
    np.testing.assert_array_equal(shuffled.item, MOMENTS.item)
    np.testing.assert_array_equal(permuted(MOMENTS, seed=1).emotion, shuffled.emotion)


def test_answers_are_of_faces_of_the_expression_shown() -> None:
    """A reader that is always right: what is read is what was drawn."""
    answers = Answers(np.eye(7, dtype=np.float32), np.arange(7), 0.5)
    occasions = [replace(occasion(0), mood=np.array(m)) for m in [(-0.6, 0.7), (0.75, 0.4)] * 20]
    shown, read = draw_answers(answers, occasions, seed=3)
    assert [scores.label for scores in read] == [EMOTIONS[e] for e in shown]
    assert {"angry", "happy"} <= {scores.label for scores in read}
    assert read[0] == EmotionScores(tuple(float(i == shown[0]) for i in range(7)), 1.0, False)


def test_configuration_survives_its_file(tmp_path: Path) -> None:
    config = MomentStudyConfig(rounds=50)
    (tmp_path / "c.toml").write_text(config.to_toml(), encoding="utf-8")
    assert MomentStudyConfig.from_toml(tmp_path / "c.toml") == config
    shipped = Path(__file__).parents[2] / "configs" / "recommender" / "moment.toml"
    assert MomentStudyConfig.from_toml(shipped).seed == 42


def test_all_studies_run_and_repeat_themselves(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # That training repeats itself is tested with training; here it would take most of the time.
    trained: dict[float, Period] = {}

    def once(
        listeners: DemoListeners, until: float, config: RecommenderConfig, report: Report
    ) -> Period:
        if until not in trained:
            trained[until] = learn_before(listeners, until, config, report)
        return trained[until]

    monkeypatch.setattr("recommender.moment_study.study.learn_before", once)
    pipeline = PipelineConfig(listening=("item_knn",))
    config = MomentStudyConfig(
        strengths=(0.0, 1.0),
        least_moments=(1,),
        rounds=20,
        demo=DemoConfig(listeners=24, days=40, median_listens=60, camera_share=0.8),
        recommender=RecommenderConfig(
            trials=1, tuning_users=8, pipeline=pipeline, deep=DeepConfig(enabled=False)
        ),
    )
    for name in ("first", "second"):
        study = run_moment_study(config, None, tmp_path / name)
        assert study.camera is None
        assert study.real is None
        assert study.systems["off"].ndcg_change.mean == 0
        assert study.systems["plain rule"].distance_change.mean < 0
    for file in ("report.md", "metrics.json", "tradeoff.png"):
        first, second = ((tmp_path / n / file).read_bytes() for n in ("first", "second"))
        assert first == second
