"""Simulated listeners of the demo songs: a documented generative model with a known truth.

Nobody listened to anything: the events exist so that the demo has something to learn, and so
that what the recommender learns can be held against what is true. ``docs/demo_catalogue.md``
has the formulas; the steps are in ``population``, ``sessions`` and ``choices``.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from data.datasets.demo.catalogue import DemoArtist, load_artists
from data.datasets.demo.choices import KINDS, Choices, make_choices
from data.datasets.demo.config import DemoConfig
from data.datasets.demo.population import Float64Array, Population, draw_population
from data.datasets.demo.sessions import Sessions, draw_sessions
from data.types import EMOTIONS, EventRow


@dataclass(frozen=True, slots=True)
class ListenerTruth:
    """What the simulation knows and a real service never does; it enters no database.

    Attributes:
        users: n ids, the order of the rows below.
        kinds: n times "match" or "compensate".
        beta: float64 (n,), response strength to the mood.
        genres: names of the columns of ``genre_taste``.
        genre_taste: float64 (n, genres), rows sum to 1.
        taste: float64 (n, songs), utility of each song apart from mood and popularity.
        songs: ids, the columns of ``taste``.
        mood: float64 (events, 2), valence and arousal of the session of each event.
        target: float64 (events, 2), the mood the listener looked for there.
    """

    users: tuple[str, ...]
    kinds: tuple[str, ...]
    beta: Float64Array
    genres: tuple[str, ...]
    genre_taste: Float64Array
    taste: Float64Array
    songs: tuple[str, ...]
    mood: Float64Array
    target: Float64Array


@dataclass(frozen=True, slots=True)
class DemoListeners:
    """Simulated listeners.

    Attributes:
        users: ids, the order of ``truth.users``.
        events: user by user, each in order of time; at most one event a second.
        truth: the hidden side, apart.
    """

    users: tuple[str, ...]
    events: tuple[EventRow, ...]
    truth: ListenerTruth


@lru_cache(maxsize=2)
def listener_ids(config: DemoConfig | None = None) -> frozenset[str]:
    """Return the ids of all simulated listeners, without simulating what they did."""
    chosen = config or DemoConfig()
    rng = np.random.default_rng(chosen.seed)
    return frozenset(draw_population(chosen, load_artists(), rng).ids)


def simulate_listeners(config: DemoConfig | None = None) -> DemoListeners:
    """Simulate ``config.listeners`` listeners of the demo songs up to 2026-10-31.

    The same ``config`` gives the same events, byte for byte.
    """
    config = config or DemoConfig()
    artists = load_artists()
    songs = [song for artist in artists for song in artist.songs]
    moods = np.array([(song.mood.valence, song.mood.arousal) for song in songs])
    durations = np.array([song.duration_s for song in songs])
    rng = np.random.default_rng(config.seed)
    population = draw_population(config, artists, rng)
    sessions = draw_sessions(config, population, rng)
    choices = make_choices(config, population, sessions, moods, durations, rng)
    ids = tuple(song.id for song in songs)
    return DemoListeners(
        users=population.ids,
        events=_events(population, sessions, choices, ids),
        truth=_truth(artists, population, sessions, choices.session, ids),
    )


def _events(
    population: Population, sessions: Sessions, choices: Choices, songs: tuple[str, ...]
) -> tuple[EventRow, ...]:
    labels: list[str | None] = [*EMOTIONS, None]
    columns = (
        choices.listener.tolist(),
        choices.song.tolist(),
        choices.kind.tolist(),
        choices.at.tolist(),
        sessions.label[choices.session].tolist(),
    )
    return tuple(
        EventRow(
            population.ids[user],
            songs[song],
            KINDS[kind],
            datetime.fromtimestamp(at, UTC),
            labels[label],
        )
        for user, song, kind, at, label in zip(*columns, strict=True)
    )


def _truth(
    artists: list[DemoArtist],
    population: Population,
    sessions: Sessions,
    session_of: NDArray[np.int64],
    songs: tuple[str, ...],
) -> ListenerTruth:
    return ListenerTruth(
        users=population.ids,
        kinds=tuple("compensate" if c else "match" for c in population.compensates),
        beta=population.beta,
        genres=tuple(sorted({artist.genre for artist in artists})),
        genre_taste=population.genre_taste,
        taste=population.taste,
        songs=songs,
        mood=sessions.mood[session_of],
        target=sessions.target[session_of],
    )
