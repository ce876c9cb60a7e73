"""Listens as events, each stored once, whichever export tells of it.

Two exports of one account may tell of the same listen with different exactness: Spotify's short
history and one of the programs for Last.fm know the minute, the others the second. Of one user
and song, a listen that is known to the second stands for the one of the same minute; an event that
an earlier import stored of the latter goes when the former comes.
"""

from __future__ import annotations

import hashlib
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Literal

from sqlalchemy.orm import Session

from data.db.repositories import ImportedListenRepository, InteractionRepository
from data.types import EventRow

_MINUTE = timedelta(minutes=1)


@dataclass(frozen=True, slots=True)
class ToldEvent:
    """An event as an import tells it.

    Attributes:
        name: of the song, the same in every export of the service.
        exactness: of the time of a listen; None where it is compared with no other.
    """

    event: EventRow
    name: str
    exactness: Literal["minute", "second"] | None = None


def moment_key(name: str, event: str, at: datetime) -> str:
    """Return the key of an event at a time: one user cannot do a thing twice at one moment."""
    return f"at:{_digest(name, event, f'{at.timestamp():.6f}')}"


def minute_key(name: str, at: datetime) -> str:
    """Return the key of a listen of which the minute is known."""
    return f"minute:{_digest(name, f'{_minute(at).timestamp():.0f}')}"


def write_events(session: Session, told: Sequence[ToldEvent]) -> int:
    """Store the events that are new; return how many were.

    Raises:
        InvalidParameterError: if a song is not in the catalogue.
    """
    events = InteractionRepository(session)
    rough = [one for one in told if one.exactness == "minute"]
    written = events.add_many([one.event for one in told if one.exactness != "minute"])
    _replace_rough(session, [one for one in told if one.exactness == "second"])
    known = _known(session, rough)
    return written + events.add_many([one.event for one in rough if not _is_known(one, known)])


def _replace_rough(session: Session, told: Sequence[ToldEvent]) -> None:
    keys: dict[str, set[str]] = defaultdict(set)
    for one in told:
        keys[one.event.user_id].add(minute_key(one.name, one.event.at))
    for user, theirs in keys.items():
        ImportedListenRepository(session).drop(user, theirs)


_Known = dict[tuple[str, datetime], list[tuple[str, datetime, str]]]


def _known(session: Session, rough: Sequence[ToldEvent]) -> _Known:
    """Return (user, minute) -> the events that are there, as (event, time, key)."""
    minutes: dict[str, list[datetime]] = defaultdict(list)
    for one in rough:
        minutes[one.event.user_id].append(_minute(one.event.at))
    found: _Known = defaultdict(list)
    for user, theirs in minutes.items():
        repository = ImportedListenRepository(session)
        for row in repository.between(user, min(theirs), max(theirs) + _MINUTE):
            found[user, _minute(row[1])].append(row)
    return found


def _is_known(one: ToldEvent, known: _Known) -> bool:
    rows = known.get((one.event.user_id, _minute(one.event.at)), ())
    return any(key == moment_key(one.name, event, at) for event, at, key in rows)


def _minute(at: datetime) -> datetime:
    return at.replace(second=0, microsecond=0)


def _digest(*parts: str) -> str:
    return hashlib.sha256("\n".join(parts).encode()).hexdigest()[:32]
