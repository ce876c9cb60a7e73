"""One playlist from database and engine: what a request, a batch and a verb share."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Protocol

from data.db.repositories import SongRepository
from data.types import Song, UserHistory
from recommender.answering import listener_of
from recommender.journeys.query import Durations, JourneyQuery, PlaylistAnswer

if TYPE_CHECKING:
    from data.db.session import Database
    from recommender.engine import Popular


class MakesPlaylists(Protocol):
    """The part of an engine that makes playlists."""

    def playlist(
        self,
        query: JourneyQuery,
        history: UserHistory,
        popular: Popular | None = None,
        durations: Durations | None = None,
    ) -> PlaylistAnswer:
        """Make one playlist."""
        ...


@dataclass(frozen=True, slots=True)
class AnsweredPlaylist:
    """A playlist and the catalogue rows of its songs.

    Attributes:
        answer: songs that were taken out of the catalogue since training are left out.
        songs: song id -> row, for every song of the answer.
        gone: how many songs were left out.
    """

    answer: PlaylistAnswer
    songs: Mapping[str, Song]
    gone: int = 0


def answer_playlist(
    engine: MakesPlaylists, database: Database, query: JourneyQuery
) -> AnsweredPlaylist:
    """Read the user's history, ask the engine, fetch the songs.

    No connection is held while the engine works.

    Raises:
        DatabaseUnavailableError: if the database does not answer.
    """
    listener = listener_of(database, query.user_id, songs=query.songs)
    found = engine.playlist(query, *listener, song_durations(database))
    with database.session() as session:
        songs = SongRepository(session).get_many([one.song_id for one in found.songs])
    kept = [one for one in found.songs if one.song_id in songs]
    ranked = tuple(replace(one, rank=rank) for rank, one in enumerate(kept, start=1))
    return AnsweredPlaylist(replace(found, songs=ranked), songs, len(found.songs) - len(kept))


def song_durations(database: Database) -> Durations:
    """Return a look-up of durations in seconds, as the database has them now."""

    def durations(song_ids: Sequence[str]) -> Mapping[str, float]:
        with database.session() as session:
            rows = SongRepository(session).get_many(song_ids)
        return {key: row.duration_s for key, row in rows.items() if row.duration_s}

    return durations
