"""Journeys: the objective by hand, the best order by brute force, and what may never happen."""

from __future__ import annotations

import tomllib
from itertools import permutations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from data.errors import ConfigError
from data.types import Mood
from recommender.journeys.path import (
    Candidates,
    JourneyConfig,
    build_problem,
    known_seconds,
    path_points,
    standard_taste,
)
from recommender.journeys.search import (
    beam_search,
    improve,
    marginals,
    plan_journey,
    solve,
    upper_bound,
)

CONFIG = JourneyConfig()
SAD, HAPPY = Mood(-0.6, -0.3), Mood(0.7, 0.5)


def drawn(count: int, seed: int, artists: int = 4) -> Candidates:
    rng = np.random.default_rng(seed)
    vectors = rng.normal(size=(count, 5))
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    return Candidates(
        rng.normal(size=count).astype(np.float32),
        rng.uniform(-1, 1, (count, 2)).astype(np.float32),
        rng.integers(0, artists, count),
        np.clip(vectors @ vectors.T, 0, 1).astype(np.float32),
        rng.uniform(120, 360, count),
    )


def plain(moods: list[tuple[float, float]], **changes: object) -> Candidates:
    """Songs of different artists that are all liked alike and share nothing."""
    count = len(moods)
    values = {
        "taste": np.zeros(count, np.float32),
        "moods": np.array(moods, np.float32),
        "artists": np.arange(count),
        "similarity": np.eye(count, dtype=np.float32),
        **changes,
    }
    return Candidates(**values)  # type: ignore[arg-type]


def by_hand(songs: Candidates, order: list[int], start: Mood, end: Mood) -> float:
    """The objective as the documentation has it, one term after another."""
    taste, n = standard_taste(songs.taste), len(order)
    points = path_points(start, end, n)
    total = 0.0
    for place, song in enumerate(order):
        apart = float(np.linalg.norm(songs.moods[song].astype(float) - points[place]))
        total += CONFIG.taste * taste[song] - CONFIG.closeness * apart
    for place in range(n - 1):
        step = songs.moods[order[place + 1]].astype(float) - songs.moods[order[place]].astype(float)
        own = np.linalg.norm(points[place + 1] - points[place])
        total -= CONFIG.smoothness * max(0.0, float(np.linalg.norm(step) - own))
    for i in range(n):
        for j in range(i + 1, n):
            far, one, other = j - i, order[i], order[j]
            if far <= CONFIG.window:
                total -= CONFIG.diversity / far * float(songs.similarity[one, other])
            if far <= CONFIG.artist_gap and songs.artists[one] == songs.artists[other]:
                total -= CONFIG.artist * (1 - (far - 1) / CONFIG.artist_gap)
    return float(total)


def test_the_path_starts_and_ends_where_it_is_told_and_eases() -> None:
    points = path_points(Mood(-1, 0), Mood(1, 0.5), 5)
    # x^2 (3 - 2 x) at 0, 1/4, 1/2, 3/4, 1
    eased = np.array([0, 0.15625, 0.5, 0.84375, 1])
    np.testing.assert_allclose(points, np.stack([-1 + 2 * eased, 0.5 * eased], axis=1))
    assert path_points(SAD, HAPPY, 1).tolist() == [[0.7, 0.5]]
    assert path_points(SAD, HAPPY, 0).shape == (0, 2)


def test_taste_is_brought_to_normal_scores() -> None:
    # Ranks 1, 2.5, 2.5, 4 of 4: quantiles 1/5, 1/2, 1/2, 4/5 of the normal distribution.
    scores = standard_taste(np.array([3, 5, np.nan, 5, 900], np.float32))
    np.testing.assert_allclose(scores, [-0.841621, 0, 0, 0, 0.841621], atol=1e-6)
    assert standard_taste(np.ones(3, np.float32)).tolist() == [0, 0, 0]
    assert standard_taste(np.full(2, np.nan, np.float32)).tolist() == [0, 0]
    assert standard_taste(np.zeros(0, np.float32)).tolist() == []


