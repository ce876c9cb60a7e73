"""Levelling: a turned picture comes out level where eyes are seen, untouched elsewhere."""

from __future__ import annotations

import numpy as np

from data.datasets.fer2013 import FerSplit
from vision.alignment import align_picture, align_split
from vision.cascades import Cascades, EyeFinder


def test_a_picture_without_eyes_is_left_as_it_is(toy_faces: FerSplit) -> None:
    few = toy_faces.take(np.arange(5))
    np.testing.assert_array_equal(align_split(few).images, few.images)


class TiltedEyes(EyeFinder):
    """Always sees eyes that are ten degrees off."""

    def angle(self, gray: np.ndarray, square: object) -> float:
        return 10.0


def test_a_picture_is_turned_back_by_what_its_eyes_are_off() -> None:
    rows, columns = np.mgrid[:48, :48] - 23.5
    slope = np.tan(np.radians(10))
    bar = np.where(np.abs(rows - slope * columns) < 3, 250, 20).astype(np.uint8)
    level = align_picture(bar, TiltedEyes(Cascades())).astype(int)
    assert level.shape == (48, 48)
    inner = level[:, 8:40]
    assert inner[22:26].min() > 180
    assert inner[:17].max() < 90
    assert inner[31:].max() < 90
