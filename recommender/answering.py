"""One question answered from database and bundle: what a request, a batch and a verb share."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Protocol

from data.db.repositories import InteractionRepository, SongRepository
from data.timing import timed
from data.types import Song, UserHistory
from recommender.query import Query, Recommendation
from recommender.song_rows import SongRows

if TYPE_CHECKING:
    from data.db.session import Database
    from recommender.engine import Popular


class Recommends(Protocol):
    """The part of an engine that answers."""

    def recommend(
        self, query: Query, history: UserHistory, popular: Popular | None = None
    ) -> Recommendation:
        """Answer one query."""
        ...


@dataclass(frozen=True, slots=True)
class Answer:
    """A recommendation and the catalogue rows of its songs.

    Attributes:
        recommendation: songs that were taken out of the catalogue since training are left out.
        songs: song id -> row, for every song of the recommendation.
        gone: how many songs were left out.
    """

    recommendation: Recommendation
    songs: Mapping[str, Song]
    gone: int = 0


def answer_query(
    engine: Recommends, database: Database, query: Query, rows: SongRows | None = None
) -> Answer:
    """Read the user's history, ask the engine, fetch the songs.

    No connection is held while the engine works.

    Args:
        engine: answers.
        database: with listeners and catalogue.
        query: who asks for what.
        rows: reads the catalogue; default: a fresh one.

    Raises:
        DatabaseUnavailableError: if the database does not answer.
    """
    listener = listener_of(database, query.user_id, needs_moments(query))
    with timed("rank"):
        found = engine.recommend(query, *listener)
    with timed("songs"):
        songs = (rows or SongRows(database)).get_many([ranked.song_id for ranked in found.songs])
    kept = tuple(ranked for ranked in found.songs if ranked.song_id in songs)
    return Answer(replace(found, songs=kept), songs, len(found.songs) - len(kept))


def needs_moments(query: Query) -> bool:
    """Tell whether an answer depends on how the listener responded to moods before."""
    felt = query.stated is not None or query.emotion is not None
    return felt and query.strategy != "off"


def listener_of(
    database: Database, user_id: str, moments: bool = True
) -> tuple[UserHistory, Popular]:
    """Return what an engine has to know of a listener, and what it falls back on.

    Args:
        database: with the listener's events.
        user_id: the caller's id.
        moments: whether those with an emotion are needed (:func:`needs_moments`).

    Returns:
        the history, read now, and a look-up of the most played songs.

    Raises:
        DatabaseUnavailableError: if the database does not answer.
    """
    with timed("history"), database.session() as session:
        history = InteractionRepository(session).history(user_id, moments=moments)

    def popular(n: int, exclude: Collection[str]) -> list[tuple[str, float]]:
        with database.session() as session:
            return SongRepository(session).popular(n, exclude)

    return history, popular
