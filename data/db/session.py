"""Engine, sessions and schema of one database."""

from __future__ import annotations

import sqlite3
import time
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from sqlalchemy import Engine, create_engine, event, make_url, text
from sqlalchemy.engine import URL
from sqlalchemy.exc import DatabaseError, DBAPIError, InterfaceError, OperationalError
from sqlalchemy.exc import TimeoutError as PoolTimeoutError
from sqlalchemy.orm import Session, sessionmaker
from sqlalchemy.pool import ConnectionPoolEntry, StaticPool

from data.errors import DatabaseUnavailableError, SchemaOutOfDateError, StorageError

if TYPE_CHECKING:
    import psycopg

_SCHEMA_HINTS = ("no such table", "no such column", "has no column named")
#: PostgreSQL's undefined_table and undefined_column.
_SCHEMA_STATES = {"42P01", "42703"}
_DURABLE = "attune_durable"
#: A SQLite file of up to so many bytes is written anew when a user is erased.
COMPACTED_BYTES = 32_000_000
#: Nobody who asks is to wait longer for a connection: to be made, to be free, seconds.
_CONNECT_S, _POOL_S = 3, 5.0
#: A server that is gone without a word (its machine, or the network) is given up after 10 seconds.
_POSTGRES: dict[str, Any] = {
    "keepalives_idle": 5,
    "keepalives_interval": 2,
    "keepalives_count": 3,
    "tcp_user_timeout": 10_000,
}


class Database:
    """One database, SQLite or PostgreSQL; safe to share between threads.

    Args:
        url: SQLAlchemy URL. ``postgresql://`` is taken as psycopg 3.
        busy_timeout_s: how long to wait for a lock (SQLite) or a connection, seconds.
        statement_timeout_s: how long one statement may take on PostgreSQL, seconds; None is for
            ever, which suits whoever ingests or migrates, and nobody who waits for an answer.
    """

    def __init__(
        self,
        url: str,
        *,
        busy_timeout_s: float = 10.0,
        statement_timeout_s: float | None = None,
    ) -> None:
        self.url = _with_driver(make_url(url))
        self.engine = _build_engine(self.url, busy_timeout_s)
        if statement_timeout_s is not None and not self.is_sqlite:
            event.listen(self.engine, "connect", partial(_limit_statements, statement_timeout_s))
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
    def session(self, *, durable: bool = False) -> Iterator[Session]:
        """Yield a session; commit once at the end, roll back if anything is raised.

        What is committed survives the end of any process, however it ends. PostgreSQL keeps it
        through a power cut too; SQLite may lose the last commits then, though never a part of one,
        unless the session is durable, which costs a few milliseconds for the disk.

        Args:
            durable: make SQLite wait for the disk; for what somebody was promised is recorded.

        Raises:
            DatabaseUnavailableError: if the database is locked, gone or unreachable.
            SchemaOutOfDateError: if a table or column is missing.
        """
        with self.errors_told(), self._sessions() as session:
            if durable and self.is_sqlite:
                connection = session.connection()
                connection.exec_driver_sql("PRAGMA synchronous=FULL")
                connection.info[_DURABLE] = True
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

    def forget_deleted(self, *, compact: bool = False) -> bool:
        """Let nothing of what was deleted remain in SQLite's files.

        Rows are overwritten when they are deleted (``PRAGMA secure_delete``). But the write-ahead
        log holds pages as they were until it is emptied, which this does; and a page that was split
        once may keep a copy of a row in its unused part, which only writing the file anew removes.
        PostgreSQL overwrites deleted rows by its own vacuum, which is not waited for.

        Args:
            compact: write the file anew as well, if it has at most :data:`COMPACTED_BYTES`. Others
                that write wait meanwhile, about 20 ms for every megabyte.

        Returns:
            False if others held the database for longer than ``busy_timeout_s``, or the file is too
            large to be written anew: ``attune db compact`` does the rest.
        """
        if not self.is_sqlite:
            return True
        small = self._file is None or self._file.stat().st_size <= COMPACTED_BYTES
        try:
            if compact and small:
                self.compact()
            with self.errors_told(), self.engine.connect() as connection:
                busy = connection.exec_driver_sql("PRAGMA wal_checkpoint(TRUNCATE)").one()[0]
        except DatabaseUnavailableError:
            return False
        return not busy and (small or not compact)

    def compact(self) -> None:
        """Write the database's file anew, without anything that was deleted.

        Raises:
            DatabaseUnavailableError: if others hold it for longer than ``busy_timeout_s``.
        """
        with self.errors_told(), self.engine.connect() as connection:
            if self.is_sqlite:
                # In memory: a temporary file would hold everybody's rows.
                connection.exec_driver_sql("PRAGMA temp_store=MEMORY")
                connection.exec_driver_sql("VACUUM")
                connection.exec_driver_sql("PRAGMA wal_checkpoint(TRUNCATE)")
            else:
                outside = connection.execution_options(isolation_level="AUTOCOMMIT")
                outside.exec_driver_sql("VACUUM")

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
        connect_args = _POSTGRES | {
            "connect_timeout": min(_CONNECT_S, max(2, round(busy_timeout_s)))
        }
        return create_engine(
            url,
            pool_pre_ping=True,
            pool_timeout=min(_POOL_S, busy_timeout_s),
            connect_args=connect_args,
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
    event.listen(engine, "checkin", _end_durable)
    return engine


def _limit_statements(seconds: float, connection: psycopg.Connection, _record: object) -> None:
    """Let the server end a statement that takes too long, or waits too long for a lock."""
    connection.autocommit = True
    connection.execute(f"SET statement_timeout = {round(1000 * seconds)}")
    connection.autocommit = False


def _end_durable(connection: sqlite3.Connection | None, record: ConnectionPoolEntry) -> None:
    if record.info.pop(_DURABLE, False) and connection is not None:
        connection.execute("PRAGMA synchronous=NORMAL")


def _set_pragmas(busy_timeout_s: float, connection: sqlite3.Connection, _record: object) -> None:
    _use_wal(connection, busy_timeout_s)
    connection.execute("PRAGMA synchronous=NORMAL")
    connection.execute("PRAGMA foreign_keys=ON")
    # What was deleted is overwritten: erased users are not to be read out of free pages.
    connection.execute("PRAGMA secure_delete=ON")


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
