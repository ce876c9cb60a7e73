"""Erasing a user: every row, the keys bound to them, and their rows among the set-aside ones."""

from __future__ import annotations

from data.db.repositories import UserRepository
from data.db.session import Database
from data.ingest import forget_rejects, forget_unmatched
from data.settings import Settings


def erase_user(settings: Settings, database: Database, user: str) -> bool:
    """Delete everything stored about a user; factors are made per request, so none remain.

    Returns:
        False if nothing was stored.

    Raises:
        DatabaseUnavailableError: if the database does not answer; nothing is deleted then.
    """
    with database.session(durable=True) as session:
        known = UserRepository(session).erase(user)
    if known:
        database.forget_deleted(compact=True)
    folder = settings.home / "rejects"
    rows = forget_rejects(folder, user) + forget_unmatched(folder, user)
    return known or bool(rows)
