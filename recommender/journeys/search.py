"""How a journey is found: a beam of partial journeys, then moves until none helps.

Without the rule that no song comes twice, and with penalties between neighbours only, Viterbi's
algorithm would be exact. The rule and the wider window make partial journeys matter as a whole, so
a beam keeps the best ones, at most one for each last song, as Viterbi does. What it misses, moves
repair: replacing a song, swapping two, turning a stretch around (2-opt), moving a song elsewhere.
Few possible journeys are all looked at. Nothing is drawn by chance; ties go to the first candidate.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from functools import lru_cache
from itertools import permutations

import numpy as np

from data.types import IntArray, Mood
from recommender.journeys.path import (
    MOST_SONGS,
    Array,
    Candidates,
    JourneyConfig,
    JourneyProblem,
    build_problem,
    known_seconds,
    path_points,
    standard_taste,
    unary_gain,
)

#: A move has to gain more than rounding.
_LEAST = 1e-9
#: Songs in all starts, and places times reach: more is not worth the time it takes.
_WORK, _REACH = 80, 800
#: Moves tried after one look at all of them.
_AT_ONCE = 12


@dataclass(frozen=True)
class Journey:
    """A journey that was found.

    Attributes:
        order: int64 (n,) rows of the candidates, in the order of play.
        points: float64 (n, 2) where the path is at each place.
        value: the objective, standard deviations of taste.
        seconds: total duration, medians filled in.
    """

    order: IntArray
    points: Array
    value: float
    seconds: float


def plan_journey(
    candidates: Candidates,
    start: Mood,
    end: Mood,
    config: JourneyConfig,
    *,
    length: int | None = None,
    minutes: float | None = None,
) -> Journey:
    """Choose and order songs from ``start`` to ``end``.

    Candidates without a mood are left out. With fewer others than ``length``, all of them come.

    Args:
        length: how many songs; or
        minutes: how long to play, as near as the songs allow; at most :data:`MOST_SONGS` songs.

    Raises:
        ValueError: unless exactly one of both is given.
    """
    if (length is None) == (minutes is None):
        raise ValueError("give either length or minutes")
    usable = np.flatnonzero(np.isfinite(candidates.moods).all(axis=1)).astype(np.int64)
    kept = candidates.take(usable)
    if length is not None:
        best = _of_length(kept, start, end, min(length, len(kept)), config)
    else:
        best = _of_minutes(kept, start, end, float(minutes or 0), config)
    return replace(best, order=usable[best.order])


def _of_length(
    candidates: Candidates, start: Mood, end: Mood, n: int, config: JourneyConfig
) -> Journey:
    return _planned(build_problem(candidates, start, end, n, config), start, end, config)


def _of_minutes(
    candidates: Candidates, start: Mood, end: Mood, minutes: float, config: JourneyConfig
) -> Journey:
    """Try the two numbers of songs that fill the time by the mean of a first journey's songs."""
    asked, most = 60 * minutes, min(MOST_SONGS, len(candidates))
    if not most:
        return _of_length(candidates, start, end, 0, config)
    typical = float(np.median(known_seconds(candidates)))
    first = _of_length(candidates, start, end, _fitting(asked / typical, most), config)
    songs = asked * len(first.order) / first.seconds
    problem = build_problem(candidates, start, end, 1, config)
    found = []
    for n in sorted({_fitting(math.floor(songs), most), _fitting(math.ceil(songs), most)}):
        points = path_points(start, end, n)
        gain = unary_gain(standard_taste(candidates.taste), candidates.moods, points, config)
        steps = config.smoothness * np.linalg.norm(np.diff(points, axis=0), axis=1)
        sized = replace(problem, gain=gain, steps=steps, asked=asked)
        found.append(_planned(sized, start, end, config))
    # Per song: otherwise the longer list would win by having more songs to like.
    return max(found, key=lambda j: _per_song(problem, j, asked))


def _fitting(songs: float, most: int) -> int:
    return max(1, min(most, round(songs)))


def _per_song(problem: JourneyProblem, journey: Journey, asked: float) -> float:
    off = problem.minute * abs(journey.seconds - asked) / 60
    return (journey.value + off) / len(journey.order) - off


def _planned(problem: JourneyProblem, start: Mood, end: Mood, config: JourneyConfig) -> Journey:
    order = solve(problem, config)
    return Journey(
        order,
        path_points(start, end, problem.length),
        problem.value(order) if len(order) else 0.0,
        float(problem.seconds[order].sum()),
    )


