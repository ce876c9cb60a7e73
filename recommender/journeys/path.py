"""Journeys: an ordered playlist from one mood to another, as an optimisation.

The iso-principle of music therapy (Altshuler, 1948) starts where the listener is and moves by small
steps. Here it is a constrained path problem: choose n different songs and their order so that

    sum over songs   of taste + closeness of the song to its point of the path
    - sum over steps of what a step is longer than the path's own step
    - sum over pairs of songs near each other in the list of their similarity
    - the same for songs of one artist

is largest. The parts are weighed by :class:`JourneyConfig`; the unit is one standard deviation of
the listener's taste over the candidates, brought to a normal distribution. How the sum is made
large: `recommender.journeys.search`.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray
from pydantic import Field
from scipy.special import ndtri

from data.config import FrozenConfig
from data.types import FloatArray, IntArray, Mood

Array = NDArray[np.float64]
#: A song whose duration nobody knows, where no other duration is known either; seconds.
TYPICAL_SECONDS = 210.0
#: Longest journey, songs.
MOST_SONGS = 100


class JourneyConfig(FrozenConfig):
    """What a journey weighs; every weight is in standard deviations of taste."""

    taste: float = Field(1.0, ge=0, description="per standard deviation of the listener's score")
    closeness: float = Field(
        3.0, ge=0, description="per unit of distance from the path; the plane is 2 wide"
    )
    smoothness: float = Field(
        2.0, ge=0, description="per unit by which a step is longer than the path's own"
    )
    diversity: float = Field(
        1.0, ge=0, description="for neighbours of content similarity 1, falling as 1 / distance"
    )
    window: int = Field(4, ge=0, le=20, description="places within which similarity counts")
    artist: float = Field(
        2.0, ge=0, description="for neighbours of one artist, falling to 0 over artist_gap places"
    )
    artist_gap: int = Field(5, ge=0, le=20, description="places within which an artist counts")
    duration: float = Field(6.0, ge=0, description="per minute beside the minutes asked for")
    candidates: int = Field(400, ge=1, le=5000, description="songs the optimisation looks at")
    beam: int = Field(64, ge=1, le=5000, description="partial journeys kept at every place")
    starts: int = Field(4, ge=1, le=64, description="full journeys that are then improved")
    reach: int = Field(12, ge=1, le=100, description="places over which songs are moved about")
    exact: int = Field(
        10_000, ge=0, description="up to so many possible journeys, all of them are looked at"
    )


def path_points(start: Mood, end: Mood, n: int) -> Array:
    """Return float64 (n, 2): valence and arousal on the way, the first ``start``, the last ``end``.

    The way is straight and eases in and out by x^2 (3 - 2x), so that a journey begins and ends in
    steps that are hardly felt. A journey of one song is at its end.
    """
    x = np.linspace(0, 1, n) if n > 1 else np.ones(n)
    eased = (x * x * (3 - 2 * x))[:, None]
    first, last = (np.array([m.valence, m.arousal], dtype=np.float64) for m in (start, end))
    return np.asarray((1 - eased) * first + eased * last)


def standard_taste(taste: FloatArray) -> Array:
    """Return normal scores float64 (c,): the normal quantiles of the ranks of a taste.

    Van der Waerden (1952): quantile of rank / (known + 1), equal scores share their mean rank. A
    listener with a few songs far above all others would otherwise get these, whatever the path.
    0 where a score is not finite or nothing differs.
    """
    values = np.asarray(taste, dtype=np.float64)
    known = np.isfinite(values)
    _, group, sizes = np.unique(values[known], return_inverse=True, return_counts=True)
    mean_ranks = np.cumsum(sizes) - (sizes - 1) / 2
    scores = np.zeros(len(values))
    scores[known] = ndtri(mean_ranks[group] / (known.sum() + 1))
    return scores


def unary_gain(taste: Array, moods: FloatArray, points: Array, config: JourneyConfig) -> Array:
    """Return float64 (n, c): what each candidate gives at each place, its neighbours apart."""
    return np.asarray(config.taste * taste - config.closeness * distances(points, moods))


def distances(first: Array, second: FloatArray | Array) -> Array:
    """Return float64 (n, m) Euclidean distances of points (n, 2) and (m, 2) of the plane."""
    # Axis by axis: a norm over an axis of two takes four times as long.
    one, other = first.astype(np.float64), second.astype(np.float64)
    across, along = (one[:, None, axis] - other[None, :, axis] for axis in (0, 1))
    return np.asarray(np.sqrt(across * across + along * along))


@dataclass(frozen=True)
class Candidates:
    """The songs a journey may be made of; rows of all arrays are the same songs.

    Attributes:
        taste: (c,) scores of the listener; standardised over these songs.
        moods: (c, 2) valence and arousal; a NaN row can take no place.
        artists: int64 (c,) artist codes.
        similarity: (c, c) content similarity in [0, 1].
        seconds: (c,) durations, NaN counts as the median; None where they do not matter.
    """

    taste: FloatArray
    moods: FloatArray
    artists: IntArray
    similarity: FloatArray
    seconds: Array | None = None

    def __len__(self) -> int:
        return len(self.taste)

    def take(self, rows: IntArray) -> Candidates:
        """Return these rows."""
        return Candidates(
            self.taste[rows],
            self.moods[rows],
            self.artists[rows],
            self.similarity[np.ix_(rows, rows)],
            None if self.seconds is None else self.seconds[rows],
        )


@dataclass(frozen=True)
class JourneyProblem:
    """The objective of one journey, in arrays.

    Attributes:
        gain: float64 (n, c) taste and closeness of candidate c at place n.
        apart: float64 (c, c) weighted mood distance of two songs.
        steps: float64 (n - 1,) the path's own steps, weighted alike.
        costs: float64 (w, c, c); ``costs[d - 1]`` is the penalty of two songs d places apart.
        seconds: float64 (c,) durations without NaN.
        asked: seconds asked for, or None.
        minute: penalty per minute beside them.
    """

    gain: Array
    apart: Array
    steps: Array
    costs: Array
    seconds: Array
    asked: float | None = None
    minute: float = 0.0

    @property
    def length(self) -> int:
        """Places to fill."""
        return len(self.gain)

    def values(self, orders: IntArray) -> Array:
        """Return float64 (k,), the objective of many journeys, int64 (k, n) rows of candidates."""
        total = self.gain[np.arange(self.length), orders].sum(axis=1)
        for left, right, penalty in self._pairs(orders):
            total -= penalty[left, right].sum(axis=1)
        rough = self.apart[orders[:, :-1], orders[:, 1:]] - self.steps
        total -= np.maximum(0, rough).sum(axis=1)
        if self.asked is not None:
            total -= self.off(self.seconds[orders].sum(axis=1))
        return np.asarray(total)

    def value(self, order: IntArray) -> float:
        """Return the objective of one journey, int64 (n,)."""
        return float(self.values(order[None])[0])

    def over(self, songs: IntArray) -> JourneyProblem:
        """Return the problem with these candidates alone, in this order."""
        pairs = np.ix_(songs, songs)
        costs = self.costs[:, songs[:, None], songs]
        gain, seconds = self.gain[:, songs], self.seconds[songs]
        return replace(self, gain=gain, apart=self.apart[pairs], costs=costs, seconds=seconds)

    def off(self, seconds: Array) -> Array:
        """Return the penalty of total durations."""
        return np.asarray(self.minute * np.abs(seconds - (self.asked or 0.0)) / 60)

    def _pairs(self, orders: IntArray) -> Iterator[tuple[IntArray, IntArray, Array]]:
        for lag, penalty in enumerate(self.costs[: self.length - 1], start=1):
            yield orders[:, :-lag], orders[:, lag:], penalty


def build_problem(
    candidates: Candidates, start: Mood, end: Mood, n: int, config: JourneyConfig
) -> JourneyProblem:
    """Put a journey of ``n`` places over candidates with known moods into arrays."""
    points = path_points(start, end, n)
    moods = np.asarray(candidates.moods, dtype=np.float64)
    own = np.linalg.norm(np.diff(points, axis=0), axis=1)
    return JourneyProblem(
        unary_gain(standard_taste(candidates.taste), candidates.moods, points, config),
        config.smoothness * distances(moods, moods),
        config.smoothness * own,
        _pair_costs(candidates, config),
        known_seconds(candidates),
        minute=config.duration,
    )


def known_seconds(candidates: Candidates) -> Array:
    """Return durations float64 (c,), the median where one is not known."""
    if candidates.seconds is None:
        return np.full(len(candidates), TYPICAL_SECONDS)
    known = np.isfinite(candidates.seconds) & (candidates.seconds > 0)
    typical = float(np.median(candidates.seconds[known])) if known.any() else TYPICAL_SECONDS
    return np.where(known, candidates.seconds, typical)


def _pair_costs(candidates: Candidates, config: JourneyConfig) -> Array:
    """Similarity counts 1 / d at d places, an artist falls in a line to 0 beyond the gap."""
    similar = np.clip(np.nan_to_num(candidates.similarity.astype(np.float64)), 0, 1)
    same = (candidates.artists[:, None] == candidates.artists[None]).astype(np.float64)
    gap, reach = config.artist_gap, max(config.window, config.artist_gap)
    costs = np.zeros((reach, len(candidates), len(candidates)))
    for place in range(reach):
        if place < config.window:
            costs[place] += config.diversity / (place + 1) * similar
        if place < gap:
            costs[place] += config.artist * (1 - place / gap) * same
    return costs
