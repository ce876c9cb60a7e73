"""Tests of differences against a public implementation and values worked out by hand."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from recommender.metrics import Values
from recommender.significance import (
    benjamini_hochberg,
    compare_all,
    holm,
    sign_flip_test,
    sign_flip_tests,
)


def exact(differences: Values) -> float:
    """Every one of the 2^n flips, by scipy."""
    found = stats.permutation_test(
        (differences, np.zeros(len(differences))),
        lambda a, b, axis: (a - b).mean(axis=axis),
        permutation_type="samples",
        n_resamples=np.inf,
        vectorized=True,
    )
    return float(found.pvalue)


@pytest.mark.parametrize("shift", [0.0, 0.3, 0.8])
@pytest.mark.parametrize("seed", range(3))
def test_sign_flips_agree_with_all_permutations(shift: float, seed: int) -> None:
    differences = np.random.default_rng(seed).normal(shift, 1, 11)
    found = sign_flip_test(differences, np.random.default_rng(9), rounds=40_000)
    assert found == pytest.approx(exact(differences), abs=0.01)


def test_sign_flips_agree_with_ties() -> None:
    differences = np.array([0.1, 0.1, 0.1, 0.0, 0.0, 0.3, -0.1, 0.2])
    found = sign_flip_test(differences, np.random.default_rng(0), rounds=40_000)
    assert found == pytest.approx(exact(differences), abs=0.01)


def test_p_by_hand() -> None:
    rng = np.random.default_rng(0)
    # All four of a sign: 2 of 16 flips reach the sum.
    assert sign_flip_test(np.ones(4), rng, 40_000) == pytest.approx(2 / 16, abs=0.01)
    assert sign_flip_test(np.zeros(5), rng, 99) == 1
    assert sign_flip_test(np.array([1.0, -1.0]), rng, 99) == 1
    # Nothing reaches it in 99 rounds: the least p there is.
    assert sign_flip_test(np.ones(200), rng, 99) == pytest.approx(1 / 100)
    assert np.isnan(sign_flip_test(np.array([np.nan]), rng, 99))


def test_users_without_a_value_are_left_out() -> None:
    known = np.random.default_rng(3).normal(0.3, 1, 12)
    more = np.concatenate([known, np.full(5, np.nan)])
    found = sign_flip_test(more, np.random.default_rng(1), 40_000)
    assert found == pytest.approx(exact(known), abs=0.01)


def test_a_true_null_is_rejected_as_often_as_it_says() -> None:
    rng = np.random.default_rng(5)
    draws = [rng.exponential(1, 30) * rng.choice([-1, 1], 30) for _ in range(400)]
    p = sign_flip_tests(draws, np.random.default_rng(6), 999)
    # Binomial(400, 0.1): 40 with a standard deviation of 6.
    assert 22 <= (p <= 0.1).sum() <= 58


def test_corrections_by_hand() -> None:
    p = np.array([0.04, 0.01, np.nan, 0.03, 0.005])
    # Ascending 0.005, 0.01, 0.03, 0.04 times 4, 3, 2, 1: 0.02, 0.03, 0.06, 0.04 -> 0.06.
    np.testing.assert_allclose(holm(p), [0.06, 0.03, np.nan, 0.06, 0.02])
    # Times 4 / rank: 0.02, 0.02, 0.04, 0.04.
    np.testing.assert_allclose(benjamini_hochberg(p), [0.04, 0.02, np.nan, 0.04, 0.02])
    assert holm(np.array([0.9, 0.8])).tolist() == [1, 1]
    assert len(holm(np.empty(0))) == 0


@given(st.lists(st.floats(0, 1), min_size=1, max_size=12))
def test_corrections_are_ordered_and_no_smaller(values: list[float]) -> None:
    p = np.array(values)
    hochberg, holms = benjamini_hochberg(p), holm(p)
    np.testing.assert_allclose(hochberg, stats.false_discovery_control(p))
    assert (p <= hochberg + 1e-12).all()
    assert (hochberg <= holms + 1e-12).all()
    assert (holms <= np.minimum(1, p * len(p)) + 1e-12).all()
    assert (np.diff(holms[np.argsort(p, kind="stable")]) >= 0).all()


def test_systems_are_compared_with_the_baseline() -> None:
    rng = np.random.default_rng(0)
    base = rng.random(300)
    values = {
        "base": base,
        "better": base + rng.normal(0.1, 0.2, 300),
        "same": base + rng.normal(0, 0.2, 300),
        "unknown": np.full(300, np.nan),
    }
    values["same"][:20] = np.nan
    found = compare_all(values, "base", np.random.default_rng(1), rounds=999)
    assert list(found) == ["better", "same", "unknown"]
    better, same, unknown = found.values()
    assert better.difference.mean == pytest.approx((values["better"] - base).mean())
    assert better.difference.low > 0
    assert better.p == pytest.approx(1 / 1000)
    assert better.users == 300
    assert better.holm == pytest.approx(2 / 1000)
    assert same.p > 0.05
    assert same.users == 280
    assert np.isnan([unknown.p, unknown.holm, unknown.benjamini_hochberg]).all()
    assert unknown.users == 0


def test_a_comparison_is_seeded_and_does_not_depend_on_the_others() -> None:
    rng = np.random.default_rng(0)
    values = {name: rng.random(50) for name in "abcd"}
    all_of_them = compare_all(values, "a", np.random.default_rng(4), rounds=600)
    assert all_of_them == compare_all(values, "a", np.random.default_rng(4), rounds=600)
    alone = compare_all({n: values[n] for n in "ad"}, "a", np.random.default_rng(4), rounds=600)
    assert (alone["d"].difference, alone["d"].p) == (
        all_of_them["d"].difference,
        all_of_them["d"].p,
    )
