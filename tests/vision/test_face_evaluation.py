"""Variations do what they say, and the table counts what was found, lost and invented."""

from __future__ import annotations

import json
from pathlib import Path

import cv2
import numpy as np
import pytest

from data.errors import ConfigError, DatasetNotFoundError
from data.types import EmotionScores, FaceBox
from tests.conftest import ROOT
from vision.config import ImageLimits
from vision.errors import NoFaceError
from vision.face_evaluation import (
    FaceEvaluationConfig,
    evaluate_faces,
    table_text,
    write_face_report,
)
from vision.images import decode_photo
from vision.reader import ExpressionReader
from vision.variations import TIGHT, VARIATIONS, cropped

GRADIENT = np.repeat(np.arange(0, 240, 2, dtype=np.uint8)[None, :, None], 90, axis=0).repeat(3, 2)


def test_variations_keep_type_and_change_what_they_say() -> None:
    varied = {name: vary(GRADIENT) for name, vary in VARIATIONS.items()}
    assert {v.dtype for v in varied.values()} == {np.dtype(np.uint8)}
    assert all(v.ndim == 3 and v.shape[2] == 3 for v in varied.values())
    np.testing.assert_array_equal(varied["as it is"], GRADIENT)
    assert varied["scale 2"].shape == (180, 240, 3)
    assert varied["scale 0.5"].shape == (45, 60, 3)
    assert varied["darker (x 0.35)"].mean() < 0.4 * GRADIENT.mean()
    assert varied["brighter (x 1.8)"].mean() > 1.4 * GRADIENT.mean()
    assert varied["black border (30 %)"].shape == (90 + 72, 120 + 72, 3)
    assert (varied["black border (30 %)"][:30] == 0).all()
    assert np.std(varied["noise (20 levels)"].astype(int) - GRADIENT) > 10
    np.testing.assert_array_equal(
        varied["noise (20 levels)"], VARIATIONS["noise (20 levels)"](GRADIENT)
    )


def test_a_crop_stays_within_the_picture() -> None:
    assert cropped(GRADIENT, FaceBox(10, 20, 40, 40), 0.25).shape == (60, 60, 3)
    assert cropped(GRADIENT, FaceBox(0, 0, 40, 40), 0.25).shape == (50, 50, 3)


class BrightnessReader(ExpressionReader):
    """Sees one face in any picture that is not dark, and calls bright ones happy."""

    def __init__(self) -> None:
        """Needs no network."""
        self.limits = ImageLimits()

    def read(self, frames: object, face: object = "largest") -> EmotionScores:
        pixels = decode_photo(frames[0], self.limits).pixels  # type: ignore[index]
        if pixels.mean() < 60:
            raise NoFaceError("dark")
        happy = float(pixels.mean() > 128)
        p = (0.0, 0.0, 0.0, happy, 1 - happy, 0.0, 0.0)
        return EmotionScores(p, 1.0, uncertain=False, faces=1, box=FaceBox(10, 10, 60, 60))


CONFIG = FaceEvaluationConfig.parse(
    {
        "photo": [
            {"file": "a.png", "faces": 1, "expression": "sad"},
            {"file": "b.png", "faces": 0},
        ]
    }
)


@pytest.fixture
def photos(tmp_path: Path) -> Path:
    for name, level in (("a.png", 100), ("b.png", 20)):
        cv2.imwrite(str(tmp_path / name), np.full((90, 120, 3), level, dtype=np.uint8))
    return tmp_path


def test_found_lost_and_invented_faces_are_counted(photos: Path) -> None:
    rows = {r.variation: r for r in evaluate_faces(BrightnessReader(), CONFIG, photos)}
    assert set(rows) == {*VARIATIONS, *TIGHT}
    plain, dark, bright = (
        rows[name] for name in ("as it is", "darker (x 0.35)", "brighter (x 1.8)")
    )
    assert (plain.faces, plain.found, plain.invented, plain.kept, plain.right) == (1, 1, 0, 1, 1)
    assert (dark.found, dark.kept, dark.right) == (0, 0, 0)
    assert (bright.found, bright.kept, bright.right) == (1, 0, 0)
    white = rows["white border (30 %)"]
    assert white.invented == 1  # the dark photo is bright with its border
    assert rows["tight crop (+ 5 %)"].photos == 1
    write_face_report(list(rows.values()), photos / "out")
    assert (photos / "out" / "report.md").read_text() == table_text(list(rows.values()))
    assert len(json.loads((photos / "out" / "metrics.json").read_text())) == len(rows)


def test_what_is_missing_or_wrong_is_named(photos: Path) -> None:
    (photos / "a.png").unlink()
    with pytest.raises(DatasetNotFoundError, match=r"a\.png"):
        evaluate_faces(BrightnessReader(), CONFIG, photos)
    with pytest.raises(ConfigError, match="expression"):
        FaceEvaluationConfig.parse({"photo": [{"file": "x", "faces": 1, "expression": "bored"}]})


def test_the_shipped_configuration_parses() -> None:
    config = FaceEvaluationConfig.from_toml(ROOT / "configs/vision/faces.toml")
    assert sum(photo.faces for photo in config.photo) == 16
