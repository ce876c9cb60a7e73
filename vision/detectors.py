"""Where faces are: a chain of OpenCV's Haar cascades, or YuNet where its weights are at hand.

Cascades: Viola & Jones (2001), the trained files that come with OpenCV. YuNet: Wu et al. (2023);
its weights are not part of Attune. OpenCV's detectors keep state, so each thread has its own.
"""

from __future__ import annotations

import math
import threading
from dataclasses import replace
from pathlib import Path
from typing import Protocol, cast

import cv2
import numpy as np
from numpy.typing import NDArray

from data.errors import ArtifactError
from vision.cascades import Cascades, EyeFinder
from vision.config import FaceConfig
from vision.squares import Candidate, Gray, distinct, patch, reduced, to_gray

_CASCADE_SIDE = 24  # least pixels of a face for the cascades
_COARSE_SMALLEST = 0.2  # faces cut by a border or tilted at arm's length are large
_SECOND_FIELD = 1.6  # side of the region the second cascade sees, of the candidate's
_SECOND_SIDE = 112  # the same, pixels
_LARGE = 0.25  # of the picture's shorter side: a face that is what the picture is about


class Detector(Protocol):
    """Anything that finds faces."""

    def detect(self, rgb: NDArray[np.uint8]) -> list[Candidate]:
        """Return the faces of uint8 RGB (H, W, 3), in no order."""


class HaarDetector:
    """Plain search, search with the border padded, and small rotations when both found nothing.

    Every candidate is confirmed by a second, independently trained cascade on its own region: one
    cascade alone sees faces in clouds and noise.
    """

    def __init__(self, config: FaceConfig) -> None:
        self.config = config
        self.cascades = Cascades()
        self.eyes = EyeFinder(self.cascades)

    def detect(self, rgb: NDArray[np.uint8]) -> list[Candidate]:
        """Return the faces of uint8 RGB (H, W, 3), in no order."""
        config = self.config
        gray = to_gray(rgb)
        fine, coarse = reduced(gray, config.search_side), reduced(gray, config.coarse_side)
        found = self._search(*fine, config.smallest, min(fine[0].shape))
        found += self._padded(*coarse)
        if not found:  # equalising drowns a face lit much better or worse than the rest
            found = self._padded(*coarse, even=False)
        for angle in config.angles if not found else ():
            found += self._turned(*coarse, angle)
        return distinct(found, config.overlap)

    def _padded(self, gray: Gray, factor: float, even: bool = True) -> list[Candidate]:
        pad = round(self.config.padding * max(gray.shape))
        if not pad:
            return []
        wide = cast(Gray, cv2.copyMakeBorder(gray, pad, pad, pad, pad, cv2.BORDER_REPLICATE))
        return [
            replace(c, x=c.x - pad * factor, y=c.y - pad * factor)
            for c in self._search(wide, factor, _COARSE_SMALLEST, min(gray.shape), even)
            if 0 <= c.x / factor - pad < gray.shape[1] and 0 <= c.y / factor - pad < gray.shape[0]
        ]

    def _turned(self, gray: Gray, factor: float, angle: float) -> list[Candidate]:
        height, width = gray.shape
        pad = round(self.config.padding * max(gray.shape))
        centre = (width / 2, height / 2)
        turn = cv2.getRotationMatrix2D(centre, angle, 1.0)
        turn[:, 2] += pad
        upright = cv2.warpAffine(
            gray, turn, (width + 2 * pad, height + 2 * pad), borderMode=cv2.BORDER_REPLICATE
        )
        back = cv2.invertAffineTransform(turn)
        found = []
        for c in self._search(cast(Gray, upright), factor, _COARSE_SMALLEST, min(gray.shape)):
            x, y = back @ (c.x / factor, c.y / factor, 1.0)
            if 0 <= x < width and 0 <= y < height:
                found.append(replace(c, x=x * factor, y=y * factor, angle=angle))
        return found

    def _search(
        self, gray: Gray, factor: float, smallest: float, side: int, even: bool = True
    ) -> list[Candidate]:
        """Search for faces of ``smallest * side``; candidates come back times ``factor``."""
        least = max(_CASCADE_SIDE, round(smallest * side))
        if min(gray.shape) < least:
            return []
        boxes = self.cascades.get("frontalface_alt2").detectMultiScale(
            cv2.equalizeHist(gray) if even else gray,
            scaleFactor=self.config.scale_step,
            minNeighbors=self.config.neighbours,
            minSize=(least, least),
        )
        squares = [Candidate(x + w / 2, y + h / 2, float(w)) for x, y, w, h in boxes]
        scored = [replace(c, score=self._proof(gray, c, side)) for c in squares]
        return [c.scaled(factor) for c in scored if c.score > 0]

    def _proof(self, gray: Gray, square: Candidate, side: int) -> float:
        """Return how often the second cascade hits the square's region, or 0 if too seldom.

        Measured: faces mostly 60-220, look-alikes in noise and textures at most 42 and small. So
        few hits are enough only for a face that fills much of the picture and shows two eyes.
        """
        region = patch(gray, square.x, square.y, square.size * _SECOND_FIELD, _SECOND_SIDE)
        face = _SECOND_SIDE / _SECOND_FIELD
        _, hits = self.cascades.get("frontalface_default").detectMultiScale2(
            cv2.equalizeHist(region),
            scaleFactor=1.05,
            minNeighbors=1,
            minSize=(int(0.7 * face), int(0.7 * face)),
            maxSize=(int(1.45 * face), int(1.45 * face)),
        )
        most = int(max(hits, default=0))
        if most >= self.config.sure_hits:
            return float(most)
        if most < self.config.weak_hits or square.size < _LARGE * side:
            return 0.0
        return float(most) if self.eyes.seen_twice(gray, square) else 0.0


