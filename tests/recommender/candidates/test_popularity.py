"""Popularity overall, of late and near a mood; and the mood alone."""

from __future__ import annotations

from typing import ClassVar

import numpy as np
import pytest

from data.types import Mood
from recommender.candidates.mood import MoodScorer
from recommender.candidates.popularity import (
    MoodPopularityScorer,
    PopularityScorer,
    RecentConfig,
    RecentScorer,
)
from recommender.catalogue import Catalogue
from recommender.query import MoodTarget
from recommender.stages import Arrays, Context, top_positions
from tests.recommender import toys
from tests.recommender.candidates.contract import (
    EMPTY,
    EVEN,
    ScorerContract,
    listener,
    listening_to,
    toy_listening,
)

BRIGHT = MoodTarget(Mood(0.8, -0.5), Mood(0.8, -0.5), "match", 1.0)
MOODS = Catalogue.from_songs(toys.songs()).moods


def listeners() -> np.ndarray:
    return np.asarray(toy_listening().matrix.getnnz(axis=0), dtype=np.float32).ravel()


class TestPopularity(ScorerContract):
    name = "popular"

    def fitted(self) -> PopularityScorer:
        return PopularityScorer.fit(listeners())

    def restored(self, arrays: Arrays) -> PopularityScorer:
        return PopularityScorer.from_arrays(None, arrays)

    def test_more_listeners_score_higher(self) -> None:
        scorer = PopularityScorer.fit(np.array([0, 9, 3], dtype=np.float32))
        assert top_positions(scorer(EMPTY), 3).tolist() == [1, 2, 0]
        np.testing.assert_allclose(scorer(EMPTY), np.log([1, 10, 4]), rtol=1e-6)

    def test_counts_are_what_it_was_fitted_on(self) -> None:
        assert self.fitted().counts().tolist() == listeners().tolist()
        assert self.fitted().listeners(4) == listeners()[4]

    def test_a_later_song_is_neither_popular_nor_unpopular(self) -> None:
        scorer = self.fitted().with_songs(toys.SONGS + 1)
        assert np.isnan(scorer(EMPTY)[toys.SONGS])
        assert scorer.listeners(toys.SONGS) == 0


class TestRecent(ScorerContract):
    name = "recent"
    config: ClassVar[RecentConfig] = RecentConfig(half_life=7)

    def fitted(self) -> RecentScorer:
        return RecentScorer.fit_recent(self.config, toy_listening())

    def restored(self, arrays: Arrays) -> RecentScorer:
        return RecentScorer.from_arrays(self.config, arrays)

    def test_a_listener_of_a_half_life_ago_counts_half(self) -> None:
        plays = [(0, 0, 0.0), (1, 0, 7.0), (2, 1, 14.0), (3, 1, 21.0)]
        matrix = np.array([[1, 0, 0], [1, 0, 0], [0, 1, 0], [0, 1, 0]], np.float32)
        scores = RecentScorer.fit_recent(self.config, listening_to(matrix, plays))(EMPTY)
        np.testing.assert_allclose(scores, np.log([1 + 1.5, 1 + 0.375, 1]), rtol=1e-6)

    def test_without_times_it_cannot_score(self) -> None:
        scorer = RecentScorer.fit_recent(self.config, listening_to(np.ones((2, 3))))
        assert not scorer.is_fitted
        assert np.isnan(scorer(EMPTY)).all()

    def test_a_later_song_cannot_be_scored(self) -> None:
        assert np.isnan(self.fitted().with_songs(toys.SONGS + 1)(EMPTY)[toys.SONGS])


class TestMoodPopularity(ScorerContract):
    name = "popular_mood"
    asked = listener(0, 2, target=BRIGHT)

    def fitted(self) -> MoodPopularityScorer:
        return MoodPopularityScorer(PopularityScorer.fit(listeners()), MOODS)

    def restored(self, arrays: Arrays) -> MoodPopularityScorer:
        assert not arrays
        return self.fitted()

    def test_only_songs_within_the_radius_are_scored_by_their_listeners(self) -> None:
        moods = np.array([[0.8, -0.5], [0.8, -0.01], [0.8, 0.01], [np.nan, 0]], dtype=np.float32)
        popular = PopularityScorer.fit(np.array([3, 9, 99, 99], dtype=np.float32))
        scores = MoodPopularityScorer(popular, moods)(self.asked)
        assert np.isnan(scores).tolist() == [False, False, True, True]
        np.testing.assert_allclose(scores[:2], np.log([4, 10]), rtol=1e-6)

    def test_on_the_checkerboard_only_the_bright_half_is_scored(self) -> None:
        assert set(np.flatnonzero(np.isfinite(self.fitted()(self.asked)))) == EVEN


class TestMood(ScorerContract):
    name = "mood"
    asked = listener(0, 2, target=BRIGHT)

    def fitted(self) -> MoodScorer:
        return MoodScorer(MOODS)

    def restored(self, arrays: Arrays) -> MoodScorer:
        return MoodScorer.from_arrays(None, {"moods": MOODS, **arrays})

    def test_nearer_is_better_and_unknown_is_nan(self) -> None:
        moods = np.array([[0.8, -0.5], [-0.8, 0.5], [np.nan, 0]], dtype=np.float32)
        scores = MoodScorer(moods)(self.asked)
        assert scores[0] == pytest.approx(1.0)
        # The far point is sqrt(1.6^2 + 1) of the diagonal's 2 sqrt(2) away.
        share = np.sqrt(1.6**2 + 1) / (2 * np.sqrt(2))
        assert scores[1] == pytest.approx(1 - np.sqrt(share), rel=1e-6)
        assert np.isnan(scores[2])


@pytest.mark.parametrize("scorer", [TestMood().fitted(), TestMoodPopularity().fitted()])
@pytest.mark.parametrize(("confidence", "weight"), [(0.0, 1.0), (1.0, 0.0)])
def test_a_mood_that_does_not_count_scores_nothing(
    scorer: MoodScorer | MoodPopularityScorer, confidence: float, weight: float
) -> None:
    still = MoodTarget(BRIGHT.current, BRIGHT.target, "match", confidence, weight)
    for context in (EMPTY, Context(EMPTY.songs, EMPTY.weights, still)):
        assert np.isnan(scorer(context)).all()
