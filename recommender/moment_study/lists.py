"""Lists of a listener in a moment, and what they are worth: the loop of every study here."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from data.types import FloatArray, IntArray, Mood
from recommender.config import MoodConfig
from recommender.metrics import ndcg_at_k
from recommender.moment_study.periods import Float64Array, Listener, Occasion
from recommender.mood_tuning import mood_list
from recommender.query import MoodTarget

#: From a listener and a target to the rows of a list, best first.
MakeList = Callable[[Listener, MoodTarget | None], IntArray]


@dataclass(frozen=True)
class Worth:
    """What the lists of many occasions were worth, one value per occasion.

    Attributes:
        user: int64 (n,).
        ndcg: float64 (n,), of the songs really put on.
        distance: float64 (n,), mean distance of the list's songs to the true target.
    """

    user: IntArray
    ndcg: Float64Array
    distance: Float64Array


def distances(moods: FloatArray, target: Mood) -> FloatArray:
    """Return float32 (n,) distances in the mood plane, NaN for songs without a mood."""
    offset = moods - np.array([target.valence, target.arousal], dtype=np.float32)
    return np.asarray(np.linalg.norm(offset, axis=1), dtype=np.float32)


def served_list(
    listener: Listener, target: MoodTarget | None, config: MoodConfig, k: int
) -> IntArray:
    """Return the rows of the first ``k`` songs as they are served, but for spreading artists."""
    if target is None or target.pull <= 0:
        return np.arange(min(k, len(listener.songs)), dtype=np.int64)
    return mood_list(listener.taste, listener.moods, target, config, listener.among, k)


def judge(listener: Listener, rows: IntArray, occasion: Occasion, k: int) -> tuple[float, float]:
    """Return nDCG@k of the songs put on, and the mean distance to what was looked for.

    A song without a mood counts as far away as the listener's candidates with one are on average:
    a list must not come nearer by songs of which nothing is known.
    """
    ndcg = ndcg_at_k(listener.songs[rows], frozenset(occasion.songs.tolist()), k)
    gaps = distances(listener.moods, Mood(*occasion.target.tolist()))
    known = np.isfinite(gaps)
    if not known.any() or not len(rows):
        return ndcg, float("nan")
    return ndcg, float(np.where(known, gaps, gaps[known].mean())[rows].mean())


def worth(
    listeners: dict[int, Listener],
    occasions: Sequence[Occasion],
    targets: Sequence[MoodTarget | None],
    make: MakeList,
    k: int,
) -> Worth:
    """Make a list for every occasion with its target, and judge it."""
    values = np.empty((len(occasions), 2))
    for row, (occasion, target) in enumerate(zip(occasions, targets, strict=True)):
        listener = listeners[occasion.user]
        values[row] = judge(listener, make(listener, target), occasion, k)
    users = np.array([o.user for o in occasions], dtype=np.int64)
    return Worth(users, values[:, 0], values[:, 1])
