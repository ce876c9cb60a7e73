"""What waits for the disk before it is promised, and what gives up before anybody waits long."""

from __future__ import annotations

import pytest
from sqlalchemy import text

from data.db.session import Database
from data.errors import DatabaseUnavailableError


def synchronous(database: Database, *, durable: bool) -> int:
    """SQLite's setting within a session: 1 is NORMAL, 2 is FULL."""
    with database.session(durable=durable) as session:
        return int(session.execute(text("PRAGMA synchronous")).scalar_one())


def test_only_durable_sessions_wait_for_the_disk(database: Database) -> None:
    if not database.is_sqlite:
        with database.session(durable=True) as session:
            assert session.execute(text("SHOW synchronous_commit")).scalar_one() == "on"
        return
    assert [synchronous(database, durable=d) for d in (False, True, False)] == [1, 2, 1]
    with pytest.raises(RuntimeError), database.session(durable=True):
        raise RuntimeError
    assert synchronous(database, durable=False) == 1


def test_a_statement_that_waits_too_long_is_given_up(database: Database) -> None:
    if database.is_sqlite:
        pytest.skip("SQLite has no time limit for statements; its locks have one")
    url = database.url.render_as_string(hide_password=False)
    hurried = Database(url, statement_timeout_s=0.1)
    try:
        with pytest.raises(DatabaseUnavailableError), hurried.session() as session:
            session.execute(text("SELECT pg_sleep(60)"))
        with hurried.session() as session:  # and the connection is good for the next one
            assert session.execute(text("SELECT 1")).scalar_one() == 1
    finally:
        hurried.dispose()