@pytest.mark.parametrize("seed", range(5))
def test_the_objective_is_what_the_documentation_says(seed: int) -> None:
    songs = drawn(12, seed)
    order = np.random.default_rng(seed).permutation(12)[:9]
    problem = build_problem(songs, SAD, HAPPY, 9, CONFIG)
    assert problem.value(order) == pytest.approx(by_hand(songs, order.tolist(), SAD, HAPPY))


@pytest.mark.parametrize(("count", "n", "seed"), [(7, 4, 0), (6, 6, 1), (8, 3, 2), (5, 5, 3)])
def test_few_songs_are_ordered_in_the_best_way_there_is(count: int, n: int, seed: int) -> None:
    songs = drawn(count, seed)
    found = plan_journey(songs, SAD, HAPPY, CONFIG, length=n)
    every = {p: by_hand(songs, list(p), SAD, HAPPY) for p in permutations(range(count), n)}
    best = max(every, key=lambda p: every[p])
    assert tuple(found.order.tolist()) == best
    assert found.value == pytest.approx(every[best])


@pytest.mark.parametrize("seed", range(12))
def test_the_search_alone_finds_the_best_order_too(seed: int) -> None:
    problem = build_problem(drawn(8, seed), SAD, HAPPY, 5, CONFIG)
    every = np.array(list(permutations(range(8), 5)))
    best = float(problem.values(every).max())
    searched = solve(problem, CONFIG.model_copy(update={"exact": 0}))
    assert problem.value(searched) == pytest.approx(best)


@pytest.mark.parametrize("seed", range(3))
def test_nothing_that_can_be_moved_or_replaced_helps_any_more(seed: int) -> None:
    problem = build_problem(drawn(40, seed), SAD, HAPPY, 10, CONFIG)
    order = solve(problem, CONFIG)
    value = problem.value(order)
    assert len(set(order.tolist())) == 10
    assert value >= problem.value(beam_search(problem, CONFIG.beam)[0])
    assert value <= upper_bound(problem) + 1e-9
    for place in range(10):
        for song in set(range(40)) - set(order.tolist()):
            other = order.copy()
            other[place] = song
            assert problem.value(other) <= value + 1e-9
        for partner in range(place):
            other = order.copy()
            other[[place, partner]] = other[[partner, place]]
            assert problem.value(other) <= value + 1e-9


@settings(max_examples=30, deadline=None)
@given(seed=st.integers(0, 10_000), n=st.integers(1, 9), place=st.integers(0, 8))
def test_marginals_tell_what_a_replacement_changes(seed: int, n: int, place: int) -> None:
    problem = build_problem(drawn(14, seed), SAD, HAPPY, n, CONFIG)
    order, place = np.random.default_rng(seed).permutation(14)[:n], place % n
    worth = marginals(problem, order)
    other = order.copy()
    other[place] = next(s for s in range(14) if s not in order.tolist())
    change = worth[place, other[place]] - worth[place, order[place]]
    assert problem.value(other) - problem.value(order) == pytest.approx(change)


def test_songs_on_the_path_come_in_its_order() -> None:
    points = path_points(SAD, HAPPY, 30)
    shuffled = np.random.default_rng(0).permutation(30)
    songs = plain([(float(v), float(a)) for v, a in points[shuffled]])
    journey = plan_journey(songs, SAD, HAPPY, CONFIG, length=30)
    assert shuffled[journey.order].tolist() == list(range(30))
    assert journey.value == pytest.approx(0, abs=1e-5)
    np.testing.assert_array_equal(journey.points, points)


def test_of_equal_moods_the_song_that_is_liked_is_taken() -> None:
    places = [(-0.6, -0.3)] * 2 + [(0.7, 0.5)] * 2
    songs = plain(places, taste=np.array([0, 1, 1, 0], np.float32))
    assert plan_journey(songs, SAD, HAPPY, CONFIG, length=2).order.tolist() == [1, 2]


def test_songs_of_one_artist_are_kept_apart() -> None:
    # Everything else equal: of six songs of two artists, they take turns.
    songs = plain([(0.0, 0.0)] * 6, artists=np.array([0, 0, 0, 1, 1, 1]))
    calm = Mood(0, 0)
    artists = songs.artists[plan_journey(songs, calm, calm, CONFIG, length=6).order].tolist()
    assert artists in ([0, 1, 0, 1, 0, 1], [1, 0, 1, 0, 1, 0])


