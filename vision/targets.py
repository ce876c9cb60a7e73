"""What each training picture's answer should be, as probabilities over the seven expressions."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from data.datasets.fer2013 import VOTE_NAMES, FerSplit
from data.errors import TrainingError
from data.types import EMOTIONS, FloatArray
from vision.calibration import softmax
from vision.config import TargetConfig
from vision.views import Network, both_views

#: FER+ vote columns of our seven labels, in the order of ``EMOTIONS``.
VOTED = tuple(
    VOTE_NAMES.index(name)
    for name in ("anger", "disgust", "fear", "happiness", "sadness", "surprise", "neutral")
)
_NOT_A_FACE = VOTE_NAMES.index("nf")


def soft_targets(
    split: FerSplit, config: TargetConfig, teachers: tuple[Network, ...] = ()
) -> FloatArray:
    """Mix label, FER+ votes and teachers' answers.

    The label is smoothed (Szegedy et al., 2016) first. ``ferplus`` of the target comes from the
    votes for our seven labels, where there are any (Barsoum et al., 2016); of the whole,
    ``teacher_share`` comes from the mean of the teachers' softened answers (Hinton et al., 2015),
    each averaged over the picture and its mirror image.

    Returns:
        float32 (n, 7), rows sum to 1.

    Raises:
        TrainingError: if votes are asked for and the data have none.
    """
    classes = len(EMOTIONS)
    target = np.eye(classes)[split.labels] * (1 - config.label_smoothing)
    target += config.label_smoothing / classes
    if config.ferplus:
        votes = _votes(split)[:, VOTED].astype(np.float64)
        total = votes.sum(axis=1, keepdims=True)
        crowd = np.divide(votes, total, out=target.copy(), where=total > 0)
        target = (1 - config.ferplus) * target + config.ferplus * crowd
    if teachers:
        answers = [
            softmax(both_views(t, split.images)[1], config.teacher_temperature) for t in teachers
        ]
        target = (1 - config.teacher_share) * target + config.teacher_share * np.mean(answers, 0)
    return np.asarray(target, dtype=np.float32)


def training_rows(split: FerSplit, config: TargetConfig) -> FerSplit:
    """Return the rows that are trained on: usable ones, and faces where that is asked for.

    A picture is not a face where no answer has more FER+ votes than "not a face".
    """
    keep = split.usable.copy()
    if config.drop_not_faces:
        votes = _votes(split)
        keep &= votes[:, _NOT_A_FACE] < votes.max(axis=1)
    return split.take(keep)


def _votes(split: FerSplit) -> NDArray[np.uint8]:
    if split.votes is None:
        raise TrainingError(
            "the recipe asks for FER+ votes and these data have none: use the Parquet form of "
            "FER2013 with its ferplus columns, or set ferplus = 0 and drop_not_faces = false"
        )
    return split.votes
