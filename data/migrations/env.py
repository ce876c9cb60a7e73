"""Alembic's entry: uses the connection it is handed, or the one of the settings."""

from __future__ import annotations

from typing import Any, Literal

from alembic import context
from alembic.autogenerate.api import AutogenContext
from sqlalchemy import Connection

import data.db.models  # noqa: F401  registers the tables
from data.db.base import Base, UtcDateTime
from data.db.session import Database
from data.settings import Settings


def render_item(kind: str, item: Any, _context: AutogenContext) -> str | Literal[False]:
    """Write plain SQLAlchemy types into migrations: they must not change with the code."""
    if kind == "type" and isinstance(item, UtcDateTime):
        return "sa.DateTime(timezone=True)"
    return False


def run(connection: Connection | None, url: str | None = None) -> None:
    """Run the migrations on ``connection``, or print their SQL for ``url``."""
    context.configure(
        connection=connection,
        url=url,
        target_metadata=Base.metadata,
        render_item=render_item,
        # SQLite can alter a table only by making it anew.
        render_as_batch=True,
        literal_binds=connection is None,
        transactional_ddl=True,
    )
    with context.begin_transaction():
        context.run_migrations()


def main() -> None:
    """Find a connection and run."""
    given: Connection | None = context.config.attributes.get("connection")
    if given is not None:
        run(given)
        return
    database = Database(Settings().sqlalchemy_url)
    if context.is_offline_mode():
        run(None, database.url.render_as_string(hide_password=False))
        return
    from data.migrations.schema import schema_lock

    with schema_lock(database.engine) as connection:
        run(connection)
    database.dispose()


main()
