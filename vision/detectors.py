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
from vision.pyramid import BORDER, LEAST, WINDOW, Level, View, level_of, pyramid, turned
from vision.squares import Candidate, Gray, distinct, inside, merged, patch, reduced, to_gray

_LARGE = 0.25  # of the picture's shorter side: a face that is what the picture is about
_CUT = 0.15  # of the same: smaller faces are not looked for where the border cuts them
_FACE = 70  # side of a candidate where the second cascade looks at it, pixels
_FIELD = 94  # side of what is looked at then: hits farther off would be of another face
_HINT = 4  # hits of the second cascade that are worth a second look
_FAR_HITS = 50  # hits that prove a face smaller than others may be: a motorcycle's parts had 35
_MOST = 24  # candidates proved per search, those with most hits: bounds the time of textures


class Detector(Protocol):
    """Anything that finds faces. ``in_colour`` tells whether it makes use of colour."""

    in_colour: bool

    def detect(self, picture: NDArray[np.uint8]) -> list[Candidate]:
        """Return the faces of uint8 RGB (H, W, 3) or gray (H, W), in no order."""


class HaarDetector:
    """A search from large faces to small; dearer ones for large faces when it found nothing.

    Every candidate is confirmed by a second, independently trained cascade on its own region: one
    cascade alone sees faces in clouds and noise.
    """

    in_colour = False

    def __init__(self, config: FaceConfig) -> None:
        self.config = config
        self.cascades = Cascades()
        self.eyes = EyeFinder(self.cascades)

    def detect(self, picture: NDArray[np.uint8]) -> list[Candidate]:
        """Return the faces of uint8 RGB (H, W, 3) or gray (H, W), in no order."""
        gray = to_gray(picture)
        levels = pyramid(gray, self.config)
        found = self._upright(gray, levels)
        for search in (self._far, self._turned) if not found else ():
            found = found or search(gray, levels)
        return distinct(found, self.config.overlap)

    def _upright(self, gray: Gray, levels: list[Level]) -> list[Candidate]:
        """Search level by level, until faces are too small to count beside the largest."""
        config = self.config
        found: list[Candidate] = []
        for level in levels:
            least = config.beside * max((c.size for c in found), default=0.0) / level.factor
            if least >= 2 * WINDOW:
                break
            border = BORDER if level.factor * WINDOW >= _CUT * min(gray.shape) else 0
            view = turned(_without(level, found), 0, border)
            squares = self._squares("alt2", view, config.scale_step, least)
            found += self._confirmed(gray, squares, level.factor, found)
        return found

    def _far(self, gray: Gray, levels: list[Level]) -> list[Candidate]:
        """Search once more for faces smaller than are looked for beside others."""
        least = self.config.smallest_alone * min(gray.shape)
        if least >= levels[-1].factor * WINDOW or least < LEAST:
            return []
        level = level_of(gray, least)
        most = levels[-1].factor * WINDOW / level.factor
        squares = self._squares("alt2", turned(level.gray, 0, 0), self.config.scale_step, 0, most)
        faces = self._confirmed(gray, squares, level.factor, [])
        return [face for face in faces if face.score >= _FAR_HITS]

    def _turned(self, gray: Gray, levels: list[Level]) -> list[Candidate]:
        """Try small rotations, evened light and another cascade, until one finds a large face."""
        config = self.config
        least = config.smallest_turned * min(gray.shape)
        ways = [("alt2", angle, False) for angle in config.angles]
        for name, angle, even in [*ways, ("alt2", 0.0, True), ("default", 0.0, False)]:
            found: list[Candidate] = []
            for level in (one for one in levels if 2 * WINDOW * one.factor > least):
                view = turned(level.gray, angle)
                view = replace(view, gray=cast(Gray, cv2.equalizeHist(view.gray))) if even else view
                squares = self._squares(name, view, config.fine_step, least / level.factor)
                found += self._confirmed(gray, squares, level.factor, found)
            if found:
                return found
        return []

    def _squares(
        self, name: str, view: View, step: float, least: float, most: float = 2 * WINDOW
    ) -> list[Candidate]:
        """Return what one cascade sees of ``least`` to ``most`` pixels, in pixels of the level."""
        if min(view.gray.shape) < WINDOW:
            return []
        boxes = self.cascades.get(f"frontalface_{name}").detectMultiScale(
            view.gray,
            scaleFactor=step,
            minNeighbors=0,
            minSize=(max(WINDOW, int(least)),) * 2,
            maxSize=(int(most),) * 2,
        )
        raw = [
            Candidate(x + w / 2, y + w / 2, float(w), score=1.0)
            for x, y, w, _ in sorted(map(tuple, boxes))
        ]
        return view.back(merged(raw))[:_MOST]

    def _confirmed(
        self, gray: Gray, squares: list[Candidate], factor: float, known: list[Candidate]
    ) -> list[Candidate]:
        """Return those squares, in pixels of the picture, that are proved and not known yet."""
        scaled = [square.scaled(factor) for square in squares]
        fresh = [c for c in scaled if not any(inside(c, other) for other in known)]
        return [face for c in fresh if (face := self._proved(gray, c)) is not None]

    def _proved(self, gray: Gray, square: Candidate) -> Candidate | None:
        """Return the face where the second cascade sees it, or None if it hits too seldom.

        Measured: see docs/evaluation.md. Few hits are enough only for a face that fills much of
        the picture, and fewest where it shows two eyes as well.
        """
        seen = self._seen(gray, square)
        if seen is None or seen.score < _HINT:
            return None
        if not self._enough(gray, seen) or not 0.85 < seen.size / square.size < 1.18:
            # A second look from there: a poor start tells little, and shifts place and size.
            again = self._seen(gray, seen) or seen
            seen = replace(again, score=max(seen.score, again.score))
        return seen if self._enough(gray, seen, with_eyes=True) else None

    def _enough(self, gray: Gray, face: Candidate, with_eyes: bool = False) -> bool:
        config, large = self.config, face.size >= _LARGE * min(gray.shape)
        if face.score >= (config.large_hits if large else config.sure_hits):
            return True
        weak = with_eyes and large and face.score >= config.weak_hits
        return weak and self.eyes.seen_twice(gray, face)

    def _seen(self, gray: Gray, square: Candidate) -> Candidate | None:
        """Return where the second cascade hits most around the square, ``score`` times, if ever."""
        scale = square.size / _FACE
        cut = patch(gray, square.x, square.y, _FIELD * scale, _FIELD, square.angle)
        boxes, hits = self.cascades.get("frontalface_alt").detectMultiScale2(
            cv2.equalizeHist(cut),
            scaleFactor=1.05,
            minNeighbors=1,
            minSize=(int(0.7 * _FACE),) * 2,
            maxSize=(int(1.45 * _FACE),) * 2,
        )
        if not len(hits):
            return None
        x, y, width, _ = boxes[int(np.argmax(hits))]
        middle = (_FIELD - width) / 2
        seen = _moved(square, (x - middle) * scale, (y - middle) * scale)
        return replace(seen, size=width * scale, score=float(max(hits)))


