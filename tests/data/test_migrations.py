from __future__ import annotations

import multiprocessing
from pathlib import Path
from typing import Any

import pytest
from alembic import command, op
from sqlalchemy import inspect, text

from data.db.base import Base
from data.db.session import Database
from data.errors import SchemaOutOfDateError
from data.migrations.schema import alembic_config, schema_lock
from tests.conftest import ROOT


def test_upgrade_makes_every_table_and_may_be_repeated(empty_database: Database) -> None:
    with pytest.raises(SchemaOutOfDateError, match="attune db upgrade"):
        empty_database.check_schema()
    empty_database.upgrade()
    empty_database.check_schema()
    empty_database.upgrade()
    tables = set(inspect(empty_database.engine).get_table_names())
    assert tables == {*Base.metadata.tables, "alembic_version"}


def test_models_and_migrations_agree(database: Database) -> None:
    with schema_lock(database.engine) as connection:
        command.check(alembic_config(connection))


def test_downgrade_leaves_nothing(database: Database) -> None:
    with schema_lock(database.engine) as connection:
        command.downgrade(alembic_config(connection), "base")
    assert set(inspect(database.engine).get_table_names()) == {"alembic_version"}
    database.upgrade()
    database.check_schema()


def test_a_missing_table_tells_to_upgrade(empty_database: Database) -> None:
    Path(str(empty_database.url.database)).parent.mkdir(exist_ok=True)
    with (
        pytest.raises(SchemaOutOfDateError, match="attune db upgrade"),
        empty_database.session() as session,
    ):
        session.execute(text("SELECT * FROM songs"))


def test_a_newer_schema_is_told_apart(database: Database) -> None:
    with database.session() as session:
        session.execute(text("UPDATE alembic_version SET version_num = 'from-the-future'"))
    with pytest.raises(SchemaOutOfDateError, match="does not know"):
        database.check_schema()


def _upgrade(url: str, barrier: object) -> None:
    barrier.wait()  # type: ignore[attr-defined]
    database = Database(url)
    database.upgrade()
    database.check_schema()
    database.dispose()


def test_two_processes_may_start_at_once(empty_database: Database) -> None:
    url = empty_database.url.render_as_string(hide_password=False)
    context = multiprocessing.get_context("spawn")
    barrier = context.Barrier(3)
    started = [context.Process(target=_upgrade, args=(url, barrier)) for _ in range(3)]
    for process in started:
        process.start()
    for process in started:
        process.join(60)
    assert [process.exitcode for process in started] == [0, 0, 0]
    empty_database.check_schema()


def test_a_failed_migration_changes_nothing(
    empty_database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    def create_table(name: str, *args: Any, **options: Any) -> Any:
        # The last table that the first migration makes.
        if name == "lyrics":
            raise RuntimeError("halfway")
        return original(name, *args, **options)

    original = op.create_table
    monkeypatch.setattr("alembic.op.create_table", create_table)
    with pytest.raises(RuntimeError, match="halfway"):
        empty_database.upgrade()
    monkeypatch.undo()
    assert inspect(empty_database.engine).get_table_names() == []
    empty_database.upgrade()
    empty_database.check_schema()


def test_alembic_ini_finds_the_same_migrations(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from alembic.config import Config

    monkeypatch.setenv("ATTUNE_DATABASE_URL", f"sqlite:///{tmp_path / 'a.db'}")
    config = Config(str(ROOT / "alembic.ini"))
    command.upgrade(config, "head")
    command.check(config)
    made = Database(f"sqlite:///{tmp_path / 'a.db'}")
    made.check_schema()
    made.dispose()


def test_migrations_write_plain_sql(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    from alembic.config import Config

    monkeypatch.setenv("ATTUNE_DATABASE_URL", "postgresql://example.invalid/attune")
    command.upgrade(Config(str(ROOT / "alembic.ini")), "head", sql=True)
    assert "CREATE TABLE interactions" in capsys.readouterr().out
