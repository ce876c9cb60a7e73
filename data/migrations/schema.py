"""Running the migrations from the program, wherever the package is installed."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from alembic import command
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection, Engine, text

from data.errors import SchemaOutOfDateError

#: Any constant will do, as long as every Attune process uses the same.
ADVISORY_LOCK = 0x4154_5455_4E45


def alembic_config(connection: Connection | None = None) -> Config:
    """Return Alembic's configuration; ``connection`` is what ``env.py`` will use."""
    config = Config()
    config.set_main_option("script_location", str(Path(__file__).parent).replace("%", "%%"))
    config.set_main_option("path_separator", "os")
    config.attributes["connection"] = connection
    return config


def upgrade(engine: Engine) -> None:
    """Apply every missing migration, in one transaction that other processes wait for."""
    with schema_lock(engine) as connection:
        command.upgrade(alembic_config(connection), "head")


@contextmanager
def schema_lock(engine: Engine) -> Iterator[Connection]:
    """Yield a connection in a transaction that no second process can enter meanwhile."""
    with engine.connect() as connection:
        if engine.dialect.name == "sqlite":
            # The driver opens no transaction for DDL by itself: ask for the write lock now.
            connection.exec_driver_sql("BEGIN IMMEDIATE")
        else:
            connection.execute(text("SELECT pg_advisory_xact_lock(:key)"), {"key": ADVISORY_LOCK})
        yield connection
        connection.commit()


def check_revision(engine: Engine) -> None:
    """Compare the database's revision with the newest migration.

    Raises:
        SchemaOutOfDateError: if they differ.
    """
    script = ScriptDirectory.from_config(alembic_config())
    head = script.get_current_head()
    with engine.connect() as connection:
        current = MigrationContext.configure(connection).get_current_revision()
    if current == head:
        return
    known = {revision.revision for revision in script.walk_revisions()}
    if current is not None and current not in known:
        raise SchemaOutOfDateError(
            f"the database has the schema {current}, which this version of Attune does not know: "
            "install the version that made it, or a newer one"
        )
    raise SchemaOutOfDateError(
        f"the database has the schema {current or 'none'}, needed is {head}: "
        "run `attune db upgrade`"
    )
