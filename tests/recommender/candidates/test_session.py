"""Session: what follows what, by hand, and what counts of a history."""

from __future__ import annotations

from typing import ClassVar

import numpy as np
import pytest

from recommender.candidates.session import SessionConfig, SessionScorer
from recommender.stages import top_positions
from tests.recommender import toys
from tests.recommender.candidates.contract import (
    ListeningContract,
    influence,
    listener,
    listening_to,
    toy_listening,
)

A, B, C, D = range(4)
#: Two listeners: A, B, C and A, B, D.
PLAYS = [(0, A, 3.0), (0, B, 2.0), (0, C, 1.0), (1, A, 2.0), (1, B, 1.0), (1, D, 0.0)]
MATRIX = np.array([[1, 1, 1, 0], [1, 1, 0, 1]], np.float32)


class TestSession(ListeningContract):
    name = "session"
    config: ClassVar[SessionConfig] = SessionConfig()
    slack = 0.03  # without a song, those before it are one song newer

    def test_finds_the_other_songs_of_the_group(self) -> None:
        """On the checkerboard every song is followed by the next ones of its group."""
        scores = self.fitted()(listener(0, 2, 4, 6))
        scores[[0, 2, 4, 6]] = np.nan
        assert top_positions(scores, 3).tolist() == [8, 10, 12]
        assert not scores[1::2].any()

    def test_a_song_nobody_played_cannot_be_scored_and_says_nothing(self) -> None:
        """But it is a song: those before it are one song older."""
        scorer = self.without_song_7()
        assert np.isnan(scorer(self.asked)[7])
        older = scorer(listener(0, 7, 2)) - scorer(listener(2))
        np.testing.assert_allclose(
            older, 0.5 ** (1 / 3) * (scorer(listener(0, 2)) - scorer(listener(2))), atol=1e-6
        )


def fitted(**settings: float) -> SessionScorer:
    scorer = SessionConfig.model_validate(settings).fit(listening_to(MATRIX, PLAYS), 0)
    assert isinstance(scorer, SessionScorer)
    return scorer


def test_transitions_by_hand() -> None:
    """One apart counts 1, two apart a half; per listener of the first, by root of the second's."""
    found = fitted(window=2, beta=0.5).similarity.toarray()
    expected = np.zeros((4, 4))
    expected[A, B] = (1 + 1) / 2 / np.sqrt(2)
    expected[B, C] = expected[B, D] = 1 / 2
    expected[A, C] = expected[A, D] = (1 / 2) / 2
    np.testing.assert_allclose(found, expected, rtol=1e-6)
    near = fitted(window=1, beta=0.0).similarity.toarray()
    assert (near[A, B], near[A, C]) == (1, 0)


def test_no_transition_from_one_listener_to_the_next() -> None:
    """C is the last song of the first listener, A the first of the second."""
    assert not fitted(window=5).similarity.toarray()[C].any()


def test_the_newest_song_counts_most() -> None:
    scorer = fitted(window=2, beta=0.5, half_life=1.0)
    assert scorer(listener(A, B))[C] == pytest.approx(1 / 2 + 0.5 * 1 / 4, rel=1e-6)
    assert scorer(listener(B, A))[C] == pytest.approx(0.5 * 1 / 2 + 1 / 4, rel=1e-6)
    slow = fitted(window=2, beta=0.5, half_life=10.0)
    # One song ago of a half-life of ten: 0.5 ** 0.1.
    assert slow(listener(A, B))[C] == pytest.approx(1 / 2 + 0.5**0.1 / 4, rel=1e-6)


def test_what_was_long_ago_says_nothing() -> None:
    scorer = SessionConfig(half_life=1.0).fit(toy_listening(), 0)
    late = listener(1, 0, 2, 4, 6, 8, 10, 12)
    parts = influence(scorer, late, 3)
    assert parts[0] == 0
    np.testing.assert_array_equal(scorer(late), scorer(listener(3, 0, 2, 4, 6, 8, 10, 12)))
    assert influence(scorer, listener(1, 0, 2), 3).shape == (3,)


def test_without_times_it_knows_nothing() -> None:
    """Weights of how strongly something is liked tell no order."""
    for plays in ([], [(u, s, 0.0) for u, s, _ in PLAYS]):
        scorer = SessionConfig().fit(listening_to(MATRIX, plays), 0)
        assert not scorer.is_fitted
        assert np.isnan(scorer(listener(A, B))).all()


def test_strength_of_events_does_not_matter_only_their_order() -> None:
    scorer = SessionConfig().fit(toy_listening(), 0)
    context = listener(0, 2, 4)
    loud = type(context)(context.songs, np.array([9, 1, 3], np.float32))
    np.testing.assert_array_equal(scorer(loud), scorer(context))
    assert scorer(context).shape == (toys.SONGS,)
