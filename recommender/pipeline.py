"""The one path from a question to an answer: request, batch and evaluation all run this."""

from __future__ import annotations

import math
import time
from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np

from data.types import FloatArray, IntArray, UserHistory
from recommender.model import RecommenderModel
from recommender.mood import mood_target
from recommender.query import Fallback, Query, RankedSong, ReasonKind, Recommendation
from recommender.reasons import explain
from recommender.reranking.diversity import rerank
from recommender.scoring.hybrid import HybridScorer
from recommender.stages import Context, ItemList, Scorer, top_positions


@dataclass(slots=True)
class _Clock:
    """Milliseconds spent per stage."""

    laps: dict[str, float] = field(default_factory=dict)
    last: float = field(default_factory=time.perf_counter)

    def lap(self, stage: str) -> None:
        now = time.perf_counter()
        self.laps[stage] = (now - self.last) * 1000
        self.last = now


class RecommendationPipeline:
    """Candidates from every source, scored by the hybrid, reranked, explained."""

    def __init__(self, model: RecommenderModel, version: str | None = None) -> None:
        self.model = model
        self.version = version
        self._hybrid = HybridScorer(model.config.blend, model.config.mood)
        self._taste: tuple[Scorer, ...] = (model.popularity, model.collaborative, model.content)
        self._mood = model.mood

    def recommend(self, query: Query, history: UserHistory) -> Recommendation:
        """Answer one query. Never raises for unknown users or songs."""
        clock = _Clock()
        context = self.context(history, query)
        excluded = self._excluded(query, history)
        items = self.candidates(context, excluded, at_least=query.offset + query.n)
        clock.lap("candidates")
        items = self.reranked(items, query.offset + query.n)
        page = items.take(np.arange(query.offset, len(items), dtype=np.int64))
        clock.lap("reranking")
        songs = tuple(
            RankedSong(
                query.offset + row + 1,
                self.model.catalogue.ids[int(page.songs[row])],
                round(float(page.scores[row]), 4),
                tuple(explain(self.model, page, row, context)) if query.explain else (),
            )
            for row in range(len(page))
        )
        clock.lap("reasons")
        return Recommendation(
            query.user_id, songs, context.target, _fallback(history, context), self.version,
            clock.laps,
        )  # fmt: skip

    def context(self, history: UserHistory, query: Query) -> Context:
        """Translate a history into positions; songs the model does not know are passed over."""
        positions = self.model.catalogue.positions
        pairs = [
            (positions[song], weight)
            for song, weight in zip(history.song_ids, history.weights, strict=True)
            if weight > 0 and song in positions and song not in history.disliked
        ]
        return Context(
            np.array([p for p, _ in pairs], dtype=np.int64),
            np.array([w for _, w in pairs], dtype=np.float32),
            mood_target(query, self.model.config.mood),
        )

    def candidates(self, context: Context, excluded: IntArray, at_least: int) -> ItemList:
        """Union of the best songs of every source, scored by the hybrid, best first.

        Args:
            excluded: int64 positions that must not come back.
            at_least: songs wanted; every source puts forward at least as many, in steps, so that
                neighbouring pages see the same candidates.
        """
        songs, parts = self.raw_parts(context, excluded, at_least)
        fit = self._mood(context)[songs]
        confidence = context.target.confidence if context.target else 0.0
        items = self._hybrid(songs, parts, fit, confidence)
        return items.take(np.argsort(-items.scores, kind="stable"))

    def raw_parts(
        self, context: Context, excluded: IntArray, at_least: int
    ) -> tuple[IntArray, Mapping[ReasonKind, FloatArray]]:
        """Return the union of the candidates, int64 (c,), and each part's raw scores of them."""
        step = self.model.config.candidates
        share = step * max(1, math.ceil(at_least / step))
        whole = {s.kind: self._masked(s(context), excluded) for s in self._taste}
        sources = [*whole.values(), self._masked(self._mood(context), excluded)]
        songs = np.unique(np.concatenate([top_positions(scores, share) for scores in sources]))
        return songs, {k: v[songs] for k, v in whole.items()}

    def reranked(self, items: ItemList, length: int) -> ItemList:
        """Diversify the head of a scored list, the rest by score; at most ``length`` songs.

        The head is of a fixed size, so that page two goes on exactly where page one ended.
        """
        config = self.model.config.reranking
        pool = items.take(np.arange(min(len(items), config.pool), dtype=np.int64))
        similarity = self.model.content.pairwise(pool.songs)
        artists = self.model.catalogue.artist_codes[pool.songs]
        head = rerank(pool.scores, similarity, artists, length, config)
        tail = np.arange(len(pool), min(length, len(items)), dtype=np.int64)
        return items.take(np.concatenate([head, tail]))

    def _excluded(self, query: Query, history: UserHistory) -> IntArray:
        banned = history.song_ids if query.exclude_heard else tuple(sorted(history.disliked))
        return self.model.catalogue.locate(banned)

    @staticmethod
    def _masked(scores: FloatArray, excluded: IntArray) -> FloatArray:
        masked = scores.copy()
        masked[excluded] = np.nan
        return masked


def _fallback(history: UserHistory, context: Context) -> Fallback | None:
    if len(context.songs):
        return None
    return "no_history" if history.known else "cold_user"
