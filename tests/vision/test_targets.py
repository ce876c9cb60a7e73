"""Targets: what label, crowd and teachers add up to."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from data.datasets.fer2013 import VOTE_NAMES, FerSplit
from data.errors import TrainingError
from vision.config import TargetConfig
from vision.targets import soft_targets, training_rows

PLAIN = TargetConfig(label_smoothing=0)


def voted(**votes: int) -> list[int]:
    return [votes.get(name, 0) for name in VOTE_NAMES]


@pytest.fixture
def faces() -> FerSplit:
    return FerSplit(
        np.zeros((3, 48, 48), dtype=np.uint8),
        np.array([3, 6, 0]),
        np.array([True, True, True]),
        np.array(
            [
                voted(happiness=8, neutral=2),
                voted(nf=7, neutral=3),
                voted(contempt=6, unknown=4),
            ],
            dtype=np.uint8,
        ),
    )


def test_smoothing_spreads_its_share_over_all_labels(faces: FerSplit) -> None:
    targets = soft_targets(faces, TargetConfig(label_smoothing=0.14))
    assert targets.dtype == np.float32
    assert targets[0].tolist() == pytest.approx([0.02] * 3 + [0.88] + [0.02] * 3)


def test_votes_for_our_labels_are_mixed_in_and_others_ignored(faces: FerSplit) -> None:
    targets = soft_targets(faces, PLAIN.model_copy(update={"ferplus": 0.5}))
    assert targets[0].tolist() == pytest.approx([0, 0, 0, 0.9, 0, 0, 0.1])
    assert targets[1].tolist() == pytest.approx([0, 0, 0, 0, 0, 0, 1])
    assert targets[2].tolist() == pytest.approx([1, 0, 0, 0, 0, 0, 0])  # nobody voted for ours


def test_teachers_answers_are_averaged_and_weighed(faces: FerSplit) -> None:
    sure_sad = np.zeros((3, 7), dtype=np.float32)
    sure_sad[:, 4] = 100
    unsure = np.zeros((3, 7), dtype=np.float32)
    config = PLAIN.model_copy(update={"teacher_share": 0.5})
    targets = soft_targets(faces, config, (lambda x: sure_sad, lambda x: unsure))
    expected = np.full(7, 0.5 * 0.5 / 7)
    expected[4] += 0.25
    expected[3] += 0.5
    np.testing.assert_allclose(targets[0], expected, rtol=1e-5)


def test_what_the_crowd_calls_no_face_is_left_out_if_asked(faces: FerSplit) -> None:
    config = PLAIN.model_copy(update={"drop_not_faces": True})
    assert training_rows(faces, config).labels.tolist() == [3, 0]
    assert len(training_rows(faces, PLAIN)) == 3
    unusable = replace(faces, usable=np.array([False, True, True]))
    assert training_rows(unusable, PLAIN).labels.tolist() == [6, 0]


def test_votes_that_are_missing_are_told(faces: FerSplit) -> None:
    bare = replace(faces, votes=None)
    with pytest.raises(TrainingError, match=r"FER\+ votes"):
        soft_targets(bare, PLAIN.model_copy(update={"ferplus": 0.2}))
    with pytest.raises(TrainingError, match=r"FER\+ votes"):
        training_rows(bare, PLAIN.model_copy(update={"drop_not_faces": True}))
