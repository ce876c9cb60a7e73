"""The shipped network on real photos, end to end."""

from __future__ import annotations

from importlib.resources import files
from pathlib import Path

import pytest

from vision.classifier import EmotionClassifier
from vision.errors import MultipleFacesError, NoFaceError
from vision.faces import FaceFinder
from vision.reader import ExpressionReader

WEIGHTS = Path(str(files("vision"))) / "weights"
EXPECTED = {
    "angry": "angry", "disgusted": "disgust", "fearful": "fear", "happy": "happy",
    "neutral": "neutral", "sad": "sad", "surprised": "surprise",
}  # fmt: skip


@pytest.fixture(scope="module")
def reader() -> ExpressionReader:
    classifier = EmotionClassifier.load(WEIGHTS / "emotion.onnx", WEIGHTS / "emotion.json")
    return ExpressionReader(FaceFinder(), classifier)


def photo(shared: Path, name: str) -> bytes:
    return (shared / "datasets" / "photos" / f"{name}.jpg").read_bytes()


@pytest.mark.shared
def test_most_photos_read_as_they_are_named(shared: Path, reader: ExpressionReader) -> None:
    read = {name: reader.read([photo(shared, name)], face="only") for name in EXPECTED}
    right = [name for name, scores in read.items() if scores.label == EXPECTED[name]]
    assert len(right) >= 5
    assert {"happy", "surprised"} <= set(right)


@pytest.mark.shared
@pytest.mark.parametrize("name", ["no_face_1", "no_face_2"])
def test_a_photo_without_a_face_is_an_error(
    shared: Path, reader: ExpressionReader, name: str
) -> None:
    with pytest.raises(NoFaceError):
        reader.read([photo(shared, name)])


@pytest.mark.shared
def test_a_group_is_read_by_its_largest_face_unless_told_otherwise(
    shared: Path, reader: ExpressionReader
) -> None:
    group = photo(shared, "several_faces_2")
    assert reader.read([group]).faces == 5
    with pytest.raises(MultipleFacesError):
        reader.read([group], face="only")


@pytest.mark.shared
def test_frames_of_one_moment_are_averaged_in_any_order(
    shared: Path, reader: ExpressionReader
) -> None:
    frames = [photo(shared, name) for name in ("happy", "no_face_1", "surprised", "sad")]
    seen = [reader.read([frames[i]]).probabilities for i in (0, 2, 3)]
    together = reader.read(frames)
    assert together.probabilities == pytest.approx(
        [sum(column) / 3 for column in zip(*seen, strict=True)], abs=1e-5
    )
    backwards = reader.read(frames[::-1])
    assert backwards.probabilities == pytest.approx(together.probabilities, abs=1e-5)
    assert together.box == reader.read([frames[3]]).box
    assert backwards.box == reader.read([frames[0]]).box
