"""The one path from a question to an answer: request, batch and evaluation all run this."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from data.types import FloatArray, IntArray, UserHistory
from recommender.config import RerankingConfig
from recommender.filters import left_out
from recommender.model import RecommenderModel
from recommender.moment import ordered, whole_pages
from recommender.mood import mood_target
from recommender.prepared import Prepared, PreparedHistories
from recommender.query import Fallback, Query, RankedSong, Recommendation, banned_songs
from recommender.reasons import explain
from recommender.reranking.diversity import PAGE, pool_rows, rerank, within_reach
from recommender.response import UserResponse
from recommender.stages import (
    CandidateRanker,
    Context,
    FollowsModel,
    ItemList,
    Scorer,
    top_positions,
    top_rows,
)
from recommender.text import TextReader

#: Memory for the scores of listeners who ask again, bytes.
_PREPARED_BYTES = 32_000_000
_NONE, _NO_WEIGHTS = np.zeros(0, dtype=np.int64), np.zeros(0, dtype=np.float32)


class RecommendationPipeline:
    """Candidates from every source, scored by the hybrid, reranked, explained."""

    def __init__(
        self,
        model: RecommenderModel,
        ranker: CandidateRanker,
        version: str | None = None,
        texts: TextReader | None = None,
    ) -> None:
        self.model = model
        self.version = version
        self.ranker = ranker
        self.texts = texts or TextReader()
        scores = 4 * max(1, len(model.catalogue)) * len(model.taste)
        self._prepared = PreparedHistories(max(1, _PREPARED_BYTES // scores))

    def with_model(self, model: RecommenderModel) -> RecommendationPipeline:
        """Return the same pipeline over another model."""
        ranker = self.ranker
        if isinstance(ranker, FollowsModel):
            ranker = ranker.over(model)
        return RecommendationPipeline(model, ranker, self.version, self.texts)

    def recommend(self, query: Query, history: UserHistory) -> Recommendation:
        """Answer one query. Never raises for unknown users or songs.

        Raises:
            InvalidParameterError: if the query's text cannot be read.
        """
        context = self.context(history, query)
        excluded = self._excluded(query, history)
        wanted = query.offset + query.n
        # Whole pages, for a page is ordered as one.
        length = whole_pages(wanted)
        items = self.candidates(context, excluded, at_least=length)
        items = self.reranked(items, length, self._reranking(context))
        config = self.model.config
        known = len(self.model.catalogue) if query.newest is None else query.newest
        items = ordered(items, config.mood, min(known, config.candidates))
        page = items.take(np.arange(query.offset, min(wanted, len(items)), dtype=np.int64))
        reasons = explain(self.model, page, context) if query.explain else [()] * len(page)
        songs = tuple(
            RankedSong(query.offset + row + 1, self.model.catalogue.ids[song], score, reasons[row])
            for row, (song, score) in enumerate(
                zip(
                    page.songs.tolist(),
                    np.round(page.scores.astype(np.float64), 4).tolist(),
                    strict=True,
                )
            )
        )
        fallback = _fallback(history, context)
        return Recommendation(query.user_id, songs, context.target, fallback, self.version)

    def context(self, history: UserHistory, query: Query) -> Context:
        """Translate a history into positions; songs the model does not know are passed over."""
        known = self._prepared.of(history, self._prepare)
        known.asked += 1
        text = None if query.text is None else self.texts.read(query.text, self.model)
        response = self._response(known, history) if query.needs_moments else None
        target = mood_target(query, self.model.config.mood, text, response)
        # Most listeners ask once: to keep what is large pays from the second time on.
        scores = known.scores if known.asked > 1 else None
        return Context(known.songs, known.weights, target, text, scores, known.speaking)

    def _prepare(self, history: UserHistory) -> Prepared:
        positions = self.model.catalogue.positions
        pairs = [
            (positions[song], weight)
            for song, weight in zip(history.song_ids, history.weights, strict=True)
            if weight > 0 and song in positions and song not in history.disliked
        ]
        return Prepared(
            np.array([p for p, _ in pairs], dtype=np.int64),
            np.array([w for _, w in pairs], dtype=np.float32),
        )

    def _response(self, known: Prepared, history: UserHistory) -> UserResponse | None:
        if known.response is None:
            model = self.model
            known.response = (model.response.posterior(history.moments, model.catalogue),)
        return known.response[0]

    def candidates(self, context: Context, excluded: IntArray, at_least: int) -> ItemList:
        """Union of the best songs of every source, scored by the ranker, best first.

        Which songs are candidates does not depend on the page, so pages fit together. Where more
        songs are wanted than there are candidates, the rest of the catalogue follows by popularity,
        without evidence.

        Args:
            excluded: int64 positions that must not come back.
            at_least: songs wanted.
        """
        songs, parts = self.raw_parts(context, excluded)
        items = self.ranker(context, songs, parts)
        items = items.take(np.argsort(-items.scores, kind="stable"))
        return items if len(items) >= at_least else self._extended(items, excluded, at_least)

    def raw_parts(
        self, context: Context, excluded: IntArray, also: IntArray = _NONE
    ) -> tuple[IntArray, Mapping[str, FloatArray]]:
        """Return the union of the candidates, int64 (c,), and each scorer's raw scores of them.

        With a text, its best songs are all candidates; the other sources only fill up where it
        cannot score as many as one source gives.

        Args:
            context: the listener and the moment.
            excluded: int64 positions that must not come.
            also: int64 positions that are candidates whatever the scorers say.
        """
        scorers = self.model.scorers
        if context.text is not None:
            scorers = (*scorers, self.model.text)
        whole = {scorer.name: self._scores(scorer, context) for scorer in scorers}
        share = self.model.config.candidates
        allowed = np.ones(len(self.model.catalogue), dtype=np.bool_)
        allowed[excluded] = False
        best = [top_rows(scores, share, allowed) for scores in whole.values()]
        if context.text is not None and len(best[-1]) == share:
            best = best[-1:]
        chosen = np.zeros(len(allowed), dtype=np.bool_)
        chosen[np.concatenate([*best, also[allowed[also]]])] = True
        songs = np.flatnonzero(chosen)
        return songs, {k: v[songs] for k, v in whole.items()}

    def _scores(self, scorer: Scorer, context: Context) -> FloatArray:
        """Ask a scorer, or take what it said of the same songs before."""
        if context.scores is None or scorer.name not in self.model.taste:
            return scorer(context)
        found = context.scores.get(scorer.name)
        if found is None:
            found = context.scores[scorer.name] = scorer(context)
        return found

    def _extended(self, items: ItemList, excluded: IntArray, at_least: int) -> ItemList:
        everything = np.nan_to_num(self.model.popularity(Context(_NONE, _NO_WEIGHTS)))
        left = self._masked(everything, np.concatenate([excluded, items.songs]))
        tail = top_positions(left, at_least - len(items))
        lowest = float(items.scores.min(initial=0.0))
        scores = lowest - 1e-3 * np.arange(1, len(tail) + 1, dtype=np.float32)
        silent = np.zeros(len(tail), dtype=np.float32)
        return ItemList(
            np.concatenate([items.songs, tail]),
            np.concatenate([items.scores, scores]).astype(np.float32),
            {k: np.concatenate([v, silent]) for k, v in items.evidence.items()},
        )

    def _reranking(self, context: Context) -> RerankingConfig:
        """Do not spread a list over artists where the listener names the ones wanted."""
        config = self.model.config.reranking
        if context.text is None or not len(context.text.artists):
            return config
        return config.model_copy(
            update={"artist_cap": max(config.artist_cap, PAGE), "diversity": 0.0}
        )

    def reranked(
        self, items: ItemList, length: int, config: RerankingConfig | None = None
    ) -> ItemList:
        """Diversify the head of a scored list, the rest by score; at most ``length`` songs.

        The head is of a fixed size, so that page two goes on exactly where page one ended.
        """
        config = config or self.model.config.reranking
        rows, pool = self.rerank_pool(items, config, length)
        head = rows[rerank(*pool, length, config)]
        left = np.ones(len(items), dtype=np.bool_)
        left[rows] = False
        return items.take(np.concatenate([head, np.flatnonzero(left)])[:length])

    def rerank_pool(
        self, items: ItemList, config: RerankingConfig, length: int | None = None
    ) -> tuple[IntArray, tuple[FloatArray, FloatArray, IntArray]]:
        """Return the rows that reranking looks at, and their scores, similarities and artists.

        Args:
            items: best first.
            config: of the reranking.
            length: how many will be chosen; similarities are then only of rows that can be.
        """
        artists = self.model.catalogue.artist_codes[items.songs]
        rows = pool_rows(artists, config)
        scores, artists = items.scores[rows], artists[rows]
        reach = len(rows) if length is None else within_reach(scores, artists, length, config)
        return rows, (scores, self.model.content.pairwise(items.songs[rows[:reach]]), artists)

    def _excluded(self, query: Query, history: UserHistory) -> IntArray:
        banned = banned_songs(history, query.exclude_heard, query.exclude)
        return left_out(self.model.catalogue, banned, query.songs, history.muted, query.newest)

    @staticmethod
    def _masked(scores: FloatArray, excluded: IntArray) -> FloatArray:
        masked = scores.copy()
        masked[excluded] = np.nan
        return masked


def _fallback(history: UserHistory, context: Context) -> Fallback | None:
    if len(context.songs):
        return None
    return "no_history" if history.known else "cold_user"
