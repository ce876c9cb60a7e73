"""Batch playlists: equal to single answers, resumable, never mixed up."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
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
from recommender.journeys.answering import answer_playlist
from recommender.journeys.query import JourneyQuery
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


JOURNEY = JourneyQuery("", Mood(-0.8, 0.5), Mood(0.8, -0.5), 6, explain=False)


def test_a_batch_of_journeys_equals_single_ones(database: Database, tmp_path: Path) -> None:
    out = tmp_path / "journeys"
    result = generate_playlists(ENGINE, database, USERS, JOURNEY, out, block=2)
    assert (result.users, result.rows) == (5, 30)
    rows = [row for part in sorted(out.glob("part-*.parquet")) for row in rows_of(part)]
    for user in USERS:
        single = answer_playlist(ENGINE, database, replace(JOURNEY, user_id=user)).answer
        listed = [row for row in rows if row["user"] == user]
        assert [row["song"] for row in listed] == [song.song_id for song in single.songs]
        ends = [(listed[i]["path_valence"], listed[i]["path_arousal"]) for i in (0, -1)]
        np.testing.assert_allclose(np.array(ends, float), [(-0.8, 0.5), (0.8, -0.5)], rtol=1e-6)
    manifest = json.loads((out / "batch.json").read_text(encoding="utf-8"))
    assert manifest["journey"]["start"] == {"valence": -0.8, "arousal": 0.5}
    assert manifest["journey"]["length"] == 6


def test_journeys_go_on_where_they_stopped_and_are_not_mixed(
    database: Database, tmp_path: Path
) -> None:
    out = tmp_path / "journeys"
    generate_playlists(ENGINE, database, USERS, JOURNEY, out, block=2)
    (out / "part-00001.parquet").unlink()
    assert generate_playlists(ENGINE, database, USERS, JOURNEY, out, block=2).resumed_parts == 2
    for other in (replace(JOURNEY, length=5), replace(JOURNEY, end=Mood(0, 0)), TEMPLATE):
        with pytest.raises(ConfigError, match="another --out"):
            generate_playlists(ENGINE, database, USERS, other, out, block=2)


def test_no_users_is_an_empty_table_of_journeys(database: Database, tmp_path: Path) -> None:
    out = tmp_path / "none.parquet"
    assert generate_playlists(ENGINE, database, [], JOURNEY, out).rows == 0
    assert pq.read_schema(out).names[-2:] == ["path_valence", "path_arousal"]
