"""What the optimisation of journeys is worth: against sorting, greedy choice and the plain list.

Every system chooses from the same candidates of the same listeners. Objective values are those of
:mod:`recommender.journeys.path`, which only its own search and the greedy one try to make large;
the other figures are measured apart. Means over listeners, each the mean of the journeys asked for,
with bootstrap intervals over listeners, differences paired.
"""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from time import process_time
from typing import Any

import numpy as np
from pydantic import Field

from data.config import FrozenConfig
from data.settings import Settings
from data.types import UserHistory
from recommender.journeys.answering import song_durations
from recommender.journeys.path import (
    Array,
    JourneyConfig,
    build_problem,
)
from recommender.journeys.playlists import PlaylistMaker, seconds_of
from recommender.journeys.query import Durations, JourneyQuery
from recommender.journeys.search import beam_search, plan_journey, solve, upper_bound
from recommender.journeys.systems import MEASURES, OURS, SYSTEMS, Situation, measure, situation
from recommender.mood import parse_mood
from recommender.query import Query

Report = Callable[[str], None]


class JourneyStudyConfig(FrozenConfig):
    """One comparison, complete: the same listeners and seed give the same report."""

    seed: int = 42
    users: int = Field(100, ge=1, description="listeners, drawn from those with enough history")
    least_history: int = Field(5, ge=0, description="songs a listener must have played")
    length: int = Field(20, ge=2, le=100)
    journeys: tuple[tuple[str, str], ...] = Field(
        (("sad", "happy"), ("angry", "calm"), ("calm", "energetic"), ("happy", "sleepy")),
        min_length=1,
        description="from, to",
    )
    minutes: tuple[float, ...] = Field((15, 45, 90), description="durations to fill")
    closeness: tuple[float, ...] = Field(
        (0, 1, 2, 4, 8, 16), description="weights of the trade-off between path and taste"
    )
    sample: int = Field(
        20, ge=1, description="listeners, the first drawn, for weights, minutes and a wider search"
    )
    rounds: int = Field(2000, ge=1, description="of the bootstrap")
    journey: JourneyConfig = JourneyConfig()


@dataclass
class Study:
    """Per system and measure, float64 (users,); and what else was found.

    Attributes:
        search: how good the search is, by name of the figure, float64 (users,).
        trade: per weight of closeness, the same measures of the journey.
        minutes: per duration asked for, seconds beside it, (users,).
    """

    systems: dict[str, dict[str, Array]] = field(default_factory=dict)
    search: dict[str, Array] = field(default_factory=dict)
    trade: dict[float, dict[str, Array]] = field(default_factory=dict)
    minutes: dict[float, Array] = field(default_factory=dict)


def run_journey_study(
    config: JourneyStudyConfig,
    out: Path,
    home: Path | None = None,
    report: Report = lambda line: None,
) -> Study:
    """Compare on the listeners of a home; writes ``report.md``, ``metrics.json``, ``journey.png``.

    Args:
        home: a folder with a database and a published bundle; default: the demo, installed into a
            temporary folder.

    Raises:
        TrainingError: if no bundle is published in ``home``.
    """
    if home is not None:
        return _run(config, out, Settings(home=home), home.name, report)
    from recommender.bootstrap import install_demo_home

    with tempfile.TemporaryDirectory() as folder:
        settings = Settings(home=Path(folder), database_url=None)
        install_demo_home(settings)
        return _run(config, out, settings, "demo", report)


def _run(
    config: JourneyStudyConfig, out: Path, settings: Settings, name: str, report: Report
) -> Study:
    from data.db.repositories import InteractionRepository, UserRepository
    from data.errors import TrainingError
    from recommender.bootstrap import build_database, build_engine
    from recommender.journeys.report import write_journey_report

    engine = build_engine(settings)
    if engine.pipeline is None:
        raise TrainingError(f"no bundle is published in {settings.home}: run `attune publish`")
    maker = PlaylistMaker(engine.pipeline, config.journey)
    database = build_database(settings)
    try:
        with database.session() as session:
            ids = UserRepository(session).ids()
            histories = drawn(config, ids, InteractionRepository(session).history)
        study, shown = compare(config, maker, histories, song_durations(database), report)
    finally:
        database.dispose()
    catalogue = engine.pipeline.model.catalogue
    setting = {
        "data": name,
        "songs": len(catalogue),
        "songs with a mood": int(np.isfinite(catalogue.moods).all(axis=1).sum()),
        "listeners": len(histories),
    }
    write_journey_report(study, config, setting, shown, catalogue.moods, out)
    return study


