"""Erasing a user is complete and immediate: rows, free pages, logs of the database, answers."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterator
from contextlib import ExitStack, closing
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from starlette.testclient import TestClient

from api.app import create_app
from data.db.repositories import ApiKeyRepository, InteractionRepository, UserRepository
from data.db.session import Database
from data.ingest import forget_rejects, ingest_listens
from data.settings import Settings
from data.types import EventRow
from tests.api.toy_service import ids, page, store_toys, toy_engine
from tests.recommender import toys

#: In everything that is stored about the user; nobody else has it.
MARK = "erika-mustermann-4711"
LONG_AGO = datetime(2026, 1, 1, tzinfo=UTC)
SONGS = [song.id for song in toys.songs()]


@pytest.fixture
def home(tmp_path: Path) -> Path:
    database = Database(f"sqlite:///{tmp_path / 'attune.db'}")
    database.upgrade()
    store_toys(database)
    database.dispose()
    return tmp_path


@pytest.fixture
def processes(home: Path) -> Iterator[list[TestClient]]:
    """Two services on one database: what one of them keeps in memory the other cannot reach."""
    with ExitStack() as stack:
        chosen = Settings(  # type: ignore[call-arg]
            home=home, watch_seconds=0, emotion_history_days=30, database_url=None, _env_file=None
        )
        yield [
            stack.enter_context(TestClient(create_app(chosen, engine=toy_engine())))
            for _ in range(2)
        ]


def crowd(home: Path, first: int, count: int = 300) -> None:
    """Other users, before and after, so that pages are shared and split."""
    database = Database(f"sqlite:///{home / 'attune.db'}")
    events = [
        EventRow(
            f"{n:04d}-somebody", SONGS[(n + k) % len(SONGS)], "play", LONG_AGO, None, 1, f"k{k}"
        )
        for n in range(first, first + count)
        for k in range(3)
    ]
    with database.session() as session:
        InteractionRepository(session).add_many(events)
    database.dispose()


def lives(client: TestClient, home: Path) -> str:
    """Let the user leave a trace in every table there is; return a playlist's id."""
    for number, song in enumerate(SONGS[:12]):
        body = {"user": MARK, "song": song, "event": "like", "emotion": "sad"}
        key = {"Idempotency-Key": f"{MARK}-{number}"}
        assert client.post("/feedback", json=body, headers=key).status_code == 200
    mute = client.put(f"/users/{MARK}/muted-artists", params={"artist": "Artist 4-1"})
    assert mute.status_code == 204
    page(client, user=MARK, mood="calm", remember="true")
    way = {"user": MARK, "from": "sad", "to": "happy"}
    key = {"Idempotency-Key": f"{MARK}-way"}
    made = client.post("/playlists", json=way, headers=key)
    assert made.status_code == 201
    database = Database(f"sqlite:///{home / 'attune.db'}")
    with database.session() as session:
        ApiKeyRepository(session).create(f"phone of {MARK}", ["recommend", "feedback"], MARK)
    rejects = home / "rejects"
    rejects.mkdir()
    (home / "export.jsonl").write_text('{"title": "Theirs", "artist": "A"}\nno row\n')
    ingest_listens(database, [home / "export.jsonl"], rejects=rejects / "listens.jsonl", user=MARK)
    database.dispose()
    rows = [
        {"line": n, "reason": "no song", "row": {"user": u}} for n, u in ((1, MARK), (2, "bea"))
    ]
    (rejects / "listens-1.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    return str(made.json()["id"])


def files_with(home: Path, word: str) -> list[str]:
    """Name the files that hold a text, in whatever page or place."""
    files = [path for path in home.rglob("*") if path.is_file()]
    return [path.name for path in files if word.encode() in path.read_bytes()]


def test_nothing_of_an_erased_user_can_be_read_anywhere(
    home: Path, processes: list[TestClient]
) -> None:
    here, there = processes
    crowd(home, 0)
    playlist = lives(here, home)
    crowd(home, 5000)
    whole = {"user": MARK, "n": 24, "exclude_heard": "false", "mood": "calm"}
    first = page(there, **whole)
    assert page(there, **whole)["items"] == first["items"]
    named = {"attune.db-wal", "listens-1.jsonl", "listens.jsonl"}
    assert named <= set(files_with(home, MARK))

    assert here.delete(f"/users/{MARK}").status_code == 204

    assert files_with(home, MARK) == []
    assert files_with(home, playlist) == []
    with closing(sqlite3.connect(home / "attune.db")) as connection:
        dump = "\n".join(connection.iterdump())
    assert MARK not in dump
    assert dump.count("-somebody") == 600
    assert "bea" in (home / "rejects" / "listens-1.jsonl").read_text()
    for client in processes:
        told = page(client, **whole)
        unknown = page(client, **whole | {"user": "never-seen"})
        assert told["fallback"] == unknown["fallback"] == "cold_user"
        assert told["items"] == unknown["items"] != first["items"]
        assert client.get(f"/playlists/{playlist}").status_code == 404
        assert client.get(f"/users/{MARK}/export").status_code == 404
        for path in ("history", "emotions", "muted-artists"):
            assert client.get(f"/users/{MARK}/{path}").json()["items"] == []


def test_a_session_outlives_its_user_by_nothing(processes: list[TestClient]) -> None:
    here, there = processes
    for song in SONGS[:6]:
        body = {"user": "ana", "song": song, "event": "like"}
        assert here.post("/feedback", json=body).status_code == 200
    first = page(there, user="ana", n=5)
    assert here.delete("/users/ana").status_code == 204
    second = page(there, user="ana", n=5, offset=5, session=first["session"])
    assert second["fallback"] == "cold_user"
    assert ids(second) == ids(page(there, user="never-seen", n=5, offset=5))


def test_every_table_about_a_user_is_erased(home: Path, processes: list[TestClient]) -> None:
    """A table that comes later and names a user has to go with the user as well."""
    lives(processes[0], home)
    with closing(sqlite3.connect(home / "attune.db")) as connection:
        tables = [
            t for (t,) in connection.execute("SELECT name FROM sqlite_master WHERE type='table'")
        ]
        about: dict[str, str] = {}
        for table in tables:
            for column in connection.execute(f"PRAGMA table_info({table})"):
                if column[1] in {"user_id", "user"}:
                    about[table] = column[1]
        assert set(about) == {
            "interactions",
            "emotion_log",
            "playlists",
            "muted_artists",
            "api_keys",
        }

        def rows() -> dict[str, Any]:
            return {t: connection.execute(f"SELECT count(*) FROM {t}").fetchone()[0] for t in about}

        assert all(rows().values()), rows()
        assert processes[1].delete(f"/users/{MARK}").status_code == 204
        assert not any(rows().values()), rows()


def test_the_log_is_emptied_only_where_there_is_one(home: Path) -> None:
    database = Database(f"sqlite:///{home / 'attune.db'}")
    with database.session() as session:
        UserRepository(session).ensure("ana")
    assert (home / "attune.db-wal").stat().st_size > 0
    assert database.forget_deleted()
    assert (home / "attune.db-wal").stat().st_size == 0
    database.dispose()


def test_set_aside_rows_go_however_they_name_the_user(tmp_path: Path) -> None:
    theirs: list[Any] = [
        {"user": "zoë-1", "song": "s"}, ["x", "zoë-1"], {"listens": [{"user_name": "zoë-1"}]},
        '{"user": "zoë-1", "song": ', json.dumps({"user": "zoë-1"})[:-1], "zoë-1,s,play,",
    ]  # fmt: skip
    others: list[Any] = [{"user": "zoë-12"}, "zoë-12,s,play,", '{"user": "an-zoë-1x"', ["zoë"]]
    rejects = tmp_path / "listens.jsonl"
    lines = [json.dumps({"line": n, "row": row}) + "\n" for n, row in enumerate(theirs + others)]
    rejects.write_text("".join(lines) + lines[0][:-5])  # the last one torn by a kill
    assert forget_rejects(tmp_path, "zoë-1") == len(theirs)
    assert rejects.read_text() == "".join(lines[len(theirs) :])
    assert forget_rejects(tmp_path / "nowhere", "zoë-1") == 0
