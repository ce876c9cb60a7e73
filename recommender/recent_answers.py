"""Answers given a moment ago, given again where nothing has changed since.

A page that is opened again, or a list that a listener comes back to, asks the same question. The
answer is the same as long as engine, history and question are, and all three are compared; an event
of the listener, a new song or a new bundle makes another answer.
"""

from __future__ import annotations

import threading
import time
import weakref
from collections import OrderedDict
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

from data.types import UserHistory
from recommender.query import Query, Recommendation

if TYPE_CHECKING:
    from recommender.engine import Popular


class Answers(Protocol):
    """The part of an engine that is asked."""

    def recommend(
        self, query: Query, history: UserHistory, popular: Popular | None = None
    ) -> Recommendation:
        """Answer one query."""
        ...


@dataclass(frozen=True, slots=True)
class _Kept:
    #: Weak: an answer that is kept must not keep a whole model after a reload.
    engine: weakref.ref[Answers]
    history: UserHistory
    answer: Recommendation
    at: float


class RecentAnswers:
    """Keeps the latest answers of one process in memory; safe to share between threads.

    An answer that came of a picture is never kept, and neither is one without a model, which
    depends on what everybody plays.

    Args:
        most: answers kept, about 8 kB each; 0 keeps none.
        longest_s: age from which an answer is made anew, seconds.
    """

    def __init__(self, most: int, longest_s: float = 60.0) -> None:
        self._most = most
        self._longest_s = longest_s
        self._kept: OrderedDict[Query, _Kept] = OrderedDict()
        self._lock = threading.Lock()

    def recommend(
        self, engine: Answers, query: Query, history: UserHistory, popular: Popular | None
    ) -> Recommendation:
        """Return what ``engine`` answers, or answered a moment ago.

        Raises:
            InvalidParameterError: if the query's text cannot be read.
        """
        if not self._most or query.emotion is not None:
            return engine.recommend(query, history, popular)
        kept = self._kept.get(query)
        now = time.monotonic()
        fresh = kept is not None and now - kept.at < self._longest_s
        if kept is not None and fresh and kept.engine() is engine and kept.history == history:
            return kept.answer
        answer = engine.recommend(query, history, popular)
        if answer.fallback != "no_model":
            self._keep(query, _Kept(weakref.ref(engine), history, answer, now))
        return answer

    def forget(self, user_id: str) -> None:
        """Drop a user's answers."""
        with self._lock:
            for query in [query for query in self._kept if query.user_id == user_id]:
                del self._kept[query]

    def _keep(self, query: Query, kept: _Kept) -> None:
        with self._lock:
            self._kept[query] = kept
            self._kept.move_to_end(query)
            while len(self._kept) > self._most or self._oldest_is_old(kept.at):
                self._kept.popitem(last=False)

    def _oldest_is_old(self, now: float) -> bool:
        oldest = next(iter(self._kept.values()), None)
        return oldest is not None and now - oldest.at >= self._longest_s
