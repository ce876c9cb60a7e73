"""Playlists: a journey through the mood plane over the pipeline's candidates.

Candidates are those of an ordinary answer and, for some points of the path, the songs nearest to
them; the ranker scores all by taste alone. The journey is then chosen among the songs with a known
mood. Where there are fewer of these than places, and others, the listener gets the plain list
(``few_moods``); without a bundle, popular songs (``no_model``).
"""

from __future__ import annotations

import math
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import replace

import numpy as np

from data.types import FloatArray, IntArray, Mood, UserHistory
from recommender.filters import left_out
from recommender.journeys.path import (
    MOST_SONGS,
    TYPICAL_SECONDS,
    Array,
    Candidates,
    JourneyConfig,
    path_points,
    standard_taste,
    unary_gain,
)
from recommender.journeys.query import (
    Durations,
    JourneyQuery,
    PlaylistAnswer,
    PlaylistFallback,
    PlaylistSong,
)
from recommender.journeys.search import Journey, plan_journey
from recommender.pipeline import RecommendationPipeline
from recommender.query import MoodTarget, Query, Reason, banned_songs
from recommender.reasons import explain
from recommender.stages import Context, ItemList, top_positions

#: As in :mod:`recommender.engine`.
Popular = Callable[[int, Collection[str]], list[tuple[str, float]]]
#: Along the path, songs are looked for at points no further apart than this.
_ANCHOR_STEP = 0.6
#: Places on which candidates are chosen, however long the journey is.
_PLACES = 20


