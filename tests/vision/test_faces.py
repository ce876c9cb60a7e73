"""Finding and framing faces: geometry on drawn pictures, counts on real photos."""

from __future__ import annotations

from itertools import pairwise
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
from vision.pyramid import LEAST, WINDOW, level_of, pyramid
from vision.pyramid import turned as view_of
from vision.squares import Candidate, distinct, inside, merged, patch, thinned, to_gray

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
def test_crops_are_level_however_the_head_is_held(shared: Path) -> None:
    finder = FaceFinder(FaceConfig(level_eyes=True))
    upright = photo(shared, "surprised")
    straight = finder.crop(upright, finder.find(upright)[0]).astype(np.float64)
    for angle in (-12, 12):
        rgb = turned(upright, angle)
        crop = finder.crop(rgb, finder.find(rgb)[0]).astype(np.float64)
        assert np.corrcoef(straight.ravel(), crop.ravel())[0, 1] > 0.75


@pytest.mark.shared
@pytest.mark.parametrize("name", ["angry", "happy", "sad"])
def test_a_face_cut_close_by_the_border_is_found(
    shared: Path, finder: FaceFinder, name: str
) -> None:
    rgb = photo(shared, name)
    box = finder.find(rgb)[0].box
    tight = rgb[box.y : box.y + box.height, box.x : box.x + box.width]
    assert len(finder.find(np.ascontiguousarray(tight))) == 1


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


@pytest.mark.shared
@pytest.mark.parametrize("name", COUNTS)
def test_gray_and_colour_give_the_same_faces(shared: Path, finder: FaceFinder, name: str) -> None:
    rgb = photo(shared, name)
    gray, colour = finder.find(to_gray(rgb)), finder.find(rgb)
    assert [face.box for face in gray] == [face.box for face in colour]
    assert not finder.in_colour


@pytest.mark.shared
def test_boxes_grow_with_the_picture(shared: Path, finder: FaceFinder) -> None:
    for name in SINGLES:
        rgb = photo(shared, name)
        wide = cv2.resize(rgb, None, fx=2, fy=2, interpolation=cv2.INTER_CUBIC)
        twice = np.asarray(wide, dtype=np.uint8)
        small, large = finder.find(rgb)[0].square, finder.find(twice)[0].square
        assert large.size == pytest.approx(2 * small.size, rel=0.15)
        assert (large.x, large.y) == pytest.approx((2 * small.x, 2 * small.y), abs=0.1 * large.size)


@pytest.mark.shared
def test_a_small_face_beside_a_large_one_counts_and_a_passer_by_does_not(
    shared: Path, finder: FaceFinder
) -> None:
    rgb = photo(shared, "angry")
    near = cv2.resize(rgb, None, fx=3, fy=3, interpolation=cv2.INTER_CUBIC)
    for share, faces in ((0.5, 2), (0.2, 1)):
        far = cv2.resize(near, None, fx=share, fy=share, interpolation=cv2.INTER_AREA)
        scene = np.full((near.shape[0], near.shape[1] + far.shape[1], 3), 200, dtype=np.uint8)
        scene[:, : near.shape[1]] = near
        scene[: far.shape[0], near.shape[1] :] = far
        assert len(finder.find(scene)) == faces


@pytest.mark.shared
def test_a_lone_small_face_is_found(shared: Path, finder: FaceFinder) -> None:
    rgb = photo(shared, "angry")  # its face is half as high as the photo
    scene = np.full((1800, 2000, 3), 180, dtype=np.uint8)
    scene[700 : 700 + rgb.shape[0], 900 : 900 + rgb.shape[1]] = rgb
    face = finder.find(scene)
    assert len(face) == 1
    assert face[0].square.size < 0.1 * 1800


@pytest.mark.shared
def test_photos_hold_no_face_once_their_faces_are_painted_over(
    shared: Path, finder: FaceFinder
) -> None:
    for name in ("angry", "happy", "several_faces_2"):
        rgb = photo(shared, name).copy()
        for face in finder.find(rgb):
            square, reach = face.square, 0.75 * face.square.size
            rows = slice(max(0, int(square.y - reach)), int(square.y + reach))
            columns = slice(max(0, int(square.x - reach)), int(square.x + reach))
            rgb[rows, columns] = rgb[rows, columns].mean(axis=(0, 1)).astype(np.uint8)
        assert finder.find(rgb) == []


