"""Every scorer keeps the contract of a stage, and finds the checkerboard's one right answer."""

from __future__ import annotations

from typing import Any, ClassVar

import numpy as np
import pytest
from scipy.sparse import csr_matrix

from data.types import Mood, Song
from recommender.candidates.collaborative import CollaborativeScorer
from recommender.candidates.content import ContentScorer
from recommender.candidates.mood import MoodScorer
from recommender.candidates.popularity import PopularityScorer
from recommender.catalogue import Catalogue
from recommender.config import CollaborativeConfig, ContentConfig
from recommender.fitting import positive_matrix, reduce_lyrics
from recommender.query import MoodTarget
from recommender.stages import Context, top_positions
from tests.recommender import toys

EMPTY = Context(np.zeros(0, dtype=np.int64), np.zeros(0, dtype=np.float32))


def even_listener(target: MoodTarget | None = None) -> Context:
    return Context(np.array([0, 2, 4, 6]), np.ones(4, dtype=np.float32), target)


class ScorerContract:
    """What holds for every scorer."""

    config: ClassVar[Any] = None

    def fitted(self) -> Any:
        raise NotImplementedError

    def test_is_fitted(self) -> None:
        assert self.fitted().is_fitted

    def test_scores_every_song_as_float32(self) -> None:
        scores = self.fitted()(even_listener())
        assert scores.shape == (toys.SONGS,)
        assert scores.dtype == np.float32

    def test_empty_history_is_no_error(self) -> None:
        assert self.fitted()(EMPTY).shape == (toys.SONGS,)

    def test_same_question_same_answer(self) -> None:
        np.testing.assert_array_equal(
            self.fitted()(even_listener()), self.fitted()(even_listener())
        )

    def test_storing_keeps_every_score(self) -> None:
        scorer = self.fitted()
        arrays = {"moods": Catalogue.from_songs(toys.songs()).moods, **scorer.arrays()}
        again = type(scorer).from_arrays(self.config, arrays)
        np.testing.assert_allclose(
            again(even_listener()), scorer(even_listener()), rtol=0, atol=2e-3
        )

    def test_config_survives_toml(self) -> None:
        if self.config is not None:
            import tomllib

            again = type(self.config).parse(tomllib.loads(self.config.to_toml()))
            assert again == self.config


class TestPopularity(ScorerContract):
    def fitted(self) -> PopularityScorer:
        matrix = positive_matrix(toys.interactions(), Catalogue.from_songs(toys.songs()))
        return PopularityScorer.fit(np.asarray(matrix.getnnz(axis=0), dtype=np.float32).ravel())

    def test_more_listeners_score_higher(self) -> None:
        scorer = PopularityScorer.fit(np.array([0, 9, 3], dtype=np.float32))
        assert list(top_positions(scorer(EMPTY), 3)) == [1, 2, 0]


class TestCollaborative(ScorerContract):
    config: ClassVar[Any] = CollaborativeConfig(
        embedding_size=2, regularization=0.1, alpha=5, epochs=10
    )

    def fitted(self) -> CollaborativeScorer:
        matrix = positive_matrix(toys.interactions(), Catalogue.from_songs(toys.songs()))
        return CollaborativeScorer.fit(self.config, matrix, seed=3)

    def test_finds_the_other_songs_of_the_group(self) -> None:
        scores = self.fitted()(even_listener())
        assert set(top_positions(scores, 12)) == set(range(0, toys.SONGS, 2))

    def test_folding_in_agrees_with_implicit(self) -> None:
        from implicit.cpu.als import AlternatingLeastSquares

        matrix = positive_matrix(toys.interactions(), Catalogue.from_songs(toys.songs()))
        scorer = CollaborativeScorer.fit(self.config, matrix, seed=3)
        peer = AlternatingLeastSquares(
            factors=2, regularization=0.1, alpha=5, iterations=1, num_threads=1, use_cg=False
        )
        peer.item_factors = scorer.arrays()["item_factors"]
        row = csr_matrix((np.ones(4), ([0] * 4, [0, 2, 4, 6])), (1, toys.SONGS), np.float32)
        user = np.asarray(peer.recalculate_user(0, row)).ravel()
        expected = peer.item_factors @ user
        np.testing.assert_allclose(scorer(even_listener()), expected, rtol=1e-3, atol=1e-4)

    def test_influences_add_up_to_the_score(self) -> None:
        scorer = self.fitted()
        parts = scorer.influences(even_listener(), 8)
        assert parts is not None
        assert float(parts.sum()) == pytest.approx(float(scorer(even_listener())[8]), rel=1e-4)

    def test_song_nobody_played_cannot_be_scored(self) -> None:
        matrix = positive_matrix(toys.interactions(), Catalogue.from_songs(toys.songs())).tolil()
        matrix[:, 7] = 0
        scorer = CollaborativeScorer.fit(self.config, csr_matrix(matrix), seed=3)
        assert np.isnan(scorer(even_listener())[7])
        only_unknown = Context(np.array([7]), np.ones(1, dtype=np.float32))
        assert np.isnan(scorer(only_unknown)).all()


class TestContent(ScorerContract):
    config: ClassVar[Any] = ContentConfig(lyrics_size=4)

    def fitted(self) -> ContentScorer:
        lyrics, _ = reduce_lyrics(toys.training_data().lyrics, 4)
        return ContentScorer.fit(self.config, toys.songs(), lyrics)

    def test_finds_songs_of_the_same_kind(self) -> None:
        assert set(top_positions(self.fitted()(even_listener()), 12)) == set(range(0, 24, 2))

    def test_influences_add_up_to_the_score(self) -> None:
        scorer = self.fitted()
        parts = scorer.influences(even_listener(), 8)
        assert parts is not None
        assert float(parts.sum()) == pytest.approx(float(scorer(even_listener())[8]), rel=1e-4)

    def test_pairwise_is_one_on_the_diagonal_of_described_songs(self) -> None:
        similarity = self.fitted().pairwise(np.array([0, 1, 2]))
        np.testing.assert_allclose(np.diag(similarity), 1, atol=1e-5)
        assert similarity[0, 2] > similarity[0, 1]


class TestMood(ScorerContract):
    def fitted(self) -> MoodScorer:
        return MoodScorer(Catalogue.from_songs(toys.songs()).moods)

    def test_nearer_is_better_and_unknown_is_nan(self) -> None:
        moods = np.array([[0.8, -0.5], [-0.8, 0.5], [np.nan, 0]], dtype=np.float32)
        target = MoodTarget(Mood(0.8, -0.5), Mood(0.8, -0.5), "match", 1.0)
        scores = MoodScorer(moods)(even_listener(target))
        assert scores[0] == pytest.approx(1.0)
        assert scores[1] < scores[0]
        assert np.isnan(scores[2])

    def test_without_a_target_nothing_is_scored(self) -> None:
        assert np.isnan(self.fitted()(even_listener())).all()


def test_one_artist_in_two_spellings_has_one_code() -> None:
    songs = [Song("a", "A", "Drake"), Song("b", "B", "drake"), Song("c", "C", "Nick Drake")]
    codes = Catalogue.from_songs(songs).artist_codes
    assert codes[0] == codes[1] != codes[2]
