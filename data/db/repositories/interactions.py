"""Events: adding them, one user's history, and the whole table as arrays."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Sequence
from datetime import datetime
from typing import Any

import numpy as np
from sqlalchemy import and_, bindparam, case, func, or_, select, type_coerce
from sqlalchemy.orm import Session
from sqlalchemy.types import NullType

from data.db.base import insert_for
from data.db.models import Artist, Interaction, MutedArtist, SongRow, User
from data.db.repositories.song_writing import song_keys
from data.db.repositories.users import UserRepository
from data.errors import InvalidParameterError
from data.interactions import Interactions
from data.moments import Moments
from data.types import EMOTIONS, EVENT_WEIGHTS, Event, EventRow, Moment, UserHistory

#: Longer idempotency keys are stored as their SHA-256: an index entry has a largest size.
KEY_LENGTH = 200
#: Latest moments of a user that a request reads; more would not change what is known of anyone.
MOST_MOMENTS = 1000
#: No event has a higher number.
_NEWEST = 2**63 - 1

#: Events that speak for a song, and carry an emotion.
_FELT = and_(
    Interaction.emotion.in_(EMOTIONS),
    Interaction.event.in_([e for e, weight in EVENT_WEIGHTS.items() if weight > 0]),
)


#: Events that take an earlier dislike back.
_PRAISE = ("like", "save")


def _pair_columns() -> tuple[Any, Any]:
    """Return SQL for (weight, disliked) of the events of one user with one song."""
    strength = case(*((Interaction.event == e, w) for e, w in EVENT_WEIGHTS.items()), else_=0.0)
    refused = func.max(case((Interaction.event == "dislike", Interaction.at)))
    praised = func.max(case((Interaction.event.in_(_PRAISE), Interaction.at)))
    disliked = and_(refused.is_not(None), or_(praised.is_(None), refused >= praised))
    return case((disliked, 0.0), else_=func.sum(strength * Interaction.count)), disliked


_WEIGHT, _DISLIKED = _pair_columns()

# Statements of every request are built once: building one costs more than running it.
_SONGS, _USERS, _EVENTS = SongRow.__table__.c, User.__table__.c, Interaction.__table__.c
_MUTES = MutedArtist.__table__.c
_SEEN = _EVENTS.id <= bindparam("until")
#: One user's events, oldest first; one row without an event for a user who has none. Times are as
#: the driver gives them: they are only compared.
_EVENTS_OF = (
    select(
        _SONGS.external_id, _EVENTS.event, _EVENTS.count, _EVENTS.id,
        type_coerce(_EVENTS.at, NullType()).label("at"),
    )
    .select_from(User.__table__)
    .outerjoin(Interaction.__table__, and_(_EVENTS.user_id == _USERS.id, _SEEN))
    .outerjoin(SongRow.__table__, _SONGS.id == _EVENTS.song_id)
    .where(_USERS.external_id == bindparam("user"))
    .order_by(_EVENTS.at, _EVENTS.id)
)  # fmt: skip
#: One user's moments, newest first.
_MOMENTS = (
    select(_SONGS.external_id, _EVENTS.emotion, _EVENTS.at)
    .select_from(Interaction.__table__)
    .join(User.__table__, _USERS.id == _EVENTS.user_id)
    .join(SongRow.__table__, _SONGS.id == _EVENTS.song_id)
    .where(_USERS.external_id == bindparam("user"), _SEEN, _FELT)
    .order_by(_EVENTS.at.desc(), _EVENTS.id.desc())
    .limit(bindparam("most"))
)


#: Artists that one user muted, first muted first.
_MUTED = (
    select(Artist.__table__.c.name)
    .select_from(MutedArtist.__table__)
    .join(User.__table__, _USERS.id == _MUTES.user_id)
    .join(Artist.__table__, Artist.__table__.c.id == _MUTES.artist_id)
    .where(_USERS.external_id == bindparam("user"))
    .order_by(_MUTES.at, Artist.__table__.c.id)
)

#: What changes whenever one user's history does; no row for a user who has none.
_STAMP = select(
    _USERS.id,
    type_coerce(_USERS.created_at, NullType()),
    select(func.max(_EVENTS.id)).where(_EVENTS.user_id == _USERS.id).scalar_subquery(),
    select(func.count()).where(_EVENTS.user_id == _USERS.id).scalar_subquery(),
    select(func.count()).where(_MUTES.user_id == _USERS.id).scalar_subquery(),
    type_coerce(
        select(func.max(_MUTES.at)).where(_MUTES.user_id == _USERS.id).scalar_subquery(),
        NullType(),
    ),
).where(_USERS.external_id == bindparam("user"))

#: Two of one user are equal only where nothing happened in between.
HistoryStamp = tuple[Any, ...]


class InteractionRepository:
    """Events of users with songs."""

    def __init__(self, session: Session) -> None:
        self._session = session

    def add(
        self,
        user_id: str,
        song_id: str,
        event: Event,
        at: datetime,
        emotion: str | None = None,
        idempotency_key: str | None = None,
    ) -> bool:
        """Add one event; the user is made if new.

        Returns:
            False if this user already sent ``idempotency_key``; nothing is stored then.

        Raises:
            InvalidParameterError: if the song is not in the catalogue.
        """
        row = EventRow(user_id, song_id, event, at, emotion, 1, idempotency_key)
        return self.add_many([row]) == 1

    def add_many(self, rows: Sequence[EventRow]) -> int:
        """Add events; return how many were new by their idempotency keys.

        Raises:
            InvalidParameterError: if a song is not in the catalogue; nothing is added then.
        """
        if not rows:
            return 0
        songs = song_keys(self._session, {row.song_id for row in rows})
        for row in rows:
            if row.song_id not in songs:
                raise InvalidParameterError("song", f"no song {row.song_id!r} in the catalogue")
        users = UserRepository(self._session).ensure_many({row.user_id for row in rows})
        insert = insert_for(self._session, Interaction.__table__)  # type: ignore[arg-type]
        values = [_values(row, users[row.user_id], songs[row.song_id]) for row in rows]
        # RETURNING, because psycopg does not count the rows of many inserts.
        new = insert.on_conflict_do_nothing(index_elements=["user_id", "idempotency_key"])
        return len(self._session.execute(new.returning(Interaction.id), values).all())

    def stamp(self, user_id: str) -> HistoryStamp | None:
        """Return what tells whether :meth:`history` would be another; None for an unknown user.

        Cheap: it reads no event. Whoever was erased and came back has another stamp too.
        """
        row = self._session.connection().execute(_STAMP, {"user": user_id}).first()
        return None if row is None else tuple(row)

    def history(
        self, user_id: str, *, moments: bool = True, until: int | None = None
    ) -> UserHistory:
        """Return what the user did, read fresh; unknown users have an empty history.

        Args:
            user_id: the caller's id.
            moments: read the moments too, which only a question with a mood needs.
            until: number of the last event to take in; None for all.
        """
        connection = self._session.connection()
        asked = {"user": user_id, "until": _NEWEST if until is None else until}
        found = connection.execute(_EVENTS_OF, asked).all()
        events = [row for row in found if row[0] is not None]
        asked_felt = {**asked, "most": MOST_MOMENTS}
        felt = connection.execute(_MOMENTS, asked_felt).all() if moments and events else []
        muted = connection.execute(_MUTED, {"user": user_id}).all() if found else []
        weights, disliked = _strengths(events)
        return UserHistory(
            user_id,
            known=bool(found),
            song_ids=tuple(weights),
            weights=tuple(weights.values()),
            disliked=frozenset(disliked),
            moments=tuple(Moment(song, str(e), at) for song, e, at in reversed(felt)),
            muted=tuple(name for (name,) in muted),
            last_event=max((row[3] for row in events), default=0),
        )

    def last_event(self) -> int:
        """Return the number of the newest event of anybody, 0 without any."""
        return self._session.scalar(select(func.max(Interaction.id))) or 0

    def iter_events(self, block: int = 5000) -> Iterator[list[EventRow]]:
        """Yield every event in the order it was added, at most ``block`` at a time."""
        columns = (
            Interaction.id, User.external_id, SongRow.external_id, Interaction.event,
            Interaction.at, Interaction.emotion, Interaction.count, Interaction.idempotency_key,
        )  # fmt: skip
        query = select(*columns).join(User, User.id == Interaction.user_id)
        query = query.join(SongRow, SongRow.id == Interaction.song_id)
        last = 0
        while True:
            after = query.where(Interaction.id > last).order_by(Interaction.id).limit(block)
            rows = self._session.execute(after).all()
            if not rows:
                return
            last = rows[-1][0]
            yield [EventRow(*row[1:]) for row in rows]

    def recent(self, user_id: str, limit: int = 100) -> list[EventRow]:
        """Return the user's latest events, newest first."""
        query = (
            select(
                SongRow.external_id, Interaction.event, Interaction.at, Interaction.emotion,
                Interaction.count, Interaction.idempotency_key,
            )
            .join(SongRow, SongRow.id == Interaction.song_id)
            .join(User, User.id == Interaction.user_id)
            .where(User.external_id == user_id)
            .order_by(Interaction.at.desc(), Interaction.id.desc())
            .limit(limit)
        )  # fmt: skip
        return [EventRow(user_id, *row) for row in self._session.execute(query)]

    def page(
        self, user_id: str, limit: int, before: int | None = None
    ) -> tuple[list[EventRow], int | None]:
        """Return some of the user's events, newest first, and where the next page begins.

        Args:
            user_id: the caller's id; an unknown user has no events.
            limit: how many, 1 or more.
            before: what the page before gave; None for the first page. After a number that is no
                event of this user nothing comes.

        Returns:
            the events, and a number for the next page; None after the last.
        """
        query = (
            select(
                Interaction.id, SongRow.external_id, Interaction.event, Interaction.at,
                Interaction.emotion, Interaction.count, Interaction.idempotency_key,
            )
            .join(SongRow, SongRow.id == Interaction.song_id)
            .join(User, User.id == Interaction.user_id)
            .where(User.external_id == user_id)
            .order_by(Interaction.at.desc(), Interaction.id.desc())
            .limit(limit + 1)
        )  # fmt: skip
        if before is not None:
            own = select(Interaction.at).join(User).where(User.external_id == user_id)
            at = own.where(Interaction.id == before).scalar_subquery()
            same = and_(Interaction.at == at, Interaction.id < before)
            query = query.where(or_(Interaction.at < at, same))
        rows = self._session.execute(query).all()
        shown = rows[:limit]
        after = shown[-1][0] if len(rows) > limit else None
        return [EventRow(user_id, *row[1:]) for row in shown], after

    def count(self) -> int:
        """Return the number of events."""
        return self._session.scalar(select(func.count()).select_from(Interaction)) or 0

    def table(self) -> Interactions:
        """Return all pairs as arrays; users and items in the order of their external ids."""
        query = select(
            Interaction.user_id, Interaction.song_id, _WEIGHT, func.max(Interaction.at)
        ).group_by(Interaction.user_id, Interaction.song_id)
        rows = self._session.execute(query).all()
        names = select(User.external_id, User.id), select(SongRow.external_id, SongRow.id)
        user_ids, user = self._numbered(names[0], [row[0] for row in rows])
        item_ids, item = self._numbered(names[1], [row[1] for row in rows])
        order = np.lexsort((item, user))
        return Interactions(
            user_ids,
            item_ids,
            user[order],
            item[order],
            np.array([row[2] for row in rows], dtype=np.float32)[order],
            np.array([row[3].timestamp() for row in rows], dtype=np.float64)[order],
        )

    def moments(self) -> Moments:
        """Return every positive event that carries an emotion, by user and then by time."""
        query = select(
            Interaction.user_id, Interaction.song_id, Interaction.emotion,
            Interaction.event, Interaction.count, Interaction.at,
        ).where(_FELT).order_by(Interaction.id)  # fmt: skip
        rows = self._session.execute(query).all()
        if not rows:
            return Moments.empty()
        users, items, emotions, events, counts, times = zip(*rows, strict=True)
        user_ids, user = self._numbered(select(User.external_id, User.id), list(users))
        item_ids, item = self._numbered(select(SongRow.external_id, SongRow.id), list(items))
        code = {emotion: number for number, emotion in enumerate(EMOTIONS)}
        weight = [EVENT_WEIGHTS[e] * count for e, count in zip(events, counts, strict=True)]
        at = np.array([time.timestamp() for time in times], dtype=np.float64)
        found = Moments(
            user_ids,
            item_ids,
            user,
            item,
            np.array([code[e] for e in emotions], dtype=np.int64),
            np.array(weight, dtype=np.float32),
            at,
        )
        return found.take(np.lexsort((at, user)).astype(np.int64))

    def _numbered(self, names: Any, keys: list[int]) -> tuple[tuple[str, ...], Any]:
        """Replace internal ``keys`` by places in the sorted external ids that occur."""
        present = set(keys)
        named = sorted((name, key) for name, key in self._session.execute(names) if key in present)
        place = {key: number for number, (_, key) in enumerate(named)}
        return tuple(n for n, _ in named), np.array([place[k] for k in keys], dtype=np.int64)


def _strengths(events: Sequence[Any]) -> tuple[dict[str, float], set[str]]:
    """Return song id -> weight, oldest event first, and the songs that stay disliked.

    The same as :func:`_pair_columns` in SQL, which is the slower way for one user's events.

    Args:
        events: (song id, event, count, number, time), oldest first.
    """
    weights: dict[str, float] = {}
    refused: dict[str, Any] = {}
    praised: dict[str, Any] = {}
    for song, event, count, _, at in events:
        weights[song] = weights.get(song, 0.0) + EVENT_WEIGHTS[event] * count
        if event == "dislike":
            refused[song] = at
        elif event in _PRAISE:
            praised[song] = at
    disliked = {s for s, at in refused.items() if s not in praised or at >= praised[s]}
    weights.update(dict.fromkeys(disliked, 0.0))
    return weights, disliked


def _values(row: EventRow, user: int, song: int) -> dict[str, Any]:
    key = row.idempotency_key
    if key is not None and len(key) > KEY_LENGTH:
        key = hashlib.sha256(key.encode()).hexdigest()
    return {
        "user_id": user,
        "song_id": song,
        "event": row.event,
        "at": row.at,
        "emotion": row.emotion,
        "count": row.count,
        "idempotency_key": key,
    }
