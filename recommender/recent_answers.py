"""Answers given a moment ago, given again where nothing has changed since.

A page that is opened again, or a list that a listener comes back to, asks the same question. The
answer is the same as long as engine, history and question are, and all three are compared; an event
of the listener, a new song or a new bundle makes another answer.
"""

from __future__ import annotations

import weakref
from typing import TYPE_CHECKING, NamedTuple, Protocol

from data.types import UserHistory
from recommender.query import (
    Fallback,
    MoodTarget,
    Query,
    RankedSong,
    Reason,
    ReasonKind,
    Recommendation,
)
from recommender.recent import Recent

if TYPE_CHECKING:
    from recommender.engine import Popular


class Answers(Protocol):
    """The part of an engine that is asked."""

    def recommend(
        self, query: Query, history: UserHistory, popular: Popular | None = None
    ) -> Recommendation:
        """Answer one query."""
        ...


#: What is kept of a song: rank, id, score and reasons, each of kind, weight and text. Tuples of
#: plain values: the garbage collector forgets about them, which keeps its pauses short.
_Song = tuple[int, str, float, tuple[tuple[ReasonKind, float, str], ...]]


class _Kept(NamedTuple):
    engine: weakref.ref[Answers]
    history: tuple[int, int]
    songs: tuple[_Song, ...]
    mood: MoodTarget | None
    fallback: Fallback | None
    version: str | None


class RecentAnswers:
    """Keeps the latest answers of one process in memory; safe to share between threads.

    An answer that came of a picture is never kept, and neither is one without a model, which
    depends on what everybody plays.

    Args:
        most: answers kept, about 8 kB each; 0 keeps none.
        longest_s: age from which an answer is made anew, seconds.
    """

    def __init__(self, most: int, longest_s: float = 60.0) -> None:
        self._kept: Recent[Query, _Kept] = Recent(most, longest_s)

    def recommend(
        self, engine: Answers, query: Query, history: UserHistory, popular: Popular | None
    ) -> Recommendation:
        """Return what ``engine`` answers, or answered a moment ago.

        Raises:
            InvalidParameterError: if the query's text cannot be read.
        """
        if not self._kept.most or query.emotion is not None:
            return engine.recommend(query, history, popular)
        kept, known = self._kept.get(query), _fingerprint(query, history)
        if kept is not None and kept.engine() is engine and kept.history == known:
            return _unpacked(query, kept)
        answer = engine.recommend(query, history, popular)
        if answer.fallback != "no_model":
            told = (answer.mood, answer.fallback, answer.model_version)
            songs = tuple(_packed(one) for one in answer.songs)
            self._kept.keep(query, _Kept(weakref.ref(engine), known, songs, *told))
        return answer

    def forget(self, user_id: str) -> None:
        """Drop a user's answers."""
        self._kept.forget(lambda query: query.user_id == user_id)


def _fingerprint(query: Query, history: UserHistory) -> tuple[int, int]:
    """Return what another history of the same user does not have.

    Events have numbers, and moments are of events. The hash is for a user who was erased and came
    back: numbers may be given again then.
    """
    what = (history.song_ids, history.weights, history.disliked, history.muted, history.known)
    moments = len(history.moments) if query.needs_moments else 0
    return history.last_event, hash((what, moments))


def _packed(one: RankedSong) -> _Song:
    reasons = tuple((r.kind, r.weight, r.text) for r in one.reasons)
    return one.rank, one.song_id, one.score, reasons


def _unpacked(query: Query, kept: _Kept) -> Recommendation:
    songs = tuple(
        RankedSong(rank, song, score, tuple(Reason(*reason) for reason in reasons))
        for rank, song, score, reasons in kept.songs
    )
    return Recommendation(query.user_id, songs, kept.mood, kept.fallback, kept.version)
