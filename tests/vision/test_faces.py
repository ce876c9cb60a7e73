"""Finding and framing faces: geometry on drawn pictures, counts on real photos."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pytest

from data.errors import ArtifactError, ConfigError
from tests.vision.pictures import textures
from vision.config import FaceConfig, ImageLimits
from vision.detectors import from_yunet
from vision.faces import FaceFinder, frame_face
from vision.images import decode_image
from vision.squares import Candidate, distinct, patch

#: People in each photo, counted by eye.
COUNTS = {
    "angry": 1, "disgusted": 1, "fearful": 1, "happy": 1, "neutral": 1, "sad": 1, "surprised": 1,
    "no_face_1": 0, "no_face_2": 0, "several_faces_1": 4, "several_faces_2": 5,
}  # fmt: skip
SINGLES = [name for name, count in COUNTS.items() if count == 1]


@pytest.fixture(scope="module")
def finder() -> FaceFinder:
    return FaceFinder()


def photo(shared: Path, name: str) -> np.ndarray:
    data = (shared / "datasets" / "photos" / f"{name}.jpg").read_bytes()
    return decode_image(data, ImageLimits())


def turned(rgb: np.ndarray, angle: float) -> np.ndarray:
    height, width = rgb.shape[:2]
    turn = cv2.getRotationMatrix2D((width / 2, height / 2), angle, 1.0)
    return cv2.warpAffine(rgb, turn, (width, height), borderMode=cv2.BORDER_REPLICATE)


@pytest.mark.shared
@pytest.mark.parametrize(("name", "count"), COUNTS.items())
def test_every_face_of_a_photo_is_found_and_nothing_else(
    shared: Path, finder: FaceFinder, name: str, count: int
) -> None:
    rgb = photo(shared, name)
    faces = finder.find(rgb)
    assert len(faces) == count
    sizes = [f.square.size for f in faces]
    assert sizes == sorted(sizes, reverse=True)
    for face in faces:
        box = face.box
        assert 0 <= box.x < box.x + box.width <= rgb.shape[1]
        assert 0 <= box.y < box.y + box.height <= rgb.shape[0]
        assert box.width * box.height < 0.8 * rgb.shape[0] * rgb.shape[1]


@pytest.mark.shared
@pytest.mark.parametrize("name", SINGLES)
@pytest.mark.parametrize("angle", [-20, 20])
def test_a_tilted_face_is_found_and_turned_back(
    shared: Path, finder: FaceFinder, name: str, angle: float
) -> None:
    faces = finder.find(turned(photo(shared, name), angle))
    assert len(faces) == 1


@pytest.mark.shared
def test_crops_are_level_however_the_head_is_held(shared: Path, finder: FaceFinder) -> None:
    upright = photo(shared, "surprised")
    straight = finder.crop(upright, finder.find(upright)[0]).astype(np.float64)
    for angle in (-12, 12):
        rgb = turned(upright, angle)
        crop = finder.crop(rgb, finder.find(rgb)[0]).astype(np.float64)
        assert np.corrcoef(straight.ravel(), crop.ravel())[0, 1] > 0.8


@pytest.mark.shared
@pytest.mark.parametrize("name", ["angry", "happy", "sad"])
def test_a_face_cut_close_by_the_border_is_found(
    shared: Path, finder: FaceFinder, name: str
) -> None:
    rgb = photo(shared, name)
    box = finder.find(rgb)[0].box
    tight = rgb[box.y : box.y + box.height, box.x : box.x + box.width]
    assert len(finder.find(np.ascontiguousarray(tight))) == 1
    assert len(FaceFinder(FaceConfig(padding=0)).find(np.ascontiguousarray(tight))) <= 1


@pytest.mark.shared
def test_the_same_photo_gives_the_same_crop(shared: Path, finder: FaceFinder) -> None:
    rgb = photo(shared, "happy")
    first, again = (finder.crop(rgb, finder.find(rgb)[0]) for _ in range(2))
    assert first.shape == (48, 48)
    assert first.dtype == np.uint8
    np.testing.assert_array_equal(first, again)


@pytest.mark.parametrize("seed", [0, 1, 2])
@pytest.mark.parametrize("name", textures())
def test_textures_hold_no_face(finder: FaceFinder, name: str, seed: int) -> None:
    assert finder.find(textures(seed)[name]) == []


@pytest.mark.parametrize("shape", [(1, 1), (1, 600), (600, 1), (23, 23), (2, 2)])
def test_tiny_pictures_hold_no_face(finder: FaceFinder, shape: tuple[int, int]) -> None:
    assert finder.find(np.zeros((*shape, 3), dtype=np.uint8)) == []


def test_a_patch_is_centred_and_area_averaged() -> None:
    gray = np.zeros((200, 200), dtype=np.uint8)
    gray[90:110, 140:160] = 255  # the square around (149.5, 99.5)
    cut = patch(gray, 149.5, 99.5, 40, 8)
    assert cut.shape == (8, 8)
    np.testing.assert_array_equal(cut, cut[::-1, ::-1])
    assert (cut[3:5, 3:5] == 255).all()
    assert cut[0, 0] == 0
    checks = (np.indices((200, 200)).sum(axis=0) % 2 * 255).astype(np.uint8)
    assert np.abs(patch(checks, 99.5, 99.5, 96, 48).astype(int) - 127).max() <= 1


def test_a_patch_is_turned_clockwise_back() -> None:
    gray = np.zeros((101, 101), dtype=np.uint8)
    gray[40:61, 70:90] = 255  # right of the centre
    cut = patch(gray, 50, 50, 101, 101, angle=90)
    assert cut[15:25, 45:55].mean() == 255  # what lay to the right of a head on its side is its top


def test_a_patch_over_the_border_repeats_it() -> None:
    gray = np.full((20, 20), 90, dtype=np.uint8)
    assert (patch(gray, 0, 0, 30, 10) == 90).all()


def test_the_shift_follows_the_angle_of_the_face() -> None:
    rgb = np.zeros((200, 200, 3), dtype=np.uint8)
    rgb[95:105, 60:70] = 255  # 35 to the left of the centre: below the chin of a head turned right
    config = FaceConfig(shift=0.5, margin=1.0)
    crop = frame_face(Candidate(99.5, 99.5, 70, angle=90), rgb, config)
    assert crop[22:26, 22:26].mean() > 200


def test_overlapping_and_nested_squares_are_one_face() -> None:
    sure = Candidate(50, 50, 40, score=9)
    found = distinct(
        [
            Candidate(55, 52, 40, score=5),
            sure,
            Candidate(52, 50, 10, score=3),
            Candidate(150, 50, 40),
        ],
        0.3,
    )
    assert found == [sure, Candidate(150, 50, 40)]


def test_yunet_rows_become_squares_between_eyes_and_mouth() -> None:
    row = np.array([30, 20, 80, 100, 50, 60, 90, 60, 70, 75, 55, 95, 85, 95, 0.9], np.float32)
    square = from_yunet(row)
    assert (square.x, square.y, square.size) == pytest.approx((70, 77.5, 80))
    assert square.angle == pytest.approx(0)
    row[5], row[7] = 55, 75  # the eye on the picture's right lies lower: head turned clockwise
    assert from_yunet(row).angle == pytest.approx(26.565, abs=0.01)


def test_missing_yunet_weights_are_told(tmp_path: Path) -> None:
    with pytest.raises(ArtifactError, match="ATTUNE_YUNET_MODEL"):
        FaceFinder(yunet_model=tmp_path / "yunet.onnx")


def test_the_configuration_survives_toml_and_refuses_unknown_keys(tmp_path: Path) -> None:
    path = tmp_path / "faces.toml"
    config = FaceConfig(margin=1.2, angles=(10.0,))
    path.write_text(config.to_toml())
    assert FaceConfig.from_toml(path) == config
    with pytest.raises(ConfigError, match="margins"):
        FaceConfig.parse({"margins": 1.0})
