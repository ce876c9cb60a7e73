"""Occlusion maps point at what a network of known habits looks at."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pytest

import vision
from data.datasets.fer2013 import read_fer2013
from data.types import EMOTIONS
from vision.classifier import EmotionClassifier
from vision.explain import explain_face, faithfulness, heat_map_png, mean_maps

MOUTH = (slice(32, 42), slice(16, 32))
CHEEK = (slice(4, 14), slice(4, 14))


class TextureReader(EmotionClassifier):
    """Says happy for texture at the mouth, and less so for texture on one cheek."""

    def __init__(self) -> None:
        """Needs no session."""

    def probabilities(self, crops: np.ndarray, *, flip_average: bool | None = None) -> np.ndarray:
        x = crops.astype(np.float64) / 255
        logit = 8 * x[:, *MOUTH].std(axis=(1, 2)) - 4 * x[:, *CHEEK].std(axis=(1, 2))
        p = np.full((len(crops), 7), 0.0)
        p[:, EMOTIONS.index("happy")] = 1 / (1 + np.exp(-logit))
        p[:, EMOTIONS.index("sad")] = 1 - p[:, EMOTIONS.index("happy")]
        return p.astype(np.float32)


@pytest.fixture
def face() -> np.ndarray:
    return np.random.default_rng(0).integers(0, 256, (48, 48), dtype=np.uint8)


def test_the_map_peaks_where_the_network_looks(face: np.ndarray) -> None:
    explained = explain_face(TextureReader(), face)
    assert explained.label == "happy"
    assert explained.heat.shape == (48, 48)
    assert explained.heat.dtype == np.float32
    assert np.abs(explained.heat).max() == pytest.approx(1)
    row, column = np.unravel_index(explained.heat.argmax(), (48, 48))
    assert 30 <= row <= 44
    assert 14 <= column <= 34
    assert explained.heat[CHEEK].mean() < -0.2
    assert explained.drop > 0


def test_another_label_turns_the_map_round(face: np.ndarray) -> None:
    happy, sad = (explain_face(TextureReader(), face, name) for name in ("happy", "sad"))
    np.testing.assert_allclose(happy.heat, -sad.heat, atol=1e-3)


def test_a_network_that_looks_nowhere_has_an_empty_map(face: np.ndarray) -> None:
    blank = np.full_like(face, 128)
    explained = explain_face(TextureReader(), blank)
    assert (explained.heat == 0).all()
    assert explained.drop == 0


def test_deleting_by_the_map_beats_deleting_by_chance() -> None:
    faces = np.random.default_rng(1).integers(0, 256, (12, 48, 48), dtype=np.uint8)
    measured = faithfulness(TextureReader(), faces)
    assert measured.by_map < measured.by_chance
    assert measured.gain_interval[0] > 0
    assert measured.gain == pytest.approx(measured.by_chance - measured.by_map)


def test_the_picture_is_a_png_of_face_and_legend(face: np.ndarray) -> None:
    png = heat_map_png(face, explain_face(TextureReader(), face), side=192)
    picture = cv2.imdecode(np.frombuffer(png, np.uint8), cv2.IMREAD_COLOR)
    assert picture is not None
    assert picture.shape == (192 + 56, 192, 3)
    mouth, forehead = picture[150:160, 90:110], picture[20:30, 120:170]
    colour = [np.ptp(part.mean(axis=(0, 1))) for part in (mouth, forehead)]
    assert colour[0] > 3 * colour[1]


def test_mean_maps_are_of_faces_that_were_read_rightly(face: np.ndarray) -> None:
    happy, other = EMOTIONS.index("happy"), EMOTIONS.index("fear")
    faces = np.stack([face, face, face])
    maps = mean_maps(TextureReader(), faces, np.array([happy, happy, other]))
    assert set(maps) == {"happy"}
    np.testing.assert_allclose(maps["happy"][0], face, atol=0.5)


@pytest.mark.shared
def test_the_shipped_networks_maps_are_faithful(shared: Path) -> None:
    weights = Path(vision.__file__).parent / "weights"
    classifier = EmotionClassifier.load(weights / "emotion.onnx", weights / "emotion.json")
    faces = read_fer2013(shared / "datasets" / "fer2013", "PublicTest").images[:6]
    assert faithfulness(classifier, faces).gain_interval[0] > 0
