"""Penultimate features are what the last layer sees; the study finds how many numbers matter."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import onnx
import pytest

import vision
from data.datasets.fer2013 import FerSplit
from data.errors import ArtifactError
from data.types import EMOTIONS, FloatArray
from tests.conftest import ROOT
from vision.classifier import EmotionClassifier
from vision.feature_report import write_features
from vision.features import FeatureConfig, FeatureNetwork, FeatureStudy, study_features

WEIGHTS = Path(vision.__file__).parent / "weights"
NETWORK = WEIGHTS / "emotion.onnx"
WIDTH, AXES = 20, 3


@pytest.fixture(scope="module")
def faces() -> np.ndarray:
    return np.random.default_rng(0).integers(0, 256, (5, 48, 48), dtype=np.uint8)


@pytest.mark.parametrize("flip", [False, True])
def test_the_last_layer_makes_the_served_logits_of_the_features(
    faces: np.ndarray, flip: bool
) -> None:
    features, logits = FeatureNetwork(NETWORK, flip_average=flip)(faces)
    served = EmotionClassifier.load(NETWORK, WEIGHTS / "emotion.json")
    np.testing.assert_allclose(logits, served.logits(faces, flip_average=flip), atol=1e-4)
    assert features.dtype == logits.dtype == np.float32
    assert len(features) == 5
    width = features.shape[1]
    tensors = [onnx.numpy_helper.to_array(t) for t in onnx.load(str(NETWORK)).graph.initializer]
    (weights,) = (t for t in tensors if t.shape == (width, len(EMOTIONS)))
    (bias,) = (t for t in tensors if t.shape == (len(EMOTIONS),))
    np.testing.assert_allclose(features @ weights + bias, logits, atol=1e-3)


def test_the_file_of_the_network_is_left_alone(faces: np.ndarray) -> None:
    before = NETWORK.read_bytes()
    FeatureNetwork(NETWORK)(faces)
    assert NETWORK.read_bytes() == before


def test_a_network_without_a_dense_layer_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ArtifactError, match=r"none\.onnx"):
        FeatureNetwork(tmp_path / "none.onnx")
    helper, kind = onnx.helper, onnx.TensorProto.FLOAT
    ends = [helper.make_tensor_value_info(n, kind, ["n", 4]) for n in ("x", "y")]
    graph = helper.make_graph([helper.make_node("Relu", ["x"], ["y"])], "g", ends[:1], ends[1:])
    onnx.save(helper.make_model(graph), str(tmp_path / "relu.onnx"))
    with pytest.raises(ArtifactError, match="does not end in a dense layer"):
        FeatureNetwork(tmp_path / "relu.onnx")


class CornerNetwork(FeatureNetwork):
    """Sees each label at a corner of a cube within twenty dimensions; the first pixels tell it."""

    def __init__(self) -> None:
        """Needs no session."""

    def __call__(self, crops: np.ndarray) -> tuple[FloatArray, FloatArray]:
        labels = crops[:, 0, 0].astype(np.int64)
        corners = np.array([[i & 1, i >> 1 & 1, i >> 2 & 1] for i in range(7)]) * [6.0, 5.0, 4.0]
        rng = np.random.default_rng(len(crops))
        noise = rng.normal(size=(len(crops), WIDTH)) * 0.3
        noise[:, :AXES] += corners[labels]
        return noise.astype(np.float32), np.eye(7, dtype=np.float32)[labels]


def labelled(faces: int, unusable: int = 0) -> FerSplit:
    labels = np.arange(faces, dtype=np.int64) % 7
    images = np.zeros((faces, 48, 48), dtype=np.uint8)
    images[:, 0, 0] = labels
    return FerSplit(images, labels, np.arange(faces) >= unusable)


CONFIG = FeatureConfig(dimensions=(1, 2, AXES, WIDTH, 500), shares=(0.5, 0.9), penalties=(0.1, 1.0))


@pytest.fixture(scope="module")
def study() -> FeatureStudy:
    return study_features(CornerNetwork(), labelled(147, unusable=7), labelled(140), CONFIG)


def test_accuracy_rises_to_the_number_of_axes_and_no_further(study: FeatureStudy) -> None:
    rows = {row.dimensions: row for row in study.rows}
    assert sorted(rows) == [1, 2, AXES, WIDTH]
    assert rows[1].accuracy < rows[2].accuracy <= rows[AXES].accuracy == rows[WIDTH].accuracy == 1
    assert rows[1].interval[0] < rows[1].accuracy < rows[1].interval[1]
    assert rows[1].explained < rows[AXES].explained
    assert 0.9 < rows[AXES].explained < 1
    assert rows[WIDTH].explained == pytest.approx(1, abs=1e-5)
    assert study.own_accuracy == 1
    assert (study.width, study.fitted, study.shown) == (WIDTH, 140, 140)
    assert study.sizes[0.9] == AXES
    assert study.spectrum.sum() == pytest.approx(1, abs=1e-5)
    assert study.points.shape == (140, 2)


def test_the_report_holds_figures_and_plots_and_no_features(
    study: FeatureStudy, tmp_path: Path
) -> None:
    write_features(study, CONFIG, tmp_path)
    files = {"report.md", "metrics.json", "dimensions.png", "plane.png"}
    assert {path.name for path in tmp_path.iterdir()} == files
    assert "| 3 |" in (tmp_path / "report.md").read_text("utf-8")
    figures = json.loads((tmp_path / "metrics.json").read_text("utf-8"))
    assert set(figures) == {
        "width", "fitted", "shown", "own_accuracy", "rows", "sizes", "spectrum",
    }  # fmt: skip
    for name in ("dimensions.png", "plane.png"):
        assert (tmp_path / name).read_bytes().startswith(b"\x89PNG")


def test_the_shipped_configuration_is_valid() -> None:
    config = FeatureConfig.from_toml(ROOT / "configs" / "vision" / "features.toml")
    assert FeatureConfig.parse(json.loads(config.model_dump_json())) == config
    assert config.fit != config.show != "Training"
