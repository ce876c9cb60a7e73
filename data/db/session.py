"""Engine, sessions and schema of one database."""

from __future__ import annotations

import sqlite3
import time
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any

from sqlalchemy import Engine, create_engine, event, make_url, text
from sqlalchemy.engine import URL
from sqlalchemy.exc import DatabaseError, DBAPIError, InterfaceError, OperationalError
from sqlalchemy.exc import TimeoutError as PoolTimeoutError
from sqlalchemy.orm import Session, sessionmaker
from sqlalchemy.pool import StaticPool

from data.errors import DatabaseUnavailableError, SchemaOutOfDateError, StorageError

_SCHEMA_HINTS = ("no such table", "no such column", "has no column named")
#: PostgreSQL's undefined_table and undefined_column.
_SCHEMA_STATES = {"42P01", "42703"}


class Database:
    """One database, SQLite or PostgreSQL; safe to share between threads.

    Args:
        url: SQLAlchemy URL. ``postgresql://`` is taken as psycopg 3.
        busy_timeout_s: how long to wait for a lock (SQLite) or a connection, seconds.
    """

    def __init__(self, url: str, *, busy_timeout_s: float = 10.0) -> None:
        self.url = _with_driver(make_url(url))
        self.engine = _build_engine(self.url, busy_timeout_s)
        self._sessions = sessionmaker(self.engine, expire_on_commit=False)

    @property
    def is_sqlite(self) -> bool:
        """Whether this is SQLite."""
        return self.engine.dialect.name == "sqlite"

    @property
    def _file(self) -> Path | None:
        in_memory = self.url.database in (None, "", ":memory:")
        return None if in_memory or not self.is_sqlite else Path(str(self.url.database))

    @contextmanager
    def session(self) -> Iterator[Session]:
        """Yield a session; commit once at the end, roll back if anything is raised.

        Raises:
            DatabaseUnavailableError: if the database is locked, gone or unreachable.
            SchemaOutOfDateError: if a table or column is missing.
        """
        with self.errors_told(), self._sessions() as session:
            yield session
            session.commit()

    @contextmanager
    def errors_told(self) -> Iterator[None]:
        """Turn the driver's errors into :class:`data.errors.StorageError`."""
        try:
            yield
        except (DBAPIError, PoolTimeoutError) as exc:
            told = self._told(exc)
            if told is None:
                raise
            raise told from exc

    def ping(self) -> None:
        """Ask the database for an answer.

        Raises:
            DatabaseUnavailableError: if none comes.
        """
        with self.session() as session:
            session.execute(text("SELECT 1"))

    def upgrade(self) -> None:
        """Bring the schema up to date; safe when several processes do so at once.

        Raises:
            DatabaseUnavailableError: if the database cannot be reached or made.
        """
        from data.migrations.schema import upgrade

        if self._file is not None:
            folder = self._file.parent
            try:
                folder.mkdir(parents=True, exist_ok=True)
            except OSError as exc:
                raise DatabaseUnavailableError(f"cannot make the folder {folder}: {exc}") from exc
        with self.errors_told():
            upgrade(self.engine)

    def check_schema(self) -> None:
        """Make sure that every migration has been applied.

        Raises:
            SchemaOutOfDateError: if not, or if a newer Attune made the database.
            DatabaseUnavailableError: if the database cannot be asked.
        """
        from data.migrations.schema import check_revision

        if self._file is not None and not self._file.exists():
            raise SchemaOutOfDateError(f"no database at {self._file}: run `attune db upgrade`")
        with self.errors_told():
            check_revision(self.engine)

    def dispose(self) -> None:
        """Close every pooled connection."""
        self.engine.dispose()

    def _told(self, exc: DBAPIError | PoolTimeoutError) -> StorageError | None:
        where = self.url.render_as_string(hide_password=True)
        cause = str(getattr(exc, "orig", None) or exc).strip().splitlines()[0]
        state = getattr(getattr(exc, "orig", None), "sqlstate", None)
        if state in _SCHEMA_STATES or any(hint in cause for hint in _SCHEMA_HINTS):
            return SchemaOutOfDateError(f"{where}: {cause}; run `attune db upgrade`")
        gone = isinstance(exc, DBAPIError) and exc.connection_invalidated
        # SQLite tells a damaged file by the bare class; its subclasses are mistakes of ours.
        damaged = type(exc) is DatabaseError and self.is_sqlite
        unanswered = isinstance(exc, (OperationalError, InterfaceError, PoolTimeoutError))
        if gone or damaged or unanswered:
            return DatabaseUnavailableError(f"{where}: {cause}; {self._remedy(cause)}")
        return None

    def _remedy(self, cause: str) -> str:
        if not self.is_sqlite:
            return "check that the server runs and ATTUNE_DATABASE_URL names it, then try again"
        if "locked" in cause:
            return "another process holds it: wait for that or stop it, then try again"
        return "check that the path exists and may be written, then try again"


def _with_driver(url: URL) -> URL:
    return url.set(drivername="postgresql+psycopg") if url.drivername in (
        "postgres", "postgresql"
    ) else url  # fmt: skip


def _build_engine(url: URL, busy_timeout_s: float) -> Engine:
    if url.get_backend_name() != "sqlite":
        connect_args = {"connect_timeout": max(2, round(busy_timeout_s))}
        return create_engine(
            url, pool_pre_ping=True, pool_timeout=busy_timeout_s, connect_args=connect_args
        )
    options: dict[str, Any] = {
        # BEGIN IMMEDIATE before the first write, and no transaction around reads: a session
        # that reads and then writes waits for the lock instead of failing on a stale snapshot.
        "connect_args": {"timeout": busy_timeout_s, "isolation_level": "IMMEDIATE"},
    }
    if url.database in (None, "", ":memory:"):
        options["poolclass"] = StaticPool
        options["connect_args"]["check_same_thread"] = False
    engine = create_engine(url, **options)
    event.listen(engine, "connect", partial(_set_pragmas, busy_timeout_s))
    return engine


def _set_pragmas(busy_timeout_s: float, connection: sqlite3.Connection, _record: object) -> None:
    _use_wal(connection, busy_timeout_s)
    connection.execute("PRAGMA synchronous=NORMAL")
    connection.execute("PRAGMA foreign_keys=ON")


def _use_wal(connection: sqlite3.Connection, busy_timeout_s: float) -> None:
    """Switch a new database to write-ahead logging, waiting for others that do the same.

    SQLite does not apply its busy timeout to this switch: of several processes that open a new
    database at once, all but one would fail at once.
    """
    deadline = time.monotonic() + busy_timeout_s
    while True:
        try:
            if connection.execute("PRAGMA journal_mode").fetchone()[0] != "wal":
                connection.execute("PRAGMA journal_mode=WAL")
        except sqlite3.OperationalError as exc:
            if "locked" not in str(exc) or time.monotonic() > deadline:
                raise
            time.sleep(0.02)
        else:
            return
