"""Metrics against values worked out by hand, and properties."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from recommender.metrics import bootstrap_mean, coverage, ndcg_at_k, recall_at_k


def test_recall_counts_hits_among_all_relevant() -> None:
    assert recall_at_k(np.array([5, 1, 9, 2]), {1, 2, 3}, 2) == pytest.approx(1 / 3)
    assert recall_at_k(np.array([5, 1, 9, 2]), {1, 2, 3}, 4) == pytest.approx(2 / 3)


def test_ndcg_by_hand() -> None:
    # Hits at ranks 1 and 3: 1/log2(2) + 1/log2(4) = 1.5; ideal of two: 1 + 1/log2(3) = 1.63093.
    assert ndcg_at_k(np.array([7, 0, 8]), {7, 8}, 3) == pytest.approx(1.5 / 1.6309297536)


def test_nothing_relevant_is_not_a_number() -> None:
    assert np.isnan(recall_at_k(np.array([1]), set(), 1))
    assert np.isnan(ndcg_at_k(np.array([1]), set(), 1))


@given(st.permutations(range(12)), st.sets(st.integers(0, 11), min_size=1), st.integers(1, 12))
def test_ndcg_is_one_only_for_a_perfect_head(ranked: list[int], relevant: set[int], k: int) -> None:
    value = ndcg_at_k(np.array(ranked), relevant, k)
    perfect = all(i in relevant for i in ranked[: min(k, len(relevant))])
    assert 0 <= value <= 1 + 1e-12
    assert (value > 1 - 1e-9) == perfect


def test_coverage_counts_distinct_items() -> None:
    assert coverage([np.array([0, 1]), np.array([1, 2])], 6) == pytest.approx(0.5)


def test_bootstrap_covers_the_mean_and_is_seeded() -> None:
    values = np.random.default_rng(0).normal(0.3, 0.1, 400)
    first = bootstrap_mean(values, np.random.default_rng(1))
    assert first == bootstrap_mean(values, np.random.default_rng(1))
    assert first.low < first.mean < first.high
    # The standard error is 0.1 / 20 = 0.005; the interval is about four of them wide.
    assert first.high - first.low == pytest.approx(4 * 0.005, rel=0.2)
