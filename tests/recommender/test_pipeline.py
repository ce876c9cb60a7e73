"""The pipeline: what may never happen, and what must, for any history and query."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from data.errors import BundleCorruptError
from data.types import EmotionScores, Mood, UserHistory
from recommender.bootstrap import build_pipeline
from recommender.config import MoodConfig, RerankingConfig
from recommender.engine import Engine
from recommender.model import RecommenderModel
from recommender.query import Query
from recommender.reranking.diversity import pool_rows, rerank, within_reach
from recommender.stages import top_positions, top_rows
from tests.recommender import toys

PIPELINE = build_pipeline(toys.model(), "toy")
IDS = [s.id for s in toys.songs()]


def test_recommends_the_rest_of_the_group_first() -> None:
    answer = PIPELINE.recommend(Query("new", n=8), toys.history())
    assert {s.song_id for s in answer.songs} == {f"s{i:02d}" for i in range(8, 24, 2)}
    assert [s.rank for s in answer.songs] == list(range(1, 9))
    assert answer.fallback is None
    assert answer.model_version == "toy"


@settings(max_examples=60, deadline=None)
@given(
    heard=st.lists(st.sampled_from([*IDS, "gone-1", "gone-2"]), unique=True, max_size=20),
    disliked=st.sets(st.sampled_from(IDS), max_size=5),
    exclude_heard=st.booleans(),
    mood=st.none() | st.builds(Mood, st.floats(-1, 1), st.floats(-1, 1)),
)
def test_heard_and_disliked_songs_never_come_back(
    heard: list[str], disliked: set[str], exclude_heard: bool, mood: Mood | None
) -> None:
    songs = tuple(dict.fromkeys([*heard, *sorted(disliked)]))
    history = UserHistory("u", True, songs, (1.0,) * len(songs), frozenset(disliked))
    answer = PIPELINE.recommend(Query("u", n=24, stated=mood, exclude_heard=exclude_heard), history)
    shown = [s.song_id for s in answer.songs]
    assert len(shown) == len(set(shown))
    assert not disliked & set(shown)
    if exclude_heard:
        assert not set(songs) & set(shown)
        assert len(shown) == len(set(IDS) - set(songs))


def test_songs_that_are_asked_away_come_in_no_answer_and_no_fallback() -> None:
    gone = ("s00", "s02", "s99")
    for history in (toys.history(), UserHistory("x"), UserHistory("x", True)):
        answer = PIPELINE.recommend(Query("u", n=24, exclude=gone), history)
        shown = {s.song_id for s in answer.songs}
        assert not shown & set(gone)
        assert len(shown) == len(set(IDS) - set(gone) - set(history.song_ids))


def test_cold_user_and_empty_history_are_told_apart() -> None:
    assert PIPELINE.recommend(Query("x"), UserHistory("x")).fallback == "cold_user"
    assert PIPELINE.recommend(Query("x"), UserHistory("x", True)).fallback == "no_history"
    only_unknown = UserHistory("x", True, ("gone-1",), (1.0,))
    answer = PIPELINE.recommend(Query("x", n=5), only_unknown)
    assert answer.fallback == "no_history"
    assert len(answer.songs) == 5


@pytest.mark.parametrize("candidates", [3, 7, 20])
def test_pages_continue_without_gap_or_repeat(candidates: int) -> None:
    few = toys.config().model_copy(update={"candidates": candidates})
    pipeline = build_pipeline(replace(toys.model(), config=few))
    whole = pipeline.recommend(Query("u", n=20), toys.history()).songs
    pages = [
        pipeline.recommend(Query("u", n=5, offset=o), toys.history()).songs for o in (0, 5, 10, 15)
    ]
    assert tuple(s for page in pages for s in page) == whole


def test_mood_moves_a_cold_list_toward_the_target() -> None:
    bright = PIPELINE.recommend(Query("x", n=6, stated=Mood(0.8, -0.5)), UserHistory("x"))
    dark = PIPELINE.recommend(Query("x", n=6, stated=Mood(-0.8, 0.5), strategy="lift"),
                              UserHistory("x"))  # fmt: skip
    assert {int(s.song_id[1:]) % 2 for s in bright.songs} == {0}
    assert dark.mood is not None
    assert dark.mood.target.valence > dark.mood.current.valence


def test_strategy_off_ignores_the_mood() -> None:
    plain = PIPELINE.recommend(Query("u"), toys.history())
    off = PIPELINE.recommend(Query("u", stated=Mood(-1, 1), strategy="off"), toys.history())
    assert [s.song_id for s in off.songs] == [s.song_id for s in plain.songs]
    assert off.mood is None


def test_expression_at_chance_level_changes_nothing() -> None:
    flat = EmotionScores((1 / 7,) * 7, 1 / 7, True)
    plain = PIPELINE.recommend(Query("u"), toys.history())
    read = PIPELINE.recommend(Query("u", emotion=flat), toys.history())
    assert [s.song_id for s in read.songs] == [s.song_id for s in plain.songs]


def test_stated_mood_beats_the_camera() -> None:
    happy = EmotionScores((0, 0, 0, 1.0, 0, 0, 0), 1.0, False)
    answer = PIPELINE.recommend(Query("u", emotion=happy, stated=Mood(-0.4, -0.4)), toys.history())
    assert answer.mood is not None
    assert answer.mood.current == Mood(-0.4, -0.4)


def test_reasons_are_shares_of_the_evidence() -> None:
    answer = PIPELINE.recommend(Query("u", stated=Mood(0.8, -0.5)), toys.history())
    for song in answer.songs[:5]:
        assert song.reasons
        assert 0 < sum(r.weight for r in song.reasons) <= 1.001
        assert list(song.reasons) == sorted(song.reasons, key=lambda r: -r.weight)
    assert not PIPELINE.recommend(Query("u", explain=False), toys.history()).songs[0].reasons


def test_artist_cap_holds_while_others_are_left() -> None:
    capped = replace(
        toys.model(),
        config=toys.config().model_copy(update={"reranking": RerankingConfig(artist_cap=1)}),
    )
    answer = build_pipeline(capped).recommend(Query("u", n=6), UserHistory("u"))
    artists = [toys.songs()[int(s.song_id[1:])].artist for s in answer.songs]
    assert len(set(artists)) == 6


def test_mood_strength_zero_is_strategy_off() -> None:
    still = toys.config().model_copy(update={"mood": MoodConfig(strength=0)})
    pipeline = build_pipeline(replace(toys.model(), config=still))
    with_mood = pipeline.recommend(Query("u", stated=Mood(-0.9, 0.9)), toys.history())
    without = pipeline.recommend(Query("u"), toys.history())
    assert {s.song_id for s in with_mood.songs} == {s.song_id for s in without.songs}


def test_model_survives_its_file(tmp_path: Path) -> None:
    model = toys.model()
    model.save(tmp_path / "recommender.npz")
    again = build_pipeline(RecommenderModel.load(tmp_path / "recommender.npz"))
    query = Query("u", n=24, stated=Mood(0.2, 0.2))
    expected = build_pipeline(model).recommend(query, toys.history())
    actual = again.recommend(query, toys.history())
    assert [s.song_id for s in actual.songs] == [s.song_id for s in expected.songs]
    np.testing.assert_allclose(
        [s.score for s in actual.songs], [s.score for s in expected.songs], atol=5e-3
    )


def test_broken_model_file_is_named(tmp_path: Path) -> None:
    (tmp_path / "recommender.npz").write_bytes(b"not an archive")
    with pytest.raises(BundleCorruptError, match=r"recommender\.npz"):
        RecommenderModel.load(tmp_path / "recommender.npz")


def test_without_a_bundle_the_database_answers() -> None:
    asked: list[object] = []

    def popular(n: int, exclude: object) -> list[tuple[str, float]]:
        asked.append(exclude)
        return [(f"p{i}", 10.0 - i) for i in range(n)]

    history = UserHistory("u", True, ("a", "b"), (1.0, 0.0), frozenset({"b"}))
    answer = Engine().recommend(Query("u", n=3, offset=2), history, popular)
    assert [s.song_id for s in answer.songs] == ["p2", "p3", "p4"]
    assert [s.rank for s in answer.songs] == [3, 4, 5]
    assert answer.fallback == "no_model"
    assert asked == [{"a", "b"}]


def test_reasons_name_only_what_spoke_for_the_song() -> None:
    """A part that could score nothing must not be given as a reason."""
    cold = PIPELINE.recommend(Query("x", n=24, stated=Mood(0.8, -0.5)), UserHistory("x"))
    kinds = {r.kind for s in cold.songs for r in s.reasons}
    assert kinds <= {"popular", "mood"}
    for song in cold.songs:
        for reason in song.reasons:
            bright = int(song.song_id[1:]) % 2 == 0
            if reason.kind == "mood":
                assert bright
                assert reason.text == "Near the mood of this moment: calm and bright"


def test_a_reason_falls_with_its_evidence() -> None:
    """Without the songs that a reason names, the song loses the support it was credited with."""
    history = toys.history(count=6)
    first = PIPELINE.recommend(Query("u", n=1), history).songs[0]
    named = {r.text.split("“")[1].split("”")[0] for r in first.reasons if "“" in r.text}
    assert named
    titles = {s.title: s.id for s in toys.songs()}
    gone = {titles[t] for t in named}
    kept = [(s, w) for s, w in zip(history.song_ids, history.weights, strict=True) if s not in gone]
    without = UserHistory("u", True, tuple(s for s, _ in kept), tuple(w for _, w in kept))
    again = PIPELINE.recommend(Query("u", n=24), without).songs
    texts = [r.text for s in again for r in s.reasons]
    assert not any(title in text for title in named for text in texts)


def test_an_artist_with_most_songs_does_not_fill_the_pool() -> None:
    """Fifty best-scored songs of one artist, then others: the cap still holds."""
    artists = np.array([0] * 50 + list(range(1, 31)))
    config = RerankingConfig(diversity=0.0, artist_cap=2, pool=40)
    rows = pool_rows(artists, config)
    assert len(rows) == 34
    assert list(rows[:4]) == [0, 1, 2, 3]
    scores = np.linspace(1, 0, len(rows), dtype=np.float32)
    similar = np.eye(len(rows), dtype=np.float32)
    chosen = artists[rows][rerank(scores, similar, artists[rows], 20, config)]
    assert (chosen == 0).sum() == 2


@pytest.mark.parametrize("seed", range(30))
def test_what_is_out_of_reach_is_never_chosen(seed: int) -> None:
    rng = np.random.default_rng(seed)
    size, length = int(rng.integers(1, 120)), int(rng.choice([5, 20, 40]))
    scores = -np.sort(-rng.gamma(0.7, size=size)).astype(np.float32)
    vectors = rng.normal(size=(size, 3))
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    similar = np.clip(vectors @ vectors.T, 0, 1).astype(np.float32)
    artists = rng.integers(0, rng.integers(1, 40), size)
    config = RerankingConfig(diversity=float(rng.choice([0.0, 0.2, 0.6])), artist_cap=2)
    reach = within_reach(scores, artists, length, config)
    assert min(length, size) <= reach <= size
    whole = rerank(scores, similar, artists, length, config)
    part = rerank(scores, similar[:reach, :reach], artists, length, config)
    np.testing.assert_array_equal(part, whole)


@pytest.mark.parametrize("size", [50, 4_000, 20_000])
@pytest.mark.parametrize("seed", range(4))
def test_top_rows_are_the_top_positions_of_what_is_allowed(size: int, seed: int) -> None:
    rng = np.random.default_rng(seed)
    scores = rng.normal(size=size).astype(np.float32)
    if seed % 2:  # ties everywhere
        scores = (np.round(scores * 4) / 4).astype(np.float32)
    scores[rng.random(size) < 0.2] = np.nan
    scores[rng.random(size) < 0.01] = -np.inf
    allowed = rng.random(size) < 0.9
    for n in (1, 30, 300, size):
        expected = top_positions(np.where(allowed, scores, np.nan), n)
        np.testing.assert_array_equal(top_rows(scores, n, allowed), np.sort(expected))
