"""The simulated listeners cut by time: a model of what came before, occasions that came after."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
from numpy.typing import NDArray

from data.datasets.demo import DemoListeners, demo_songs
from data.db.repositories import InteractionRepository, SongRepository
from data.db.session import Database
from data.types import EMOTIONS, EventRow, FloatArray, IntArray, UserHistory
from nlp.demo import demo_vectors_path
from nlp.vectors import VectorStore
from recommender.bootstrap import build_pipeline
from recommender.config import RecommenderConfig
from recommender.dataset import TrainingData, load_training_data
from recommender.pipeline import RecommendationPipeline
from recommender.query import Query
from recommender.training import train_recommender

Report = Callable[[str], None]
Float64Array = NDArray[np.float64]
#: Events that say a song was right for the moment.
WELCOME = ("complete", "like", "save")


@dataclass(frozen=True)
class Occasion:
    """One session of the later period.

    Attributes:
        user: row in the listeners of the simulation.
        label: place in EMOTIONS of the expression read, -1 where no camera was on.
        mood: float64 (2,), true mood on arrival.
        target: float64 (2,), the mood really looked for.
        songs: int64, positions of the songs finished, liked or saved.
    """

    user: int
    label: int
    mood: Float64Array
    target: Float64Array
    songs: IntArray


@dataclass(frozen=True)
class Listener:
    """What a model of the earlier period makes of one listener, without any mood.

    Attributes:
        songs: int64 (c,), candidates, best first.
        taste: float32 (c,), their scores.
        moods: float32 (c, 2).
        heard: bool (c,).
        history: what the listener did before.
        among: how many songs the pipeline chooses a page from.
    """

    songs: IntArray
    taste: FloatArray
    moods: FloatArray
    heard: NDArray[np.bool_]
    history: UserHistory
    among: int


@dataclass(frozen=True)
class Period:
    """A trained pipeline, its listeners by row, and what it learned from."""

    pipeline: RecommendationPipeline
    data: TrainingData
    listeners: dict[int, Listener]


def learn_before(
    listeners: DemoListeners, until: float, config: RecommenderConfig, report: Report
) -> Period:
    """Train on the events before ``until`` (unix seconds), by the very path of an installation."""
    events = [e for e in listeners.events if e.at.timestamp() < until]
    with TemporaryDirectory() as folder:
        database = Database(f"sqlite:///{Path(folder) / 'study.db'}")
        try:
            return _learned(database, events, listeners, config, report)
        finally:
            database.dispose()


def _learned(
    database: Database,
    events: list[EventRow],
    listeners: DemoListeners,
    config: RecommenderConfig,
    report: Report,
) -> Period:
    database.upgrade()
    with database.session() as session:
        SongRepository(session).upsert_many(demo_songs())
        InteractionRepository(session).add_many(events)
    # The demo's songs state their moods, so no mood model is needed.
    data = load_training_data(database, VectorStore(demo_vectors_path()), None)
    pipeline = build_pipeline(train_recommender(config, data, report).model)
    with database.session() as session:
        interactions = InteractionRepository(session)
        histories = [interactions.history(user) for user in listeners.users]
    known = {
        row: listener_of(pipeline, history)
        for row, history in enumerate(histories)
        if history.song_ids
    }
    return Period(pipeline, data, known)


def listener_of(pipeline: RecommendationPipeline, history: UserHistory) -> Listener:
    """Score the candidates of one listener with the mood off; disliked songs are left out."""
    catalogue = pipeline.model.catalogue
    context = pipeline.context(history, Query(history.user_id, strategy="off"))
    refused = catalogue.locate(sorted(history.disliked))
    items = pipeline.candidates(context, refused, at_least=1)
    heard = np.isin(items.songs, catalogue.locate(history.song_ids))
    among = min(len(catalogue), pipeline.model.config.candidates)
    moods = catalogue.moods[items.songs]
    return Listener(items.songs, items.scores, moods, heard, history, among)


def occasions_between(
    listeners: DemoListeners, period: Period, start: float, end: float
) -> list[Occasion]:
    """Return the sessions of known listeners in [start, end), unix seconds, that found a song."""
    truth, rows = listeners.truth, {user: row for row, user in enumerate(listeners.users)}
    at = np.array([e.at.timestamp() for e in listeners.events])
    owner = np.array([rows[e.user_id] for e in listeners.events])
    # A session has one mood, drawn from a continuum: it tells sessions apart.
    opens = np.ones(len(at), dtype=np.bool_)
    opens[1:] = (np.diff(owner) != 0) | np.any(np.diff(truth.mood, axis=0) != 0, axis=1)
    starts = np.flatnonzero(opens)
    found = []
    for first, last in zip(starts, [*starts[1:], len(at)], strict=True):
        if not start <= at[first] < end or owner[first] not in period.listeners:
            continue
        events = listeners.events[first:last]
        welcome = {e.song_id for e in events if e.event in WELCOME}
        songs = period.pipeline.model.catalogue.locate(sorted(welcome))
        label = events[0].emotion
        place = -1 if label is None else EMOTIONS.index(label)
        if len(songs):
            row = int(owner[first])
            found.append(Occasion(row, place, truth.mood[first], truth.target[first], songs))
    return found
