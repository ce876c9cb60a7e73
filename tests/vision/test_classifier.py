"""The served network's contract, on a tiny network made here."""

from __future__ import annotations

import json
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest

from data.artifacts import file_sha256
from data.errors import ArtifactError, BundleCorruptError
from data.types import EMOTIONS
from tests.vision.pictures import write_network
from vision.calibration import softmax
from vision.classifier import EmotionClassifier


@pytest.fixture
def faces() -> np.ndarray:
    return np.random.default_rng(2).integers(0, 256, (300, 48, 48), dtype=np.uint8)


@pytest.fixture
def classifier(tmp_path: Path) -> EmotionClassifier:
    return EmotionClassifier.load(
        *write_network(tmp_path, temperature=2.0, temperature_single=0.5, threshold=0.4)
    )


def test_probabilities_are_distributions(classifier: EmotionClassifier, faces: np.ndarray) -> None:
    p = classifier.probabilities(faces)
    assert p.shape == (300, len(EMOTIONS))
    assert p.dtype == np.float32
    np.testing.assert_allclose(p.sum(axis=1), 1, atol=1e-5)
    assert classifier.threshold == 0.4


def test_a_batch_equals_its_single_faces(classifier: EmotionClassifier, faces: np.ndarray) -> None:
    batch = classifier.probabilities(faces)
    singles = np.concatenate([classifier.probabilities(faces[i : i + 1]) for i in range(300)])
    np.testing.assert_allclose(batch, singles, atol=1e-5)


def test_the_same_faces_give_the_same_answer(
    classifier: EmotionClassifier, faces: np.ndarray
) -> None:
    np.testing.assert_array_equal(classifier.probabilities(faces), classifier.probabilities(faces))


def test_no_face_gives_no_row(classifier: EmotionClassifier) -> None:
    assert classifier.probabilities(np.empty((0, 48, 48), dtype=np.uint8)).shape == (0, 7)


def test_flip_averaging_sees_a_face_and_its_mirror_image_alike(
    classifier: EmotionClassifier, faces: np.ndarray
) -> None:
    mirrored = np.ascontiguousarray(faces[:, :, ::-1])
    np.testing.assert_allclose(
        classifier.probabilities(faces), classifier.probabilities(mirrored), atol=1e-6
    )
    one, other = (classifier.logits(f, flip_average=False) for f in (faces, mirrored))
    assert np.abs(one - other).max() > 0.01
    np.testing.assert_allclose(classifier.logits(faces), (one + other) / 2, atol=1e-6)


def test_each_view_is_divided_by_its_own_temperature(
    classifier: EmotionClassifier, faces: np.ndarray
) -> None:
    for flip, temperature in ((True, 2.0), (False, 0.5)):
        expected = softmax(classifier.logits(faces, flip_average=flip), temperature)
        np.testing.assert_array_equal(classifier.probabilities(faces, flip_average=flip), expected)


def test_pixels_go_in_as_they_are(tmp_path: Path) -> None:
    classifier = EmotionClassifier.load(*write_network(tmp_path, flip_average=False))
    weights = np.random.default_rng(5).normal(0, 0.001, (48 * 48, 7)).astype(np.float32)
    face = np.arange(48 * 48, dtype=np.uint8).reshape(1, 48, 48)
    expected = face.reshape(1, -1).astype(np.float32) @ weights
    np.testing.assert_allclose(classifier.logits(face), expected, rtol=1e-4, atol=1e-3)


def test_threads_share_one_session(classifier: EmotionClassifier, faces: np.ndarray) -> None:
    with ThreadPoolExecutor(4) as pool:
        answers = list(pool.map(classifier.probabilities, [faces[:20]] * 12))
    for answer in answers:
        np.testing.assert_array_equal(answer, answers[0])


@pytest.mark.parametrize(
    "crops", [np.zeros((1, 48, 48)), np.zeros((48, 48), np.uint8), np.zeros((1, 32, 48), np.uint8)]
)
def test_other_shapes_and_types_are_refused(
    classifier: EmotionClassifier, crops: np.ndarray
) -> None:
    with pytest.raises(ValueError, match="uint8"):
        classifier.probabilities(crops)


def test_another_label_order_is_refused(tmp_path: Path) -> None:
    network, card = write_network(tmp_path)
    card.write_text(json.dumps({"labels": sorted(EMOTIONS)}))
    with pytest.raises(ArtifactError, match="labels"):
        EmotionClassifier.load(network, card)


def test_a_second_input_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ArtifactError, match="2 inputs"):
        EmotionClassifier.load(*write_network(tmp_path, inputs=("gray", "mean")))


def test_weights_that_are_not_the_cards_are_refused(tmp_path: Path) -> None:
    network, card = write_network(tmp_path)
    card.write_text(json.dumps({"labels": EMOTIONS, "sha256": file_sha256(network)}))
    EmotionClassifier.load(network, card)
    card.write_text(json.dumps({"labels": EMOTIONS, "sha256": "0" * 64}))
    with pytest.raises(BundleCorruptError, match="export again"):
        EmotionClassifier.load(network, card)


@pytest.mark.parametrize(
    ("network", "card"),
    [
        ("absent.onnx", "emotion.json"),
        ("emotion.onnx", "absent.json"),
        ("text.onnx", "emotion.json"),
        ("emotion.onnx", "text.onnx"),
    ],
)
def test_missing_or_broken_files_are_told(tmp_path: Path, network: str, card: str) -> None:
    write_network(tmp_path)
    (tmp_path / "text.onnx").write_text("not a network")
    with pytest.raises(ArtifactError):
        EmotionClassifier.load(tmp_path / network, tmp_path / card)


def test_another_input_size_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ArtifactError, match="64, 64, 1"):
        EmotionClassifier.load(*write_network(tmp_path, side=64))


def test_the_installation_may_choose_one_view(tmp_path: Path, faces: np.ndarray) -> None:
    paths = write_network(tmp_path, flip_average=True)
    one = EmotionClassifier.load(*paths, flip_average=False)
    np.testing.assert_array_equal(
        one.probabilities(faces),
        EmotionClassifier.load(*paths).probabilities(faces, flip_average=False),
    )


def test_vector_scaling_of_the_card_takes_the_place_of_its_temperature(
    tmp_path: Path, faces: np.ndarray
) -> None:
    vector = {"scale": [1.0] * 7, "bias": [0.0] * 6 + [50.0]}
    classifier = EmotionClassifier.load(*write_network(tmp_path, vector=vector))
    assert (classifier.probabilities(faces).argmax(axis=1) == 6).all()
    single = classifier.probabilities(faces, flip_average=False)
    assert (single.argmax(axis=1) != 6).any()
