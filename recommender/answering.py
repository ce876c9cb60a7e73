"""One question answered from database and bundle: what a request, a batch and a verb share."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Protocol

from data.db.repositories import InteractionRepository, SongRepository
from data.types import Song, UserHistory
from recommender.query import Query, Recommendation

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


def answer_query(engine: Recommends, database: Database, query: Query) -> Answer:
    """Read the user's history, ask the engine, fetch the songs.

    No connection is held while the engine works.

    Raises:
        DatabaseUnavailableError: if the database does not answer.
    """
    found = engine.recommend(query, *listener_of(database, query.user_id))
    with database.session() as session:
        songs = SongRepository(session).get_many([ranked.song_id for ranked in found.songs])
    kept = tuple(ranked for ranked in found.songs if ranked.song_id in songs)
    return Answer(replace(found, songs=kept), songs, len(found.songs) - len(kept))


def listener_of(database: Database, user_id: str) -> tuple[UserHistory, Popular]:
    """Return what an engine has to know of a listener, and what it falls back on.

    Returns:
        the history, read now, and a look-up of the most played songs.

    Raises:
        DatabaseUnavailableError: if the database does not answer.
    """
    with database.session() as session:
        history = InteractionRepository(session).history(user_id)

    def popular(n: int, exclude: Collection[str]) -> list[tuple[str, float]]:
        with database.session() as session:
            return SongRepository(session).popular(n, exclude)

    return history, popular
