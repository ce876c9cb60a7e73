"""One question answered from database and bundle: what a request, a batch and a verb share."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field, replace
from functools import partial
from typing import TYPE_CHECKING, Protocol

from data.db.repositories import InteractionRepository, SongRepository
from data.filters import ANY_SONG, SongFilter
from data.text import artist_key
from data.timing import timed
from data.types import Song, UserHistory
from recommender.query import Query, Recommendation, Snapshot
from recommender.recent_answers import RecentAnswers
from recommender.recent_histories import RecentHistories

if TYPE_CHECKING:
    from data.db.session import Database
    from recommender.engine import Popular


_READ_ANEW = RecentHistories(0)
#: Reads songs by their ids.
Rows = Callable[[Collection[str]], Mapping[str, Song]]


class Recommends(Protocol):
    """The part of an engine that answers."""

    def recommend(
        self, query: Query, history: UserHistory, popular: Popular | None = None
    ) -> Recommendation:
        """Answer one query."""
        ...

    @property
    def song_ids(self) -> Collection[str]:
        """Ids of the songs that the model knows."""
        ...


@dataclass(frozen=True, slots=True)
class Answer:
    """A recommendation and the catalogue rows of its songs.

    Attributes:
        recommendation: songs that were taken out of the catalogue since training are left out.
        songs: song id -> row, for every song of the recommendation.
        gone: how many songs were left out.
        snapshot: what a later page of this list has to begin with.
    """

    recommendation: Recommendation
    songs: Mapping[str, Song]
    gone: int = 0
    snapshot: Snapshot = field(default_factory=lambda: Snapshot(0))


def answer_query(
    engine: Recommends,
    database: Database,
    query: Query,
    rows: Rows | None = None,
    recent: RecentAnswers | None = None,
    histories: RecentHistories | None = None,
) -> Answer:
    """Read the user's history, ask the engine, fetch the songs.

    No connection is held while the engine works.

    Args:
        engine: answers.
        database: with listeners and catalogue.
        query: who asks for what.
        rows: reads songs by their ids; default: the database.
        recent: answers that may be given again; default: none.
        histories: histories that may be used again; default: none.

    Raises:
        DatabaseUnavailableError: if the database does not answer.
    """
    history, popular = listener_of(
        database, query.user_id, query.needs_moments, query.songs, query.snapshot, histories
    )
    with timed("rank"):
        ask = engine.recommend if recent is None else partial(recent.recommend, engine)
        found = ask(query, history, popular)
    with timed("songs"):
        songs = (rows or partial(_rows, database))([ranked.song_id for ranked in found.songs])
    there = [ranked for ranked in found.songs if ranked.song_id in songs]
    refused = refused_since(database, query, history)
    kept = tuple(r for r in there if not refused(songs[r.song_id]))
    return Answer(
        replace(found, songs=kept),
        {ranked.song_id: songs[ranked.song_id] for ranked in kept},
        len(found.songs) - len(there),
        _snapshot(query, popular.snapshot(history, len(engine.song_ids))),
    )


def _rows(database: Database, ids: Collection[str]) -> dict[str, Song]:
    with database.session() as session:
        return SongRepository(session).get_many(ids)


def _snapshot(query: Query, now: Snapshot) -> Snapshot:
    """Return what the next page has to begin with."""
    if query.snapshot is None or query.snapshot.songs is not None:
        return query.snapshot or now
    return replace(query.snapshot, songs=now.songs)


def refused_since(database: Database, query: Query, history: UserHistory) -> Callable[[Song], bool]:
    """Return what tells whether a listener refused a song since the first page of a list.

    Pages are cut from the ranking as it was, so that none has a song twice or leaves one out; but
    what was disliked or muted meanwhile does not come back: such a page is shorter.
    """
    if query.snapshot is None:
        return lambda song: False
    with timed("history"), database.session() as session:
        now = InteractionRepository(session).history(query.user_id, moments=False)
    disliked = now.disliked - history.disliked
    muted = {artist_key(name) for name in now.muted[query.snapshot.muted :]}
    return lambda song: song.id in disliked or (bool(muted) and artist_key(song.artist) in muted)


@dataclass(slots=True)
class PopularSongs:
    """Looks up the most played songs that a question admits.

    Attributes:
        database: with everybody's events.
        songs: conditions on the songs.
        muted: names of artists to leave out.
        until: number of the last event that counts; taken at the first look-up if None.
    """

    database: Database
    songs: SongFilter
    muted: tuple[str, ...] = ()
    until: int | None = None

    def __call__(self, n: int, exclude: Collection[str]) -> list[tuple[str, float]]:
        """Return the ``n`` most played songs, as (id, listeners)."""
        without = (*self.songs.without_artists, *self.muted)
        admitted = replace(self.songs, without_artists=without)
        with self.database.session() as session:
            if self.until is None:
                self.until = InteractionRepository(session).last_event()
            return SongRepository(session).popular(n, exclude, admitted, self.until)

    def snapshot(self, history: UserHistory, known: int) -> Snapshot:
        """Return what the list began with that was made of all this."""
        last = history.last_event if self.until is None else self.until
        return Snapshot(last, known, len(history.muted))


def listener_of(
    database: Database,
    user_id: str,
    moments: bool = True,
    songs: SongFilter = ANY_SONG,
    snapshot: Snapshot | None = None,
    histories: RecentHistories | None = None,
) -> tuple[UserHistory, PopularSongs]:
    """Return what an engine has to know of a listener, and what it falls back on.

    Args:
        database: with the listener's events.
        user_id: the caller's id.
        moments: whether those with an emotion are needed (:attr:`Query.needs_moments`).
        songs: conditions on the most played songs.
        snapshot: what a list began with, to know of the listener what was known then.
        histories: histories that may be used again; default: none.

    Returns:
        the history, read now, and a look-up of the most played songs.

    Raises:
        DatabaseUnavailableError: if the database does not answer.
    """
    if snapshot is None:
        with timed("history"):
            history = (histories or _READ_ANEW).read(database, user_id, moments=moments)
        return history, PopularSongs(database, songs, history.muted)
    with timed("history"), database.session() as session:
        then = InteractionRepository(session).history(
            user_id, moments=moments, until=snapshot.last_event
        )
    history = replace(then, muted=then.muted[: snapshot.muted])
    return history, PopularSongs(database, songs, history.muted, snapshot.last_event)
