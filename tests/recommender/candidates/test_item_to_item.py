"""Item to item: cosine, EASE and random walks against formulas worked out another way."""

from __future__ import annotations

from typing import ClassVar

import numpy as np
import pytest
from scipy.sparse import csr_matrix

from recommender.candidates.item_to_item import (
    EaseConfig,
    ItemKnnConfig,
    ItemToItemConfig,
    ItemToItemScorer,
    Rp3BetaConfig,
    bm25,
    largest,
    strongest,
)
from recommender.candidates.listening import damped
from recommender.stages import Context
from tests.recommender.candidates.contract import (
    SMALL,
    ListeningContract,
    influence,
    listener,
    listening_to,
    through_a_file,
)


class TestItemKnn(ListeningContract):
    name = "item_knn"
    config: ClassVar[ItemKnnConfig] = ItemKnnConfig(shrink=1.0)


class TestRp3Beta(ListeningContract):
    name = "rp3beta"
    config: ClassVar[Rp3BetaConfig] = Rp3BetaConfig()


class TestEase(ListeningContract):
    name = "ease"
    config: ClassVar[EaseConfig] = EaseConfig(regularization=30.0)


class TestEaseOfCounts(ListeningContract):
    """Weights other than 1 go into fit, rows and storage alike."""

    name = "ease"
    config: ClassVar[EaseConfig] = EaseConfig(regularization=30.0, weighting="log", neighbours=20)


def similarity(config: ItemToItemConfig) -> np.ndarray:
    found = config.fit(listening_to(SMALL), 0)
    assert isinstance(found, ItemToItemScorer)
    return np.asarray(found.similarity.toarray())


def test_cosine_by_hand() -> None:
    found = similarity(ItemKnnConfig(terms="binary", neighbours=4, shrink=0))
    assert found[0, 1] == pytest.approx(2 / 3)
    assert found[2, 3] == pytest.approx(2 / np.sqrt(6))
    np.testing.assert_array_equal(np.diag(found), 0)
    shrunk = similarity(ItemKnnConfig(terms="binary", neighbours=4, shrink=3))
    assert shrunk[0, 1] == pytest.approx(2 / 6)


def test_a_score_is_the_sum_over_the_history() -> None:
    scorer = ItemKnnConfig(terms="binary", shrink=0).fit(listening_to(SMALL), 0)
    assert scorer(listener(0, 2))[1] == pytest.approx(2 / 3 + 2 / 3)
    assert scorer(listener(0))[3] == 0
    parts = influence(scorer, listener(2, 0), 3)
    assert parts.tolist() == pytest.approx([2 / np.sqrt(6), 0])


def test_ease_is_ridge_regression_without_oneself() -> None:
    """Column j of EASE is the ridge solution for song j from the others (Steck, 2019, eq. 8)."""
    found, x = similarity(EaseConfig(regularization=2.0)), SMALL.astype(float)
    np.testing.assert_array_equal(np.diag(found), 0)
    for j in range(4):
        rest = [i for i in range(4) if i != j]
        a = x[:, rest]
        expected = np.linalg.solve(a.T @ a + 2 * np.eye(3), a.T @ x[:, j])
        np.testing.assert_allclose(found[rest, j], expected, atol=1e-6)


def test_ease_leaves_out_the_songs_played_least() -> None:
    """Song 3 has two listeners, the others three: among three songs it has no place."""
    scorer = EaseConfig(regularization=2.0, songs=3).fit(listening_to(SMALL), 0)
    assert np.isnan(scorer(listener(0, 2))).tolist() == [False, False, False, True]
    alone = EaseConfig(regularization=2.0).fit(listening_to(SMALL[:, :3]), 0)
    np.testing.assert_allclose(scorer(listener(0, 2))[:3], alone(listener(0, 2)), rtol=1e-6)