def solve(problem: JourneyProblem, config: JourneyConfig) -> IntArray:
    """Return the best order found, int64 (n,); the best there is where few are possible."""
    n, songs = problem.gain.shape
    if n == 0:
        return np.zeros(0, dtype=np.int64)
    if math.perm(songs, n) <= config.exact:
        every = np.array(list(permutations(range(songs), n)), dtype=np.int64)
        return np.asarray(every[int(np.argmax(problem.values(every)))])
    # Long journeys have many moves to look at, and more of them help.
    starts = beam_search(problem, config.beam)[: max(1, min(config.starts, _WORK // n))]
    reach = max(2, min(config.reach, _REACH // n))
    improved = np.stack([improve(problem, order, reach) for order in starts])
    return np.asarray(improved[int(np.argmax(problem.values(improved)))])


def beam_search(problem: JourneyProblem, width: int) -> IntArray:
    """Return int64 (at most 2 width, n) journeys, best first.

    At every place the best partial journeys stay, half of them of any kind, half with different
    last songs: the first alone would soon be one journey with small changes.
    """
    n, songs = problem.gain.shape
    orders = np.argsort(-problem.gain[0], kind="stable")[: 2 * width, None]
    scores = problem.gain[0][orders[:, 0]]
    for place in range(1, n):
        total = scores[:, None] + problem.gain[place]
        total -= np.maximum(0, problem.apart[orders[:, -1]] - problem.steps[place - 1])
        for lag, penalty in enumerate(problem.costs[:place], start=1):
            total -= penalty[orders[:, -lag]]
        np.put_along_axis(total, orders, -np.inf, axis=1)
        kept = _kept(total, width)
        orders = np.column_stack([orders[kept // songs], kept % songs])
        scores = total.ravel()[kept]
    return np.asarray(orders[np.argsort(-scores, kind="stable")])


def _kept(total: Array, width: int) -> IntArray:
    """Return flat places of the ``width`` best of all, and of the best of ``width`` columns."""
    songs, flat = total.shape[1], total.ravel()
    tops = np.argmax(total, axis=0) * songs + np.arange(songs)
    different = tops[np.argsort(-flat[tops], kind="stable")[:width]]
    # So many values lie at or above the last of them: the best of all do, too.
    bound = flat[different[-1]] if songs >= width else -np.inf
    best = np.flatnonzero(flat >= bound)
    best = best[np.argsort(-flat[best], kind="stable")[:width]]
    kept = np.union1d(best, different)
    return np.asarray(kept[flat[kept] > -np.inf], dtype=np.int64)


def improve(problem: JourneyProblem, order: IntArray, reach: int) -> IntArray:
    """Make the best move until none helps; cheap moves as long as there are any."""
    order = _replaced(problem, order)
    while True:
        moved = _rearranged(problem, order, reach)
        if moved is order:
            return order
        order = _replaced(problem, moved)


def _rearranged(problem: JourneyProblem, order: IntArray, reach: int) -> IntArray:
    """Make the best rearrangements of the songs that are in, until none helps."""
    moves = _moves(len(order), reach)
    # The same problem over these songs alone: small enough to stay near the processor.
    own = problem.over(order)
    places = np.arange(len(order))
    start = value = own.value(places)
    while len(moves):
        before, values = value, own.values(places[moves])
        # The best moves of one look; each is made if it still helps after those before it.
        for move in moves[np.argsort(-values, kind="stable")[:_AT_ONCE]]:
            moved = own.value(places[move])
            if moved > value + _LEAST:
                places, value = places[move], moved
        if value == before:
            break
    return order[places] if value > start else order


def _replaced(problem: JourneyProblem, order: IntArray) -> IntArray:
    """Replace songs by others, the best replacement first, until none helps."""
    places = np.arange(len(order))
    while True:
        worth = marginals(problem, order)
        change = worth - worth[places, order][:, None]
        if problem.asked is not None:
            total = problem.seconds[order].sum()
            other = total - problem.seconds[order][:, None] + problem.seconds
            change += problem.off(total) - problem.off(other)
        change[:, order] = -np.inf
        place, song = np.unravel_index(int(np.argmax(change)), change.shape)
        if change[place, song] <= _LEAST:
            return order
        order = order.copy()
        order[place] = song


def marginals(problem: JourneyProblem, order: IntArray) -> Array:
    """Return float64 (n, c): what the objective has from each candidate at each place.

    The other places stay as they are; durations are not counted.
    """
    worth = problem.gain.copy()
    if len(order) > 1:
        steps = problem.steps[:, None]
        worth[1:] -= np.maximum(0, problem.apart[order[:-1]] - steps)
        worth[:-1] -= np.maximum(0, problem.apart[order[1:]] - steps)
    for lag, penalty in enumerate(problem.costs[: len(order) - 1], start=1):
        worth[lag:] -= penalty[order[:-lag]]
        worth[:-lag] -= penalty[order[lag:]]
    return worth


@lru_cache(maxsize=256)
def _moves(n: int, reach: int) -> IntArray:
    """Return int64 (k, n) rearrangements of n places: swaps, turned stretches, moved songs."""
    found = {}
    places = list(range(n))
    for i in range(n):
        for j in range(i + 1, min(n, i + reach + 1)):
            swapped = places.copy()
            swapped[i], swapped[j] = j, i
            turned = [*places[:i], *places[i : j + 1][::-1], *places[j + 1 :]]
            later = [*places[:i], *places[i + 1 : j + 1], i, *places[j + 1 :]]
            sooner = [*places[:i], j, *places[i:j], *places[j + 1 :]]
            found.update(dict.fromkeys(map(tuple, (swapped, turned, later, sooner))))
    return np.array(list(found), dtype=np.int64).reshape(-1, n)


def upper_bound(problem: JourneyProblem) -> float:
    """Return a value that no journey exceeds: Viterbi with penalties between neighbours alone.

    Songs may come again, only not at once; everything that is left out could only cost.
    """
    best = problem.gain[0].copy()
    for place in range(1, problem.length):
        step = np.maximum(0, problem.apart - problem.steps[place - 1])
        if len(problem.costs):
            step = step + problem.costs[0]
        np.fill_diagonal(step, np.inf)
        best = problem.gain[place] + np.max(best[:, None] - step, axis=0)
    return float(best.max())