def test_of_two_songs_the_less_similar_follows() -> None:
    similarity = np.eye(3, dtype=np.float32)
    similarity[0, 1] = similarity[1, 0] = 0.9
    songs = plain(
        [(-0.6, -0.3), (0.7, 0.5), (0.7, 0.5)],
        similarity=similarity,
        taste=np.zeros(3, np.float32),
    )
    assert plan_journey(songs, SAD, HAPPY, CONFIG, length=2).order.tolist() == [0, 2]


def test_songs_without_a_mood_take_no_place() -> None:
    songs = drawn(30, 1)
    songs.moods[::2, 0] = np.nan
    journey = plan_journey(songs, SAD, HAPPY, CONFIG, length=20)
    assert sorted(journey.order.tolist()) == list(range(1, 30, 2))


def test_nothing_to_choose_from_is_an_empty_journey() -> None:
    nothing = plain([(0.1, 0.1)]).take(np.zeros(0, np.int64))
    for asked in ({"length": 5}, {"minutes": 20.0}):
        journey = plan_journey(nothing, SAD, HAPPY, CONFIG, **asked)  # type: ignore[arg-type]
        assert (len(journey.order), journey.value, journey.seconds) == (0, 0, 0)


def test_one_song_is_that_of_the_arrival() -> None:
    songs = plain([(-0.6, -0.3), (0.7, 0.5)])
    assert plan_journey(songs, SAD, HAPPY, CONFIG, length=1).order.tolist() == [1]


def test_the_same_question_has_the_same_answer() -> None:
    first, second = (plan_journey(drawn(60, 3), SAD, HAPPY, CONFIG, length=15) for _ in range(2))
    assert first.order.tolist() == second.order.tolist()


@pytest.mark.parametrize("minutes", [12.0, 30.0, 75.0])
def test_minutes_are_filled_to_a_few_seconds(minutes: float) -> None:
    songs = drawn(80, 5, artists=40)
    journey = plan_journey(songs, SAD, HAPPY, CONFIG, minutes=minutes)
    assert songs.seconds is not None
    assert journey.seconds == pytest.approx(songs.seconds[journey.order].sum())
    assert abs(journey.seconds - 60 * minutes) <= 15
    assert len(set(journey.order.tolist())) == len(journey.order)


def test_minutes_beyond_all_songs_take_them_all() -> None:
    songs = drawn(9, 5)
    assert len(plan_journey(songs, SAD, HAPPY, CONFIG, minutes=300).order) == 9


def test_an_unknown_duration_counts_as_the_median() -> None:
    songs = plain([(0, 0)] * 4, seconds=np.array([100, np.nan, 300, 120.0]))
    assert known_seconds(songs).tolist() == [100, 120, 300, 120]
    assert known_seconds(plain([(0, 0)] * 2)).tolist() == [210, 210]
    # Three of 200 seconds are ten minutes, whatever is not known.
    songs = plain([(0, 0)] * 8, seconds=np.array([200, np.nan] * 4))
    assert len(plan_journey(songs, SAD, HAPPY, CONFIG, minutes=10).order) == 3


@pytest.mark.parametrize("asked", [{}, {"length": 3, "minutes": 10.0}])
def test_length_or_minutes_not_both(asked: dict[str, float]) -> None:
    with pytest.raises(ValueError, match="either length or minutes"):
        plan_journey(drawn(5, 0), SAD, HAPPY, CONFIG, **asked)  # type: ignore[arg-type]


def test_improvement_starts_from_any_order() -> None:
    problem = build_problem(drawn(30, 8), SAD, HAPPY, 8, CONFIG)
    first = np.arange(8)
    better = improve(problem, first, 12)
    assert problem.value(better) > problem.value(first)
    assert len(set(better.tolist())) == 8


def test_the_settings_survive_a_file_and_refuse_strangers() -> None:
    changed = JourneyConfig(closeness=2.5, window=0)
    assert JourneyConfig.parse(tomllib.loads(changed.to_toml())) == changed
    with pytest.raises(ConfigError, match="closness"):
        JourneyConfig.parse({"closness": 1})
    with pytest.raises(ConfigError, match="artist_gap"):
        JourneyConfig.parse({"artist_gap": -1})
