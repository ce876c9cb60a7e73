"""Runs asked together answer with the mean of their logits."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from data.datasets.fer2013 import FerSplit
from vision.config import NetworkConfig, TrainingConfig
from vision.ensemble import evaluate_runs, mean_of_runs
from vision.runs import keras_logits, load_run
from vision.training import train_network

pytestmark = pytest.mark.usefixtures("keras_policy", "undrawn")


def test_two_runs_answer_with_their_mean(tmp_path: Path, toy_faces: FerSplit) -> None:
    runs = []
    for seed in (1, 2):
        config = TrainingConfig(
            network=NetworkConfig(widths=(8, 16), convolutions=1), seed=seed, epochs=1,
            batch_size=14,
        )  # fmt: skip
        runs.append(train_network(config, toy_faces, toy_faces, tmp_path / str(seed)).folder)
    each = [keras_logits(load_run(run)[0])(toy_faces.images) for run in runs]
    together = mean_of_runs(runs)(toy_faces.images)
    np.testing.assert_allclose(together, (each[0] + each[1]) / 2, atol=1e-6)
    scored = evaluate_runs(runs, toy_faces, toy_faces)
    assert scored.single.accuracy == (together.argmax(axis=1) == toy_faces.labels).mean()
    assert scored.coverage >= 0.5
