"""Random views of faces: what is drawn for each, and how it is applied on the CPU.

What is drawn does not depend on where it is applied: :mod:`vision.device` takes the same draws.
"""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from vision.config import AugmentationConfig


@dataclass(frozen=True, slots=True)
class Views:
    """What happens to each of n pictures.

    Attributes:
        warp: float32 (n, 2, 3), maps pixels (x, y) of the picture to pixels of the view; flip,
            rotation, zoom and shift in one.
        contrast: float32 (n,), factor of the distance from the mean gray.
        brightness: float32 (n,), gray levels that are added.
        erased: int64 (n, 4), top, left, bottom, right of a rectangle; empty where none is erased.
    """

    warp: NDArray[np.float32]
    contrast: NDArray[np.float32]
    brightness: NDArray[np.float32]
    erased: NDArray[np.int64]


def draw_views(config: AugmentationConfig, n: int, side: int, rng: np.random.Generator) -> Views:
    """Draw the views of ``n`` pictures of ``side`` pixels from the ranges of ``config``."""
    flips = rng.random(n) < (0.5 if config.flip else 0.0)
    angles = np.radians(rng.uniform(-config.rotation, config.rotation, n))
    scales = 1 + rng.uniform(-config.zoom, config.zoom, n)
    shifts = rng.uniform(-config.shift, config.shift, (n, 2))
    contrast = 1 + rng.uniform(-config.contrast, config.contrast, n)
    brightness = 255 * rng.uniform(-config.brightness, config.brightness, n)
    erases = rng.random(n) < config.erasing
    return Views(
        _warps(flips, angles, scales, shifts, (side - 1) / 2),
        contrast.astype(np.float32),
        brightness.astype(np.float32),
        _rectangles(rng.random((n, 4)), side) * erases[:, None],
    )


def augment(
    images: NDArray[np.uint8], config: AugmentationConfig, rng: np.random.Generator
) -> NDArray[np.float32]:
    """Return one random view of each image.

    Borders are mirrored, so that no black corner tells the network that a picture was turned.

    Args:
        images: uint8 (n, side, side).
        config: the ranges that are drawn from.
        rng: the only source of chance.

    Returns:
        float32 (n, side, side, 1) in [0, 255].
    """
    n, side = len(images), images.shape[1]
    views = draw_views(config, n, side, rng)
    out = np.empty((n, side, side), dtype=np.float32)
    for i, image in enumerate(images):
        out[i] = cv2.warpAffine(
            image, views.warp[i], (side, side), borderMode=cv2.BORDER_REFLECT_101
        )
        top, left, bottom, right = views.erased[i]
        if bottom > top:
            out[i, top:bottom, left:right] = out[i].mean()
    means = out.mean(axis=(1, 2), keepdims=True)
    out = (out - means) * views.contrast[:, None, None] + means + views.brightness[:, None, None]
    if config.noise:
        out += rng.normal(0, config.noise, out.shape).astype(np.float32)
    return np.asarray(np.clip(out, 0, 255)[..., None], dtype=np.float32)


def _warps(
    flips: NDArray[np.bool_],
    angles: NDArray[np.float64],
    scales: NDArray[np.float64],
    shifts: NDArray[np.float64],
    centre: float,
) -> NDArray[np.float32]:
    """Compose mirror, then turn and zoom about the centre, then shift."""
    cos, sin = scales * np.cos(angles), scales * np.sin(angles)
    mirror = np.where(flips, -1.0, 1.0)
    linear = np.stack([np.stack([cos * mirror, sin], -1), np.stack([-sin * mirror, cos], -1)], 1)
    offset = centre - linear.sum(axis=2) * centre + shifts
    return np.concatenate([linear, offset[..., None]], axis=2).astype(np.float32)


def _rectangles(chance: NDArray[np.float64], side: int) -> NDArray[np.int64]:
    """Return rectangles of 10-30 % of each side (Zhong et al., 2020), int64 (n, 4)."""
    size = (side * (0.1 + 0.2 * chance[:, :2])).astype(np.int64)
    corner = (chance[:, 2:] * (side - size)).astype(np.int64)
    return np.concatenate([corner, corner + size], axis=1)
