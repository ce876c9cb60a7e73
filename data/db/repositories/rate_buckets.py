"""Token buckets that every process draws from."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import select, update
from sqlalchemy.orm import Session

from data.db.base import insert_for
from data.db.models import RateBucket


@dataclass(frozen=True, slots=True)
class BucketRule:
    """How much a bucket holds and how fast it fills.

    Attributes:
        rate: tokens a second, > 0.
        burst: tokens it holds at most, >= 1.
    """

    rate: float
    burst: float


@dataclass(frozen=True, slots=True)
class Drawn:
    """What was taken out of a bucket.

    Attributes:
        tokens: taken, a whole number; 0 if less than one was there.
        left: tokens that stay in the bucket.
    """

    tokens: int
    left: float


class RateBucketRepository:
    """Takes tokens out of buckets; what is taken is gone for every other process."""

    def __init__(self, session: Session) -> None:
        self._session = session

    def take(self, key: str, asked: int, rule: BucketRule, now: datetime) -> Drawn:
        """Take up to ``asked`` whole tokens; a bucket not seen before is full.

        Whoever inserts or locks the row first goes first: on SQLite the insert, done or not, takes
        the lock of the file; on PostgreSQL the select takes that of the row. Both are kept until
        the session ends. A clock that is behind takes nothing back: time in a bucket only
        advances, so the fastest clock of all processes bounds what is given.
        """
        self._ensure(key, rule, now)
        query = select(RateBucket.tokens, RateBucket.at).where(RateBucket.key == key)
        row = self._session.execute(query.with_for_update()).one_or_none()
        if row is None:
            return Drawn(0, 0.0)  # erased in between, with its key
        tokens, at = row
        elapsed = max(0.0, (now - at).total_seconds())
        full = min(rule.burst, tokens + elapsed * rule.rate)
        taken = int(min(asked, full))
        written = update(RateBucket).where(RateBucket.key == key)
        self._session.execute(written.values(tokens=full - taken, at=max(at, now)))
        return Drawn(taken, full - taken)

    def _ensure(self, key: str, rule: BucketRule, now: datetime) -> None:
        insert = insert_for(self._session, RateBucket.__table__)  # type: ignore[arg-type]
        full = {"key": key, "tokens": rule.burst, "at": now}
        self._session.execute(insert.on_conflict_do_nothing(index_elements=["key"]), full)
