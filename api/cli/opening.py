"""The database of a command."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from data.db.session import Database
from data.settings import Settings
from recommender.bootstrap import build_database


@contextmanager
def opened_database(settings: Settings) -> Iterator[Database]:
    """Open the database, and close it however the command ends.

    Raises:
        SchemaOutOfDateError: if its schema is not the newest.
        DatabaseUnavailableError: if it does not answer.
    """
    database = build_database(settings)
    try:
        database.check_schema()
        yield database
    finally:
        database.dispose()
