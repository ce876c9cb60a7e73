"""Apparent expressions kept at the user's wish, and their expiry."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import delete, select
from sqlalchemy.orm import Session

from data.db.models import EmotionLog, User
from data.db.repositories.users import UserRepository


@dataclass(frozen=True, slots=True)
class RememberedEmotion:
    """One row of a user's emotion history; it is gone at ``expires_at``."""

    label: str
    confidence: float
    source: str
    at: datetime
    expires_at: datetime


class EmotionRepository:
    """Labels and confidences, never pictures or anything computed from a face's shape."""

    def __init__(self, session: Session) -> None:
        self._session = session

    def add(
        self,
        user_id: str,
        label: str,
        confidence: float,
        source: str,
        at: datetime,
        expires_at: datetime,
    ) -> None:
        """Keep one answer until ``expires_at``; the user is made if new."""
        user = UserRepository(self._session).ensure(user_id)
        self._session.add(
            EmotionLog(
                user_id=user.id,
                label=label,
                confidence=float(confidence),
                source=source,
                at=at,
                expires_at=expires_at,
            )
        )
        self._session.flush()

    def page(
        self, user_id: str, now: datetime, limit: int, before: int | None = None
    ) -> tuple[list[RememberedEmotion], int | None]:
        """Return rows that have not expired by ``now``, newest first, and the next page's start.

        Args:
            user_id: the caller's id; an unknown user has none.
            now: rows that expire by then are left out.
            limit: how many, 1 or more.
            before: what the page before gave; None for the first page.
        """
        query = (
            select(
                EmotionLog.id, EmotionLog.label, EmotionLog.confidence, EmotionLog.source,
                EmotionLog.at, EmotionLog.expires_at,
            )
            .join(User, User.id == EmotionLog.user_id)
            .where(User.external_id == user_id, EmotionLog.expires_at > now)
            .order_by(EmotionLog.id.desc())
            .limit(limit + 1)
        )  # fmt: skip
        if before is not None:
            query = query.where(EmotionLog.id < before)
        rows = self._session.execute(query).all()
        after = rows[limit - 1][0] if len(rows) > limit else None
        return [RememberedEmotion(*row[1:]) for row in rows[:limit]], after

    def forget(self, user_id: str) -> int:
        """Delete all rows of a user; return how many."""
        user = select(User.id).where(User.external_id == user_id).scalar_subquery()
        gone = delete(EmotionLog).where(EmotionLog.user_id == user)
        return self._session.connection().execute(gone).rowcount

    def purge(self, now: datetime) -> int:
        """Delete the rows of all users that expired by ``now``; return how many."""
        past = EmotionLog.expires_at <= now
        # Looking first: deleting takes the lock of writers even where there is nothing to delete.
        if self._session.scalar(select(EmotionLog.id).where(past).limit(1)) is None:
            return 0
        gone = delete(EmotionLog).where(past)
        return self._session.connection().execute(gone).rowcount
