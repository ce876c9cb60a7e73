"""The picture at halved sizes, so that faces of any size are 20 to 40 pixels in one of them.

OpenCV's own pyramid steps by one pixel instead of two above twice a cascade's window; halving the
picture first makes the search about three times cheaper.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import cast

import cv2
import numpy as np
from numpy.typing import NDArray

from vision.config import FaceConfig
from vision.squares import Candidate, Gray, thinned

WINDOW = 20  #: side of the window that OpenCV's cascades were trained on, pixels
LEAST = 24  #: least pixels of a face in the picture itself
BORDER = 14  #: pixels repeated around a level: finds faces that the border cuts


@dataclass(frozen=True, slots=True)
class Level:
    """The picture reduced: ``factor`` pixels of it per pixel of ``gray``."""

    gray: Gray
    factor: float


@dataclass(frozen=True, slots=True)
class View:
    """A level with a border, turned upright by ``angle``; ``undo`` leads back, float (2, 3)."""

    gray: Gray
    angle: float
    undo: NDArray[np.float64]
    size: tuple[int, int]

    def back(self, squares: list[Candidate]) -> list[Candidate]:
        """Return the squares in pixels of the level; those centred outside it are left out."""
        moved = []
        for c in squares:
            x, y = (float(v) for v in self.undo @ (c.x, c.y, 1.0))
            if 0 <= x < self.size[0] and 0 <= y < self.size[1]:
                moved.append(replace(c, x=x, y=y, angle=self.angle))
        return moved


def pyramid(gray: Gray, config: FaceConfig) -> list[Level]:
    """Return the levels of ``gray``, that of the largest faces first."""
    face = max(config.smallest * min(gray.shape), WINDOW * max(gray.shape) / config.search_side)
    levels = [level_of(gray, max(LEAST, face))]
    while 2 * WINDOW * levels[-1].factor <= config.largest * min(gray.shape):
        last = levels[-1]
        levels.append(Level(level_of(last.gray, 2 * WINDOW).gray, 2 * last.factor))
    return levels[::-1]


def level_of(gray: Gray, face: float) -> Level:
    """Return ``gray`` reduced so that a face of ``face`` pixels has that of a cascade's window."""
    height, width = gray.shape
    factor = face / WINDOW
    size = (max(1, round(width / factor)), max(1, round(height / factor)))
    fine = thinned(gray, int(factor))
    return Level(cast(Gray, cv2.resize(fine, size, interpolation=cv2.INTER_AREA)), factor)


def turned(gray: Gray, angle: float, border: int = BORDER) -> View:
    """Return ``gray`` with its border repeated outwards, turned upright by ``angle`` degrees."""
    height, width = gray.shape
    wide = (width + 2 * border, height + 2 * border)
    turn = cv2.getRotationMatrix2D((width / 2, height / 2), angle, 1.0)
    turn[:, 2] += border
    if angle:
        view = cv2.warpAffine(gray, turn, wide, borderMode=cv2.BORDER_REPLICATE)
    else:
        view = cv2.copyMakeBorder(gray, *(border,) * 4, cv2.BORDER_REPLICATE)
    undo = np.asarray(cv2.invertAffineTransform(turn), dtype=np.float64)
    return View(cast(Gray, view), angle, undo, (width, height))
