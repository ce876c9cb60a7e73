"""Declarative base: naming convention of constraints, UTC timestamps, portable upserts."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from typing import Any, TypeVar

from sqlalchemy import BigInteger, DateTime, Dialect, Integer, MetaData, Table
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.orm import DeclarativeBase, Session
from sqlalchemy.types import TypeDecorator

T = TypeVar("T")

#: Names that Alembic can find again on every dialect.
NAMING = {
    "ix": "ix_%(table_name)s_%(column_0_N_name)s",
    "uq": "uq_%(table_name)s_%(column_0_N_name)s",
    "ck": "ck_%(table_name)s_%(constraint_name)s",
    "fk": "fk_%(table_name)s_%(column_0_name)s_%(referred_table_name)s",
    "pk": "pk_%(table_name)s",
}

#: 64-bit key; SQLite only counts up a column that is declared exactly INTEGER.
BigKey = BigInteger().with_variant(Integer(), "sqlite")

#: Well under SQLite's limit of 32,766 variables in one statement.
VARIABLES = 5_000


class Base(DeclarativeBase):
    """Base of every table."""

    metadata = MetaData(naming_convention=NAMING)


class UtcDateTime(TypeDecorator[datetime]):
    """A time zone aware datetime, stored in UTC on every dialect.

    SQLite has no time zones: the text stored there is UTC, of constant width, and so sorts.
    """

    impl = DateTime(timezone=True)
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        """Turn ``value`` to UTC.

        Raises:
            ValueError: if it has no time zone; guessing one would move events in time.
        """
        if value is None:
            return None
        if value.tzinfo is None:
            raise ValueError(f"{value!r} has no time zone: give a datetime with tzinfo")
        utc = value.astimezone(UTC)
        return utc.replace(tzinfo=None) if dialect.name == "sqlite" else utc

    def process_result_value(self, value: datetime | None, _dialect: Dialect) -> datetime | None:
        """Return the stored time with ``tzinfo`` UTC."""
        if value is None:
            return None
        return value.replace(tzinfo=UTC) if value.tzinfo is None else value.astimezone(UTC)


def insert_for(session: Session, table: Table) -> Any:
    """Return the dialect's ``INSERT`` that knows ``on_conflict_do_*``.

    SQLite and PostgreSQL share these methods but SQLAlchemy gives them no common type.
    """
    if session.get_bind().dialect.name == "postgresql":
        return postgresql.insert(table)
    return sqlite.insert(table)


def begin_writing(session: Session) -> None:
    """Take SQLite's one lock of writers now, and not at the first write.

    What is read from here on is still true when it is written about. PostgreSQL locks rows.
    """
    connection = session.connection()
    if connection.dialect.name != "sqlite":
        return
    driver: Any = connection.connection.dbapi_connection
    if not driver.in_transaction:
        connection.exec_driver_sql("BEGIN IMMEDIATE")


def chunks(items: Sequence[T], size: int = VARIABLES) -> Iterator[Sequence[T]]:
    """Yield ``items`` in runs of at most ``size``."""
    for start in range(0, len(items), size):
        yield items[start : start + size]
