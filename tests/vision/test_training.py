"""Training: learns, resumes as if never stopped, and leaves a whole run folder."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import keras
import numpy as np
import pytest

from data.datasets.fer2013 import FerSplit
from data.errors import TrainingError
from vision.calibration import softmax
from vision.config import AugmentationConfig, NetworkConfig, TargetConfig, TrainingConfig
from vision.networks import build_network
from vision.runs import keras_logits, load_run
from vision.training import TrainedRun, train_network

pytestmark = pytest.mark.usefixtures("keras_policy")
undrawn = pytest.mark.usefixtures("undrawn")
TINY = NetworkConfig(widths=(8, 16), convolutions=1, dropout=0.3)
CONFIG = TrainingConfig(
    network=TINY,
    epochs=4,
    batch_size=14,
    warmup_epochs=1,
    augmentation=AugmentationConfig(flip=False),
)


_TRAIN = """
import sys
from pathlib import Path
import numpy as np
from data.datasets.fer2013 import FerSplit
from vision.config import TrainingConfig
from vision.training import train_network
folder = Path(sys.argv[1])
with np.load(folder / "faces.npz") as z:
    faces = FerSplit(z["images"], z["labels"], np.ones(len(z["labels"]), dtype=bool))
config = TrainingConfig.from_toml(folder / "config.toml")
train_network(config, faces, faces, folder / "run", report=lambda line: print(line, flush=True))
"""
_ENVIRONMENT = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}


@pytest.fixture(scope="module")
def unbroken(tmp_path_factory: pytest.TempPathFactory, toy_faces: FerSplit) -> TrainedRun:
    """A run by ``CONFIG`` to its end."""
    return train_network(CONFIG, toy_faces, toy_faces, tmp_path_factory.mktemp("unbroken") / "run")


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


@undrawn
@pytest.mark.parametrize(
    "changes",
    [
        {"precision": "float32"},
        {"precision": "mixed_bfloat16", "mixup": 0.4, "ema": 0.9},
        {"optimizer": "sgd", "schedule": "plateau", "plateau_epochs": 1, "learning_rate": 0.05},
        {"schedule": "constant", "balance": "sampling"},
    ],
    ids=["cosine", "mixup and average", "plateau", "sampling"],
)
def test_a_resumed_run_equals_an_unbroken_one(
    tmp_path: Path, toy_faces: FerSplit, changes: dict[str, object]
) -> None:
    config = CONFIG.model_copy(update=changes)

    def keep(line: str) -> None:
        if line.startswith("epoch 2.0000 "):  # a kill between two epochs would leave this
            shutil.copytree(tmp_path / "a", tmp_path / "b")

    unbroken = train_network(config, toy_faces, toy_faces, tmp_path / "a", report=keep)
    assert (tmp_path / "b/checkpoint-2.npz").exists()
    assert not (tmp_path / "b/checkpoint-4.npz").exists()
    resumed = train_network(config, toy_faces, toy_faces, tmp_path / "b", resume=True)
    np.testing.assert_allclose(curve(resumed.history), curve(unbroken.history), rtol=1e-6)
    with (
        np.load(tmp_path / "a/checkpoint-4.npz") as one,
        np.load(tmp_path / "b/checkpoint-4.npz") as other,
    ):
        assert one.files == other.files
        for name in one.files:
            np.testing.assert_allclose(one[name], other[name], rtol=1e-5, atol=1e-7)


@undrawn
def test_a_run_killed_at_any_moment_ends_as_an_unbroken_one(
    tmp_path: Path, toy_faces: FerSplit, unbroken: TrainedRun
) -> None:
    config = tmp_path / "config.toml"
    config.write_text(CONFIG.to_toml())
    np.savez(tmp_path / "faces.npz", images=toy_faces.images, labels=toy_faces.labels)
    command = [sys.executable, "-c", _TRAIN, str(tmp_path)]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=_ENVIRONMENT)
    assert process.stdout is not None
    for line in process.stdout:
        if line.startswith("epoch 2"):  # epoch 3 has begun; kill it wherever it is
            process.kill()
            break
    process.wait()
    process.stdout.close()
    resumed = train_network(CONFIG, toy_faces, toy_faces, tmp_path / "run", resume=True)
    np.testing.assert_allclose(curve(resumed.history), curve(unbroken.history), rtol=1e-5)


@undrawn
def test_fine_tuning_trains_the_head_first_and_resumes_between_phases(
    tmp_path: Path, toy_faces: FerSplit
) -> None:
    config = TrainingConfig(
        network=TINY,
        mode="finetune",
        head_epochs=1,
        layer_decay=0.7,
        epochs=2,
        batch_size=28,
    )
    before = {v.path: keras.ops.convert_to_numpy(v) for v in seeded(config).trainable_variables}
    with pytest.raises(StoppedError):
        train_network(config, toy_faces, toy_faces, tmp_path / "b", report=stop_after(1))
    after = load_run(tmp_path / "b")[0]
    for variable in after.trainable_variables:
        same = np.array_equal(before[variable.path], keras.ops.convert_to_numpy(variable))
        assert same == ("logits" not in variable.path), variable.path
    unbroken = train_network(config, toy_faces, toy_faces, tmp_path / "a")
    resumed = train_network(config, toy_faces, toy_faces, tmp_path / "b", resume=True)
    np.testing.assert_allclose(curve(resumed.history), curve(unbroken.history), rtol=1e-4)


@undrawn
def test_what_is_frozen_stays_as_it_was(tmp_path: Path, toy_faces: FerSplit) -> None:
    config = TrainingConfig(
        network=TINY,
        mode="frozen",
        epochs=1,
        batch_size=28,
        learning_rate=1e-2,
    )
    before = [w for layer in seeded(config).layers[:-1] for w in layer.get_weights()]
    train_network(config, toy_faces, toy_faces, tmp_path / "run")
    model = load_run(tmp_path / "run")[0]
    after = [w for layer in model.layers[:-1] for w in layer.get_weights()]
    assert len(before) > 8  # batch normalisation with its statistics among them
    for one, other in zip(before, after, strict=True):
        np.testing.assert_array_equal(one, other)


def seeded(config: TrainingConfig) -> keras.Model:
    keras.utils.set_random_seed(config.seed)
    return build_network(config.network)


@undrawn
def test_a_student_of_its_teacher_alone_does_not_see_the_labels(
    tmp_path: Path, toy_faces: FerSplit, unbroken: TrainedRun
) -> None:
    wrong = replace(toy_faces, labels=(toy_faces.labels + 1) % 7)

    def losses(share: float, faces: FerSplit) -> list[float]:
        targets = TargetConfig(teachers=(str(unbroken.folder),), teacher_share=share)
        config = CONFIG.model_copy(update={"targets": targets, "epochs": 1})
        run = train_network(config, faces, toy_faces, tmp_path / f"{share}-{faces.labels[0]}")
        return [h["loss"] for h in run.history]

    assert losses(1.0, toy_faces) == losses(1.0, wrong)
    assert losses(0.5, toy_faces) != losses(0.5, wrong)


@undrawn
def test_the_kept_epoch_is_of_the_averaged_weights(tmp_path: Path, toy_faces: FerSplit) -> None:
    config = CONFIG.model_copy(update={"ema": 0.9, "epochs": 2})
    run = train_network(config, toy_faces, toy_faces, tmp_path / "run")
    best = max(run.history, key=lambda h: h["val_accuracy"])["val_accuracy"]
    logits = keras_logits(load_run(run.folder)[0])(toy_faces.images)
    assert float((logits.argmax(axis=1) == toy_faces.labels).mean()) == best
    with np.load(run.folder / "checkpoint-2.npz") as raw:
        kernel = load_run(run.folder)[0].get_layer("block1_conv1").get_weights()[0]
        assert not any(np.array_equal(kernel, raw[n]) for n in raw.files[:3])


@undrawn
def test_training_stops_when_nothing_is_gained(tmp_path: Path, toy_faces: FerSplit) -> None:
    config = CONFIG.model_copy(update={"epochs": 40, "patience": 2, "learning_rate": 1e-9})
    run = train_network(config, toy_faces, toy_faces, tmp_path / "run")
    accuracies = [h["val_accuracy"] for h in run.history]
    assert len(accuracies) < 40
    assert accuracies.index(max(accuracies)) == len(accuracies) - 3


@undrawn
def test_logit_adjustment_makes_a_rare_label_louder(tmp_path: Path, toy_faces: FerSplit) -> None:
    few = toy_faces.take(np.flatnonzero((toy_faces.labels != 1) | (np.arange(56) < 7)))
    share = {}
    for balance in ("none", "logit_adjustment"):
        config = CONFIG.model_copy(update={"balance": balance, "batch_size": 7})
        train_network(config, few, toy_faces, tmp_path / balance)
        logits = keras_logits(load_run(tmp_path / balance)[0])(toy_faces.images)
        share[balance] = softmax(logits)[:, 1].mean()
    assert share["logit_adjustment"] > share["none"]


@undrawn
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
        targets=TargetConfig(label_smoothing=0),
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
        "best.weights.h5", "checkpoint-2.npz", "config.toml", "progress.json", "record.json",
        "learning_curve.png", "confusion.png", "class_counts.png", "classes.png",
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


def test_the_network_takes_gray_levels_and_gives_logits() -> None:
    model = build_network(TINY)
    assert model.input_shape == (None, 48, 48, 1)
    assert model.output_shape == (None, 7)
    out = np.asarray(model(np.full((2, 48, 48, 1), 255, dtype=np.float32)))
    assert out.dtype == np.float32
    np.testing.assert_allclose(out[0], out[1])
