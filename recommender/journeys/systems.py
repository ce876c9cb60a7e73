"""The systems that the study of journeys compares, what they choose from, and what is measured."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np
from scipy.optimize import linear_sum_assignment

from data.types import IntArray, Mood, UserHistory
from recommender.journeys.path import (
    Array,
    Candidates,
    JourneyConfig,
    JourneyProblem,
    build_problem,
    path_points,
    standard_taste,
)
from recommender.journeys.playlists import PlaylistMaker
from recommender.journeys.search import beam_search, solve
from recommender.mood import parse_mood
from recommender.query import Query

OURS, PLAIN = "journey", "plain list"
#: What is measured of a list, in the order of the report.
MEASURES = ("distance", "step", "longest_step", "taste", "similarity", "repeats", "value")


@dataclass(frozen=True)
class Situation:
    """One listener on one way: what every system chooses from.

    Attributes:
        plain: int64 (n,) rows of the plain list.
        ends: the two moods.
    """

    candidates: Candidates
    problem: JourneyProblem
    points: Array
    taste: Array
    plain: IntArray
    ends: tuple[Mood, Mood]


def situation(
    maker: PlaylistMaker, history: UserHistory, way: tuple[str, str], length: int
) -> Situation:
    """Put one listener on one way: the pool of the playlist and the songs of the plain list."""
    start, end = (parse_mood(word) for word in way)
    pipeline = maker.pipeline
    context = pipeline.context(history, Query(history.user_id, strategy="off"))
    excluded = pipeline.model.catalogue.locate(history.song_ids)
    scored = maker.scored(context, excluded, start, end)
    liked = scored.take(np.argsort(-scored.scores, kind="stable"))
    listed = pipeline.reranked(liked, length).songs
    kept = np.union1d(
        maker.chosen(scored, start, end), np.flatnonzero(np.isin(scored.songs, listed))
    )
    pool = scored.take(kept)
    candidates = maker.candidates(pool)
    row = {int(song): at for at, song in enumerate(pool.songs)}
    n = min(length, len(candidates))
    return Situation(
        candidates,
        build_problem(candidates, start, end, n, maker.config),
        path_points(start, end, n),
        standard_taste(candidates.taste),
        np.array([row[int(song)] for song in listed[:n]], dtype=np.int64),
        (start, end),
    )


def measure(way: Situation, order: IntArray, config: JourneyConfig) -> dict[str, float]:
    """Return the figures of one list; what they are is said in the report."""
    moods = way.candidates.moods[order].astype(np.float64)
    own = np.linalg.norm(np.diff(way.points, axis=0), axis=1)
    beyond = np.maximum(0, np.linalg.norm(np.diff(moods, axis=0), axis=1) - own)
    near = way.candidates.similarity[np.ix_(order, order)]
    pairs = np.triu_indices(len(order), 1)
    artists = way.candidates.artists[order]
    repeats = (artists[pairs[0]] == artists[pairs[1]]) & (pairs[1] - pairs[0] <= config.artist_gap)
    return {
        "distance": float(np.linalg.norm(moods - way.points, axis=1).mean()),
        "step": float(beyond.mean()),
        "longest_step": float(beyond.max()),
        "taste": float(way.taste[order].mean()),
        "similarity": float(near[pairs].mean()),
        "repeats": float(repeats.sum()),
        "value": way.problem.value(order),
    }


def _ours(way: Situation, config: JourneyConfig) -> IntArray:
    return solve(way.problem, config)


def _greedy(way: Situation, config: JourneyConfig) -> IntArray:  # noqa: ARG001
    return np.asarray(beam_search(way.problem, 1)[0])


def _assigned(way: Situation, config: JourneyConfig) -> IntArray:  # noqa: ARG001
    """Give places to songs so that taste and closeness are best; neighbours are not looked at."""
    return np.asarray(linear_sum_assignment(-way.problem.gain)[1], dtype=np.int64)


def _near_sorted(way: Situation, config: JourneyConfig) -> IntArray:  # noqa: ARG001
    """Take the songs that are best at any place, then sort them along the way."""
    best = np.argsort(-way.problem.gain.max(axis=0), kind="stable")[: len(way.points)]
    return along(way, best)


def _taste_sorted(way: Situation, config: JourneyConfig) -> IntArray:  # noqa: ARG001
    return along(way, np.argsort(-way.taste, kind="stable")[: len(way.points)])


def _nearest(way: Situation, config: JourneyConfig) -> IntArray:  # noqa: ARG001
    apart = np.linalg.norm(way.points[:, None] - way.candidates.moods[None], axis=2)
    order = np.zeros(len(apart), dtype=np.int64)
    for place in range(len(apart)):
        order[place] = int(np.argmin(apart[place]))
        apart[:, order[place]] = np.inf
    return order


def along(way: Situation, rows: IntArray) -> IntArray:
    """Sort songs by how far along the straight way they lie."""
    start, end = (np.array([m.valence, m.arousal]) for m in way.ends)
    far = (way.candidates.moods[rows] - start) @ (end - start)
    return np.asarray(rows[np.argsort(far, kind="stable")])


#: Every system under test: from a situation to rows of its candidates.
SYSTEMS: Mapping[str, Callable[[Situation, JourneyConfig], IntArray]] = {
    OURS: _ours,
    "greedy, same objective": _greedy,
    "assignment of taste and closeness": _assigned,
    "best anywhere on the path, sorted": _near_sorted,
    "best by taste, sorted along the path": _taste_sorted,
    "nearest to each point, greedy": _nearest,
    PLAIN: lambda way, config: way.plain,
}
