"""Content: closeness of lyrics and metadata on the checkerboard and by hand."""

from __future__ import annotations

from typing import ClassVar

import numpy as np
import pytest

from data.types import Song
from recommender.candidates.content import ContentScorer
from recommender.config import ContentConfig
from recommender.fitting import reduce_lyrics
from recommender.stages import Arrays, Context, top_positions
from tests.recommender import toys
from tests.recommender.candidates.contract import (
    EMPTY,
    EVEN,
    ScorerContract,
    influence,
    listener,
)


class TestContent(ScorerContract):
    name = "content"
    config: ClassVar[ContentConfig] = ContentConfig(lyrics_size=4)

    def fitted(self) -> ContentScorer:
        lyrics, _ = reduce_lyrics(toys.training_data().lyrics, 4)
        return ContentScorer.fit(self.config, toys.songs(), lyrics)

    def restored(self, arrays: Arrays) -> ContentScorer:
        return ContentScorer.from_arrays(self.config, arrays)

    def test_finds_songs_of_the_same_kind(self) -> None:
        assert set(top_positions(self.fitted()(self.asked), 12).tolist()) == EVEN

    def test_parts_of_a_score_add_up_to_it(self) -> None:
        scorer = self.fitted()
        parts = influence(scorer, self.asked, 8)
        assert float(parts.sum()) == pytest.approx(float(scorer(self.asked)[8]), rel=1e-4)

    def test_pairwise_is_one_on_the_diagonal_of_described_songs(self) -> None:
        similarity = self.fitted().pairwise(np.array([0, 1, 2]))
        np.testing.assert_allclose(np.diag(similarity), 1, atol=1e-5)
        assert similarity[0, 2] > similarity[0, 1]

    def test_only_the_newest_songs_form_the_profile(self) -> None:
        scorer = self.fitted()
        short = ContentScorer.from_arrays(ContentConfig(lyrics_size=4, recent=2), scorer.arrays())
        np.testing.assert_array_equal(short(listener(1, 3, 0, 2)), short(listener(0, 2)))
        parts = influence(short, listener(1, 3, 0, 2), 8)
        assert not parts[:2].any()

    def test_a_history_without_content_cannot_score(self) -> None:
        bare = [Song("a", "A", "One"), Song("b", "B", "Two"), Song("c", "C", "One")]
        scorer = ContentScorer.fit(self.config, bare, np.full((3, 4), np.nan, np.float32))
        assert np.isnan(scorer(listener(1))).all()  # an artist of one song connects nothing
        scores = scorer(listener(0))
        assert scores[2] > 0
        assert np.isnan(scores[1])
        assert np.isnan(scorer(EMPTY)).all()


def test_a_score_by_hand() -> None:
    """One tag each and lyrics in a plane: shares of .25 and .75, weights log2(1 + w)."""
    songs = [Song(str(i), "T", str(i), tags=("rock" if i % 2 else "folk",)) for i in range(4)]
    lyrics = np.array([[1, 0], [0, 1], [0.6, 0.8], [-1, 0]], np.float32)
    scorer = ContentScorer.fit(ContentConfig(lyrics_share=0.25, artist_weight=0), songs, lyrics)
    twice = Context(np.array([0, 1]), np.array([1, 7], np.float32))  # damped to 1 and 3
    np.testing.assert_allclose(
        scorer(twice),
        [
            0.25 * 0.25 + 0.75 * 0.25,
            0.25 * 0.75 + 0.75 * 0.75,
            0.25 * (0.25 * 0.6 + 0.75 * 0.8) + 0.75 * 0.25,
            0.25 * -0.25 + 0.75 * 0.75,
        ],
        rtol=1e-5,
    )
