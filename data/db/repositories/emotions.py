"""Apparent expressions kept at the user's wish, and their expiry."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import delete, select
from sqlalchemy.orm import Session

from data.db.models import EmotionLog, User
from data.db.repositories.users import UserRepository


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

    def labels(self, user_id: str) -> list[tuple[datetime, str, float]]:
        """Return (time, label, confidence) of the user's rows, oldest first."""
        query = (
            select(EmotionLog.at, EmotionLog.label, EmotionLog.confidence)
            .join(User, User.id == EmotionLog.user_id)
            .where(User.external_id == user_id)
            .order_by(EmotionLog.at, EmotionLog.id)
        )
        return [(at, label, confidence) for at, label, confidence in self._session.execute(query)]

    def purge(self, now: datetime) -> int:
        """Delete the rows that expired by ``now``; return how many."""
        gone = delete(EmotionLog).where(EmotionLog.expires_at <= now)
        return self._session.connection().execute(gone).rowcount
