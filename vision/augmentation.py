"""Random views of 48-pixel faces, on the CPU, one warp per picture."""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from vision.config import AugmentationConfig


def augment(
    images: NDArray[np.uint8], config: AugmentationConfig, rng: np.random.Generator
) -> NDArray[np.float32]:
    """Return one random view of each image.

    Flip, rotation, zoom and shift are one affine warp with a mirrored border, so that no black
    corner tells the network that a picture was turned.

    Args:
        images: uint8 (n, side, side).
        rng: the only source of chance.

    Returns:
        float32 (n, side, side, 1) in [0, 255].
    """
    n, side = len(images), images.shape[1]
    flips = rng.random(n) < (0.5 if config.flip else 0.0)
    angles = rng.uniform(-config.rotation, config.rotation, n)
    scales = 1 + rng.uniform(-config.zoom, config.zoom, n)
    shifts = rng.uniform(-config.shift, config.shift, (n, 2))
    contrast = (1 + rng.uniform(-config.contrast, config.contrast, n)).astype(np.float32)
    brightness = (255 * rng.uniform(-config.brightness, config.brightness, n)).astype(np.float32)
    erased = rng.random(n) < config.erasing
    rectangles = rng.random((n, 4))

    out = np.empty((n, side, side), dtype=np.float32)
    centre = (side - 1) / 2
    for i, image in enumerate(images):
        view = image[:, ::-1] if flips[i] else image
        warp = cv2.getRotationMatrix2D((centre, centre), angles[i], scales[i])
        warp[:, 2] += shifts[i]
        out[i] = cv2.warpAffine(
            np.ascontiguousarray(view), warp, (side, side), borderMode=cv2.BORDER_REFLECT_101
        )
        if erased[i]:
            _erase(out[i], rectangles[i])
    means = out.mean(axis=(1, 2), keepdims=True)
    out = (out - means) * contrast[:, None, None] + means + brightness[:, None, None]
    return np.asarray(np.clip(out, 0, 255)[..., None], dtype=np.float32)


def _erase(view: NDArray[np.float32], chance: NDArray[np.float64]) -> None:
    """Overwrite a rectangle of 10-30 % of each side by the mean gray (Zhong et al., 2020)."""
    side = view.shape[0]
    height, width = (int(side * (0.1 + 0.2 * c)) for c in chance[:2])
    top, left = int(chance[2] * (side - height)), int(chance[3] * (side - width))
    view[top : top + height, left : left + width] = view.mean()
