"""Study 3: the shipped reader's real answers put between the simulated listeners and the lists.

For every later session the expression shown is drawn from the true mood, and then what the reader
really said of one photographed face of that expression, out of a split it never learned from. Only
probabilities are kept, and only in memory.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from data.datasets.demo.expressions import draw_expressions
from data.types import EMOTIONS, EmotionScores, FloatArray, IntArray
from recommender.config import MoodConfig
from recommender.metrics import Interval
from recommender.moment_study.figures import Resamples
from recommender.moment_study.lists import Worth, served_list, worth
from recommender.moment_study.periods import Listener, Occasion, Period
from recommender.moment_study.recovery import Learned
from recommender.mood import mood_target
from recommender.query import MoodTarget, Query

if TYPE_CHECKING:
    from data.datasets.fer2013 import Usage
    from vision.classifier import EmotionClassifier


@dataclass(frozen=True)
class Answers:
    """What a reader said of faces whose expression is known.

    Attributes:
        probabilities: float32 (n, 7), calibrated.
        shown: int64 (n,), places in EMOTIONS.
        threshold: confidence below which an answer is uncertain.
    """

    probabilities: FloatArray
    shown: IntArray
    threshold: float

    def scores(self, row: int) -> EmotionScores:
        """Return one answer as the service passes it on."""
        p = self.probabilities[row].astype(np.float64)
        p /= p.sum()
        top = float(p.max())
        return EmotionScores(tuple(p.tolist()), top, top < self.threshold)


def read_answers(folder: Path, usage: Usage = "PrivateTest") -> Answers:
    """Score one split of FER2013 by the shipped network; about half a minute of one core.

    Args:
        folder: holds FER2013, or a folder ``fer2013`` that does.
        usage: name of the split.
    """
    from data.datasets.fer2013 import read_fer2013

    inner = folder / "fer2013"
    faces = read_fer2013(inner if inner.is_dir() else folder, usage)
    reader = _shipped()
    return Answers(
        reader.probabilities(faces.images), faces.labels.astype(np.int64), reader.threshold
    )


def _shipped() -> EmotionClassifier:
    from recommender.publishing import RUN_FILES, shipped_file
    from vision.classifier import EmotionClassifier

    network, card = (shipped_file(name) for name in RUN_FILES["vision"])
    return EmotionClassifier.load(network, card)


def draw_answers(
    answers: Answers, occasions: Sequence[Occasion], seed: int
) -> tuple[IntArray, list[EmotionScores]]:
    """Return the expression shown on each occasion, int64 (n,), and what was read."""
    rng = np.random.default_rng((seed, 11))
    shown = draw_expressions(np.array([o.mood for o in occasions]), rng)
    faces = [np.flatnonzero(answers.shown == e) for e in range(len(EMOTIONS))]
    return shown, [answers.scores(int(rng.choice(faces[e]))) for e in shown.tolist()]


@dataclass(frozen=True, slots=True)
class Segment:
    """Emotion on against off on some of the occasions."""

    occasions: int
    off: float
    plain: Interval
    learned: Interval


@dataclass(frozen=True)
class CameraStudy:
    """Segments by name, and the same with the mood distances."""

    segments: dict[str, Segment]
    nearer: dict[str, Interval]


def study_camera(
    period: Period,
    occasions: Sequence[Occasion],
    answers: Answers,
    kinds: Sequence[str],
    config: MoodConfig,
    bands: Sequence[float],
    k: int,
    seed: int,
    resamples: Resamples,
) -> CameraStudy:
    """Compare emotion on, by rule and as learned, with off.

    Args:
        period: the model of what came before.
        occasions: the sessions to rank for.
        answers: of the real reader.
        kinds: of every listener of the simulation, ``match`` or ``compensate``.
        config: as served.
        bands: edges of the bands of confidence.
        k: of nDCG@k.
        seed: of what is shown and read.
        resamples: of the users.
    """
    shown, read = draw_answers(answers, occasions, seed)
    learned = Learned.of(period.data.moments, period.pipeline.model.catalogue)
    ids = [period.listeners[o.user].history.user_id for o in occasions]
    queries = [Query(user, emotion=scores) for user, scores in zip(ids, read, strict=True)]
    plain = [mood_target(q, config) for q in queries]
    own = [mood_target(q, config, None, learned.of_user(q.user_id)) for q in queries]

    def lists(targets: Sequence[MoodTarget | None]) -> Worth:
        def make(listener: Listener, target: MoodTarget | None) -> IntArray:
            return served_list(listener, target, config, k)

        return worth(period.listeners, occasions, targets, make, k)

    off, by_rule, as_learned = lists([None] * len(ids)), lists(plain), lists(own)
    confidence = np.array([scores.confidence for scores in read])
    kind = np.array([kinds[o.user] for o in occasions])
    segments = {}
    for name, rows in _segments(shown, confidence, kind, bands).items():
        user = off.user[rows]
        segments[name] = Segment(
            int(rows.sum()),
            float(off.ndcg[rows].mean()),
            resamples.change(user, by_rule.ndcg[rows], off.ndcg[rows]),
            resamples.change(user, as_learned.ndcg[rows], off.ndcg[rows]),
        )
    nearer = {
        "plain rule": resamples.change(off.user, by_rule.distance, off.distance),
        "learned response": resamples.change(off.user, as_learned.distance, off.distance),
    }
    return CameraStudy(segments, nearer)


def _segments(
    shown: IntArray,
    confidence: NDArray[np.float64],
    kind: NDArray[np.str_],
    bands: Sequence[float],
) -> dict[str, NDArray[np.bool_]]:
    found = {"all sessions": np.ones(len(shown), dtype=np.bool_)}
    found |= {f"listeners who {name}": kind == name for name in ("match", "compensate")}
    for low, high in pairwise([0.0, *bands, 1.0 + 1e-9]):
        rows = (confidence >= low) & (confidence < high)
        found[f"confidence {low:.3g} to {min(high, 1.0):.3g}"] = rows
    found |= {f"shown: {name}": shown == e for e, name in enumerate(EMOTIONS)}
    return {name: rows for name, rows in found.items() if rows.any()}