def test_faces_of_every_size_are_in_one_level_of_the_pyramid() -> None:
    config = FaceConfig()
    gray = np.zeros((720, 1280), dtype=np.uint8)
    levels = pyramid(gray, config)
    spans = [(WINDOW * one.factor, 2 * WINDOW * one.factor) for one in levels]
    assert spans[-1][0] == pytest.approx(config.smallest * 720)
    assert spans[0][1] > config.largest * 720
    for larger, smaller in pairwise(spans):
        assert larger[0] == pytest.approx(smaller[1])
    for one in levels:
        assert one.gray.shape == tuple(round(side / one.factor) for side in gray.shape)


def test_the_pyramid_is_bounded_for_long_pictures_and_starts_at_a_true_size() -> None:
    config = FaceConfig()
    assert max(pyramid(np.zeros((100, 6000), np.uint8), config)[-1].gray.shape) <= 480
    assert pyramid(np.zeros((60, 60), np.uint8), config)[-1].factor * WINDOW == LEAST


@pytest.mark.parametrize("angle", [0, 25, -25])
def test_squares_of_a_turned_view_lead_back(angle: float) -> None:
    gray = np.zeros((80, 120), dtype=np.uint8)
    gray[18:23, 88:93] = 255
    view = view_of(gray, angle)
    y, x = np.argwhere(view.gray > 128).mean(axis=0)
    centre = Candidate(float(x), float(y), 30.0)
    outside = Candidate(1.0, 1.0, 30.0)
    (back,) = view.back([centre, outside])
    assert (back.x, back.y) == pytest.approx((90, 20), abs=1)
    assert (back.size, back.angle) == (30.0, angle)


def test_a_level_shows_the_face_as_large_as_the_window() -> None:
    gray = np.zeros((400, 400), dtype=np.uint8)
    gray[100:200, 200:300] = 255
    level = level_of(gray, 100)
    rows, columns = np.nonzero(level.gray > 128)
    assert [int(np.ptp(side)) + 1 for side in (rows, columns)] == [WINDOW, WINDOW]
    assert (rows.mean() + 0.5) * level.factor == pytest.approx(150, abs=3)


def test_hits_around_one_place_are_one_square() -> None:
    hits = [Candidate(50, 50, 20), Candidate(52, 50, 22), Candidate(90, 50, 20),
            Candidate(51, 50, 60)]  # fmt: skip
    joined = merged(hits)
    assert [(c.x, c.size, c.score) for c in joined] == [(51, 21, 2), (90, 20, 1), (51, 60, 1)]
    assert merged([]) == []


def test_inside_is_about_the_larger_square() -> None:
    large, small = Candidate(50, 50, 60), Candidate(75, 50, 10)
    assert inside(large, small)
    assert inside(small, large)
    assert not inside(Candidate(95, 50, 20), large)


def test_thinning_averages_whole_blocks() -> None:
    gray = np.arange(35, dtype=np.uint8).reshape(5, 7)
    assert thinned(gray, 1) is gray
    assert thinned(gray, 2).tolist() == [[4, 6, 8], [18, 20, 22]]
    assert thinned(gray, 9).shape == (1, 1)


@pytest.mark.parametrize("size", [130.0, 230.0, 410.0])
@pytest.mark.parametrize("angle", [0.0, 20.0])
def test_a_large_patch_is_what_a_slow_one_would_be(size: float, angle: float) -> None:
    row, column = np.mgrid[:600, :800]
    gray = (127 + 60 * np.sin(row / 60) + 60 * np.cos(column / 45)).astype(np.uint8)
    cut = patch(gray, 420, 260, size, 24, angle).astype(int)
    turn = cv2.getRotationMatrix2D((420, 260), angle, 1.0)
    turn[:, 2] += np.array([size / 2 - 420, size / 2 - 260])
    whole = cv2.warpAffine(gray, turn, (int(size),) * 2, borderMode=cv2.BORDER_REPLICATE)
    slow = cv2.resize(whole, (24, 24), interpolation=cv2.INTER_AREA).astype(int)
    assert np.abs(cut - slow)[1:-1, 1:-1].max() <= 6


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
    gray = np.zeros((200, 200), dtype=np.uint8)
    gray[95:105, 60:70] = 255  # 35 to the left of the centre: below the chin of a head turned right
    config = FaceConfig(shift=0.5, margin=1.0)
    crop = frame_face(Candidate(99.5, 99.5, 70, angle=90), gray, config)
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
