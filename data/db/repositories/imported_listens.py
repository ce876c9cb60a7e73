"""Listens by the keys under which an import stored them."""

from __future__ import annotations

from collections.abc import Collection
from datetime import datetime

from sqlalchemy import delete, select
from sqlalchemy.orm import Session

from data.db.base import chunks
from data.db.models import Interaction, User
from data.types import Event


class ImportedListenRepository:
    """Finds events of one user by time, and takes out those that a better source tells of."""

    def __init__(self, session: Session) -> None:
        self._session = session

    def between(
        self, user_id: str, first: datetime, end: datetime
    ) -> list[tuple[Event, datetime, str]]:
        """Return (event, time, idempotency key) of a user's events of [first, end).

        Events without a key are left out.
        """
        query = (
            select(Interaction.event, Interaction.at, Interaction.idempotency_key)
            .join(User, User.id == Interaction.user_id)
            .where(User.external_id == user_id, Interaction.at >= first, Interaction.at < end)
        )
        rows = self._session.execute(query)
        return [(event, at, key) for event, at, key in rows if key is not None]

    def drop(self, user_id: str, keys: Collection[str]) -> None:
        """Delete the user's events of these idempotency keys, where there are any."""
        user = select(User.id).where(User.external_id == user_id).scalar_subquery()
        for some in chunks(sorted(keys)):
            theirs = Interaction.user_id == user, Interaction.idempotency_key.in_(some)
            self._session.connection().execute(delete(Interaction).where(*theirs))
