"""Several frames of one moment, with a finder that sees what the test says."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from data.errors import InvalidParameterError
from data.types import FaceBox
from tests.vision.pictures import encoded, write_network
from vision.classifier import EmotionClassifier
from vision.config import ImageLimits
from vision.errors import MultipleFacesError, NoFaceError, UnsupportedImageError
from vision.faces import Face, FaceFinder
from vision.reader import ExpressionReader
from vision.squares import Candidate


class CountingFinder(FaceFinder):
    """Sees as many faces as the first pixel's red says; a crop is that pixel's green."""

    in_colour = True

    in_colour = True

    def find(self, rgb: np.ndarray) -> list[Face]:
        faces = int(rgb[0, 0, 0])
        return [
            Face(FaceBox(10 + i, 20, 30 - i, 40), Candidate(25, 40, 30 - i)) for i in range(faces)
        ]

    def crop(self, rgb: np.ndarray, face: Face) -> np.ndarray:
        return np.full((48, 48), rgb[0, 0, 1], dtype=np.uint8)


def frame(faces: int, gray: int = 100, side: int = 100) -> bytes:
    return encoded(Image.new("RGB", (side, side), (faces, gray, 0)), "PNG")


@pytest.fixture
def classifier(tmp_path: Path) -> EmotionClassifier:
    return EmotionClassifier.load(*write_network(tmp_path, threshold=0.2))


@pytest.fixture
def reader(classifier: EmotionClassifier) -> ExpressionReader:
    return ExpressionReader(CountingFinder(), classifier, ImageLimits(longest_side=100))


def test_one_frame_gives_the_networks_answer(
    reader: ExpressionReader, classifier: EmotionClassifier
) -> None:
    scores = reader.read([frame(1)])
    expected = classifier.probabilities(np.full((1, 48, 48), 100, dtype=np.uint8))[0]
    assert scores.probabilities == pytest.approx(tuple(expected), abs=1e-6)
    assert sum(scores.probabilities) == pytest.approx(1, abs=1e-12)
    assert scores.confidence == max(scores.probabilities)
    assert scores.faces == 1
    assert scores.box == FaceBox(10, 20, 30, 40)


def test_frames_are_averaged_and_those_without_a_face_passed_over(
    reader: ExpressionReader, classifier: EmotionClassifier
) -> None:
    scores = reader.read([frame(1, 50), frame(0), frame(2, 250), frame(0)])
    crops = np.stack([np.full((48, 48), g, dtype=np.uint8) for g in (50, 250)])
    expected = classifier.probabilities(crops).mean(axis=0)
    assert scores.probabilities == pytest.approx(tuple(expected), abs=1e-6)
    assert scores.faces == 2


def test_no_face_in_any_frame_is_an_error(reader: ExpressionReader) -> None:
    with pytest.raises(NoFaceError, match="state a mood"):
        reader.read([frame(0), frame(0)])


def test_largest_takes_one_of_several_and_only_refuses(reader: ExpressionReader) -> None:
    assert reader.read([frame(3)]).faces == 3
    with pytest.raises(MultipleFacesError, match="3 faces") as caught:
        reader.read([frame(1), frame(3)], face="only")
    assert caught.value.faces == 3
    assert reader.read([frame(1)], face="only").faces == 1


def test_the_box_is_in_pixels_of_the_picture_as_sent(reader: ExpressionReader) -> None:
    assert reader.read([frame(1, side=300)]).box == FaceBox(30, 60, 90, 120)


def test_uncertain_follows_the_threshold(tmp_path: Path) -> None:
    for threshold, uncertain in ((0.0, False), (1.0, True)):
        classifier = EmotionClassifier.load(*write_network(tmp_path, threshold=threshold))
        scores = ExpressionReader(CountingFinder(), classifier).read([frame(1)])
        assert scores.uncertain is uncertain


def test_a_broken_frame_is_told(reader: ExpressionReader) -> None:
    with pytest.raises(UnsupportedImageError):
        reader.read([frame(1), b"text"])


def test_no_frame_is_a_wrong_request(reader: ExpressionReader) -> None:
    with pytest.raises(InvalidParameterError, match="at least one frame"):
        reader.read([])
