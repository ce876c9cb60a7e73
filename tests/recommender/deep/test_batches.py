"""Sampling, loss and decision, against values worked out by hand."""

from __future__ import annotations

import numpy as np
import pytest

from recommender.deep.batches import (
    PADDING,
    Lists,
    best_temperature,
    case_ndcg,
    compare,
    fit_scaling,
    listwise_loss,
    sample_lists,
    scaled,
    user_folds,
)
from tests.recommender.deep.toys import CONFIG, cases, layout, songs


def lists(blend: list[list[float]], share: list[list[float]], offset: list[list[float]]) -> Lists:
    values = [np.array(v, np.float32) for v in (blend, share, offset)]
    return Lists(np.zeros((*values[0].shape, 1), np.float32), *values)


def test_loss_is_the_cross_entropy_of_a_softmax() -> None:
    made = lists([[0, 0, 0]], [[1, 0, 0]], [[0, 0, PADDING]])
    assert listwise_loss(np.array([[np.log(3), 0, 7]]), made) == pytest.approx(-np.log(3 / 4))


def test_a_sampled_song_stands_for_those_left_out() -> None:
    sampled = lists([[0, 0]], [[1, 0]], [[0, np.log(3)]])
    whole = lists([[0, 0, 0, 0]], [[1, 0, 0, 0]], [[0, 0, 0, 0]])
    assert listwise_loss(sampled.blend, sampled) == pytest.approx(
        listwise_loss(whole.blend, whole), abs=1e-6
    )


def test_rows_hold_the_right_answers_the_head_and_a_sample() -> None:
    given = cases(4)
    made = sample_lists(layout(), given, songs(), CONFIG, seed=1)
    for i, case in enumerate(given):
        real = made.offset[i] > PADDING / 2
        assert made.share[i].sum() == pytest.approx(1)
        assert (made.share[i] > 0).sum() == case.relevant.sum()
        head = np.sort(case.blend)[-CONFIG.top :]
        assert np.isin(head, made.blend[i][real]).all()
        always = case.relevant | np.isin(case.blend, head)
        weight = np.exp(made.offset[i][real]).sum()
        assert weight == pytest.approx(len(case.songs), rel=1e-5)
        assert real.sum() == min(len(case.songs), always.sum() + CONFIG.sampled)


def test_temperature_is_that_of_the_smallest_loss() -> None:
    rng = np.random.default_rng(0)
    blend = rng.normal(size=(4000, 5))
    chance = np.exp(2 * blend) / np.exp(2 * blend).sum(axis=1, keepdims=True)
    drawn = [rng.choice(5, p=p) for p in chance]
    made = lists(blend.tolist(), np.eye(5)[drawn].tolist(), np.zeros((4000, 5)).tolist())
    assert best_temperature(made) == pytest.approx(2, rel=0.15)


def test_scaling_standardises_and_silences_what_never_varied() -> None:
    rows = np.array([[1, 5], [3, 5]], np.float32)
    scaling = fit_scaling(rows)
    assert scaled(rows, scaling).tolist() == [[-1, 0], [1, 0]]
    assert scaled(np.array([[1e9, 99]], np.float32), scaling).tolist() == [[5, 0]]


def test_ndcg_by_hand() -> None:
    relevant = np.array([True, False, True])
    worst = case_ndcg(np.array([0.1, 0.9, 0.2], np.float32), relevant, 2)
    assert worst == pytest.approx((1 / np.log2(3)) / (1 + 1 / np.log2(3)))
    assert case_ndcg(np.array([0.9, 0.1, 0.8], np.float32), relevant, 2) == 1


def test_all_cases_of_a_user_are_in_one_fold() -> None:
    twice = cases(12) + cases(12)
    folds = user_folds(twice, 3, seed=0)
    assert (folds[:12] == folds[12:]).all()
    assert np.bincount(folds).tolist() == [8, 8, 8]


def test_comparison_is_by_user_not_by_case() -> None:
    users = np.array([0, 0, 0, 1])
    blend, deep = np.array([0.2, 0.2, 0.2, 0.4]), np.array([0.5, 0.5, 0.5, 0.5])
    found = compare(users, blend, deep, CONFIG)
    assert found.users == 2
    assert found.difference == pytest.approx(0.2)
    assert found.low == pytest.approx(0.1)
    assert found.high == pytest.approx(0.3)
