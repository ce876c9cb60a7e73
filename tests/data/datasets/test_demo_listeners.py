"""The simulated listeners: deterministic, plausible, and moved by mood as the truth says."""

from __future__ import annotations

from collections import Counter, defaultdict
from datetime import UTC, datetime, timedelta

import numpy as np
import pytest
from numpy.typing import NDArray

from data.datasets.demo import (
    DemoConfig,
    DemoListeners,
    demo_songs,
    intended_moods,
    simulate_listeners,
)
from data.datasets.demo.expressions import CONFUSION, EXPRESSION_MOODS
from data.datasets.demo.sessions import END, lifted
from data.errors import ConfigError
from data.types import EMOTIONS, EVENT_WEIGHTS, EVENTS

SMALL = DemoConfig(listeners=12, median_listens=40)


@pytest.fixture(scope="module")
def demo() -> DemoListeners:
    return simulate_listeners()


@pytest.fixture(scope="module")
def played_moods(demo: DemoListeners) -> NDArray[np.float64]:
    moods = intended_moods()
    return np.array([(moods[e.song_id].valence, moods[e.song_id].arousal) for e in demo.events])


@pytest.fixture(scope="module")
def rows(demo: DemoListeners) -> NDArray[np.int64]:
    """Row in the truth of each event's listener."""
    number = {user: row for row, user in enumerate(demo.users)}
    return np.array([number[event.user_id] for event in demo.events])


def _gini(counts: NDArray[np.float64]) -> float:
    n, ordered = len(counts), np.sort(counts)
    return float((2 * np.arange(1, n + 1) - n - 1) @ ordered / (n * ordered.sum()))


def test_same_seed_same_bytes_and_another_seed_others() -> None:
    first, second = simulate_listeners(SMALL), simulate_listeners(SMALL)
    assert repr(first.events).encode() == repr(second.events).encode()
    assert np.array_equal(first.truth.beta, second.truth.beta)
    other = simulate_listeners(SMALL.model_copy(update={"seed": 1}))
    assert other.events != first.events


def test_config_round_trips_and_forbids_unknown_keys() -> None:
    import tomllib

    assert DemoConfig.parse(tomllib.loads(SMALL.to_toml())) == SMALL
    with pytest.raises(ConfigError, match="listenrs"):
        DemoConfig.parse({"listenrs": 3})


def test_counts(demo: DemoListeners) -> None:
    assert len(demo.users) == len(set(demo.users)) >= 320
    per_user = Counter(event.user_id for event in demo.events)
    assert set(per_user) == set(demo.users)
    assert 230 <= len(demo.events) / len(demo.users) <= 270
    short = sum(n <= 10 for n in per_user.values()) / len(demo.users)
    assert 0.05 <= short <= 0.15
    assert min(per_user.values()) < 5
    assert max(per_user.values()) > 600


def test_events_are_in_order_and_within_the_period(demo: DemoListeners) -> None:
    last = datetime(2026, 10, 31, 23, 59, 59, tzinfo=UTC)
    assert last + timedelta(seconds=1) == END
    assert min(e.at for e in demo.events) >= END - timedelta(days=184)
    assert max(e.at for e in demo.events) <= last
    ahead = zip(demo.events, demo.events[1:], strict=False)
    assert all(a.user_id != b.user_id or a.at < b.at for a, b in ahead)


def test_events_name_songs_users_and_kinds_that_exist(demo: DemoListeners) -> None:
    songs = {song.id for song in demo_songs()}
    assert {event.song_id for event in demo.events} == songs
    share = Counter(event.event for event in demo.events)
    assert set(share) == set(EVENTS)
    assert 0.4 <= share["complete"] / len(demo.events) <= 0.7
    assert 0.1 <= share["skip"] / len(demo.events) <= 0.35
    assert all(share[e] / len(demo.events) >= 0.01 for e in ("like", "save", "dislike"))


def test_nobody_hears_a_disliked_song_again(demo: DemoListeners) -> None:
    disliked: dict[str, set[str]] = defaultdict(set)
    for event in demo.events:
        assert event.song_id not in disliked[event.user_id]
        if event.event == "dislike":
            disliked[event.user_id].add(event.song_id)


def test_popularity_is_skewed_but_no_song_is_lost(demo: DemoListeners) -> None:
    plays = np.array(sorted(Counter(e.song_id for e in demo.events).values()), dtype=np.float64)
    assert 0.35 <= _gini(plays) <= 0.65
    assert plays[-1] < 0.05 * plays.sum()
    listeners: dict[str, set[str]] = defaultdict(set)
    for event in demo.events:
        listeners[event.song_id].add(event.user_id)
    assert min(len(users) for users in listeners.values()) >= 5


def test_listeners_keep_to_their_genres(demo: DemoListeners, rows: NDArray[np.int64]) -> None:
    genre = {song.id: song.genre for song in demo_songs()}
    column = {name: i for i, name in enumerate(demo.truth.genres)}
    taste = demo.truth.genre_taste
    assert np.allclose(taste.sum(axis=1), 1.0)
    of_event = np.array([column[genre[e.song_id] or ""] for e in demo.events])
    assert taste[rows, of_event].mean() > 2.5 / len(column)
    assert demo.truth.songs == tuple(song.id for song in demo_songs())


