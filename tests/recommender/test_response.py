"""The learned response: a population whose listeners are known finds them again."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import numpy as np
import pytest
from numpy.typing import NDArray

from data.moments import Moments
from data.moods import EMOTION_MOODS
from data.types import EMOTIONS, IntArray, Moment, Mood, Song
from recommender.catalogue import Catalogue
from recommender.occasions import (
    KNEE,
    PLACES,
    READER_CONFUSION,
    Occasions,
    label_features,
    mood_features,
    shown_shares,
)
from recommender.response import Response, UserResponse, lifted

SIDE = 21
#: A song at every place of a lattice over the mood plane.
LATTICE = [(v, a) for v in np.linspace(-1, 1, SIDE) for a in np.linspace(-1, 1, SIDE)]
CATALOGUE = Catalogue.from_songs(
    [
        Song(f"s{i}", f"Song {i}", "Artist", valence=float(v), arousal=float(a))
        for i, (v, a) in enumerate(LATTICE)
    ]
)
KINDS = ("stays", "rises", "ignores")
HOUR = 3600.0


def goes_to(kind: str, emotion: int) -> tuple[float, float]:
    """Where a listener of a kind goes from an emotion, apart from taste."""
    mood = Mood(*PLACES[emotion])
    if kind == "ignores":
        return 0.0, 0.0
    aimed = mood if kind == "stays" else lifted(mood)
    return 0.6 * aimed.valence, 0.6 * aimed.arousal


def population(each: int = 20, occasions: int = 30, seed: int = 3) -> Moments:
    """``each`` listeners of every kind; songs lie about where they go, shifted by taste."""
    rng = np.random.default_rng(seed)
    users = [kind for kind in KINDS for _ in range(each)]
    rows = []
    for user, kind in enumerate(users):
        taste = rng.normal(0, 0.2, 2)
        for occasion in range(occasions):
            emotion = int(rng.integers(len(EMOTIONS)))
            place = taste + goes_to(kind, emotion) + rng.normal(0, 0.2, 2)
            rows.append((user, nearest(place), emotion, occasion * HOUR))
    table = np.array(rows)
    user, item, emotion = table[:, :3].astype(np.int64).T
    names = tuple(f"{kind}-{i}" for i, kind in enumerate(users))
    ones = np.ones(len(rows), dtype=np.float32)
    return Moments(names, CATALOGUE.ids, user, item, emotion, ones, table[:, 3])


def nearest(place: NDArray[np.float64]) -> int:
    return int(np.linalg.norm(np.array(LATTICE) - place, axis=1).argmin())


MOMENTS = population()
RESPONSE = Response.fit(MOMENTS, CATALOGUE)


def of_kind(kind: str) -> list[tuple[float, float]]:
    found = RESPONSE.posteriors(MOMENTS, CATALOGUE)
    return [
        (r.strength, r.lift)
        for name, r in zip(MOMENTS.user_ids, found, strict=True)
        if name.startswith(kind)
    ]


def history(kind: str, count: int, seed: int = 5) -> list[Moment]:
    """A new listener of a kind, without noise."""
    rng = np.random.default_rng(seed)
    emotions = rng.integers(len(EMOTIONS), size=count)
    start = datetime(2026, 1, 1, tzinfo=UTC)
    return [
        Moment(f"s{nearest(np.array(goes_to(kind, int(e))))}", EMOTIONS[e], start + i * 2 * DAY)
        for i, e in enumerate(emotions)
    ]


DAY = timedelta(days=1)


def test_listeners_are_found_again() -> None:
    stays, rises, ignores = (np.array(of_kind(kind)) for kind in KINDS)
    assert stays[:, 0].min() > ignores[:, 0].max()
    assert rises[:, 0].mean() > 2 * ignores[:, 0].mean()
    assert ignores[:, 0].mean() < 0.5
    assert stays[:, 1].mean() < 0.3 < 0.7 < rises[:, 1].mean()


def test_one_who_always_plays_sad_songs_is_not_taken_for_one_who_answers_sadness() -> None:
    """Seen in one emotion only, nothing is known; seen in all, it is taste."""
    song = f"s{nearest(PLACES[4])}"
    varied = history("stays", 20)
    sad = [Moment(song, "sad", m.at) for m in varied]
    always = [Moment(song, m.emotion, m.at) for m in varied]
    found = [RESPONSE.posterior(moments, CATALOGUE) for moments in (always, sad, varied)]
    strengths = [f.strength for f in found if f is not None]
    assert strengths[0] < 0.5
    assert strengths == sorted(strengths)
    assert abs(strengths[1] - 1) < 0.3


def test_without_moments_a_listener_is_as_the_population() -> None:
    assert RESPONSE.posterior([], CATALOGUE) == RESPONSE.population
    assert RESPONSE.population.strength == pytest.approx(1.0)
    assert 0.2 < RESPONSE.population.lift < 0.8


@pytest.mark.parametrize(("kind", "sign"), [("stays", -1), ("rises", 1)])
def test_every_moment_counts_at_once_and_more_count_more(kind: str, sign: int) -> None:
    lifts = []
    for count in (0, 1, 5, 40):
        found = RESPONSE.posterior(history(kind, count), CATALOGUE)
        assert found is not None
        assert found.moments == count
        lifts.append(sign * found.lift)
    assert lifts == sorted(lifts)
    assert lifts[1] > lifts[0]
    assert lifts[-1] - lifts[0] > 0.2


def test_one_who_ignores_emotions_ends_without_response() -> None:
    found = [RESPONSE.posterior(history("ignores", n), CATALOGUE) for n in (0, 10, 60)]
    strengths = [f.strength for f in found if f is not None]
    assert strengths == sorted(strengths, reverse=True)
    assert strengths[-1] < 0.4


def test_permuted_emotions_teach_nothing() -> None:
    rng = np.random.default_rng(0)
    shuffled = MOMENTS.with_emotions(rng.permutation(MOMENTS.emotion))
    learned = Response.fit(shuffled, CATALOGUE)
    slopes = learned.projection.sum(axis=0) @ learned.mean[[1, 2, 4]]
    assert abs(slopes) < 0.25 * (RESPONSE.projection.sum(axis=0) @ RESPONSE.mean[[1, 2, 4]])
    strengths = [r.strength for r in learned.posteriors(shuffled, CATALOGUE)]
    assert np.median(strengths) < 0.5


def test_one_listener_is_answered_as_among_many() -> None:
    together = RESPONSE.posteriors(MOMENTS, CATALOGUE)
    for user in (0, 25, 50):
        rows = MOMENTS.take(MOMENTS.user == user)
        alone = [
            Moment(MOMENTS.item_ids[i], EMOTIONS[e], datetime.fromtimestamp(t, UTC))
            for i, e, t in zip(rows.item, rows.emotion, rows.at, strict=True)
        ]
        found = RESPONSE.posterior(alone, CATALOGUE)
        assert found is not None
        assert found.strength == pytest.approx(together[user].strength)
        assert found.lift == pytest.approx(together[user].lift)


def test_the_posterior_is_that_of_the_event_level_model() -> None:
    """Songs of one occasion share its noise: generalised least squares over single songs."""
    moods = np.array([(0.1, 0.2), (0.5, -0.3), (-0.4, 0.1), (0.3, 0.3)])
    emotion, group = np.array([3, 3, 4, 4]), np.array([0, 0, 1, 2])
    at = np.array([0.0, 60.0, 2 * HOUR, 9 * HOUR])
    lines = mood_features(PLACES)[emotion]
    got = _posterior_of(moods, emotion, at)
    mean, noise = RESPONSE.mean, RESPONSE.noise
    lines = RESPONSE.labels[emotion]
    gram = np.linalg.inv(RESPONSE.covariance)
    pull = gram @ mean
    for axis in range(2):
        design = np.zeros((4, 5))
        if axis == 0:
            design[:, 0], design[:, 1:3] = 1, lines[:, :2]
        else:
            design[:, 3], design[:, 4] = 1, lines[:, 2]
        shared = (group[:, None] == group[None]) * noise[1, axis]
        inverse = np.linalg.inv(shared + noise[0, axis] * np.eye(4))
        gram = gram + design.T @ inverse @ design
        pull = pull + design.T @ inverse @ moods[:, axis]
    slopes = RESPONSE.projection @ np.linalg.solve(gram, pull)[[1, 2, 4]]
    usual = float((RESPONSE.projection @ mean[[1, 2, 4]]).sum())
    assert got.strength == pytest.approx(slopes.sum() / usual, rel=1e-5)
    assert got.lift == pytest.approx(np.clip(slopes[1] / slopes.sum(), 0, 1), rel=1e-5)


def _posterior_of(
    moods: NDArray[np.float64], emotion: IntArray, at: NDArray[np.float64]
) -> UserResponse:
    songs = [
        Song(f"x{i}", "t", "a", valence=float(v), arousal=float(a))
        for i, (v, a) in enumerate(moods)
    ]
    rows = np.arange(len(songs))
    ids = tuple(s.id for s in songs)
    table = Moments(("u",), ids, rows * 0, rows, emotion, np.ones(len(songs), "f4"), at)
    return RESPONSE.posteriors(table, Catalogue.from_songs(songs))[0]


def test_too_little_teaches_nothing() -> None:
    few = MOMENTS.take(MOMENTS.user < 4)
    assert not Response.fit(few, CATALOGUE).is_fitted
    assert not Response.fit(Moments.empty(), CATALOGUE).is_fitted
    assert Response.unfitted().posterior(history("stays", 5), CATALOGUE) is None


def test_what_is_not_known_is_passed_over() -> None:
    start = datetime(2026, 1, 1, tzinfo=UTC)
    odd = [Moment("gone", "sad", start), Moment("s3", "elated", start)]
    known = history("rises", 3)
    assert RESPONSE.posterior(odd, CATALOGUE) == RESPONSE.population
    assert RESPONSE.posterior([*odd, *known], CATALOGUE) == RESPONSE.posterior(known, CATALOGUE)


def test_arrays_bring_it_back() -> None:
    again = Response.from_arrays(RESPONSE.arrays())
    assert again.posterior(history("rises", 7), CATALOGUE) == RESPONSE.posterior(
        history("rises", 7), CATALOGUE
    )
    assert again.is_fitted
    assert not Response.from_arrays({}).is_fitted
    assert not Response.from_arrays(Response.unfitted().arrays()).is_fitted


def test_the_same_moments_teach_the_same() -> None:
    again = Response.fit(MOMENTS, CATALOGUE)
    for name, array in RESPONSE.arrays().items():
        np.testing.assert_array_equal(array, again.arrays()[name])


def test_occasions_end_with_the_emotion_and_with_a_break() -> None:
    user, emotion = np.array([0, 0, 0, 0, 1]), np.array([3, 3, 4, 4, 4])
    at = np.array([0.0, 600.0, 700.0, 9000.0, 9000.0])
    moods = np.array([(0, 0), (1, 0.5), (0.2, 0.2), (0.4, 0.4), (np.nan, 0)], dtype=np.float32)
    rows = np.arange(5)
    table = Moments(("u", "v"), tuple("abcde"), user, rows, emotion, np.ones(5, "f4"), at)
    found = Occasions.of(table, moods)
    assert found.user.tolist() == [0, 0, 0]
    assert found.emotion.tolist() == [3, 4, 4]
    assert found.size.tolist() == [2, 1, 1]
    np.testing.assert_allclose(found.mood, [(0.5, 0.25), (0.2, 0.2), (0.4, 0.4)], atol=1e-6)
    np.testing.assert_allclose(found.spread, [0.5, 0.125], atol=1e-6)


def test_features_are_valence_its_shortfall_and_arousal() -> None:
    found = mood_features(np.array([(-0.6, -0.27), (0.8, 0.5)]))
    np.testing.assert_allclose(found, [(-0.6, KNEE + 0.6, -0.27), (0.8, 0, 0.5)])


def test_a_perfect_reader_is_taken_at_its_word() -> None:
    labels = np.repeat(np.arange(7), [4, 0, 9, 1, 2, 3, 5])
    counts = np.array([4, 0, 9, 1, 2, 3, 5]) + 1
    np.testing.assert_allclose(shown_shares(labels, np.eye(7)), counts / counts.sum())
    np.testing.assert_allclose(label_features(labels, np.eye(7)), mood_features(PLACES))


def test_a_rare_expression_is_often_a_misread_common_one() -> None:
    """Where almost every face is neutral, a face read as angry is less angry than its label."""
    labels = np.repeat([0, 6], [30, 200])
    angry = label_features(labels)[0]
    assert EMOTION_MOODS["angry"].valence < angry[0] < -0.05
    np.testing.assert_allclose(READER_CONFUSION.sum(axis=1), 1, atol=0.003)


def test_compensating_lifts_what_is_low_and_leaves_what_is_pleasant() -> None:
    for given, valence, arousal in ((-0.2, 0.5, 0.3), (0.8, 0.8, 0.3), (-1.0, 0.82, 0.3)):
        found = lifted(Mood(given, 0.5))
        assert (found.valence, found.arousal) == pytest.approx((valence, arousal))
