"""How good an expression network is on a split of FER2013, with intervals.

Accuracy is of the top label. *De-leaked* leaves out test pictures with a pixel-identical copy in
Training. *FER+* scores against the majority of the crowd's votes (Barsoum et al., 2016).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from data.datasets.fer2013 import VOTE_NAMES, FerSplit
from data.types import EMOTIONS, FloatArray, IntArray
from vision import calibration as measure
from vision.classifier import EmotionClassifier
from vision.config import VectorScaling
from vision.report import write_report
from vision.targets import VOTED
from vision.views import Network, both_views

__all__ = [
    "Evaluation",
    "Score",
    "evaluate_classifier",
    "evaluate_network",
    "leaked_rows",
    "majority_labels",
    "write_report",
]

Interval: TypeAlias = tuple[float, float]

_SEED = 20130716  # of the bootstrap; any fixed number does
_COVERAGES = tuple(round(0.1 * i, 1) for i in range(1, 11))


@dataclass(frozen=True, slots=True)
class Score:
    """Figures of one way of asking the network; intervals are 95 % bootstrap.

    ``ece_raw`` is before calibration, everything else after.
    """

    accuracy: float
    accuracy_interval: Interval
    macro_f1: float
    macro_f1_interval: Interval
    ece: float
    ece_interval: Interval
    ece_raw: float
    nll: float
    brier: float
    temperature: float


@dataclass(frozen=True, slots=True)
class Evaluation:
    """One network on one split. ``served`` is the view that the service uses.

    Attributes:
        rows: pictures scored.
        single: one view of each face.
        flipped: mean logits of each face and its mirror image.
        served: "flipped" or "single"; the figures below are of this view.
        recall: share found of each true label.
        deleaked_rows: pictures without a copy in Training; None if Training was not given.
        deleaked_accuracy: accuracy on these.
        deleaked_interval: its interval.
        ferplus_rows: pictures whose voters agree on one of the seven; None without votes.
        ferplus_accuracy: accuracy against the voters.
        accuracy_by_coverage: (coverage, accuracy) of the surest answers, from 10 % to all.
        threshold: confidence below which an answer is uncertain.
        coverage: share of answers at or above it.
        certain_accuracy: accuracy of those; NaN if there are none.
        confusion: counts, true label by prediction.
        reliability: (mean confidence, accuracy, count) of 15 bins.
    """

    rows: int
    single: Score
    flipped: Score
    served: str
    recall: dict[str, float]
    deleaked_rows: int | None
    deleaked_accuracy: float | None
    deleaked_interval: Interval | None
    ferplus_rows: int | None
    ferplus_accuracy: float | None
    accuracy_by_coverage: tuple[tuple[float, float], ...]
    threshold: float
    coverage: float
    certain_accuracy: float
    confusion: tuple[tuple[int, ...], ...]
    reliability: tuple[tuple[float, float, int], ...]

    @property
    def best(self) -> Score:
        """The score of the view that is served."""
        return self.flipped if self.served == "flipped" else self.single


def evaluate_classifier(
    classifier: EmotionClassifier, split: FerSplit, training: FerSplit | None = None
) -> Evaluation:
    """Score a served network, with the temperatures and threshold of its card."""
    card = classifier.card
    return evaluate_network(
        lambda crops: classifier.logits(crops, flip_average=False),
        split,
        training,
        temperatures=(card.temperature_single, card.temperature),
        vectors=(card.vector_single, card.vector),
        threshold=card.threshold,
        flip_average=card.flip_average,
    )


def evaluate_network(
    network: Network,
    split: FerSplit,
    training: FerSplit | None = None,
    *,
    temperatures: tuple[float, float] = (1.0, 1.0),
    vectors: tuple[VectorScaling | None, VectorScaling | None] = (None, None),
    threshold: float = 0.0,
    flip_average: bool = True,
) -> Evaluation:
    """Score any network.

    Args:
        network: uint8 (n, 48, 48) -> float32 (n, 7) logits; called for both views.
        split: scored on, all rows.
        training: what it was trained on, to find leaked copies.
        temperatures: of single and of flip-averaged logits.
        vectors: scalings of the same that replace them, or None.
        threshold: confidence below which an answer is uncertain.
        flip_average: which view the service uses.
    """
    single, flipped = both_views(network, split.images)
    view = int(flip_average)
    p = measure.calibrated((single, flipped)[view], temperatures[view], vectors[view])
    predicted, correct = p.argmax(axis=1), p.argmax(axis=1) == split.labels
    confusion = measure.confusion_matrix(predicted, split.labels)
    fresh = None if training is None else ~leaked_rows(split, training)
    voted = None if split.votes is None else majority_labels(split.votes)
    certain = p.max(axis=1) >= threshold
    recall = measure.per_class_recall(confusion)
    bins = measure.reliability(p, split.labels)
    return Evaluation(
        rows=len(split),
        single=_score(single, split.labels, temperatures[0], vectors[0]),
        flipped=_score(flipped, split.labels, temperatures[1], vectors[1]),
        served="flipped" if flip_average else "single",
        recall={name: float(r) for name, r in zip(EMOTIONS, recall, strict=True)},
        deleaked_rows=None if fresh is None else int(fresh.sum()),
        deleaked_accuracy=None if fresh is None else _mean(correct[fresh]),
        deleaked_interval=None if fresh is None else _accuracy_interval(correct[fresh]),
        ferplus_rows=None if voted is None else int((voted >= 0).sum()),
        ferplus_accuracy=None if voted is None else _mean((predicted == voted)[voted >= 0]),
        accuracy_by_coverage=tuple(
            (share, measure.accuracy_at(p.max(axis=1), correct, share)) for share in _COVERAGES
        ),
        threshold=threshold,
        coverage=_mean(certain),
        certain_accuracy=_mean(correct[certain]),
        confusion=tuple(tuple(int(n) for n in row) for row in confusion),
        reliability=tuple((float(c), float(a), int(n)) for c, a, n in zip(*bins, strict=True)),
    )


def leaked_rows(test: FerSplit, training: FerSplit) -> NDArray[np.bool_]:
    """Tell which test pictures have a pixel-identical copy in Training, bool (n,)."""
    if test.dup_group is not None and training.dup_group is not None:
        return (test.dup_group >= 0) & np.isin(test.dup_group, training.dup_group)
    known = {image.tobytes() for image in training.images}
    return np.array([image.tobytes() in known for image in test.images], dtype=np.bool_)


def majority_labels(votes: NDArray[np.uint8]) -> IntArray:
    """Return the label with strictly most FER+ votes, int64 (n,); -1 where there is none.

    Ties, and majorities for contempt, unknown or not-a-face, are none.
    """
    order = np.sort(votes, axis=1)
    unique = order[:, -1] > order[:, -2]
    to_label = np.full(len(VOTE_NAMES), -1, dtype=np.int64)
    to_label[list(VOTED)] = np.arange(len(VOTED))
    return np.where(unique, to_label[votes.argmax(axis=1)], -1)


def _score(
    logits: FloatArray, labels: IntArray, temperature: float, vector: VectorScaling | None
) -> Score:
    p = measure.calibrated(logits, temperature, vector)
    predicted = p.argmax(axis=1)
    correct = predicted == labels

    def f1(rows: IntArray) -> float:
        return measure.macro_f1(measure.confusion_matrix(predicted[rows], labels[rows]))

    def ece(rows: IntArray) -> float:
        return measure.expected_calibration_error(p[rows], labels[rows])

    every = np.arange(len(labels))
    return Score(
        accuracy=_mean(correct),
        accuracy_interval=_accuracy_interval(correct),
        macro_f1=f1(every),
        macro_f1_interval=measure.bootstrap_interval(f1, len(labels), seed=_SEED),
        ece=ece(every),
        ece_interval=measure.bootstrap_interval(ece, len(labels), seed=_SEED),
        ece_raw=measure.expected_calibration_error(measure.softmax(logits), labels),
        nll=measure.negative_log_likelihood(p, labels),
        brier=measure.brier_score(p, labels),
        temperature=temperature,
    )


def _accuracy_interval(correct: NDArray[np.bool_]) -> Interval:
    return measure.bootstrap_interval(lambda rows: _mean(correct[rows]), len(correct), seed=_SEED)


def _mean(values: NDArray[np.bool_]) -> float:
    return float(values.mean()) if len(values) else float("nan")