class PlaylistMaker:
    """Answers :class:`JourneyQuery` from a pipeline; as cheap to make as a call."""

    def __init__(
        self, pipeline: RecommendationPipeline, config: JourneyConfig | None = None
    ) -> None:
        self.pipeline = pipeline
        self.config = config or JourneyConfig()

    def __call__(
        self, query: JourneyQuery, history: UserHistory, durations: Durations | None = None
    ) -> PlaylistAnswer:
        """Make a playlist. Never raises for unknown users or songs.

        Args:
            durations: asked once, for the candidates, where minutes are to be filled.
        """
        plain = Query(query.user_id, strategy="off")
        context, excluded = self.pipeline.context(history, plain), self._excluded(query, history)
        fallback: PlaylistFallback | None = None
        if not len(context.songs):
            fallback = "no_history" if history.known else "cold_user"
        if query.strategy != "off":
            pool = self.pool(context, excluded, query.start, query.end)
            seconds = None if query.minutes is None else self._seconds(pool.songs, durations)
            left = len(self.pipeline.model.catalogue) - len(excluded)
            if len(pool) and len(pool) >= min(_wanted(query, seconds), left):
                found = self.plan(pool, query, seconds)
                songs = self._on_the_way(pool, found, query, context)
                return PlaylistAnswer(query, songs, fallback, self.pipeline.version)
            fallback = "few_moods"
        songs = self._plain(query, context, excluded, durations)
        return PlaylistAnswer(query, songs, fallback, self.pipeline.version)

    def pool(self, context: Context, excluded: IntArray, start: Mood, end: Mood) -> ItemList:
        """Return the songs a journey is made of.

        Of more than ``candidates`` songs, those stay that rank highest at any place of the path.
        """
        items = self.scored(context, excluded, start, end)
        return items.take(self.chosen(items, start, end))

    def scored(self, context: Context, excluded: IntArray, start: Mood, end: Mood) -> ItemList:
        """Return all candidates with a known mood, scored by taste alone.

        Args:
            context: without a target.
            excluded: int64 positions that must not come.
        """
        songs, parts = self._parts_along(context, excluded, start, end)
        # The ranker sees no target: the path, not one mood, decides here.
        items = self.pipeline.ranker(context, songs, parts)
        moods = self.pipeline.model.catalogue.moods
        return items.take(np.flatnonzero(np.isfinite(moods[items.songs]).all(axis=1)))

    def chosen(self, items: ItemList, start: Mood, end: Mood) -> IntArray:
        """Return the rows of scored songs, ascending, that :meth:`pool` keeps."""
        moods = self.pipeline.model.catalogue.moods[items.songs]
        points = path_points(start, end, _PLACES)
        gain = unary_gain(standard_taste(items.scores), moods, points, self.config)
        return _best_anywhere(gain, self.config.candidates)

    def plan(self, pool: ItemList, query: JourneyQuery, seconds: FloatArray | None) -> Journey:
        """Lay a journey over a pool."""
        return plan_journey(
            self.candidates(pool, seconds),
            query.start,
            query.end,
            self.config,
            length=query.length,
            minutes=query.minutes,
        )

    def candidates(self, pool: ItemList, seconds: FloatArray | None = None) -> Candidates:
        """Return what the optimisation has to know of a pool."""
        model = self.pipeline.model
        return Candidates(
            pool.scores,
            model.catalogue.moods[pool.songs],
            model.catalogue.artist_codes[pool.songs],
            model.content.pairwise(pool.songs),
            None if seconds is None else seconds.astype(np.float64),
        )

    def _parts_along(
        self, context: Context, excluded: IntArray, start: Mood, end: Mood
    ) -> tuple[IntArray, Mapping[str, FloatArray]]:
        """Return the union of the candidates of some points of the path, with their raw scores."""
        model, near = self.pipeline.model, []
        for point in _anchors(start, end):
            aimed = replace(context, target=MoodTarget(point, point, "match", 1.0))
            for scorer in (model.mood, model.popular_mood):
                scores = scorer(aimed)
                scores[excluded] = np.nan
                near.append(top_positions(scores, model.config.candidates))
        # The context has no target: no part is of one point of the path.
        return self.pipeline.raw_parts(context, excluded, np.unique(np.concatenate(near)))

    def _on_the_way(
        self, pool: ItemList, journey: Journey, query: JourneyQuery, context: Context
    ) -> tuple[PlaylistSong, ...]:
        moods = self.pipeline.model.catalogue.moods[pool.songs]
        apart = np.linalg.norm(moods[None] - journey.points[:, None], axis=2)
        closer = self.config.closeness * (apart.mean(axis=1) - apart[:, journey.order].diagonal())
        chosen = pool.take(journey.order)
        evidence = {**chosen.evidence, "mood": closer.astype(np.float32)}
        points = [Mood(*(round(float(v), 4) for v in point)) for point in journey.points]
        items = ItemList(chosen.songs, chosen.scores, evidence)
        reasons = self._reasons(items, context, points) if query.explain else [()] * len(items)
        return tuple(
            self._song(items, row, row + 1, reasons[row], points[row]) for row in range(len(items))
        )

    def _reasons(
        self, items: ItemList, context: Context, points: Sequence[Mood]
    ) -> list[tuple[Reason, ...]]:
        # Any target does: what is said of the mood says where on the way the song is.
        aimed = replace(context, target=MoodTarget(points[0], points[0], "match", 1.0))
        moods = self.pipeline.model.catalogue.moods[items.songs].tolist()
        return [
            tuple(
                replace(r, text=f"On the way, at {_place(*mood)}") if r.kind == "mood" else r
                for r in found
            )
            for found, mood in zip(explain(self.pipeline.model, items, aimed), moods, strict=True)
        ]

    def _plain(
        self,
        query: JourneyQuery,
        context: Context,
        excluded: IntArray,
        durations: Durations | None,
    ) -> tuple[PlaylistSong, ...]:
        most = MOST_SONGS if query.length is None else query.length
        items = self.pipeline.candidates(context, excluded, most)
        items = self.pipeline.reranked(items, most)
        if query.minutes is not None:
            seconds = np.nan_to_num(self._seconds(items.songs, durations), nan=TYPICAL_SECONDS)
            items = items.take(np.arange(filling(seconds, 60 * query.minutes)))
        none: list[tuple[Reason, ...]] = [()] * len(items)
        reasons = explain(self.pipeline.model, items, context) if query.explain else none
        return tuple(self._song(items, row, row + 1, reasons[row]) for row in range(len(items)))

    def _song(
        self,
        items: ItemList,
        row: int,
        rank: int,
        reasons: tuple[Reason, ...],
        point: Mood | None = None,
    ) -> PlaylistSong:
        song_id = self.pipeline.model.catalogue.ids[int(items.songs[row])]
        return PlaylistSong(rank, song_id, round(float(items.scores[row]), 4), reasons, point)

    def _excluded(self, query: JourneyQuery, history: UserHistory) -> IntArray:
        banned = banned_songs(history, query.exclude_heard, query.exclude)
        return left_out(self.pipeline.model.catalogue, banned, query.songs, history.muted)

    def _seconds(self, songs: IntArray, durations: Durations | None) -> FloatArray:
        """Return float32 (songs,) durations, NaN where not known."""
        ids = [self.pipeline.model.catalogue.ids[int(song)] for song in songs]
        return seconds_of(ids, durations)


