"""The query of ``docs/experiments.md`` finds the arms that the service gives."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import psycopg
import pytest

from api.experiments import ExperimentConfig
from data.db.repositories import InteractionRepository, SongRepository
from data.db.session import Database
from data.types import SongInput

DOCUMENT = Path(__file__).resolve().parents[2] / "docs" / "experiments.md"
USERS = [f"listener-{number}" for number in range(200)] + ["ünal", "李", "a:b c"]


@pytest.mark.postgres
@pytest.mark.parametrize("database", ["postgresql"], indirect=True)
def test_the_documented_query(database: Database) -> None:
    arms = [{"name": "as-is"}, {"name": "diverse", "diversity": 0.4}]
    one = ExperimentConfig.parse({"name": "bolder", "percent": 20, "arms": arms})
    at = datetime(2026, 1, 3, tzinfo=UTC)
    with database.session() as session:
        SongRepository(session).upsert_many([SongInput("s1", "One", "Ada")])
        events = InteractionRepository(session)
        for user in USERS:
            events.add(user, "s1", "like", at, None, None)
    query = DOCUMENT.read_text(encoding="utf-8").partition("```sql\n")[2].partition("```")[0]
    url = database.url.set(drivername="postgresql").render_as_string(hide_password=False)
    with psycopg.connect(url) as connection:
        rows = connection.execute(query).fetchall()  # type: ignore[call-overload]
    taken = [one.arm_of(user).name for user in USERS if one.takes(user)]
    expected = [(name, taken.count(name), taken.count(name)) for name in ("as-is", "diverse")]
    assert rows == expected
    assert min(taken.count(name) for name in ("as-is", "diverse")) > 5
