"""Where FER2013's frame sits around a found face, and which framing its network reads best.

The service's crop should show what the network was trained on. So faces are found in the data
set's own pictures, enlarged and with their border repeated, and cut again with other margins.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from data.datasets.fer2013 import FerSplit
from vision.classifier import EmotionClassifier
from vision.config import FaceConfig
from vision.faces import Face, FaceFinder

_ENLARGED = 4
_AROUND = 48  # border repeated around the enlarged picture, pixels
_NEVER = 1e-12  # bounds the logarithm of a probability


@dataclass(frozen=True, slots=True)
class Framing:
    """Where FER2013's frame is: medians over upright faces, in sides of the found square."""

    pictures: int
    found: int
    side: float
    right: float
    down: float


@dataclass(frozen=True, slots=True)
class FramingScore:
    """How the network reads crops of one framing; ``margin`` 0 is the data set's own frame."""

    margin: float
    shift: float
    level_eyes: bool
    accuracy: float
    nll: float


def measure_framing(
    classifier: EmotionClassifier,
    split: FerSplit,
    margins: Sequence[float],
    config: FaceConfig | None = None,
) -> tuple[Framing, list[FramingScore]]:
    """Find the faces of a split, and score crops of each margin with and without levelled eyes.

    Pictures in which not exactly one face is found are left out.
    """
    base = config or FaceConfig()
    finder = FaceFinder(base)
    seen = [(big, finder.find(big)) for big in (_enlarged(image) for image in split.images)]
    kept = [row for row, (_, faces) in enumerate(seen) if len(faces) == 1]
    views = [(seen[row][0], seen[row][1][0]) for row in kept]
    labels = split.labels[kept]
    scores = [_score(classifier, split.images[kept], labels, 0.0, base)]
    for level in (True, False):
        for margin in margins:
            chosen = base.model_copy(update={"margin": margin, "level_eyes": level})
            cutter = FaceFinder(chosen)
            crops = np.stack([cutter.crop(big, face) for big, face in views])
            scores.append(_score(classifier, crops, labels, margin, chosen))
    return _median_frame(len(split), [face for _, face in views]), scores


def framing_text(framing: Framing, scores: Sequence[FramingScore]) -> str:
    """Return both results as Markdown."""
    lines = [
        "",
        "## Framing",
        "",
        f"One face is found in {framing.found} of {framing.pictures} pictures of PublicTest, "
        f"enlarged. FER2013's frame is {framing.side:.3f} of the found square's side (median), its "
        f"centre {framing.right:+.3f} to the right and {framing.down:+.3f} down.",
        "",
        "| margin | centre shifted down | eyes levelled | accuracy | NLL |",
        "|---|---|---|---|---|",
    ]
    for s in scores:
        level = "yes" if s.level_eyes else "no"
        row = f"{s.margin:.2f} | {s.shift:.2f} | {level}" if s.margin else "own frame | - | -"
        lines.append(f"| {row} | {s.accuracy:.1%} | {s.nll:.3f} |")
    return "\n".join([*lines, "", "![framing](framing.png)", ""])


def _enlarged(image: NDArray[np.uint8]) -> NDArray[np.uint8]:
    large = cv2.resize(image, None, fx=_ENLARGED, fy=_ENLARGED, interpolation=cv2.INTER_CUBIC)
    wide = cv2.copyMakeBorder(large, *(_AROUND,) * 4, cv2.BORDER_REPLICATE)
    return np.asarray(wide, dtype=np.uint8)


def _median_frame(pictures: int, faces: Sequence[Face]) -> Framing:
    upright = [face.square for face in faces if face.square.angle == 0]
    side = _ENLARGED * 48
    centre = _AROUND + side / 2
    places = [(side / s.size, (centre - s.x) / s.size, (centre - s.y) / s.size) for s in upright]
    median = np.median(np.array(places).reshape(-1, 3), axis=0) if places else np.full(3, np.nan)
    return Framing(pictures, len(faces), *(float(v) for v in median))


def _score(
    classifier: EmotionClassifier,
    crops: NDArray[np.uint8],
    labels: NDArray[np.int64],
    margin: float,
    config: FaceConfig,
) -> FramingScore:
    p = classifier.probabilities(crops)
    own = p[np.arange(len(labels)), labels].clip(_NEVER)
    right = float((p.argmax(axis=1) == labels).mean())
    nll = float(-np.log(own).mean())
    return FramingScore(margin, config.shift, config.level_eyes, right, nll)