def test_random_walk_by_hand() -> None:
    """From song 0 back to its users (1/3 each), on to their songs, popularity divided out."""
    found = similarity(Rp3BetaConfig(alpha=1.0, beta=0.5, neighbours=4))
    to_one = (1 / 3) * (1 / 2) + (1 / 3) * (1 / 3)
    assert found[0, 1] == pytest.approx(to_one / np.sqrt(3), rel=1e-6)
    assert found[0, 0] == 0
    squared = similarity(Rp3BetaConfig(alpha=2.0, beta=0.0, neighbours=4))
    assert squared[0, 1] == pytest.approx((1 / 9) * (1 / 4) + (1 / 9) * (1 / 9), rel=1e-6)


def test_only_the_strongest_of_each_column_stay() -> None:
    values = csr_matrix(np.array([[0, 3, 1], [2, 0, 1], [2, 5, 0]], np.float32))
    assert strongest(values, 1).toarray().tolist() == [[0, 0, 1], [2, 0, 0], [0, 5, 0]]
    signed = np.array([[0, 3.0, 1], [2, 0, -2], [-3, -5, 0]])
    assert largest(signed, 1).toarray().tolist() == [[0, 0, 0], [0, 0, -2], [-3, -5, 0]]
    assert largest(signed, 3).toarray().tolist() == signed.tolist()


def test_bm25_damps_plays_and_busy_users() -> None:
    """Users are terms: one with few songs tells more, and the hundredth play adds little."""
    plays = np.zeros((3, 8), np.float32)
    plays[0, :2], plays[1, 1:6], plays[2, 0] = (1, 100), 1, 1
    found = bm25(csr_matrix(plays)).toarray()
    assert found[0, 0] < found[0, 1] < 3 * found[0, 0]
    assert found[2, 0] > found[0, 0] > found[1, 1] > 0
    assert (found > 0).tolist() == (plays > 0).tolist()


def test_weights_are_damped_to_a_mean_of_one() -> None:
    rows = csr_matrix(np.array([[1, 0, 3], [7, 7, 7], [0, 0, 0]], np.float32))
    expected = np.array([[2 / 3, 0, 4 / 3], [1, 1, 1], [0, 0, 0]])
    np.testing.assert_allclose(damped(rows, "log").toarray(), expected, rtol=1e-6)
    assert damped(rows, "binary").toarray().tolist() == [[1, 0, 1], [1, 1, 1], [0, 0, 0]]


def test_a_song_on_repeat_counts_more_only_where_weights_count() -> None:
    often = Context(np.array([0, 2]), np.array([1, 15], np.float32))
    plain = ItemKnnConfig(terms="binary", shrink=0, weighting="binary")
    scorer = plain.fit(listening_to(SMALL), 0)
    np.testing.assert_array_equal(scorer(often), scorer(listener(0, 2)))
    logarithmic = plain.model_copy(update={"weighting": "log"}).fit(listening_to(SMALL), 0)
    # log2(1 + w) is 1 and 4, with a mean of 1: 0.4 and 1.6.
    assert logarithmic(often)[1] == pytest.approx((0.4 + 1.6) * 2 / 3, rel=1e-6)
    assert logarithmic(often)[3] == pytest.approx(1.6 * 2 / np.sqrt(6), rel=1e-6)


@pytest.mark.parametrize("scale", [1e-7, 1.0, 1e6])
def test_weak_and_strong_ties_survive_storage(scale: float) -> None:
    """Walks over millions of pairs are tiny numbers; half precision has none so small."""
    values = scale * np.array([[0, 1, 0.001], [0.3, 0, 0.01], [0.7, 0.2, 0]])
    scorer = ItemToItemScorer("rp3beta", csr_matrix(values, dtype=np.float32))
    again = Rp3BetaConfig().restore(through_a_file(scorer.arrays()))
    np.testing.assert_allclose(again(listener(0, 1)), scorer(listener(0, 1)), rtol=2e-3)
