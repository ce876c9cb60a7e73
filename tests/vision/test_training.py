"""Training: learns, resumes as if never stopped, and leaves a whole run folder."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import keras
import numpy as np
import pytest

from data.datasets.fer2013 import FerSplit
from data.errors import TrainingError
from vision.config import AugmentationConfig, NetworkConfig, TrainingConfig
from vision.networks import build_network
from vision.training import FaceBatches, train_network

pytestmark = pytest.mark.usefixtures("keras_policy")
TINY = NetworkConfig(widths=(8, 16), convolutions=1, dropout=0.3)
CONFIG = TrainingConfig(
    network=TINY,
    epochs=4,
    batch_size=14,
    warmup_epochs=1,
    augmentation=AugmentationConfig(flip=False),
)


class StoppedError(Exception):
    """Stands for a kill between two epochs."""


def stop_after(epochs: int) -> Callable[[str], None]:
    lines: list[str] = []

    def report(line: str) -> None:
        lines.append(line)
        if len(lines) == epochs:
            raise StoppedError

    return report


def curve(history: list[dict[str, float]]) -> np.ndarray:
    return np.array([[h["loss"], h["accuracy"], h["val_accuracy"]] for h in history])


@pytest.mark.parametrize("precision", ["float32", "mixed_bfloat16"])
def test_a_resumed_run_equals_an_unbroken_one(
    tmp_path: Path, toy_faces: FerSplit, precision: str
) -> None:
    config = CONFIG.model_copy(update={"precision": precision})
    unbroken = train_network(config, toy_faces, toy_faces, tmp_path / "a")
    with pytest.raises(StoppedError):
        train_network(config, toy_faces, toy_faces, tmp_path / "b", report=stop_after(2))
    resumed = train_network(config, toy_faces, toy_faces, tmp_path / "b", resume=True)
    np.testing.assert_allclose(curve(resumed.history), curve(unbroken.history), rtol=1e-6)
    ends = [keras.models.load_model(tmp_path / r / "checkpoint.keras") for r in ("a", "b")]
    for one, other in zip(*(m.get_weights() for m in ends), strict=True):
        np.testing.assert_allclose(one, other, rtol=1e-5, atol=1e-7)


def test_the_network_learns_eight_pictures_by_heart(tmp_path: Path) -> None:
    rng = np.random.default_rng(3)
    faces = FerSplit(
        rng.integers(0, 256, (8, 48, 48), dtype=np.uint8),
        np.array([0, 1, 2, 3, 4, 5, 6, 3]),
        np.ones(8, dtype=np.bool_),
    ).take(np.tile(np.arange(8), 16))
    still = AugmentationConfig(flip=False, shift=0, rotation=0, zoom=0, contrast=0, brightness=0)
    config = TrainingConfig(
        network=NetworkConfig(widths=(16, 32), convolutions=1, dropout=0.0),
        augmentation=still,
        epochs=12,
        batch_size=8,
        learning_rate=2e-2,
        label_smoothing=0,
        warmup_epochs=2,
    )
    run = train_network(config, faces, faces, tmp_path / "run")
    assert run.history[-1]["accuracy"] == 1.0
    assert run.history[-1]["loss"] < 0.2


def test_a_run_folder_is_whole(tmp_path: Path, toy_faces: FerSplit) -> None:
    lines: list[str] = []
    config = CONFIG.model_copy(update={"epochs": 2, "limit": 28})
    before = keras.config.dtype_policy().name
    run = train_network(config, toy_faces, toy_faces, tmp_path / "run", report=lines.append)
    names = {p.name for p in run.folder.iterdir()}
    assert names == {
        "best.keras", "checkpoint.keras", "config.toml", "progress.json", "record.json",
        "learning_curve.png",
    }  # fmt: skip
    record = json.loads((run.folder / "record.json").read_text())
    assert record["kind"] == "vision"
    assert record["data"]["rows"] == 28
    assert record["data"]["class_counts"] == [4] * 7
    assert TrainingConfig.from_toml(run.folder / "config.toml") == config
    assert run.best_accuracy == max(h["val_accuracy"] for h in run.history)
    assert len(lines) == 2
    assert keras.config.dtype_policy().name == before


def test_a_folder_with_another_run_is_left_alone(tmp_path: Path, toy_faces: FerSplit) -> None:
    (tmp_path / "notes.txt").write_text("mine")
    with pytest.raises(TrainingError, match="already holds a run"):
        train_network(CONFIG, toy_faces, toy_faces, tmp_path)
    with pytest.raises(TrainingError, match="no run to resume"):
        train_network(CONFIG, toy_faces, toy_faces, tmp_path, resume=True)
    (tmp_path / "config.toml").write_text(CONFIG.model_copy(update={"seed": 8}).to_toml())
    with pytest.raises(TrainingError, match="another configuration"):
        train_network(CONFIG, toy_faces, toy_faces, tmp_path, resume=True)


def test_batches_of_an_epoch_repeat_and_cover_every_picture_once(toy_faces: FerSplit) -> None:
    batches = [FaceBatches(toy_faces, CONFIG, epoch=3) for _ in range(2)]
    assert len(batches[0]) == 4
    labels = np.concatenate([batches[0][i][1] for i in range(4)])
    assert labels.sum(axis=0).tolist() == [8.0] * 7
    for i in range(4):
        for one, other in zip(batches[0][i], batches[1][i], strict=True):
            np.testing.assert_array_equal(one, other)
    assert (FaceBatches(toy_faces, CONFIG, epoch=4)[0][0] != batches[0][0][0]).any()


def test_the_network_takes_gray_levels_and_gives_logits() -> None:
    model = build_network(TINY)
    assert model.input_shape == (None, 48, 48, 1)
    assert model.output_shape == (None, 7)
    out = np.asarray(model(np.full((2, 48, 48, 1), 255, dtype=np.float32)))
    assert out.dtype == np.float32
    np.testing.assert_allclose(out[0], out[1])
