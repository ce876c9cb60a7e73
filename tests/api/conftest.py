"""A service over a fake engine and a SQLite database of three songs."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest
from fastapi import FastAPI
from starlette.testclient import TestClient

from api.app import create_app
from data.db.repositories import SongRepository
from data.db.session import Database
from data.settings import Settings
from data.types import SongInput
from tests.api.fakes import FakeEngine

SONGS = (
    SongInput("s1", "First", "Ada", album="One", year=2001, duration_s=200.5,
              links={"site": "https://example.org/1"}, valence=0.5, arousal=0.25),
    SongInput("s2", "Second", "Bo"),
    SongInput("s3", "Third", "Cy"),
)  # fmt: skip

Start = Callable[..., TestClient]


@pytest.fixture(scope="session")
def songs_template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A database file with the songs, to be copied: migrations take longer than most tests."""
    path = tmp_path_factory.mktemp("songs") / "template.db"
    made = Database(f"sqlite:///{path.as_posix()}")
    made.upgrade()
    with made.session() as session:
        SongRepository(session).upsert_many(SONGS)
    made.dispose()
    return path


@pytest.fixture
def database(tmp_path: Path, songs_template: Path) -> Iterator[Database]:
    shutil.copyfile(songs_template, tmp_path / "test.db")
    opened = Database(f"sqlite:///{(tmp_path / 'test.db').as_posix()}", busy_timeout_s=0.05)
    yield opened
    opened.dispose()


@pytest.fixture
def engine() -> FakeEngine:
    return FakeEngine()


@pytest.fixture
def start(database: Database, engine: FakeEngine, tmp_path: Path) -> Iterator[Start]:
    """Start a service with other settings; it stops with the test."""
    with ExitStack() as stack:

        def started(**settings: Any) -> TestClient:
            # One look, at the start: the tests of the watcher say how often it is to look.
            settings = {"watch_seconds": 0, **settings}
            app: FastAPI = create_app(
                Settings(home=tmp_path, _env_file=None, **settings),  # type: ignore[call-arg]
                engine=engine,
                database=database,
            )
            client = stack.enter_context(TestClient(app, client=("127.0.0.1", 50000)))
            if settings["watch_seconds"] == 0:
                app.state.services.keeper.stop()
            return client

        yield started


@pytest.fixture
def client(start: Start) -> TestClient:
    return start()
