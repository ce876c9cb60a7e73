"""Find the faces of a picture, and cut one out as the network was trained to see it.

The whole picture is never taken for a face: no face found means an empty list.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from data.types import FaceBox
from vision.cascades import Cascades, EyeFinder
from vision.config import FaceConfig
from vision.detectors import Detector, HaarDetector, YunetDetector
from vision.squares import Candidate, Gray, patch, to_gray

#: Side of a crop, pixels: that of FER2013.
CROP_SIDE = 48


@dataclass(frozen=True, slots=True)
class Face:
    """One face.

    Attributes:
        box: in pixels of the picture searched, within its borders.
        square: the frame that was found; it may reach over the border.
    """

    box: FaceBox
    square: Candidate


class FaceFinder:
    """Faces of an upright picture, largest first.

    Args:
        config: how to search and to frame.
        yunet_model: weights of YuNet; None takes OpenCV's Haar cascades.

    Safe to share between threads.
    """

    def __init__(self, config: FaceConfig | None = None, yunet_model: Path | None = None) -> None:
        self.config = config or FaceConfig()
        self._detector: Detector = (
            YunetDetector(yunet_model, self.config) if yunet_model else HaarDetector(self.config)
        )
        self._eyes = EyeFinder(Cascades())

    @property
    def in_colour(self) -> bool:
        """Whether pictures should be given in colour; gray ones are decoded faster."""
        return self._detector.in_colour

    def find(self, picture: NDArray[np.uint8]) -> list[Face]:
        """Return the faces of uint8 RGB (H, W, 3) or gray (H, W); empty if there is none."""
        height, width = picture.shape[:2]
        squares = self._detector.detect(picture)
        faces = [Face(_clipped(square, width, height), square) for square in squares]
        return sorted(faces, key=lambda f: (-f.square.size, f.box.x, f.box.y))

    def crop(self, picture: NDArray[np.uint8], face: Face) -> NDArray[np.uint8]:
        """Return the face upright and framed like FER2013, uint8 gray (48, 48)."""
        gray = to_gray(picture)
        return frame_face(self._levelled(gray, face.square), gray, self.config)

    def _levelled(self, gray: Gray, square: Candidate) -> Candidate:
        if not self.config.level_eyes:
            return square
        off = self._eyes.angle(gray, square)
        return square if off is None else replace(square, angle=square.angle + off)


def frame_face(square: Candidate, gray: Gray, config: FaceConfig) -> NDArray[np.uint8]:
    """Cut ``square``, with the margin and shift of ``config``, as uint8 gray (48, 48)."""
    down = np.deg2rad(90 + square.angle)
    x = square.x + config.shift * square.size * float(np.cos(down))
    y = square.y + config.shift * square.size * float(np.sin(down))
    return patch(gray, x, y, square.size * config.margin, CROP_SIDE, square.angle)


def _clipped(square: Candidate, width: int, height: int) -> FaceBox:
    left, top = (max(0, round(v - square.size / 2)) for v in (square.x, square.y))
    right = min(width, round(square.x + square.size / 2))
    bottom = min(height, round(square.y + square.size / 2))
    return FaceBox(left, top, max(1, right - left), max(1, bottom - top))
