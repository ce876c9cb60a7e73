"""Several runs asked together: the mean of their logits, calibrated as one network."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from data.datasets.fer2013 import FerSplit
from data.types import FloatArray
from vision import calibration as measure
from vision.evaluation import Evaluation, evaluate_network
from vision.runs import keras_logits, load_run
from vision.views import Network, both_views


def mean_of_runs(runs: Sequence[Path]) -> Network:
    """Return a network whose logits are the mean of those of each run's best epoch.

    Raises:
        TrainingError: if a run has no finished epoch.
    """
    members = [keras_logits(load_run(run)[0]) for run in runs]

    def logits(faces: NDArray[np.uint8]) -> FloatArray:
        mean = np.mean([member(faces) for member in members], axis=0)
        return np.asarray(mean, dtype=np.float32)

    return logits


def evaluate_runs(
    runs: Sequence[Path], validation: FerSplit, split: FerSplit, training: FerSplit | None = None
) -> Evaluation:
    """Score the mean of ``runs`` on ``split``, calibrated and with its threshold on ``validation``.

    Args:
        runs: run folders; one is an ensemble of itself.
        validation: PublicTest.
        split: scored on.
        training: what the runs were trained on, to find leaked copies.
    """
    network = mean_of_runs(runs)
    single, flipped = both_views(network, validation.images)
    labels = validation.labels
    temperatures = measure.fit_temperature(single, labels), measure.fit_temperature(flipped, labels)
    p = measure.softmax(flipped, temperatures[1])
    threshold = measure.abstention_threshold(p.max(axis=1), p.argmax(axis=1) == labels)
    return evaluate_network(
        network, split, training, temperatures=temperatures, threshold=threshold
    )
