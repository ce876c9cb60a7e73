"""OpenCV's trained Haar cascades, one copy per thread, and the eyes they see in a face."""

from __future__ import annotations

import math
import threading
from pathlib import Path

import cv2

from data.errors import ArtifactError
from vision.squares import Candidate, Gray, patch

# One thread, as for the network: requests run side by side. With more, OpenCV also lists its hits
# in another order each time, and the same picture would not always give the same square.
cv2.setNumThreads(1)

_FOLDER = Path(cv2.__file__).parent / "data"
_EYE_SIDE = 96  # side of the face in which eyes are looked for, pixels
_EYE_LEAST, _EYE_MOST = (20, 20), (42, 42)  # boxes around an eye; eye_tree_eyeglasses trained on 20


class Cascades:
    """OpenCV's trained cascades by name, loaded once per thread."""

    def __init__(self) -> None:
        self._local = threading.local()

    def get(self, name: str) -> cv2.CascadeClassifier:
        """Return the calling thread's cascade ``haarcascade_<name>.xml``.

        Raises:
            ArtifactError: if OpenCV came without it.
        """
        loaded: dict[str, cv2.CascadeClassifier] = self._local.__dict__
        if name not in loaded:
            path = _FOLDER / f"haarcascade_{name}.xml"
            loaded[name] = cv2.CascadeClassifier(str(path))
            if loaded[name].empty():
                raise ArtifactError(f"{path.name} is missing: reinstall opencv-python-headless")
        return loaded[name]


class EyeFinder:
    """Two eyes at plausible places of a face, for proof and for levelling."""

    def __init__(self, cascades: Cascades) -> None:
        self.cascades = cascades

    def angle(self, gray: Gray, square: Candidate) -> float | None:
        """Return how far the eyes are from level, degrees clockwise; None if not both are seen."""
        return _eye_angle(self._boxes("eye", gray, square))

    def seen_twice(self, gray: Gray, square: Candidate) -> bool:
        """Tell whether one eye cascade sees a pair and the other at least one eye of it."""
        pair = _eye_angle(self._boxes("eye", gray, square)) is not None
        return pair and len(self._boxes("eye_tree_eyeglasses", gray, square)) > 0

    def _boxes(self, name: str, gray: Gray, square: Candidate) -> list[tuple[float, float, float]]:
        """Return centre x, centre y and width of eye boxes, in fractions of the square."""
        face = patch(gray, square.x, square.y, square.size, _EYE_SIDE, square.angle)
        upper = face[: int(0.62 * _EYE_SIDE)]
        boxes = self.cascades.get(name).detectMultiScale(
            upper, scaleFactor=1.1, minNeighbors=3, minSize=_EYE_LEAST, maxSize=_EYE_MOST
        )
        return [
            ((x + w / 2) / _EYE_SIDE, (y + h / 2) / _EYE_SIDE, w / _EYE_SIDE)
            for x, y, w, h in boxes
        ]


def _eye_angle(boxes: list[tuple[float, float, float]]) -> float | None:
    """Choose the most even pair of eyes with human proportions and return its slope."""
    pairs = []
    for left in boxes:
        for right in boxes:
            run, rise = right[0] - left[0], right[1] - left[1]
            sizes = left[2] / right[2]
            if 0.28 <= run <= 0.62 and abs(rise) <= 0.4 * run and 0.6 <= sizes <= 1.67:
                off_centre = abs((left[0] + right[0]) / 2 - 0.5)
                pairs.append((off_centre + abs(rise), math.degrees(math.atan2(rise, run))))
    return min(pairs)[1] if pairs else None
