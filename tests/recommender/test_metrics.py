"""Metrics against values worked out by hand, and properties."""

from __future__ import annotations

from collections.abc import Callable, Collection

import ir_measures
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.sparse import csr_matrix

from data.types import IntArray
from recommender.metrics import (
    average_precision_at_k,
    bootstrap_mean,
    coverage,
    gini,
    hit_rate_at_k,
    intra_list_diversity,
    mood_distance,
    mood_distance_values,
    ndcg_at_k,
    novelty,
    novelty_values,
    popularity_lift,
    popularity_lift_values,
    precision_at_k,
    ranking_values,
    recall_at_k,
    reciprocal_rank_at_k,
)

SINGLE: dict[str, Callable[[IntArray, Collection[int], int], float]] = {
    "recall": recall_at_k,
    "precision": precision_at_k,
    "hit_rate": hit_rate_at_k,
    "ndcg": ndcg_at_k,
    "map": average_precision_at_k,
    "mrr": reciprocal_rank_at_k,
}
#: The same metrics in the public implementation (trec_eval's, but for RR at a cutoff).
PUBLIC = {
    "recall": ir_measures.R,
    "precision": ir_measures.P,
    "hit_rate": ir_measures.Success,
    "ndcg": ir_measures.nDCG,
    "map": ir_measures.AP,
    "mrr": ir_measures.RR,
}


def test_recall_counts_hits_among_all_relevant() -> None:
    assert recall_at_k(np.array([5, 1, 9, 2]), {1, 2, 3}, 2) == pytest.approx(1 / 3)
    assert recall_at_k(np.array([5, 1, 9, 2]), {1, 2, 3}, 4) == pytest.approx(2 / 3)


def test_ndcg_by_hand() -> None:
    # Hits at ranks 1 and 3: 1/log2(2) + 1/log2(4) = 1.5; ideal of two: 1 + 1/log2(3) = 1.63093.
    assert ndcg_at_k(np.array([7, 0, 8]), {7, 8}, 3) == pytest.approx(1.5 / 1.6309297536)


def test_precision_hit_rate_map_and_mrr_by_hand() -> None:
    # Hits at ranks 2 and 4 of five relevant: precision there 1/2 and 2/4.
    ranked, relevant = np.array([9, 1, 8, 2]), {1, 2, 3, 4, 5}
    assert precision_at_k(ranked, relevant, 4) == pytest.approx(0.5)
    assert precision_at_k(ranked, relevant, 10) == pytest.approx(0.2)
    assert hit_rate_at_k(ranked, relevant, 1) == 0
    assert hit_rate_at_k(ranked, relevant, 2) == 1
    assert average_precision_at_k(ranked, relevant, 4) == pytest.approx((1 / 2 + 2 / 4) / 5)
    assert reciprocal_rank_at_k(ranked, relevant, 4) == pytest.approx(1 / 2)
    assert reciprocal_rank_at_k(ranked, relevant, 1) == 0


@pytest.mark.parametrize("name", SINGLE)
def test_nothing_relevant_is_not_a_number(name: str) -> None:
    assert np.isnan(SINGLE[name](np.array([1]), set(), 1))
    assert np.isnan(ranking_values(np.array([[1]]), csr_matrix((1, 3)), [1])[f"{name}@1"]).all()


def random_case(seed: int, users: int = 12, items: int = 40) -> tuple[IntArray, csr_matrix]:
    """Full rankings and relevant items of some users; the first one has none."""
    rng = np.random.default_rng(seed)
    ranked = np.stack([rng.permutation(items) for _ in range(users)])
    relevant = rng.random((users, items)) < rng.random((users, 1)) * 0.4
    relevant[0] = False
    return ranked, csr_matrix(relevant * rng.integers(1, 9, (users, items)), dtype=np.float32)


@pytest.mark.parametrize("name", SINGLE)
@pytest.mark.parametrize("k", [1, 3, 10, 40])
@pytest.mark.parametrize("seed", range(3))
def test_the_public_implementation_agrees(name: str, k: int, seed: int) -> None:
    ranked, relevant = random_case(seed)
    truth = {str(u): {str(i): 1 for i in relevant[u].indices} for u in range(1, 12)}
    run = {
        str(u): {str(i): float(-place) for place, i in enumerate(ranked[u])} for u in range(1, 12)
    }
    truth = {user: items for user, items in truth.items() if items}
    expected = {
        row.query_id: row.value for row in ir_measures.iter_calc([PUBLIC[name] @ k], truth, run)
    }
    found = ranking_values(ranked, relevant, [k])[f"{name}@{k}"]
    assert len(expected) > 5
    assert {str(u) for u in np.flatnonzero(np.isfinite(found))} == set(expected)
    np.testing.assert_allclose([found[int(u)] for u in expected], [*expected.values()], atol=1e-9)


