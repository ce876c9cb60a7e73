from __future__ import annotations

import sqlite3
from pathlib import Path

import pytest
from sqlalchemy import text

from data.db.models import SongRow
from data.db.repositories import SongRepository, UserRepository
from data.db.session import Database
from data.errors import DatabaseUnavailableError
from data.types import SongInput
from tests.databases import remove_postgres, start_postgres


def test_an_error_rolls_everything_back(database: Database) -> None:
    def fail() -> None:
        with database.session() as session:
            UserRepository(session).ensure("u")
            raise RuntimeError("oops")

    with pytest.raises(RuntimeError, match="oops"):
        fail()
    with database.session() as session:
        assert UserRepository(session).ids() == []


def test_ping(database: Database) -> None:
    database.ping()


def test_relations_are_never_loaded_behind_the_scenes(database: Database) -> None:
    with database.session() as session:
        SongRepository(session).upsert_many([SongInput("s", "t", "a")])
        row = session.get_one(SongRow, 1)
        with pytest.raises(Exception, match="raise"):
            _ = row.artist


def test_sqlite_is_set_up_for_many_readers(tmp_path: Path) -> None:
    database = Database(f"sqlite:///{tmp_path / 'a.db'}")
    with database.session() as session:
        assert session.scalar(text("PRAGMA journal_mode")) == "wal"
        assert session.scalar(text("PRAGMA foreign_keys")) == 1
        assert session.scalar(text("PRAGMA busy_timeout")) == 10_000
    database.dispose()


def test_a_locked_sqlite_says_so(tmp_path: Path) -> None:
    path = tmp_path / "a.db"
    database = Database(f"sqlite:///{path}", busy_timeout_s=0.01)
    database.upgrade()
    holder = sqlite3.connect(path, isolation_level=None)
    holder.execute("BEGIN EXCLUSIVE")
    with (
        pytest.raises(DatabaseUnavailableError, match="locked; another process holds it"),
        database.session() as session,
    ):
        UserRepository(session).ensure("u")
    with pytest.raises(DatabaseUnavailableError, match="locked"):
        database.upgrade()
    holder.execute("ROLLBACK")
    holder.close()
    with database.session() as session:
        UserRepository(session).ensure("u")
    database.dispose()


def test_a_path_that_cannot_be_made_says_so(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    database = Database(f"sqlite:///{tmp_path / 'file' / 'a.db'}")
    with pytest.raises(DatabaseUnavailableError, match="cannot make the folder"):
        database.upgrade()
    with pytest.raises(DatabaseUnavailableError, match="the path exists and may be written"):
        database.ping()


def test_a_file_that_is_no_database_says_so(tmp_path: Path) -> None:
    (tmp_path / "a.db").write_text("these are not the pages you are looking for" * 50)
    database = Database(f"sqlite:///{tmp_path / 'a.db'}")
    with pytest.raises(DatabaseUnavailableError, match="not a database"):
        database.ping()
    database.dispose()


def test_memory_databases_live_as_long_as_their_engine() -> None:
    database = Database("sqlite://")
    database.upgrade()
    with database.session() as session:
        UserRepository(session).ensure("u")
    with database.session() as session:
        assert UserRepository(session).ids() == ["u"]
    database.dispose()


@pytest.mark.postgres
def test_a_stopped_postgres_says_so() -> None:
    server = start_postgres()
    database = Database(server.get_uri(), busy_timeout_s=2)
    database.ping()
    server.stop()
    with pytest.raises(DatabaseUnavailableError, match="check that the server runs"):
        database.ping()
    with pytest.raises(DatabaseUnavailableError):
        database.check_schema()
    database.dispose()
    remove_postgres(server)


@pytest.mark.postgres
def test_a_cut_connection_is_replaced(postgres_server: str) -> None:
    database = Database(postgres_server)
    cut = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE pid <> pg_backend_pid()"
    database.ping()
    other = Database(postgres_server)
    with other.session() as session:
        session.execute(text(cut + " AND datname = current_database()"))
    other.dispose()
    database.ping()
    database.dispose()


def test_a_password_is_never_shown() -> None:
    database = Database("postgresql://me:hunter2@localhost:1/attune", busy_timeout_s=2)
    with pytest.raises(DatabaseUnavailableError) as caught:
        database.ping()
    assert "hunter2" not in str(caught.value)
    assert "me:***@localhost" in str(caught.value)
    database.dispose()
