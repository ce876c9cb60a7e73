"""The same photo under other conditions: size, tilt, light, blur, noise, borders, tight crops.

Every function takes and returns uint8 RGB (H, W, 3) and is deterministic.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeAlias

import cv2
import numpy as np
from numpy.typing import NDArray

from data.types import FaceBox

Picture: TypeAlias = NDArray[np.uint8]
Variation: TypeAlias = Callable[[Picture], Picture]


def scaled(factor: float) -> Variation:
    """Resize by ``factor``."""
    way = cv2.INTER_AREA if factor < 1 else cv2.INTER_CUBIC
    return lambda rgb: np.asarray(
        cv2.resize(rgb, None, fx=factor, fy=factor, interpolation=way), dtype=np.uint8
    )


def rotated(degrees: float) -> Variation:
    """Turn about the centre, border pixels repeated outwards."""

    def turn(rgb: Picture) -> Picture:
        height, width = rgb.shape[:2]
        matrix = cv2.getRotationMatrix2D((width / 2, height / 2), degrees, 1.0)
        out = cv2.warpAffine(rgb, matrix, (width, height), borderMode=cv2.BORDER_REPLICATE)
        return np.asarray(out, dtype=np.uint8)

    return turn


def lit(gain: float) -> Variation:
    """Multiply the light, clipped at white."""
    return lambda rgb: np.clip(rgb * gain, 0, 255).astype(np.uint8)


def blurred(share: float) -> Variation:
    """Blur by a Gaussian whose deviation is ``share`` of the shorter side."""
    return lambda rgb: np.asarray(
        cv2.GaussianBlur(rgb, (0, 0), share * min(rgb.shape[:2])), dtype=np.uint8
    )


def noisy(deviation: float) -> Variation:
    """Add Gaussian noise of ``deviation`` gray levels, the same for the same size."""

    def add(rgb: Picture) -> Picture:
        noise = np.random.default_rng(0).normal(0, deviation, rgb.shape)
        return np.clip(rgb + noise, 0, 255).astype(np.uint8)

    return add


def bordered(share: float, level: int) -> Variation:
    """Surround by a border of one gray level, ``share`` of the longer side."""

    def surround(rgb: Picture) -> Picture:
        pad = round(share * max(rgb.shape[:2]))
        out = cv2.copyMakeBorder(
            rgb, pad, pad, pad, pad, cv2.BORDER_CONSTANT, value=(level, level, level)
        )
        return np.asarray(out, dtype=np.uint8)

    return surround


def cropped(rgb: Picture, box: FaceBox, margin: float) -> Picture:
    """Cut the face out with ``margin`` of its size on every side, as far as the picture goes."""
    x, y = round(margin * box.width), round(margin * box.height)
    top, left = max(0, box.y - y), max(0, box.x - x)
    part = rgb[top : box.y + box.height + y, left : box.x + box.width + x]
    return np.ascontiguousarray(part)


#: What a photo is put through. Tight crops need a face and are made by :func:`cropped`.
VARIATIONS: dict[str, Variation] = {
    "as it is": lambda rgb: rgb,
    "scale 0.5": scaled(0.5),
    "scale 2": scaled(2),
    "scale 4": scaled(4),
    **{f"rotated {angle:+d} degrees": rotated(angle) for angle in (-25, -15, -8, 8, 15, 25)},
    "darker (x 0.35)": lit(0.35),
    "brighter (x 1.8)": lit(1.8),
    "blurred (1 % of the side)": blurred(0.01),
    "noise (20 levels)": noisy(20),
    "black border (30 %)": bordered(0.3, 0),
    "white border (30 %)": bordered(0.3, 255),
}
TIGHT = {"tight crop (+ 25 %)": 0.25, "tight crop (+ 5 %)": 0.05}
