"""A photo drawn by code: a face on a busy ground, for measuring where no real photo is at hand.

It is easy to find (large, frontal, evenly lit) and shows nobody; what is read in it means nothing.
"""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

Colour = tuple[int, int, int]  # red, green, blue

#: Width and height of "720p".
SIZE = (1280, 720)
_QUALITY = 90
_FACE = 150  # half the width of the cheeks is 0.9 of it, pixels
_SHAPES = 60
_NOISE = 5.0  # deviation, gray levels: so that the file is as large as a camera's


def drawn_photo(seed: int = 0) -> bytes:
    """Return a 1280 x 720 JPEG with one face; the ground depends on ``seed``."""
    rng = np.random.default_rng(seed)
    picture = _ground(rng)
    _draw_face(picture)
    soft = cv2.GaussianBlur(picture, (0, 0), 0.035 * _FACE)
    grainy = soft + rng.normal(0, _NOISE, soft.shape)
    return jpeg(np.clip(grainy, 0, 255).astype(np.uint8))


def fitted_photo(picture: NDArray[np.uint8]) -> bytes:
    """Return uint8 RGB (H, W, 3) as a 1280 x 720 JPEG: whole, its border drawn out to the rest."""
    width, height = SIZE
    ratio = min(width / picture.shape[1], height / picture.shape[0])
    inner = round(picture.shape[1] * ratio), round(picture.shape[0] * ratio)
    way = cv2.INTER_AREA if ratio < 1 else cv2.INTER_CUBIC
    scaled = cv2.resize(picture, inner, interpolation=way)
    left, top = (width - inner[0]) // 2, (height - inner[1]) // 2
    right, bottom = width - inner[0] - left, height - inner[1] - top
    whole = cv2.copyMakeBorder(scaled, top, bottom, left, right, cv2.BORDER_REPLICATE)
    return jpeg(np.asarray(whole, dtype=np.uint8))


def jpeg(picture: NDArray[np.uint8]) -> bytes:
    """Return uint8 RGB (H, W, 3) as a JPEG of quality 90."""
    options = [cv2.IMWRITE_JPEG_QUALITY, _QUALITY]
    return bytes(cv2.imencode(".jpg", np.ascontiguousarray(picture[..., ::-1]), options)[1])


def _ground(rng: np.random.Generator) -> NDArray[np.uint8]:
    """Draw ellipses of all colours: edges that a search for faces has to look at."""
    width, height = SIZE
    picture = np.full((height, width, 3), (165, 160, 150), dtype=np.uint8)
    for _ in range(_SHAPES):
        middle = int(rng.integers(0, width)), int(rng.integers(0, height))
        axes = int(rng.integers(40, 220)), int(rng.integers(40, 220))
        colour = tuple(int(v) for v in rng.integers(90, 220, 3))
        angle = float(rng.integers(0, 180))
        cv2.ellipse(picture, middle, axes, angle, 0, 360, colour, -1, cv2.LINE_AA)
    return picture


def _draw_face(picture: NDArray[np.uint8]) -> None:
    """Draw a head from the shoulders up; places and radii are in units of ``_FACE``."""

    def oval(x: float, y: float, rx: float, ry: float, colour: Colour, tilt: float = 0) -> None:
        middle = round(SIZE[0] / 2 + x * _FACE), round(SIZE[1] / 2 + y * _FACE)
        axes = round(rx * _FACE), round(ry * _FACE)
        cv2.ellipse(picture, middle, axes, tilt, 0, 360, colour, -1, cv2.LINE_AA)

    oval(0, 2.3, 1.7, 1.1, (60, 70, 90))  # shoulders
    oval(0, 1.2, 0.45, 0.6, (190, 150, 120))  # neck
    oval(0, -0.25, 1.08, 1.3, (60, 50, 40))  # hair
    oval(0, 0.05, 0.9, 1.2, (220, 180, 150))  # face
    oval(0, -0.62, 0.62, 0.34, (235, 200, 170))  # forehead
    for side in (-1, 1):
        oval(side * 0.38, -0.17, 0.27, 0.17, (165, 130, 105))  # socket
        oval(side * 0.38, -0.33, 0.24, 0.05, (65, 55, 45), side * 6)  # brow
        oval(side * 0.38, -0.15, 0.17, 0.085, (232, 230, 225))  # eye
        oval(side * 0.38, -0.15, 0.085, 0.085, (60, 45, 40))  # iris
        oval(side * 0.47, 0.3, 0.24, 0.2, (238, 195, 165))  # cheek
    oval(0, 0.08, 0.1, 0.38, (235, 195, 165))  # bridge of the nose
    oval(0, 0.37, 0.2, 0.07, (170, 130, 105))  # its shadow
    oval(0, 0.68, 0.34, 0.1, (150, 85, 85))  # mouth
    oval(0, 0.86, 0.3, 0.05, (190, 150, 125))  # chin
