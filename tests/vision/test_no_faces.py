"""No face is invented: scikit-image's pictures of other things, and patches without a face."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pytest
import skimage.data

from vision.config import ImageLimits
from vision.faces import FaceFinder
from vision.images import decode_image

FOLDER = Path(skimage.data.__file__).parent
PICTURES = sorted(p.name for p in FOLDER.iterdir() if p.suffix in {".png", ".jpg"})
#: The one portrait. The photographer of camera.png turns away.
PORTRAIT = "astronaut.png"


@pytest.fixture(scope="module")
def finder() -> FaceFinder:
    return FaceFinder()


def test_the_pictures_are_there() -> None:
    assert {PORTRAIT, "coffee.png", "chelsea.png", "grass.png"} <= set(PICTURES)


@pytest.mark.parametrize("name", PICTURES)
def test_only_the_portrait_has_a_face(finder: FaceFinder, name: str) -> None:
    picture = decode_image((FOLDER / name).read_bytes(), ImageLimits())
    assert len(finder.find(picture)) == (name == PORTRAIT)


def test_patches_cut_beside_faces_hold_none_and_faces_do(finder: FaceFinder) -> None:
    patches = np.load(FOLDER / "lfw_subset.npy")  # 100 faces of 25 pixels, then 100 without
    found = [bool(finder.find(cv2.resize((255 * p).astype(np.uint8), (200, 200)))) for p in patches]
    assert sum(found[100:]) == 0
    assert sum(found[:100]) >= 85
