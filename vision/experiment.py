"""A whole run of expression training: read, train, export, calibrate, score once."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from data.datasets.fer2013 import read_fer2013
from vision.config import TrainingConfig
from vision.export import Exported, export_run
from vision.training import train_network


def run_experiment(
    config: TrainingConfig,
    data: Path,
    folder: Path,
    *,
    resume: bool = False,
    report: Callable[[str], None] = lambda line: None,
) -> Exported:
    """Train on Training, choose and calibrate on PublicTest, score PrivateTest once.

    Args:
        config: the recipe.
        data: FER2013 in any of its published forms.
        folder: the run folder; it ends up holding ``emotion.onnx`` and ``emotion.json`` for
            ``attune publish``, the model card and the evaluation.
        resume: go on from the last finished epoch of ``folder``.
        report: called with one line of progress per epoch and step.

    Raises:
        DatasetNotFoundError: if FER2013 is not at ``data``.
        TrainingError: if the folder holds another run.
    """
    training, validation = read_fer2013(data, "Training"), read_fer2013(data, "PublicTest")
    train_network(config, training, validation, folder, resume=resume, report=report)
    return export_run(folder, data, folder, report=report)
