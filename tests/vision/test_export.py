"""Keras run -> ONNX: same answers, one input, calibrated card, report."""

from __future__ import annotations

import json
from pathlib import Path

import keras
import numpy as np
import onnxruntime
import pytest

from data.datasets.fer2013 import FerSplit
from data.errors import TrainingError
from data.types import EMOTIONS
from tests.vision.pictures import write_network
from vision.classifier import EmotionClassifier
from vision.config import AugmentationConfig, NetworkConfig, TrainingConfig
from vision.export import check_parity, export_run, write_onnx
from vision.networks import build_network
from vision.runs import load_run
from vision.training import train_network

pytestmark = pytest.mark.usefixtures("keras_policy")
TINY = NetworkConfig(widths=(8, 16), convolutions=1, dropout=0.0)


def write_csv(path: Path, faces: FerSplit) -> None:
    """The toy faces as a csv whose three splits are the same rows."""
    rows = ["emotion,pixels,Usage"]
    for usage in ("Training", "PublicTest", "PrivateTest"):
        rows += [
            f"{label},{' '.join(map(str, image.ravel()))},{usage}"
            for image, label in zip(faces.images, faces.labels, strict=True)
        ]
    path.write_text("\n".join(rows))


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory, toy_faces: FerSplit) -> Path:
    config = TrainingConfig(
        network=TINY,
        augmentation=AugmentationConfig(flip=False, shift=0),
        epochs=6,
        batch_size=14,
        learning_rate=1e-2,
        precision="mixed_bfloat16",
    )
    return train_network(
        config, toy_faces, toy_faces, tmp_path_factory.mktemp("run") / "run"
    ).folder


def test_a_run_becomes_a_served_network_with_card_and_report(
    tmp_path: Path, run: Path, toy_faces: FerSplit
) -> None:
    write_csv(tmp_path / "fer2013.csv", toy_faces)
    exported = export_run(run, tmp_path / "fer2013.csv", tmp_path / "out")
    classifier = EmotionClassifier.load(exported.network, exported.card)
    right = (classifier.probabilities(toy_faces.images).argmax(axis=1) == toy_faces.labels).mean()
    assert right == pytest.approx(exported.evaluation.best.accuracy)
    assert classifier.card.metrics["private_test_accuracy"] == pytest.approx(right, abs=1e-4)
    assert exported.largest_difference < 1e-3
    assert exported.evaluation.deleaked_rows == 0  # every row has its copy in Training
    assert {p.name for p in (run / "evaluation").iterdir()} == {
        "report.md", "metrics.json", "confusion.png", "reliability.png",
        "risk_coverage.png",
    }  # fmt: skip
    metrics = json.loads((run / "evaluation" / "metrics.json").read_text())
    assert metrics["deleaked_accuracy"] is None
    assert metrics["flipped"]["accuracy"] == pytest.approx(right)
    card = (tmp_path / "out" / "model_card.md").read_text()
    for words in ("apparent expression", "research", "employment", "recall", *EMOTIONS):
        assert words in card
    assert not list((tmp_path / "out").glob("partial-*"))


def test_a_mixed_precision_run_is_exported_in_float32(run: Path) -> None:
    model, config = load_run(run)
    assert config.precision == "mixed_bfloat16"
    assert {layer.compute_dtype for layer in model.layers} == {"float32"}
    assert keras.config.dtype_policy().name == "float32"


def test_half_precision_weights_keep_the_answers_and_halve_the_file(
    tmp_path: Path, toy_faces: FerSplit
) -> None:
    model = build_network(TINY.model_copy(update={"widths": (16, 32, 64)}))
    paths = [tmp_path / "full.onnx", tmp_path / "half.onnx"]
    for path, half in zip(paths, (False, True), strict=True):
        write_onnx(model, path, half=half)
    faces = toy_faces.images[..., None].astype(np.float32)
    sessions = [onnxruntime.InferenceSession(p, providers=["CPUExecutionProvider"]) for p in paths]
    full, half = (s.run(None, {s.get_inputs()[0].name: faces})[0] for s in sessions)
    np.testing.assert_allclose(full, half, atol=0.02)
    assert paths[1].stat().st_size < 0.65 * paths[0].stat().st_size


def test_networks_that_disagree_are_refused(tmp_path: Path, toy_faces: FerSplit) -> None:
    other = EmotionClassifier.load(*write_network(tmp_path))
    with pytest.raises(TrainingError, match="disagree"):
        check_parity(build_network(TINY), other, toy_faces.images)


def test_a_folder_without_a_run_is_told(tmp_path: Path) -> None:
    with pytest.raises(TrainingError, match=r"best\.weights\.h5"):
        load_run(tmp_path)
