"""Level the eyes of a data set's pictures, as the service levels a face before it is read."""

from __future__ import annotations

from dataclasses import replace

import cv2
import numpy as np
from numpy.typing import NDArray

from data.datasets.fer2013 import FerSplit
from vision.cascades import Cascades, EyeFinder
from vision.squares import Candidate, patch

_ENLARGED = 4  # the eye cascade was trained on 20 pixels an eye


def align_split(split: FerSplit) -> FerSplit:
    """Return the split with every picture's eyes level where two eyes are seen."""
    finder = EyeFinder(Cascades())
    images = np.stack([align_picture(image, finder) for image in split.images])
    return replace(split, images=images)


def align_picture(image: NDArray[np.uint8], finder: EyeFinder) -> NDArray[np.uint8]:
    """Turn one face about its centre so that its eyes are level.

    Args:
        image: uint8 (side, side), the face fills it.
        finder: where eyes are looked for.

    Returns:
        uint8 (side, side); the picture itself where not both eyes are seen.
    """
    side = image.shape[0]
    large = cv2.resize(image, None, fx=_ENLARGED, fy=_ENLARGED, interpolation=cv2.INTER_CUBIC)
    centre = side * _ENLARGED / 2
    square = Candidate(centre, centre, float(side * _ENLARGED))
    angle = finder.angle(np.asarray(large, dtype=np.uint8), square)
    if angle is None:
        return image
    return patch(np.asarray(large, dtype=np.uint8), centre, centre, square.size, side, angle)