def _without(level: Level, faces: list[Candidate]) -> Gray:
    """Return the level with known faces painted flat: cascades leave flat places at once."""
    if not faces:
        return level.gray
    gray = level.gray.copy()
    for face in faces:
        x, y, half = (v / level.factor for v in (face.x, face.y, face.size / 2))
        gray[max(0, int(y - half)) : int(y + half), max(0, int(x - half)) : int(x + half)] = 128
    return gray


def _moved(square: Candidate, x: float, y: float) -> Candidate:
    """Return the square moved by x and y, both along its own turned axes."""
    turn = math.radians(square.angle)
    return replace(
        square,
        x=square.x + x * math.cos(turn) - y * math.sin(turn),
        y=square.y + x * math.sin(turn) + y * math.cos(turn),
    )


class YunetDetector:
    """YuNet by OpenCV's own runner, for installations that have its weights."""

    in_colour = True

    def __init__(self, model: Path, config: FaceConfig) -> None:
        if not model.is_file():
            raise ArtifactError(f"no YuNet weights at {model}: correct or unset ATTUNE_YUNET_MODEL")
        self._model, self.config = model, config
        self._local = threading.local()

    def detect(self, picture: NDArray[np.uint8]) -> list[Candidate]:
        """Return the faces of uint8 RGB (H, W, 3) or gray (H, W), in no order."""
        rgb = picture if picture.ndim == 3 else np.repeat(picture[..., None], 3, axis=2)
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
