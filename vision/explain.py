"""Which part of a face drove the answer: occlusion maps (Zeiler & Fergus, 2014).

Soft patches of the face are blurred away one after the other; where that costs the answer most
log-odds, the map is warm. Nothing is written anywhere: a picture of the map is returned as bytes.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import cast

import cv2
import numpy as np
from numpy.typing import NDArray

from data.types import EMOTIONS, FloatArray
from vision.calibration import bootstrap_interval
from vision.classifier import EmotionClassifier

_SIZES = (9.0, 15.0)  # widths of the patches, pixels: an eye, a mouth
_STRIDE = 4  # pixels between the centres of patches
_BLUR = 7.0  # deviation of what takes the place of a patch, pixels: no edges, the same light
_STEPS = 16  # of the deletion test
_WARM, _COLD = (230, 97, 1), (94, 60, 153)  # RGB, told apart without red and green


@dataclass(frozen=True, slots=True)
class Explanation:
    """What an answer rests on.

    Attributes:
        label: the expression that is explained.
        confidence: its calibrated probability on the whole face, 0..1.
        heat: float32 (side, side) in [-1, 1]: 1 where blurring costs the label most, negative
            where it helps it.
        drop: log-odds that the label loses at 1.
    """

    label: str
    confidence: float
    heat: FloatArray
    drop: float


def explain_face(
    classifier: EmotionClassifier, crop: NDArray[np.uint8], label: str | None = None
) -> Explanation:
    """Return the occlusion map of one face.

    Args:
        classifier: asked about each occluded face, one view.
        crop: uint8 (side, side) gray face.
        label: the expression to explain; None takes the likeliest.
    """
    whole = classifier.probabilities(crop[None], flip_average=False)[0]
    index = int(whole.argmax()) if label is None else EMOTIONS.index(label)
    masks = _masks(crop.shape[0])
    occluded = classifier.probabilities(_blurred(crop, masks), flip_average=False)
    drops = _log_odds(whole[index]) - _log_odds(occluded[:, index])
    heat = np.tensordot(drops, masks, axes=1) / masks.sum(axis=0)
    largest = float(np.abs(heat).max())
    return Explanation(
        EMOTIONS[index],
        float(whole[index]),
        np.asarray(heat / largest if largest else heat, dtype=np.float32),
        largest,
    )


def heat_map_png(crop: NDArray[np.uint8], explanation: Explanation, side: int = 384) -> bytes:
    """Return a PNG of the enlarged face under its map, with the answer written below.

    Args:
        crop: uint8 (n, n) gray face that was explained.
        explanation: its map.
        side: width and height of the face in the PNG, pixels.
    """
    face = cv2.resize(crop, (side, side), interpolation=cv2.INTER_CUBIC)
    heat = cv2.resize(explanation.heat, (side, side), interpolation=cv2.INTER_CUBIC)
    strength = np.clip(np.abs(heat), 0, 1)[..., None] * 0.75
    colour = np.where(heat[..., None] > 0, _WARM, _COLD)
    rgb = face[..., None] * (1 - strength) + colour * strength
    picture = np.vstack([rgb, _legend(explanation, side)]).astype(np.uint8)
    return bytes(cv2.imencode(".png", picture[..., ::-1])[1])


@dataclass(frozen=True, slots=True)
class Faithfulness:
    """The deletion test of RISE (Petsiuk et al., 2018); smaller areas are better.

    ``by_map`` and ``by_chance`` are the mean area under the label's probability while pixels are
    blurred away, warmest first or in random order; ``gain`` is what the map is better by, with its
    95 % bootstrap interval over faces.
    """

    faces: int
    by_map: float
    by_chance: float
    gain: float
    gain_interval: tuple[float, float]


def faithfulness(
    classifier: EmotionClassifier, crops: NDArray[np.uint8], *, seed: int = 0
) -> Faithfulness:
    """Measure whether the maps of ``crops``, uint8 (n, side, side), tell what the answer needs."""
    rng = np.random.default_rng(seed)
    by_map, by_chance = [], []
    for crop in crops:
        explained = explain_face(classifier, crop)
        noise = cv2.GaussianBlur(rng.normal(size=crop.shape), (0, 0), _SIZES[0] / 2)
        by_map.append(_deletion(classifier, crop, explained.label, explained.heat))
        by_chance.append(_deletion(classifier, crop, explained.label, noise))
    gains = np.array(by_chance) - np.array(by_map)
    interval = bootstrap_interval(lambda rows: float(gains[rows].mean()), len(gains), seed=seed)
    return Faithfulness(
        len(crops), float(np.mean(by_map)), float(np.mean(by_chance)), float(gains.mean()), interval
    )


def mean_maps(
    classifier: EmotionClassifier,
    crops: NDArray[np.uint8],
    labels: NDArray[np.int64],
    per_class: int = 40,
) -> dict[str, tuple[FloatArray, FloatArray]]:
    """Return the mean face and mean map of correctly read faces of each expression.

    A mean over many faces shows no person.

    Returns:
        Expression -> float32 (side, side) gray [0, 255] and float32 (side, side) heat; expressions
        that are never read rightly are absent.
    """
    right = classifier.probabilities(crops).argmax(axis=1) == labels
    maps = {}
    for index, name in enumerate(EMOTIONS):
        rows = np.flatnonzero(right & (labels == index))[:per_class]
        if len(rows):
            heat = [explain_face(classifier, crops[i], name).heat for i in rows]
            face = np.asarray(crops[rows].mean(axis=0), dtype=np.float32)
            maps[name] = (face, np.asarray(np.mean(heat, axis=0), dtype=np.float32))
    return maps


def _masks(side: int) -> FloatArray:
    """Return soft round patches on a grid, float32 (patches, side, side) in [0, 1]."""
    at = np.arange(side, dtype=np.float32)
    centres = np.arange(_STRIDE / 2, side, _STRIDE, dtype=np.float32)
    rows = (at[None, :] - centres[:, None]) ** 2
    patches = []
    for size in _SIZES:
        bump = np.exp(-rows / (2 * (size / 2.355) ** 2))  # `size` wide at half its height
        patches.append(np.einsum("ai,bj->abij", bump, bump).reshape(-1, side, side))
    return np.concatenate(patches)


def _blurred(crop: NDArray[np.uint8], masks: FloatArray) -> NDArray[np.uint8]:
    blur = cv2.GaussianBlur(crop, (0, 0), _BLUR).astype(np.float32)
    return np.asarray(np.rint(crop + masks * (blur - crop)), dtype=np.uint8)


def _deletion(
    classifier: EmotionClassifier, crop: NDArray[np.uint8], label: str, order: NDArray[np.floating]
) -> float:
    """Return the mean probability of ``label`` while ever more of the face is blurred."""
    levels = np.quantile(order, np.linspace(1, 0, _STEPS + 1))
    masks = np.stack([order >= level for level in levels]).astype(np.float32)
    masks[0] = 0
    p = classifier.probabilities(_blurred(crop, masks), flip_average=False)
    return float(p[:, EMOTIONS.index(label)].mean())


def _legend(explanation: Explanation, side: int) -> NDArray[np.float64]:
    bar = np.full((56, side, 3), 255.0)
    text = f"{explanation.label} {explanation.confidence:.0%}"
    cv2.putText(bar, text, (10, 24), cv2.FONT_HERSHEY_SIMPLEX, 0.6, (30, 30, 30), 1, cv2.LINE_AA)
    for left, colour, words in ((10, _WARM, "speaks for it"), (side // 2, _COLD, "against it")):
        cv2.rectangle(bar, (left, 36), (left + 12, 48), colour, -1)
        at = (left + 20, 47)
        cv2.putText(bar, words, at, cv2.FONT_HERSHEY_SIMPLEX, 0.45, (30, 30, 30), 1, cv2.LINE_AA)
    return cast("NDArray[np.float64]", bar)


def _log_odds(p: NDArray[np.floating]) -> NDArray[np.float64]:
    q = np.clip(np.asarray(p, dtype=np.float64), 1e-6, 1 - 1e-6)
    return np.asarray(np.log(q / (1 - q)))