class YunetDetector:
    """YuNet by OpenCV's own runner, for installations that have its weights."""

    def __init__(self, model: Path, config: FaceConfig) -> None:
        if not model.is_file():
            raise ArtifactError(f"no YuNet weights at {model}: correct or unset ATTUNE_YUNET_MODEL")
        self._model, self.config = model, config
        self._local = threading.local()

    def detect(self, rgb: NDArray[np.uint8]) -> list[Candidate]:
        """Return the faces of uint8 RGB (H, W, 3), in no order."""
        if not hasattr(self._local, "net"):
            self._local.net = cv2.FaceDetectorYN.create(
                str(self._model), "", (320, 320), self.config.yunet_score
            )
        small, factor = reduced(np.ascontiguousarray(rgb[..., ::-1]), self.config.search_side)
        self._local.net.setInputSize((small.shape[1], small.shape[0]))
        _, rows = self._local.net.detect(small)
        least = self.config.smallest * min(small.shape[:2])
        found = [] if rows is None else [from_yunet(row) for row in rows]
        return [c.scaled(factor) for c in found if c.size >= least]


def from_yunet(row: NDArray[np.float32]) -> Candidate:
    """Turn one YuNet row (15 numbers: box, five landmarks, score) into a Haar-like square.

    YuNet frames forehead to chin; the Haar square of the same face is about as wide as that box is
    high times 0.8 and sits on the middle between eyes and mouth.
    """
    _, _, _, height, *points, score = (float(v) for v in row)
    eyes, mouth = np.array(points[:4]).reshape(2, 2), np.array(points[6:10]).reshape(2, 2)
    left, right = eyes[eyes[:, 0].argsort()]
    x, y = (eyes.mean(axis=0) + mouth.mean(axis=0)) / 2
    angle = math.degrees(math.atan2(right[1] - left[1], right[0] - left[0]))
    return Candidate(float(x), float(y), 0.8 * height, angle, score)
