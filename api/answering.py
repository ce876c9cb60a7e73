"""From a query to the items of an answer: what requests share on that way, and the threads."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import structlog

from api import metrics
from api.pool import AnswerPool
from api.rendering import SongTexts, items_of
from api.song_rows import SongRows
from api.song_schemas import predicted_moods
from data.db.session import Database
from data.settings import Settings
from recommender.answering import answer_query
from recommender.query import Query, Recommendation, Snapshot
from recommender.recent_answers import RecentAnswers
from recommender.recent_histories import RecentHistories

if TYPE_CHECKING:
    from api.state import Services

_log = structlog.get_logger("attune.api")


class Answering:
    """Makes the answers of one process.

    Args:
        settings: say how many threads, and how many answers and histories are kept.
        database: with listeners and catalogue.
    """

    def __init__(self, settings: Settings, database: Database) -> None:
        self.pool = AnswerPool(settings.answer_threads)
        self._rows = SongRows(database, settings.watch_seconds)
        self._texts = SongTexts()
        self._recent = RecentAnswers(settings.answers_kept)
        self._histories = RecentHistories(settings.histories_kept)

    def answer(
        self, running: Services, query: Query
    ) -> tuple[Recommendation, list[Mapping[str, Any]], Snapshot]:
        """Answer a query; to be called in a thread of the pool.

        Returns:
            the answer, its items for :func:`api.rendering.rendered`, and what a later page of the
            list has to begin with.

        Raises:
            InvalidParameterError: if the query's text cannot be read.
            DatabaseUnavailableError: if the database does not answer.
        """
        found = answer_query(
            running.engine,
            running.database,
            query,
            self._rows.get_many,
            self._recent,
            self._histories,
        )
        if found.gone:
            # The model may know songs that were since taken out of the catalogue.
            _log.warning("songs_not_in_catalogue", songs=found.gone)
        with metrics.stage("serialise"):
            predicted = predicted_moods(running, found.songs.values())
            ranked = found.recommendation.songs
            texts = [
                self._texts.of(found.songs[r.song_id], predicted.get(r.song_id)) for r in ranked
            ]
            items = items_of(ranked, texts)
        return found.recommendation, items, found.snapshot

    def forget(self, user_id: str) -> None:
        """Drop what is kept about a user."""
        self._recent.forget(user_id)
        self._histories.forget(user_id)
