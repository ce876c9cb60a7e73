"""Occasions: songs that a listener put on in one go, in one emotion, as numbers to learn from."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from data.moments import Moments
from data.moods import EMOTION_MOODS
from data.types import EMOTIONS, FloatArray, IntArray

Float64Array = NDArray[np.float64]

#: Below this valence a listener may want to be lifted; at and above it a mood is a pleasant one.
KNEE = 0.3
#: Moments of one listener in one emotion that follow within this are one occasion.
BREAK_S = 30 * 60.0
#: P(label read | expression shown) of the shipped reader, flip-averaged, on FER2013's PublicTest
#: (the split it was calibrated on), rows and columns in the order of EMOTIONS.
READER_CONFUSION: Float64Array = np.array([
    (0.608, 0.015, 0.079, 0.039, 0.135, 0.021, 0.103),
    (0.250, 0.536, 0.036, 0.000, 0.143, 0.018, 0.018),
    (0.103, 0.002, 0.484, 0.018, 0.206, 0.081, 0.107),
    (0.008, 0.000, 0.018, 0.891, 0.017, 0.020, 0.047),
    (0.077, 0.003, 0.087, 0.043, 0.645, 0.009, 0.136),
    (0.031, 0.000, 0.065, 0.039, 0.019, 0.831, 0.014),
    (0.041, 0.003, 0.049, 0.084, 0.155, 0.016, 0.651),
])  # fmt: skip
#: The emotions' places in the mood plane, (7, 2).
PLACES: Float64Array = np.array([(EMOTION_MOODS[e].valence, EMOTION_MOODS[e].arousal)
                                 for e in EMOTIONS])  # fmt: skip


def mood_features(moods: Float64Array) -> Float64Array:
    """Return (n, 3) of moods (n, 2): valence, how far it is below :data:`KNEE`, arousal."""
    valence, arousal = moods[:, 0], moods[:, 1]
    return np.stack([valence, np.maximum(0.0, KNEE - valence), arousal], axis=1)


def shown_shares(labels: IntArray, confusion: Float64Array = READER_CONFUSION) -> Float64Array:
    """Estimate how often each expression was really shown, (7,), from the labels read.

    Maximum likelihood by expectation-maximisation (Richardson, 1972; Lucy, 1974), with one
    invented label of each kind, so that a label never read has a place too.
    """
    counts = np.bincount(labels, minlength=len(EMOTIONS))
    read: Float64Array = counts.astype(np.float64) + 1
    shown: Float64Array = read / read.sum()
    for _ in range(200):
        shown = np.asarray((shown_given_read(shown, confusion) * read / read.sum()).sum(axis=1))
    return shown


def label_features(labels: IntArray, confusion: Float64Array = READER_CONFUSION) -> Float64Array:
    """Return (7, 3): the expected features of what was shown when each label was read.

    A rare expression is often a misread common one: where most faces are neutral, a face read as
    angry is on the whole less angry than its label says.
    """
    shown = shown_shares(labels, confusion)
    return np.asarray(shown_given_read(shown, confusion).T @ mood_features(PLACES))


def shown_given_read(shown: Float64Array, confusion: Float64Array) -> Float64Array:
    """Return (7, 7) P(shown | read) by Bayes, one column per label read."""
    joint = confusion * shown[:, None]
    return np.asarray(joint / np.maximum(joint.sum(axis=0), 1e-300))


@dataclass(frozen=True, slots=True)
class Occasions:
    """One row per occasion, by user.

    Attributes:
        user: int64 (g,), numbers of users, ascending.
        emotion: int64 (g,), places in EMOTIONS.
        size: float64 (g,), number of songs.
        mood: float64 (g, 2), mean valence and arousal of the songs.
        spread: float64 (2,), variance of a song about its occasion's mean; NaN if all have one.
    """

    user: IntArray
    emotion: IntArray
    size: Float64Array
    mood: Float64Array
    spread: Float64Array

    @classmethod
    def of(cls, moments: Moments, moods: FloatArray) -> Occasions:
        """Group moments; songs without a mood are passed over.

        Args:
            moments: any order.
            moods: float32 (n, 2), mood of the song of each moment, NaN where unknown.
        """
        known = np.flatnonzero(np.isfinite(moods).all(axis=1))
        rows = known[np.lexsort((moments.at[known], moments.user[known]))]
        user, emotion, at = moments.user[rows], moments.emotion[rows], moments.at[rows]
        opens = np.ones(len(rows), dtype=np.bool_)
        opens[1:] = (np.diff(user) != 0) | (np.diff(emotion) != 0) | (np.diff(at) > BREAK_S)
        group = np.cumsum(opens) - 1
        size = np.bincount(group).astype(np.float64)
        songs = moods[rows].astype(np.float64)
        mean = np.stack([np.bincount(group, songs[:, k]) / size for k in range(2)], axis=1)
        within = ((songs - mean[group]) ** 2).sum(axis=0)
        freedom = len(rows) - len(size)
        spread = within / freedom if freedom else np.full(2, np.nan)
        return cls(user[opens], emotion[opens], size, mean, spread)

    def __len__(self) -> int:
        return len(self.user)
