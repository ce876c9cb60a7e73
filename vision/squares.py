"""The square around a face: what detectors give, and how pixels are cut by it."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TypeAlias, cast

import cv2
import numpy as np
from numpy.typing import NDArray

Gray: TypeAlias = NDArray[np.uint8]


@dataclass(frozen=True, slots=True)
class Candidate:
    """A square around a face, in pixels of the searched picture; it may reach over the border.

    Attributes:
        x: centre, from the left.
        y: centre, from the top.
        size: side of the square, as the frontal Haar cascade frames a face.
        angle: how far the face is turned clockwise in its plane, degrees.
        score: larger is surer; comparable within one detector only.
    """

    x: float
    y: float
    size: float
    angle: float = 0.0
    score: float = 0.0

    def scaled(self, factor: float) -> Candidate:
        """Return the same square in a picture ``factor`` times as large."""
        return replace(self, x=self.x * factor, y=self.y * factor, size=self.size * factor)


def distinct(candidates: Sequence[Candidate], overlap: float) -> list[Candidate]:
    """Keep the surest of candidates that overlap: non-maximum suppression.

    A square whose centre lies inside a surer one is dropped too: cascades like to find a second,
    much larger or smaller frame around the same face.
    """
    kept: list[Candidate] = []
    for one in sorted(candidates, key=lambda c: -c.score):
        if all(_iou(one, other) <= overlap and not inside(one, other) for other in kept):
            kept.append(one)
    return kept


def _iou(a: Candidate, b: Candidate) -> float:
    reach = (a.size + b.size) / 2
    width = min(a.size, b.size, reach - abs(a.x - b.x))
    height = min(a.size, b.size, reach - abs(a.y - b.y))
    if width <= 0 or height <= 0:
        return 0.0
    return width * height / (a.size**2 + b.size**2 - width * height)


def inside(a: Candidate, b: Candidate) -> bool:
    """Tell whether the centre of the smaller square lies within the other."""
    return max(abs(a.x - b.x), abs(a.y - b.y)) < max(a.size, b.size) / 2


def merged(hits: Sequence[Candidate]) -> list[Candidate]:
    """Join the hits of one cascade around the same place, most hits first.

    The square of a group is the mean of its hits, its score their number.
    """
    groups: list[list[Candidate]] = []
    for hit in hits:
        for group in groups:
            first = group[0]
            off = max(abs(hit.x - first.x), abs(hit.y - first.y))
            if off < 0.35 * first.size and 0.6 < hit.size / first.size < 1.67:
                group.append(hit)
                break
        else:
            groups.append([hit])
    return sorted((_mean(group) for group in groups), key=lambda c: -c.score)


def _mean(group: Sequence[Candidate]) -> Candidate:
    n = len(group)
    x, y, size = (sum(getattr(c, name) for c in group) / n for name in ("x", "y", "size"))
    return Candidate(x, y, size, score=float(n))


def to_gray(picture: NDArray[np.uint8]) -> Gray:
    """Return the gray levels, uint8 (H, W), of uint8 RGB (H, W, 3) or of gray itself."""
    return picture if picture.ndim == 2 else cast(Gray, cv2.cvtColor(picture, cv2.COLOR_RGB2GRAY))


def reduced(gray: Gray, side: int) -> tuple[Gray, float]:
    """Return ``gray`` with its longest side at most ``side``, and the factor back."""
    factor = max(1.0, max(gray.shape[:2]) / side)
    if factor == 1:
        return gray, 1.0
    height, width = (max(1, round(length / factor)) for length in gray.shape[:2])
    small = cv2.resize(gray, (width, height), interpolation=cv2.INTER_AREA)
    return cast(Gray, small), factor


def thinned(gray: Gray, whole: int) -> Gray:
    """Average ``whole`` by ``whole`` pixels: several times faster than a broken factor.

    Up to ``whole - 1`` last rows and columns are left out.
    """
    whole = min(whole, *gray.shape)
    if whole < 2:
        return gray
    size = (gray.shape[1] // whole, gray.shape[0] // whole)
    even = gray[: size[1] * whole, : size[0] * whole]
    return cast(Gray, cv2.resize(even, size, interpolation=cv2.INTER_AREA))


def patch(gray: Gray, x: float, y: float, size: float, side: int, angle: float = 0.0) -> Gray:
    """Cut the square of ``size`` around (x, y), turned upright by ``angle``, at ``side`` pixels.

    Border pixels are repeated where the square reaches over the picture. Larger squares are first
    cut at a multiple of ``side``, then averaged (INTER_AREA), so that nothing aliases; of much
    larger ones the region is averaged before it is turned, which is a tenth of the work.
    """
    steps = max(1, math.ceil(size / side - 1e-9))
    if steps > 3:
        whole = steps // 2
        x0, y0 = (max(0, math.floor(v - size)) for v in (x, y))
        near = thinned(gray[y0 : math.ceil(y + size), x0 : math.ceil(x + size)], whole)
        x, y = ((v - v0 + 0.5) / whole - 0.5 for v, v0 in ((x, x0), (y, y0)))
        return patch(near, x, y, size / whole, side, angle)
    work = side * steps
    scale = work / size
    cut = cv2.getRotationMatrix2D((x, y), angle, scale)
    cut[:, 2] += np.array([work / 2 - 0.5 - x, work / 2 - 0.5 - y])
    square = cv2.warpAffine(
        gray, cut, (work, work), flags=cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE
    )
    if steps > 1:
        square = cv2.resize(square, (side, side), interpolation=cv2.INTER_AREA)
    return cast(Gray, square)
