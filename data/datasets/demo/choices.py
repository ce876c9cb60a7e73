"""Which songs the simulated listeners put on, and what they do with them.

All listeners take their k-th listen at once: the state is one row per listener, and because
the population is ordered by falling number of listens the active rows are always a prefix.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from data.datasets.demo.config import DemoConfig
from data.datasets.demo.expressions import pick
from data.datasets.demo.population import Float64Array, Population
from data.datasets.demo.sessions import Sessions
from data.types import Event

KINDS: tuple[Event, ...] = ("complete", "play", "skip", "like", "save", "dislike")
_COMPLETE, _PLAY, _SKIP, _LIKE, _SAVE, _DISLIKE = range(len(KINDS))
#: Listens that must pass before the same song may come again.
_PAUSE = 12
#: What hearing a song does to the odds of hearing it again; never above _FOND times the start.
_AFTER = np.array([1.05, 1.0, 0.55], dtype=np.float32)
_AFTER_PRAISE = np.float32(1.6)
_FOND = np.float32(4.0)


@dataclass(frozen=True, slots=True)
class Choices:
    """Every event in the order of listener, then time; all arrays have shape (events,).

    Attributes:
        listener: row in the population.
        song: row in the catalogue.
        kind: index into :data:`KINDS`.
        at: unix seconds.
        session: row in the sessions.
    """

    listener: NDArray[np.int64]
    song: NDArray[np.int64]
    kind: NDArray[np.int64]
    at: NDArray[np.int64]
    session: NDArray[np.int64]


def appeal(config: DemoConfig, songs: int, rng: np.random.Generator) -> Float64Array:
    """Return how well known each song is, (songs,): Zipf, rank ** -exponent, ranks at random."""
    return np.asarray((rng.permutation(songs) + 1.0) ** -config.zipf_exponent, dtype=np.float64)


def make_choices(
    config: DemoConfig,
    population: Population,
    sessions: Sessions,
    song_moods: Float64Array,
    durations: Float64Array,
    rng: np.random.Generator,
) -> Choices:
    """Let every listener choose, listen and react.

    Args:
        config: constants.
        population: who listens.
        sessions: when, and looking for which mood.
        song_moods: float64 (songs, 2).
        durations: float64 (songs,), seconds.
        rng: source of chance.
    """
    state = _State.start(config, population, song_moods, durations, rng)
    order = np.cumsum(sessions.length) - sessions.length
    listens = population.listens
    session_of = np.repeat(np.arange(len(sessions.length)), sessions.length)
    opens = np.zeros(len(session_of), dtype=np.bool_)
    opens[order] = True
    first = np.cumsum(listens) - listens
    for step in range(int(listens[0])):
        active = int(np.searchsorted(-listens, -step, side="left"))
        at = first[:active] + step
        state.listen(step, session_of[at], opens[at], sessions)
    return state.log.sorted()


@dataclass(slots=True)
class _Log:
    """Events as they happen, one block of columns per kind of happening."""

    blocks: list[tuple[NDArray[np.int64], ...]] = field(default_factory=list)

    def add(
        self,
        listener: NDArray[np.int64],
        song: NDArray[np.int64],
        kind: NDArray[np.int64] | int,
        at: Float64Array,
        session: NDArray[np.int64],
    ) -> None:
        kinds = np.broadcast_to(np.asarray(kind, dtype=np.int64), listener.shape)
        self.blocks.append((listener, song, kinds, at.astype(np.int64), session))

    def sorted(self) -> Choices:
        listener, song, kind, at, session = (
            np.concatenate(column) for column in zip(*self.blocks, strict=True)
        )
        order = np.lexsort((kind, at, listener))
        return Choices(listener[order], song[order], kind[order], at[order], session[order])


@dataclass(slots=True)
class _State:
    """What changes from listen to listen: odds of each song, the clock, what was praised."""

    population: Population
    song_moods: Float64Array
    durations: Float64Array
    rng: np.random.Generator
    standing: Float64Array
    base: NDArray[np.float32]
    odds: NDArray[np.float32]
    memory: NDArray[np.float32]
    mood_odds: NDArray[np.float32]
    praised: NDArray[np.bool_]
    heard: NDArray[np.bool_]
    recent: NDArray[np.int64]
    clock: Float64Array
    log: _Log

    @classmethod
    def start(
        cls,
        config: DemoConfig,
        population: Population,
        song_moods: Float64Array,
        durations: Float64Array,
        rng: np.random.Generator,
    ) -> _State:
        taste = population.taste
        utility = taste + np.log(appeal(config, taste.shape[1], rng))
        base = np.exp(utility - utility.max(axis=1, keepdims=True)).astype(np.float32)
        deviation = taste.std(axis=1, keepdims=True)
        shape = base.shape
        return cls(
            population=population,
            song_moods=song_moods,
            durations=durations,
            rng=rng,
            standing=(taste - taste.mean(axis=1, keepdims=True)) / np.maximum(deviation, 1e-9),
            base=base,
            odds=base.copy(),
            memory=np.ones(shape, np.float32),
            mood_odds=np.ones(shape, np.float32),
            praised=np.zeros(shape, np.bool_),
            heard=np.zeros(shape, np.bool_),
            recent=np.full((_PAUSE, shape[0]), -1),
            clock=np.zeros(shape[0]),
            log=_Log(),
        )

    def listen(
        self,
        step: int,
        session: NDArray[np.int64],
        opens: NDArray[np.bool_],
        sessions: Sessions,
    ) -> None:
        """Take the ``step``-th listen of the first ``len(session)`` listeners."""
        rows = np.arange(len(session))
        self._release(step, rows)
        self._enter(rows[opens], session[opens], sessions)
        song = pick(self.odds[: len(rows)] * self.mood_odds[: len(rows)], self.rng)
        fit = self._fit(rows, song, sessions.target[session])
        kind, lasted = self._hear(rows, song, fit)
        self.log.add(rows, song, kind, self.clock[: len(rows)], session)
        self._react(rows, song, kind, fit, lasted, session)
        self._remember(step, rows, song, kind)
        self.clock[: len(rows)] += lasted + 2.0

    def _release(self, step: int, rows: NDArray[np.int64]) -> None:
        """Make the song of ``_PAUSE`` listens ago possible again."""
        past = self.recent[step % _PAUSE, : len(rows)]
        again = rows[past >= 0]
        song = past[past >= 0]
        self.odds[again, song] = self.base[again, song] * self.memory[again, song]

    def _enter(
        self, rows: NDArray[np.int64], session: NDArray[np.int64], sessions: Sessions
    ) -> None:
        """Start the sessions of ``rows``: set the clock, and the odds by mood."""
        if not len(rows):
            return
        self.clock[rows] = np.maximum(self.clock[rows] + 30.0, sessions.start[session])
        gap = distance(self.song_moods[None], sessions.target[session][:, None])
        self.mood_odds[rows] = np.exp(-self.population.beta[rows, None] * gap)

    def _fit(
        self, rows: NDArray[np.int64], song: NDArray[np.int64], target: Float64Array
    ) -> Float64Array:
        """How well the song suits the listener now, (rows,), log-odds around 0."""
        gap = distance(self.song_moods[song], target)
        taste = 0.6 * (self.standing[rows, song] - 1.0)
        mood = self.population.beta[rows] * (0.6 - gap)
        return np.asarray(taste + mood + self.rng.normal(0.0, 0.6, len(rows)))

    def _hear(
        self, rows: NDArray[np.int64], song: NDArray[np.int64], fit: Float64Array
    ) -> tuple[NDArray[np.int64], Float64Array]:
        """Return (complete, play or skip; seconds heard), each (rows,)."""
        chance = self.rng.random((4, len(rows)))
        skipped = np.where(chance[1] < 0.65, _SKIP, _PLAY)
        kind = np.where(chance[0] < sigmoid(0.9 + fit), _COMPLETE, skipped)
        length = self.durations[song]
        part = np.where(kind == _PLAY, (0.5 + 0.4 * chance[2]) * length, 5.0 + 25.0 * chance[3])
        return kind, np.where(kind == _COMPLETE, length, part)

    def _react(
        self,
        rows: NDArray[np.int64],
        song: NDArray[np.int64],
        kind: NDArray[np.int64],
        fit: Float64Array,
        lasted: Float64Array,
        session: NDArray[np.int64],
    ) -> None:
        """Like, save or dislike, at most one of them, most of the way through the listen."""
        chance = self.rng.random(len(rows))
        like, save = sigmoid(-3.0 + 1.3 * fit), sigmoid(-3.8 + 1.3 * fit)
        may = (kind != _SKIP) & ~self.praised[rows, song]
        praise = np.where(chance < like, _LIKE, np.where(chance < like + save, _SAVE, -1))
        scorn = np.where((kind == _SKIP) & (chance < sigmoid(-3.0 - fit)), _DISLIKE, -1)
        reaction = np.where(may, praise, scorn)
        did = np.flatnonzero(reaction >= 0)
        at = self.clock[did] + 0.6 * lasted[did]
        self.log.add(rows[did], song[did], reaction[did], at, session[did])
        liked = did[reaction[did] != _DISLIKE]
        self.praised[rows[liked], song[liked]] = True
        self.memory[rows[liked], song[liked]] *= _AFTER_PRAISE
        hated = did[reaction[did] == _DISLIKE]
        self.memory[rows[hated], song[hated]] = 0.0

    def _remember(
        self,
        step: int,
        rows: NDArray[np.int64],
        song: NDArray[np.int64],
        kind: NDArray[np.int64],
    ) -> None:
        """Change the odds of hearing ``song`` again, and rest it for a while."""
        new = ~self.heard[rows, song]
        worn = np.where(new, np.exp(-self.population.novelty[rows]), 1.0).astype(np.float32)
        self.memory[rows, song] = np.minimum(
            self.memory[rows, song] * worn * _AFTER[kind], np.maximum(_FOND, worn)
        )
        self.heard[rows, song] = True
        self.odds[rows, song] = 0.0
        self.recent[step % _PAUSE, : len(rows)] = song


def distance(a: Float64Array, b: Float64Array) -> Float64Array:
    """Return the Euclidean distance in the mood plane, (..., 2) x (..., 2) -> (...)."""
    return np.asarray(np.hypot(a[..., 0] - b[..., 0], a[..., 1] - b[..., 1]))


def sigmoid(x: Float64Array) -> Float64Array:
    """Return the logistic function."""
    return np.asarray(1.0 / (1.0 + np.exp(-x)))
