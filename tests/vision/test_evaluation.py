"""Scores of a network whose answers are known."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from data.datasets.fer2013 import VOTE_NAMES, FerSplit
from tests.vision.pictures import write_network
from vision.classifier import EmotionClassifier
from vision.config import VectorScaling
from vision.evaluation import (
    evaluate_classifier,
    evaluate_network,
    leaked_rows,
    majority_labels,
    write_report,
)


def split_of(labels: list[int], groups: list[int] | None = None, seed: int = 0) -> FerSplit:
    """Random faces whose first pixel tells the label that :func:`told` answers."""
    y = np.array(labels)
    images = np.random.default_rng(seed).integers(0, 256, (len(y), 48, 48), dtype=np.uint8)
    images[:, 0, :] = y[:, None]
    dup = None if groups is None else np.array(groups)
    return FerSplit(images, y.astype(np.int64), np.ones(len(y), dtype=np.bool_), None, dup)


def told(images: np.ndarray) -> np.ndarray:
    """Answer what the first row says, with probability 1/2 at temperature 1."""
    logits = np.zeros((len(images), 7), dtype=np.float32)
    logits[np.arange(len(images)), images[:, 0, 0]] = np.log(6)
    return logits


def votes_for(**counts: int) -> np.ndarray:
    return np.array([counts.get(name, 0) for name in VOTE_NAMES], dtype=np.uint8)


def test_a_network_that_is_right_three_times_of_four() -> None:
    split = split_of([3, 3, 0, 5] * 25)
    wrong = split.labels.copy()
    wrong[split.labels == 5] = 6
    split = FerSplit(split.images, wrong, split.usable)
    result = evaluate_network(told, split)
    assert result.best.accuracy == 0.75
    assert result.best.accuracy_interval[0] < 0.75 < result.best.accuracy_interval[1]
    assert result.best.ece == pytest.approx(0.25, abs=1e-6)
    assert result.best.nll == pytest.approx(0.75 * np.log(2) + 0.25 * np.log(12), rel=1e-5)
    assert result.best.macro_f1 == pytest.approx((1 + 1 + 0 + 0) / 4)
    assert result.recall["happy"] == 1.0
    assert result.recall["neutral"] == 0.0
    assert np.isnan(result.recall["sad"])
    assert result.confusion[6][5] == 25
    assert (result.coverage, result.certain_accuracy) == (1.0, 0.75)
    assert result.deleaked_accuracy is None
    assert result.ferplus_accuracy is None


def test_copies_of_training_pictures_are_left_out_of_the_second_score() -> None:
    test, training = split_of([1, 2, 3, 4], [7, 8, -1, -1]), split_of([1, 2], [7, -1], seed=1)
    assert leaked_rows(test, training).tolist() == [True, False, False, False]
    result = evaluate_network(told, test, training)
    assert (result.deleaked_rows, result.deleaked_accuracy) == (3, 1.0)


def test_copies_are_found_by_their_pixels_where_no_groups_are_known() -> None:
    test = split_of([1, 2, 3])
    training = test.take(np.array([2]))
    assert leaked_rows(test, training).tolist() == [False, False, True]


def test_the_crowds_majority_is_strict_and_one_of_the_seven() -> None:
    votes = np.stack(
        [
            votes_for(happiness=6, neutral=4),
            votes_for(happiness=5, neutral=5),
            votes_for(contempt=8, anger=2),
            votes_for(nf=10),
            votes_for(anger=5, sadness=3, fear=2),
        ]
    )
    assert majority_labels(votes).tolist() == [3, -1, -1, -1, 0]


def test_the_temperature_changes_calibration_and_not_accuracy() -> None:
    split = split_of([0, 1, 2, 3] * 10)
    cold = evaluate_network(told, split, temperatures=(1.0, 0.1)).best
    assert cold.accuracy == 1.0
    assert cold.ece < 1e-6
    assert cold.ece_raw == pytest.approx(0.5, abs=1e-6)


def test_a_served_network_is_scored_with_its_own_card(tmp_path: Path) -> None:
    classifier = EmotionClassifier.load(
        *write_network(tmp_path, temperature=3.0, threshold=0.3, flip_average=False)
    )
    split = split_of(list(range(7)) * 5)
    result = evaluate_classifier(classifier, split)
    assert result.served == "single"
    assert result.flipped.temperature == 3.0
    p = classifier.probabilities(split.images)
    assert result.best.accuracy == pytest.approx((p.argmax(axis=1) == split.labels).mean())
    assert result.coverage == pytest.approx((p.max(axis=1) >= 0.3).mean())


def test_the_report_says_what_was_measured(tmp_path: Path) -> None:
    test = split_of([3, 3, 0, 5] * 10, [0] * 10 + [-1] * 30)
    result = evaluate_network(told, test, split_of([3], [0]))
    write_report(result, tmp_path / "report", "Toy faces")
    text = (tmp_path / "report" / "report.md").read_text()
    assert text.startswith("# Toy faces\n")
    assert "100.00%" in text
    assert "Without the 10" in text
    metrics = json.loads((tmp_path / "report" / "metrics.json").read_text())
    assert metrics["rows"] == 40
    assert metrics["recall"]["sad"] is None
    for name in ("confusion.png", "reliability.png", "risk_coverage.png"):
        assert (tmp_path / "report" / name).read_bytes().startswith(b"\x89PNG")


def test_the_surest_answers_are_scored_apart() -> None:
    split = split_of([0, 1, 2, 3] * 10)
    wrong = split.labels.copy()
    wrong[20:] = 6

    def unsure_later(images: np.ndarray) -> np.ndarray:
        return told(images) * np.linspace(2, 1, len(images))[:, None]

    result = evaluate_network(unsure_later, FerSplit(split.images, wrong, split.usable))
    by_coverage = dict(result.accuracy_by_coverage)
    assert by_coverage[0.5] == 1.0
    assert by_coverage[0.8] == pytest.approx(20 / 32)
    assert by_coverage[1.0] == result.best.accuracy == 0.5


def test_vector_scaling_takes_the_place_of_temperature() -> None:
    split = split_of([0, 1, 2, 3] * 10)
    never_zero = VectorScaling(scale=(1.0,) * 7, bias=(-20.0, *[0.0] * 6))
    result = evaluate_network(told, split, vectors=(None, never_zero))
    assert result.single.accuracy == 1.0
    assert result.flipped.accuracy == 0.75
    assert result.recall["angry"] == 0.0
