"""Batch playlists: equal to single answers, resumable, never mixed up."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pyarrow.parquet as pq
import pytest

from data.db.repositories import InteractionRepository, SongRepository
from data.db.session import Database
from data.errors import ConfigError
from data.types import EventRow, Mood, SongInput
from recommender import batch
from recommender.answering import Answer, answer_query
from recommender.batch import generate_playlists
from recommender.bootstrap import build_pipeline
from recommender.engine import Engine
from recommender.query import Query
from tests.recommender import toys

ENGINE = Engine(build_pipeline(toys.model(), "toy"), version="toy")
TEMPLATE = Query("", n=5, stated=Mood(0.5, 0.1), explain=False)
USERS = ["u0", "u1", "u2", "nobody", "u3"]


@pytest.fixture
def database(tmp_path: Path) -> Iterator[Database]:
    store = Database(f"sqlite:///{tmp_path / 'attune.db'}")
    store.upgrade()
    at = datetime(2026, 1, 1, tzinfo=UTC)
    with store.session() as session:
        rows = [SongInput(id=s.id, title=s.title, artist=s.artist) for s in toys.songs()]
        SongRepository(session).upsert_many(rows)
        events = [
            EventRow(f"u{u}", f"s{i:02d}", "play", at) for u in range(4) for i in range(u % 2, 8, 2)
        ]
        InteractionRepository(session).add_many(events)
    yield store
    store.dispose()


def rows_of(path: Path) -> list[dict[str, object]]:
    return list(pq.read_table(path).to_pylist())


def test_batch_equals_single_requests(database: Database, tmp_path: Path) -> None:
    out = tmp_path / "lists.parquet"
    result = generate_playlists(ENGINE, database, USERS, TEMPLATE, out, block=2)
    assert (result.users, result.rows) == (5, 25)
    rows = rows_of(out)
    for user in USERS:
        query = Query(user, n=5, stated=Mood(0.5, 0.1))
        single = answer_query(ENGINE, database, query).recommendation
        listed = [r for r in rows if r["user"] == user]
        assert [r["song"] for r in listed] == [s.song_id for s in single.songs]
        assert [r["rank"] for r in listed] == [1, 2, 3, 4, 5]
    assert {r["fallback"] for r in rows if r["user"] == "nobody"} == {"cold_user"}
    assert [r["title"] for r in rows if r["song"] == "s10"][:1] == ["Title 10"]


def test_killed_batch_goes_on_where_it_stopped(
    database: Database, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = tmp_path / "whole.parquet"
    generate_playlists(ENGINE, database, USERS, TEMPLATE, whole, block=2)
    asked: list[str] = []

    def counting(engine: Engine, store: Database, query: Query) -> Answer:
        asked.append(query.user_id)
        if len(asked) == 4:
            raise KeyboardInterrupt
        return answer_query(engine, store, query)

    out = tmp_path / "again.parquet"
    monkeypatch.setattr(batch, "answer_query", counting)
    with pytest.raises(KeyboardInterrupt):
        generate_playlists(ENGINE, database, USERS, TEMPLATE, out, block=2)
    assert not out.exists()
    resumed = generate_playlists(ENGINE, database, USERS, TEMPLATE, out, block=2)
    assert resumed.resumed_parts == 1
    assert asked[4:] == ["u2", "nobody", "u3"]
    assert rows_of(out) == rows_of(whole)


def test_parts_of_another_batch_are_not_mixed_in(database: Database, tmp_path: Path) -> None:
    folder = tmp_path / "lists"
    generate_playlists(ENGINE, database, USERS, TEMPLATE, folder, block=2)
    with pytest.raises(ConfigError, match="another --out"):
        generate_playlists(ENGINE, database, USERS[:2], TEMPLATE, folder, block=2)
    (tmp_path / "full").mkdir()
    (tmp_path / "full" / "thesis.txt").write_text("mine")
    with pytest.raises(ConfigError, match="another --out"):
        generate_playlists(ENGINE, database, USERS, TEMPLATE, tmp_path / "full")
    assert (tmp_path / "full" / "thesis.txt").read_text() == "mine"


def test_no_users_is_an_empty_table(database: Database, tmp_path: Path) -> None:
    result = generate_playlists(ENGINE, database, [], TEMPLATE, tmp_path / "none.parquet")
    assert (result.users, result.rows) == (0, 0)
    assert rows_of(tmp_path / "none.parquet") == []
