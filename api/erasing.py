"""Erasing a user: every row, their keys and imports, and their rows among the set-aside ones."""

from __future__ import annotations

from data.db.repositories import UserRepository
from data.db.repositories.ingest_runs import IngestRunRepository
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
        imports = IngestRunRepository(session).forget(user)
        known = UserRepository(session).erase(user) or imports > 0
    if known:
        database.forget_deleted(compact=True)
    folder = settings.home / "rejects"
    rows = forget_rejects(folder, user) + forget_unmatched(folder, user)
    return known or bool(rows)