def test_days_and_hours_have_a_rhythm(demo: DemoListeners) -> None:
    hour = np.bincount([e.at.hour for e in demo.events], minlength=24)
    day = np.bincount([e.at.weekday() for e in demo.events], minlength=7)
    assert hour[19:22].mean() > 1.5 * hour[13:16].mean()
    assert hour[3:5].mean() < 0.25 * hour[7:10].mean()
    assert day[5:].mean() > 1.2 * day[:5].mean()
    working = [e.at.hour for e in demo.events if e.at.weekday() < 5]
    resting = [e.at.hour for e in demo.events if e.at.weekday() >= 5]
    morning = [np.mean([6 <= h <= 8 for h in hours]) for hours in (working, resting)]
    assert morning[0] > 2 * morning[1]


def test_mood_moves_the_plays_of_those_who_respond(
    demo: DemoListeners, played_moods: NDArray[np.float64], rows: NDArray[np.int64]
) -> None:
    """Plays lie nearer to the target than to another session's target, by beta."""
    rng = np.random.default_rng(0)
    gap = np.hypot(*(played_moods - demo.truth.target).T)
    other = np.hypot(*(played_moods - demo.truth.target[_within(rows, rng)]).T)
    beta = demo.truth.beta[rows]
    high, low = beta > np.quantile(beta, 0.75), beta < np.quantile(beta, 0.25)
    assert gap[high].mean() < gap[low].mean() - 0.15
    gain = other - gap
    assert gain[high].mean() > 2 * gain[low].mean() > 0
    assert gain[high].mean() > 0.1


def test_permuted_moods_explain_nothing(
    demo: DemoListeners, played_moods: NDArray[np.float64], rows: NDArray[np.int64]
) -> None:
    shuffled = demo.truth.target[_within(rows, np.random.default_rng(1))]
    for axis in (0, 1):
        real = _correlation(played_moods[:, axis], demo.truth.target[:, axis], rows)
        control = _correlation(played_moods[:, axis], shuffled[:, axis], rows)
        assert real > 0.15
        assert abs(control) < 0.02


def test_two_kinds_of_listener_answer_a_bad_mood_differently(
    demo: DemoListeners, played_moods: NDArray[np.float64], rows: NDArray[np.int64]
) -> None:
    kind = np.array(demo.truth.kinds)[rows]
    assert {"match", "compensate"} == set(kind)
    bad = demo.truth.mood[:, 0] < -0.3
    matched = played_moods[bad & (kind == "match"), 0].mean()
    compensated = played_moods[bad & (kind == "compensate"), 0].mean()
    assert compensated > matched + 0.2
    assert np.array_equal(
        lifted(demo.truth.mood[kind == "compensate"]), demo.truth.target[kind == "compensate"]
    )
    assert np.array_equal(demo.truth.mood[kind == "match"], demo.truth.target[kind == "match"])


def test_lifted_by_hand() -> None:
    moods = np.array([(-0.6, 0.8), (0.3, -0.4), (0.9, 0.0), (-1.0, 0.2)])
    assert np.allclose(lifted(moods), [(0.75, 0.4), (0.3, -0.2), (0.9, 0.0), (0.95, 0.1)])


def test_labels_are_noisy_readings_of_the_mood(demo: DemoListeners) -> None:
    assert np.allclose(CONFUSION.sum(axis=1), 1.0)
    assert CONFUSION.shape == (len(EMOTIONS),) * 2
    assert EXPRESSION_MOODS.shape == (len(EMOTIONS), 2)
    seen = np.array([e.emotion is not None for e in demo.events])
    assert 0.25 <= seen.mean() <= 0.45
    mood_of = {
        label: demo.truth.mood[[e.emotion == label for e in demo.events]].mean(axis=0)
        for label in EMOTIONS
    }
    assert mood_of["happy"][0] > mood_of["neutral"][0] > mood_of["sad"][0]
    assert mood_of["angry"][1] > mood_of["neutral"][1] > mood_of["sad"][1]


def test_liked_songs_suit_taste_better_than_skipped(
    demo: DemoListeners, rows: NDArray[np.int64]
) -> None:
    column = {song: i for i, song in enumerate(demo.truth.songs)}
    taste = demo.truth.taste
    standing = (taste - taste.mean(axis=1, keepdims=True)) / taste.std(axis=1, keepdims=True)
    value = standing[rows, [column[e.song_id] for e in demo.events]]
    of = {name: value[[e.event == name for e in demo.events]].mean() for name in EVENT_WEIGHTS}
    assert of["like"] > of["complete"] > of["skip"] > of["dislike"]


def _within(rows: NDArray[np.int64], rng: np.random.Generator) -> NDArray[np.int64]:
    """A permutation of the events that keeps each listener's among themselves."""
    shuffled = np.lexsort((rng.random(len(rows)), rows))
    order = np.empty(len(rows), dtype=np.int64)
    order[np.argsort(rows, kind="stable")] = shuffled
    return order


def _correlation(a: NDArray[np.float64], b: NDArray[np.float64], rows: NDArray[np.int64]) -> float:
    """Correlation after each listener's own mean is taken out."""

    def centred(x: NDArray[np.float64]) -> NDArray[np.float64]:
        mean = np.bincount(rows, x) / np.bincount(rows)
        return x - mean[rows]

    return float(np.corrcoef(centred(a), centred(b))[0, 1])
