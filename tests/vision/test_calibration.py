"""Calibration measures against values worked out by hand."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from vision import calibration as measure

P = np.array([[0.82, 0.18], [0.61, 0.39], [0.27, 0.73], [0.94, 0.06]], dtype=np.float32)
LABELS = np.array([0, 1, 1, 0])


def test_softmax_divides_by_the_temperature() -> None:
    p = measure.softmax(np.array([[0.0, math.log(3) * 2]]), temperature=2.0)
    assert p[0].tolist() == pytest.approx([0.25, 0.75])
    assert p.dtype == np.float32


@given(st.lists(st.floats(-1e4, 1e4), min_size=2, max_size=9), st.floats(0.05, 20))
def test_softmax_is_a_distribution_for_any_logits(logits: list[float], temperature: float) -> None:
    p = measure.softmax(np.array([logits]), temperature)
    assert p.sum() == pytest.approx(1, abs=1e-5)
    assert (p >= 0).all()


def test_negative_log_likelihood_by_hand() -> None:
    expected = -(math.log(0.82) + math.log(0.39) + math.log(0.73) + math.log(0.94)) / 4
    assert measure.negative_log_likelihood(P, LABELS) == pytest.approx(expected, rel=1e-6)


def test_brier_score_by_hand() -> None:
    expected = 2 * (0.18**2 + 0.61**2 + 0.27**2 + 0.06**2) / 4
    assert measure.brier_score(P, LABELS) == pytest.approx(expected, rel=1e-6)


def test_calibration_error_by_hand() -> None:
    # Two bins: all four confidences lie in (0.5, 1]; their mean is .775, three of four are right.
    assert measure.expected_calibration_error(P, LABELS, bins=2) == pytest.approx(0.025, rel=1e-5)
    # Ten bins: .82 right, .61 wrong, .73 right, .94 right, one each.
    expected = (0.18 + 0.61 + 0.27 + 0.06) / 4
    assert measure.expected_calibration_error(P, LABELS, bins=10) == pytest.approx(
        expected, rel=1e-6
    )


def test_reliability_bins_hold_every_answer_once() -> None:
    confidence, accuracy, count = measure.reliability(P, LABELS, bins=4)
    assert count.tolist() == [0, 0, 2, 2]
    assert confidence[2:].tolist() == pytest.approx([0.67, 0.88])
    assert accuracy[2:].tolist() == [0.5, 1.0]
    assert np.isnan(confidence[:2]).all()


@pytest.mark.parametrize("true", [0.5, 1.0, 2.5])
def test_the_temperature_of_sampled_labels_is_found(true: float) -> None:
    rng = np.random.default_rng(1)
    logits = rng.normal(0, 2, (20_000, 7))
    p = measure.softmax(logits, true).astype(np.float64)
    labels = (p.cumsum(axis=1) < rng.random((len(p), 1)) * p.sum(axis=1, keepdims=True)).sum(axis=1)
    found = measure.fit_temperature(logits, labels)
    assert found == pytest.approx(true, rel=0.04)
    near = [
        measure.negative_log_likelihood(measure.softmax(logits, found * f), labels)
        for f in (0.9, 1.0, 1.1)
    ]
    assert near[1] == min(near)


def test_the_temperature_of_separable_logits_stays_in_range() -> None:
    assert measure.fit_temperature(np.eye(3) * 4, np.arange(3)) == pytest.approx(1 / 20, rel=1e-3)


def test_confusion_recall_and_f1_by_hand() -> None:
    labels, predicted = np.array([0, 0, 0, 1, 1, 2]), np.array([0, 0, 1, 1, 0, 1])
    confusion = measure.confusion_matrix(predicted, labels, classes=4)
    assert confusion.tolist() == [[2, 1, 0, 0], [1, 1, 0, 0], [0, 1, 0, 0], [0, 0, 0, 0]]
    recall = measure.per_class_recall(confusion)
    assert recall[:3].tolist() == pytest.approx([2 / 3, 1 / 2, 0])
    assert np.isnan(recall[3])
    assert measure.macro_f1(confusion) == pytest.approx((2 / 3 + 2 / 5 + 0) / 3)


def test_the_bootstrap_interval_is_that_of_a_coin_and_repeats() -> None:
    correct = np.arange(1000) % 2

    def share(rows: np.ndarray) -> float:
        return float(correct[rows].mean())

    low, high = measure.bootstrap_interval(share, 1000, seed=3)
    assert low == pytest.approx(0.5 - 1.96 * math.sqrt(0.25 / 1000), abs=0.006)
    assert high == pytest.approx(0.5 + 1.96 * math.sqrt(0.25 / 1000), abs=0.006)
    assert measure.bootstrap_interval(share, 1000, seed=3) == (low, high)


def test_the_threshold_keeps_as_many_answers_as_the_accuracy_allows() -> None:
    confidence = np.array([0.9, 0.8, 0.7, 0.6, 0.5])
    correct = np.array([True, True, True, False, False])  # accuracy 1, 1, 1, .75, .6
    chosen = measure.abstention_threshold(confidence, correct, accuracy=0.75, least_coverage=0.2)
    assert chosen == 0.6


def test_the_threshold_never_leaves_fewer_than_the_least_coverage() -> None:
    confidence = np.array([0.9, 0.8, 0.7, 0.6])
    wrong = np.zeros(4, dtype=bool)
    assert measure.abstention_threshold(confidence, wrong, least_coverage=0.5) == 0.8


def test_risk_coverage_by_hand() -> None:
    coverage, accuracy = measure.risk_coverage(np.array([0.2, 0.9]), np.array([False, True]))
    assert coverage.tolist() == [0.5, 1.0]
    assert accuracy.tolist() == [1.0, 0.5]


def sampled(bias: np.ndarray, n: int = 4000) -> tuple[np.ndarray, np.ndarray]:
    """Logits, and labels drawn from the softmax of the logits plus ``bias``."""
    rng = np.random.default_rng(4)
    logits = rng.normal(0, 1.5, (n, 7))
    p = measure.softmax(logits + bias).astype(np.float64)
    labels = np.array([rng.choice(7, p=row / row.sum()) for row in p])
    return logits, labels


def test_vector_scaling_finds_the_offsets_of_sampled_labels() -> None:
    bias = np.array([1.0, -1.0, 0.5, 0.0, -0.5, 0.0, 0.0])
    vector = measure.fit_vector(*sampled(bias))
    np.testing.assert_allclose(vector.bias, bias, atol=0.15)
    np.testing.assert_allclose(vector.scale, 1, atol=0.15)


def test_vector_scaling_is_chosen_only_where_it_wins() -> None:
    assert measure.choose_vector(*sampled(np.zeros(7))) is None
    skewed = sampled(np.array([1.5, -1.5, 0, 0, 0, 0, 0]))
    chosen = measure.choose_vector(*skewed)
    assert chosen is not None
    logits, labels = skewed
    by_vector = measure.calibrated(logits, vector=chosen)
    by_temperature = measure.calibrated(logits, measure.fit_temperature(logits, labels))
    better, worse = (
        measure.negative_log_likelihood(p, labels) for p in (by_vector, by_temperature)
    )
    assert better < worse


def test_accuracy_at_a_coverage_is_of_the_surest() -> None:
    confidence = np.array([0.9, 0.2, 0.8, 0.4])
    correct = np.array([True, False, True, False])
    assert measure.accuracy_at(confidence, correct, 0.5) == 1.0
    assert measure.accuracy_at(confidence, correct, 1.0) == 0.5
