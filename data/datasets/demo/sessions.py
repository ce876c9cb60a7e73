"""When the simulated listeners listen, and in what mood."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime

import numpy as np
from numpy.typing import NDArray

from data.datasets.demo.config import DemoConfig
from data.datasets.demo.expressions import read_labels
from data.datasets.demo.population import Float64Array, Population

#: Midnight after the last day. Fixed, so that nothing depends on today.
END = datetime(2026, 11, 1, tzinfo=UTC)
_HOUR = 3600.0
_LONGEST = 14


@dataclass(frozen=True, slots=True)
class Sessions:
    """All sessions, grouped by listener, each listener's in order of time.

    Attributes:
        owner: int64 (s,), row in the population.
        start: float64 (s,), unix seconds, UTC.
        length: int64 (s,), listens.
        mood: float64 (s, 2), valence and arousal on arrival.
        target: float64 (s, 2), the mood the listener looks for in songs.
        label: int64 (s,), index into EMOTIONS of the apparent expression, -1 if not seen.
    """

    owner: NDArray[np.int64]
    start: Float64Array
    length: NDArray[np.int64]
    mood: Float64Array
    target: Float64Array
    label: NDArray[np.int64]


def draw_sessions(config: DemoConfig, population: Population, rng: np.random.Generator) -> Sessions:
    """Draw the sessions that hold ``population.listens``."""
    owner, length = _lengths(config, population.listens, rng)
    start = _starts(config, population, owner, rng)
    mood = _moods(config, population, owner, start, rng)
    target = np.where(population.compensates[owner, None], lifted(mood), mood)
    seen = rng.random(len(owner)) < config.camera_share
    return Sessions(owner, start, length, mood, target, np.where(seen, read_labels(mood, rng), -1))


def lifted(mood: Float64Array) -> Float64Array:
    """Return what a compensating listener aims at: (..., 2) -> (..., 2).

    Below a valence of 0.3 the aim rises by 1.5 for each unit the mood falls short; arousal
    goes half way to 0.
    """
    valence, arousal = mood[..., 0], mood[..., 1]
    aim = np.clip(valence + 1.5 * np.maximum(0.0, 0.3 - valence), -1.0, 1.0)
    return np.stack([aim, 0.5 * arousal], axis=-1)


def _lengths(
    config: DemoConfig, listens: NDArray[np.int64], rng: np.random.Generator
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Cut each listener's listens into sessions of geometric length; return (owner, length)."""
    owners, lengths = [], []
    for listener, total in enumerate(listens):
        drawn = rng.geometric(1.0 / config.session_length, size=int(total))
        ends = np.minimum(np.cumsum(np.minimum(drawn, _LONGEST)), total)
        ends = ends[: int(np.searchsorted(ends, total)) + 1]
        lengths.append(np.diff(ends, prepend=0))
        owners.append(np.full(len(ends), listener))
    return np.concatenate(owners), np.concatenate(lengths).astype(np.int64)


def hour_weights(weekend: NDArray[np.bool_], late: Float64Array) -> Float64Array:
    """Return how likely each hour is to start a session.

    Args:
        weekend: bool (days,).
        late: float64 (n,), shift of the rhythm in hours.

    Returns:
        float64 (n, days, 24), not normalised. Working days peak on the way to work (8 h) and in
        the evening (20 h); weekends late in the morning (11 h) and at night (22 h).
    """
    hours = np.arange(24)[None, :] - late[:, None]

    def bump(centre: float, width: float) -> Float64Array:
        gap = (hours - centre + 12.0) % 24.0 - 12.0
        return np.asarray(np.exp(-0.5 * (gap / width) ** 2))

    working = 0.02 + 0.8 * bump(8, 1.2) + 0.35 * bump(13, 1.5) + 1.0 * bump(20, 2.0)
    resting = 0.02 + 0.7 * bump(11, 2.0) + 0.5 * bump(16, 2.0) + 1.1 * bump(22, 2.0)
    return np.where(weekend[None, :, None], 1.25 * resting[:, None], working[:, None])


def _starts(
    config: DemoConfig,
    population: Population,
    owner: NDArray[np.int64],
    rng: np.random.Generator,
) -> Float64Array:
    """Draw a start for each session: distinct hours of the listener's own time, in order."""
    first = END.timestamp() - config.days * 24 * _HOUR
    weekday = (np.arange(config.days) + int(first // (24 * _HOUR)) + 3) % 7
    weights = hour_weights(weekday >= 5, population.late)
    absent = np.arange(config.days)[None, :] < population.joined[:, None] * config.days
    weights[absent] = 0.0
    weights[:, -1, -3:] = 0.0  # no session may run past the end
    # Weighted choice without replacement (Efraimidis and Spirakis, 2006).
    keys = rng.standard_exponential((len(population.ids), config.days * 24))
    with np.errstate(divide="ignore"):
        order = np.argsort(keys / weights.reshape(keys.shape), axis=1, kind="stable")
    counts = np.bincount(owner, minlength=len(population.ids))
    slots = np.concatenate([np.sort(row[:count]) for row, count in zip(order, counts, strict=True)])
    return np.floor(first + (slots + rng.uniform(0.0, 0.5, len(slots))) * _HOUR)


def _moods(
    config: DemoConfig,
    population: Population,
    owner: NDArray[np.int64],
    start: Float64Array,
    rng: np.random.Generator,
) -> Float64Array:
    """Baseline + AR(1) from session to session + drift by the clock, clipped to [-1, 1]."""
    shocks = rng.normal(0.0, config.mood_spread, (len(owner), 2))
    kept, fresh = config.mood_persistence, np.sqrt(1.0 - config.mood_persistence**2)
    state = shocks.copy()
    position = np.arange(len(owner)) - np.searchsorted(owner, owner)
    for rank in range(1, int(position.max()) + 1):
        rows = np.flatnonzero(position == rank)
        state[rows] = kept * state[rows - 1] + fresh * shocks[rows]
    hour = start % (24 * _HOUR) / _HOUR
    weekend = (start // (24 * _HOUR) + 3) % 7 >= 5
    drift = np.stack(
        [np.where(weekend, 0.08, -0.02), 0.25 * np.cos(2 * np.pi * (hour - 15.0) / 24.0)], axis=1
    )
    mood: Float64Array = np.clip(population.baseline[owner] + state + drift, -1.0, 1.0)
    return mood