@given(st.integers(0, 2**32), st.integers(0, 12), st.integers(1, 15))
def test_many_lists_are_measured_as_one_is(seed: int, length: int, k: int) -> None:
    ranked, relevant = random_case(seed, users=6, items=12)
    top = ranked[:, :length].copy()
    top[1:3, length // 2 :] = -1
    found = ranking_values(top, relevant, [k, 3])
    for name, single in SINGLE.items():
        for cutoff in (k, 3):
            expected = [
                single(row[row >= 0], set(relevant[u].indices.tolist()), cutoff)
                for u, row in enumerate(top)
            ]
            np.testing.assert_allclose(found[f"{name}@{cutoff}"], expected, atol=1e-12)


def test_stored_zeros_are_not_relevant() -> None:
    relevant = csr_matrix((np.array([0.0, 2.0]), (np.array([0, 1]), np.array([1, 1]))), (2, 3))
    found = ranking_values(np.array([[1, 0], [1, 0]]), relevant, [2])["recall@2"]
    assert np.isnan(found[0])
    assert found[1] == 1


@given(st.permutations(range(12)), st.sets(st.integers(0, 11), min_size=1), st.integers(1, 12))
def test_ndcg_is_one_only_for_a_perfect_head(ranked: list[int], relevant: set[int], k: int) -> None:
    value = ndcg_at_k(np.array(ranked), relevant, k)
    perfect = all(i in relevant for i in ranked[: min(k, len(relevant))])
    assert 0 <= value <= 1 + 1e-12
    assert (value > 1 - 1e-9) == perfect


def test_coverage_counts_distinct_items() -> None:
    assert coverage([np.array([0, 1]), np.array([1, 2])], 6) == pytest.approx(0.5)


def test_places_without_an_item_are_not_covered() -> None:
    assert coverage([np.array([0, -1])], 4) == pytest.approx(0.25)
    assert coverage([], 4) == 0


def test_gini_by_hand() -> None:
    assert gini([np.array([0, 1]), np.array([2, 3])], 4) == pytest.approx(0)
    assert gini([np.array([2]), np.array([2])], 4) == pytest.approx(3 / 4)
    # Exposures 0, 0, 1, 3: (-3 * 0 - 1 * 0 + 1 * 1 + 3 * 3) / (4 * 4).
    assert gini([np.array([3]), np.array([3, 1]), np.array([3, -1])], 4) == pytest.approx(10 / 16)
    assert np.isnan(gini([], 4))


@given(st.lists(st.integers(0, 9), min_size=1, max_size=50), st.integers(2, 4))
def test_gini_is_half_the_mean_difference(shown: list[int], times: int) -> None:
    lists = [np.array([i]) for i in shown]
    counts = np.bincount(shown, minlength=10).astype(float)
    apart = np.abs(counts[:, None] - counts[None]).mean()
    assert gini(lists, 10) == pytest.approx(apart / (2 * counts.mean()))
    assert gini(lists * times, 10) == pytest.approx(gini(lists, 10))


def test_novelty_by_hand() -> None:
    listeners = np.array([8, 4, 1, 0])
    assert novelty(np.array([0, 1]), listeners, 8) == pytest.approx((0 + 1) / 2)
    # Never heard counts as heard once: 3 bits of 8 users.
    assert novelty(np.array([2, 3]), listeners, 8) == pytest.approx(3)
    assert np.isnan(novelty(np.array([], dtype=np.int64), listeners, 8))
    found = novelty_values(np.array([[0, 1], [3, -1], [-1, -1]]), listeners, 8)
    np.testing.assert_allclose(found, [0.5, 3, np.nan])


def test_popularity_lift_by_hand() -> None:
    listeners = np.array([10, 6, 2, 0])
    assert popularity_lift(np.array([0, 1]), np.array([2]), listeners) == pytest.approx(4)
    assert np.isnan(popularity_lift(np.array([0]), np.array([3]), listeners))
    known = csr_matrix(np.array([[0, 0, 1, 0], [5, 0, 1, 0], [0, 0, 0, 0], [0, 0, 0, 2]]))
    top = np.array([[0, 1], [1, -1], [0, 1], [0, 1]])
    found = popularity_lift_values(top, known, listeners)
    np.testing.assert_allclose(found, [4, 1, np.nan, np.nan])


def test_intra_list_diversity_by_hand() -> None:
    similarity = np.array([[9, 0.5, 0.1], [0.5, 9, 0.3], [0.1, 0.3, 9]], dtype=np.float32)
    assert intra_list_diversity(similarity) == pytest.approx(0.7)
    similarity[2] = similarity[:, 2] = np.nan
    assert intra_list_diversity(similarity) == pytest.approx(0.5)
    assert np.isnan(intra_list_diversity(similarity[:1, :1]))


def test_mood_distance_by_hand() -> None:
    moods = np.array([[0.3, 0.4], [0, 0], [np.nan, np.nan], [-1, -1]], dtype=np.float32)
    assert mood_distance(moods[:3], (0.0, 0.0)) == pytest.approx(0.25)
    assert np.isnan(mood_distance(moods[2:3], (0.0, 0.0)))
    assert mood_distance(moods[3:], (1.0, 1.0)) == pytest.approx(2 * np.sqrt(2))
    top = np.array([[0, 2], [1, -1], [2, -1]])
    targets = np.array([[0.0, 0.0], [0.6, 0.8], [0.0, 0.0]])
    np.testing.assert_allclose(mood_distance_values(top, moods, targets), [0.5, 1, np.nan])
    one = mood_distance_values(top[:1], moods, np.array([0.3, 0.4]))
    assert one == pytest.approx(0, abs=1e-6)


def test_bootstrap_covers_the_mean_and_is_seeded() -> None:
    values = np.random.default_rng(0).normal(0.3, 0.1, 400)
    first = bootstrap_mean(values, np.random.default_rng(1))
    assert first == bootstrap_mean(values, np.random.default_rng(1))
    assert first.low < first.mean < first.high
    # The standard error is 0.1 / 20 = 0.005; the interval is about four of them wide.
    assert first.high - first.low == pytest.approx(4 * 0.005, rel=0.2)
