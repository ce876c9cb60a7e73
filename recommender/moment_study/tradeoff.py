"""Study 2: how near a list comes to a stated mood, and what that costs of the songs put on.

Several ways to let a mood into a list, each over its own strengths. The strength at which the mean
distance is halved is chosen on validation; the loss there is measured on the test.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from data.types import FloatArray, IntArray, Mood
from recommender.config import MoodConfig
from recommender.metrics import Interval
from recommender.moment_study.figures import Resamples
from recommender.moment_study.lists import MakeList, Worth, distances, served_list, worth
from recommender.moment_study.periods import Listener, Occasion
from recommender.query import MoodTarget
from recommender.scoring.hybrid import standardise


@dataclass(frozen=True, slots=True)
class Point:
    """One strength of one way."""

    strength: float
    ndcg: Interval
    ndcg_change: Interval
    distance: Interval
    distance_change: Interval


@dataclass(frozen=True, slots=True)
class Way:
    """One way on the test: its curve, and the point that halves the distance on validation.

    Attributes:
        curve: one point per strength.
        halved: the point, or None where no strength halves it.
    """

    curve: tuple[Point, ...]
    halved: Point | None


def ways(
    config: MoodConfig, k: int, common: tuple[float, ...]
) -> dict[str, tuple[tuple[float, ...], MakeWay]]:
    """Return every way under test with the strengths at which it is tried, the last as served."""
    return {
        "taste + z(nearness)": (common, _Sum(k)),
        "the same among the first 100": (common, _Sum(k, pool=100)),
        "alike within a radius of 0.3": (common, _Sum(k, radius=0.3)),
        "taste + z(root of nearness)": (common, _Sum(k, power=0.5)),
        "log p(song) + log fit": (tuple(4 * s for s in common), _LogFit(k)),
        "least mood for the goal": ((0.9, 0.8, 0.7, 0.65, 0.6, 0.55, 0.5, 0.45, 0.4), _Goal(k)),
        "chosen by mood, ordered by taste (served)": (common, _Served(config, k)),
    }


class MakeWay(ABC):
    """Makes a list at a strength."""

    @abstractmethod
    def at(self, strength: float) -> MakeList:
        """Return the maker of lists at one strength."""


@dataclass(frozen=True)
class _Sum(MakeWay):
    """Scores and standardised nearness, added."""

    k: int
    pool: int | None = None
    radius: float = 0.0
    power: float = 1.0

    def at(self, strength: float) -> MakeList:
        def make(listener: Listener, target: MoodTarget | None) -> IntArray:
            gap = np.maximum(_gap(listener, target) - self.radius, 0.0) ** self.power
            scores = listener.taste + strength * standardise(-gap)
            return _first(scores[: self.pool], self.k)

        return make


@dataclass(frozen=True)
class _LogFit(MakeWay):
    """A chance by taste times a power of the fit, 1 at the target and 0 at the far corner."""

    k: int

    def at(self, strength: float) -> MakeList:
        def make(listener: Listener, target: MoodTarget | None) -> IntArray:
            fit = np.log(np.maximum(1 - _gap(listener, target) / (2 * 2**0.5), 1e-3))
            return _first(listener.taste + strength * np.nan_to_num(fit, nan=-1.0), self.k)

        return make


@dataclass(frozen=True)
class _Goal(MakeWay):
    """For each list the least mood that brings it to a share of the distance it had without."""

    k: int

    def at(self, strength: float) -> MakeList:
        def make(listener: Listener, target: MoodTarget | None) -> IntArray:
            gap = _gap(listener, target)
            near = standardise(-gap)
            gap = np.where(np.isfinite(gap), gap, np.nanmean(gap))
            wanted = strength * float(gap[: self.k].mean())
            low, high = 0.0, 16.0
            for _ in range(12):
                middle = (low + high) / 2
                rows = _first(listener.taste + middle * near, self.k)
                low, high = (middle, high) if gap[rows].mean() > wanted else (low, middle)
            return _first(listener.taste + high * near, self.k)

        return make


@dataclass(frozen=True)
class _Served(MakeWay):
    """What :mod:`recommender.moment` does."""

    config: MoodConfig
    k: int

    def at(self, strength: float) -> MakeList:
        config = self.config.model_copy(update={"strength": strength})
        return lambda listener, target: served_list(listener, target, config, self.k)


def _gap(listener: Listener, target: MoodTarget | None) -> FloatArray:
    assert target is not None
    return distances(listener.moods, target.target)


def _first(scores: FloatArray, k: int) -> IntArray:
    return np.argsort(-scores, kind="stable")[:k].astype(np.int64)


@dataclass(frozen=True)
class Moods:
    """Listeners, what they put on, and the mood each occasion states."""

    listeners: Mapping[int, Listener]
    occasions: Sequence[Occasion]
    targets: Sequence[MoodTarget]

    @classmethod
    def of(cls, listeners: Mapping[int, Listener], occasions: Sequence[Occasion]) -> Moods:
        """State the occasions' targets: confidence 1, strategy ``match``, no learned weight."""
        moods = [Mood(*o.target.tolist()) for o in occasions]
        return cls(listeners, occasions, [MoodTarget(m, m, "match", 1.0) for m in moods])

    def worth(self, make: MakeList, k: int) -> Worth:
        """Judge the lists of one maker."""
        return worth(dict(self.listeners), self.occasions, self.targets, make, k)


def trade_off(
    validation: Moods,
    test: Moods,
    config: MoodConfig,
    k: int,
    strengths: Sequence[float],
    resamples: Resamples,
) -> dict[str, Way]:
    """Draw every way's curve on the test; choose the point that halves on validation.

    Args:
        validation: occasions by which the point is chosen.
        test: other occasions.
        config: of the way that is served; its strength is varied.
        k: songs of a list.
        strengths: to try; 0 is passed over.
        resamples: of the users of the test.
    """
    off = lambda listener, target: np.arange(min(k, len(listener.songs)))  # noqa: E731
    before, after = validation.worth(off, k), test.worth(off, k)
    found = {}
    common = tuple(s for s in strengths if s > 0)
    for name, (tried, way) in ways(config, k, common).items():
        curve = tuple(_point(s, test.worth(way.at(s), k), after, resamples) for s in tried)
        near = [float(np.nanmean(validation.worth(way.at(s), k).distance)) for s in tried]
        strength = _halving(tried, near, float(np.nanmean(before.distance)) / 2)
        halved = None
        if strength is not None:
            halved = _point(strength, test.worth(way.at(strength), k), after, resamples)
        found[name] = Way(curve, halved)
    return found


def _point(strength: float, on: Worth, off: Worth, resamples: Resamples) -> Point:
    return Point(
        strength,
        resamples.mean(on.user, on.ndcg),
        resamples.change(on.user, on.ndcg, off.ndcg),
        resamples.mean(on.user, on.distance),
        resamples.change(on.user, on.distance, off.distance),
    )


def _halving(strengths: Sequence[float], distance: Sequence[float], goal: float) -> float | None:
    """Interpolate the first strength at which the distance has come down to ``goal``."""
    for i, value in enumerate(distance):
        if value <= goal:
            if i == 0:
                return strengths[0]
            share = (distance[i - 1] - goal) / (distance[i - 1] - value)
            return float(strengths[i - 1] + share * (strengths[i] - strengths[i - 1]))
    return None
