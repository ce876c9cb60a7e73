"""Selfie bytes in, the apparent expression out: the whole of serving's vision in one call."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from data.errors import InvalidParameterError
from data.timing import timed
from data.types import EmotionScores, FaceBox
from vision.classifier import EmotionClassifier
from vision.config import ImageLimits
from vision.errors import MultipleFacesError, NoFaceError
from vision.faces import FaceFinder
from vision.images import decode_photo

FaceChoice = Literal["largest", "only"]


@dataclass(frozen=True, slots=True)
class Look:
    """The face that one frame gave."""

    crop: NDArray[np.uint8]
    faces: int
    box: FaceBox


class ExpressionReader:
    """Decode, find, crop, classify; nothing of a picture outlives the call."""

    def __init__(
        self,
        finder: FaceFinder,
        classifier: EmotionClassifier,
        limits: ImageLimits | None = None,
    ) -> None:
        self.finder = finder
        self.classifier = classifier
        self.limits = limits or ImageLimits()

    def read(self, frames: Sequence[bytes], face: FaceChoice = "largest") -> EmotionScores:
        """Return the apparent expression of one moment.

        Probabilities are averaged over the frames that show a face; frames without one are passed
        over. ``faces`` and ``box`` are of the last frame with a face, ``box`` in pixels of that
        picture as sent, turned upright.

        Args:
            frames: JPEG, PNG or WebP bytes of one moment, at least one.
            face: take the largest face, or insist that every frame shows at most one.

        Raises:
            NoFaceError: if no frame shows a face.
            MultipleFacesError: if ``face`` is ``only`` and a frame shows several.
            ImageError: if a frame cannot be decoded; see ``vision.errors``.
            InvalidParameterError: if there is no frame.
        """
        if not frames:
            raise InvalidParameterError("selfie", "no picture was sent: send at least one frame")
        looks = [look for data in frames if (look := self.look(data, face)) is not None]
        if not looks:
            raise NoFaceError(
                "no face was found: face the camera in even light, or state a mood instead"
            )
        crops = np.stack([look.crop for look in looks])
        with timed("expression"):
            mean = self.classifier.probabilities(crops).astype(np.float64).mean(axis=0)
        mean /= mean.sum()
        confidence = float(mean.max())
        return EmotionScores(
            probabilities=tuple(float(p) for p in mean),
            confidence=confidence,
            uncertain=confidence < self.classifier.threshold,
            faces=looks[-1].faces,
            box=looks[-1].box,
        )

    def warm_up(self) -> bool:
        """Run the network once, on an even crop; tell whether it gives probabilities.

        The first run of a session is slower than those that follow.
        """
        side = self.classifier.card.side
        found = self.classifier.probabilities(np.full((1, side, side), 128, dtype=np.uint8))
        return bool(np.isfinite(found).all())

    def look(self, data: bytes, face: FaceChoice = "largest") -> Look | None:
        """Return the face that is read in one frame, or None if there is none; see :meth:`read`."""
        with timed("decode"):
            photo = decode_photo(data, self.limits, gray=not self.finder.in_colour)
        with timed("face"):
            found = self.finder.find(photo.pixels)
        if not found:
            return None
        if face == "only" and len(found) > 1:
            raise MultipleFacesError(len(found))
        crop = self.finder.crop(photo.pixels, found[0])
        return Look(crop, len(found), _scaled(found[0].box, photo.scale))


def _scaled(box: FaceBox, scale: float) -> FaceBox:
    return FaceBox(*(round(v * scale) for v in (box.x, box.y, box.width, box.height)))