def drawn(
    config: JourneyStudyConfig, ids: Sequence[str], history: Callable[[str], UserHistory]
) -> list[UserHistory]:
    """Draw listeners with enough history, by the seed."""
    rng = np.random.default_rng((config.seed, 7))
    found: list[UserHistory] = []
    for row in rng.permutation(len(ids)).tolist():
        if len(found) == config.users:
            break
        one = history(ids[row])
        if sum(weight > 0 for weight in one.weights) >= config.least_history:
            found.append(one)
    return found


def compare(
    config: JourneyStudyConfig,
    maker: PlaylistMaker,
    histories: Sequence[UserHistory],
    durations: Durations,
    report: Report = lambda line: None,
) -> tuple[Study, Situation]:
    """Run every system for every listener; returns the figures and a situation to draw."""
    rows: list[dict[str, list[dict[str, float]]]] = []
    trade: list[dict[float, list[dict[str, float]]]] = []
    search: list[dict[str, float]] = []
    minutes: list[dict[float, float]] = []
    spent: list[float] = []
    shown: Situation | None = None
    for number, history in enumerate(histories):
        ways = [situation(maker, history, way, config.length) for way in config.journeys]
        shown = shown or ways[0]
        rows.append({name: [] for name in SYSTEMS})
        for way in ways:
            for name, system in SYSTEMS.items():
                started = process_time()
                order = system(way, config.journey)
                spent += [process_time() - started] if name == OURS else []
                rows[-1][name].append(measure(way, order, config.journey))
        if number >= config.sample:
            continue
        trade.append({w: [_at_weight(config, way, w) for way in ways] for w in config.closeness})
        search.append(_searched(config, ways))
        minutes.append({m: _beside(config, maker, history, durations, m) for m in config.minutes})
    if shown is None:
        raise ValueError("a study needs listeners")
    report(f"median search {1000 * float(np.median(spent)):.1f} ms of one core")
    return _gathered(rows, trade, search, minutes), shown


def _at_weight(config: JourneyStudyConfig, way: Situation, closeness: float) -> dict[str, float]:
    weighed = config.journey.model_copy(update={"closeness": closeness})
    problem = build_problem(way.candidates, *way.ends, len(way.points), weighed)
    return measure(way, solve(problem, weighed), config.journey)


def _searched(config: JourneyStudyConfig, ways: Sequence[Situation]) -> dict[str, float]:
    """Compare the search with its parts, one four times as wide, and a bound nothing exceeds."""
    wide = config.journey.model_copy(
        update={"beam": 4 * config.journey.beam, "starts": 4 * config.journey.starts}
    )
    values: dict[str, list[float]] = {"beam alone": [], "journey": [], "wide": [], "bound": []}
    for way in ways:
        problem = way.problem
        values["beam alone"].append(problem.value(beam_search(problem, config.journey.beam)[0]))
        values["journey"].append(problem.value(solve(problem, config.journey)))
        values["wide"].append(problem.value(solve(problem, wide)))
        values["bound"].append(upper_bound(problem))
    return {name: float(np.mean(found)) for name, found in values.items()}


def _beside(
    config: JourneyStudyConfig,
    maker: PlaylistMaker,
    history: UserHistory,
    durations: Durations,
    minutes: float,
) -> float:
    """Return how many seconds a journey of so many minutes is beside them."""
    start, end = (parse_mood(word) for word in config.journeys[0])
    pipeline = maker.pipeline
    query = JourneyQuery(history.user_id, start, end, None, minutes)
    context = pipeline.context(history, Query(history.user_id, strategy="off"))
    excluded = pipeline.model.catalogue.locate(history.song_ids)
    pool = maker.pool(context, excluded, start, end)
    seconds = seconds_of([pipeline.model.catalogue.ids[int(s)] for s in pool.songs], durations)
    journey = plan_journey(
        maker.candidates(pool, seconds), start, end, config.journey, minutes=query.minutes
    )
    return abs(journey.seconds - 60 * minutes)


def _gathered(
    rows: list[dict[str, list[dict[str, float]]]],
    trade: list[dict[float, list[dict[str, float]]]],
    search: list[dict[str, float]],
    minutes: list[dict[float, float]],
) -> Study:
    return Study(
        {name: _means([row[name] for row in rows]) for name in rows[0]},
        {name: np.array([one[name] for one in search]) for name in search[0]},
        {weight: _means([row[weight] for row in trade]) for weight in trade[0]},
        {m: np.array([one[m] for one in minutes]) for m in minutes[0]},
    )


def _means(users: list[list[dict[str, float]]]) -> dict[str, Array]:
    """Return per measure, float64 (users,), the means over each user's journeys."""
    found: dict[str, Any] = {}
    for name in MEASURES:
        found[name] = np.array([np.mean([one[name] for one in ways]) for ways in users])
    return found