def popular_playlist(
    query: JourneyQuery,
    history: UserHistory,
    popular: Popular | None,
    durations: Durations | None,
    version: str | None,
) -> PlaylistAnswer:
    """Answer without a bundle: what is popular in the database, without a way."""
    banned = banned_songs(history, query.exclude_heard, query.exclude)
    most = MOST_SONGS if query.length is None else query.length
    ranked = popular(most, set(banned)) if popular else []
    if query.minutes is not None:
        seconds = seconds_of([song for song, _ in ranked], durations)
        ranked = ranked[: filling(np.nan_to_num(seconds, nan=TYPICAL_SECONDS), 60 * query.minutes)]
    songs = tuple(
        PlaylistSong(rank, song, float(score)) for rank, (song, score) in enumerate(ranked, start=1)
    )
    return PlaylistAnswer(query, songs, "no_model", version)


def seconds_of(ids: Sequence[str], durations: Durations | None) -> FloatArray:
    """Return float32 (ids,) durations in seconds, NaN where not known."""
    known = durations(ids) if durations is not None else {}
    return np.array([known.get(song, math.nan) for song in ids], dtype=np.float32)


def filling(seconds: FloatArray, asked: float) -> int:
    """Return how many of the first songs come nearest to ``asked`` seconds; at least 1 of any."""
    totals = np.cumsum(seconds)
    return int(np.argmin(np.abs(totals - asked))) + 1 if len(totals) else 0


def _wanted(query: JourneyQuery, seconds: FloatArray | None) -> int:
    if query.length is not None:
        return query.length
    known = seconds[np.isfinite(seconds)] if seconds is not None else np.zeros(0)
    typical = float(np.median(known)) if len(known) else TYPICAL_SECONDS
    return max(1, min(MOST_SONGS, math.ceil(60 * (query.minutes or 0) / typical)))


def _anchors(start: Mood, end: Mood) -> list[Mood]:
    apart = math.hypot(end.valence - start.valence, end.arousal - start.arousal)
    count = 1 if apart < 1e-9 else 1 + max(1, math.ceil(apart / _ANCHOR_STEP))
    first, last = (np.array([m.valence, m.arousal]) for m in (start, end))
    share = np.linspace(0, 1, count)[:, None]
    return [Mood(float(v), float(a)) for v, a in first + share * (last - first)]


def _best_anywhere(gain: Array, most: int) -> IntArray:
    """Return the rows, ascending, of the ``most`` songs with the best rank at any place."""
    ranks = np.argsort(np.argsort(-gain, axis=1, kind="stable"), axis=1, kind="stable")
    best = np.lexsort((-gain.max(axis=0), ranks.min(axis=0)))[:most]
    return np.sort(best).astype(np.int64)


def _place(valence: float, arousal: float) -> str:
    """Name a place of the plane in words."""
    lively = "calm" if arousal < -0.2 else "lively" if arousal > 0.2 else ""
    bright = "dark" if valence < -0.2 else "bright" if valence > 0.2 else ""
    return " and ".join(word for word in (lively, bright) if word) or "an even mood"
