"""New songs reach the engine without a restart, and nothing that goes wrong stops the answers."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from types import SimpleNamespace

import pytest

from api.changes import OVERLAP, ChangeFeed
from api.embedding import EmbeddingWorker
from api.lyrics import LyricVectors
from api.state import RecommendationEngine, services
from api.watcher import CatalogueWatcher, published_at
from data.db.models import SongRow
from data.db.repositories import SongRepository
from data.db.session import Database
from data.errors import DatabaseUnavailableError
from data.settings import Settings
from data.types import SongInput
from tests.api.conftest import Start
from tests.api.encoders import HashEncoder
from tests.api.fakes import FakeEngine
from tests.waiting import eventually

LYRICS = "Slow rain upon the window"


class Service:
    """An engine in force, a watcher of it, and an embedding worker, stepped by hand."""

    def __init__(self, database: Database, home: Path, engine: FakeEngine) -> None:
        self.settings = Settings(home=home, _env_file=None)  # type: ignore[call-arg]
        self.database = database
        self.engine: RecommendationEngine = engine
        self.worker = EmbeddingWorker(self.settings, database, HashEncoder())
        self.watcher = CatalogueWatcher(database, LyricVectors(self.settings), engine, self.swap, 0)

    def swap(self, engine: RecommendationEngine) -> None:
        self.engine = engine

    @property
    def now(self) -> FakeEngine:
        assert isinstance(self.engine, FakeEngine)
        return self.engine

    def add(self, *songs: SongInput) -> None:
        with self.database.session() as session:
            SongRepository(session).upsert_many(songs)


def song(name: str, lyrics: str | None = None) -> SongInput:
    return SongInput(name, f"Title {name}", "Ada", lyrics=lyrics)


@pytest.fixture
def service(database: Database, tmp_path: Path, engine: FakeEngine) -> Service:
    return Service(database, tmp_path, engine)


def test_a_bundle_that_is_up_to_date_stays(service: Service, engine: FakeEngine) -> None:
    assert service.watcher.look() == 0
    assert service.now is engine


def test_a_song_goes_in_at_once_and_again_with_its_vector(service: Service) -> None:
    service.add(song("n1", LYRICS), song("n2"))
    assert service.watcher.look() == 2
    assert service.now.songs[:2] == ("n1", "n2")
    assert (set(service.now.read), service.watcher.pending) == (set(), 1)
    assert service.watcher.look() == 0
    while service.worker.step() is not None:
        pass
    assert service.watcher.look() == 1
    assert (set(service.now.read), service.watcher.pending) == ({"n1"}, 0)
    assert service.watcher.look() == 0


def test_songs_that_came_while_nobody_looked(
    service: Service, database: Database, tmp_path: Path
) -> None:
    service.add(song("n1", LYRICS), song("n2"))
    while service.worker.step() is not None:
        pass
    started_again = Service(database, tmp_path, FakeEngine())
    assert started_again.watcher.look() == 2
    assert set(started_again.now.read) == {"n1"}


def test_songs_of_the_bundle_go_in_when_they_changed_since(
    database: Database, tmp_path: Path
) -> None:
    made = datetime.now(UTC)
    service = Service(database, tmp_path, FakeEngine(version=f"{made:%Y%m%dT%H%M%S%f}-0a1b2c3d"))
    assert service.watcher.look() == 0
    service.add(song("s2", LYRICS))
    assert service.watcher.look() == 1
    assert service.now.songs[0] == "s2"


def test_lyrics_that_nobody_can_read_are_not_waited_for(service: Service) -> None:
    service.add(song("n1", "unreadable"), song("n2", "(yeah)"))
    assert service.watcher.look() == 2
    assert service.watcher.pending == 1
    while service.worker.step() is not None:
        pass
    assert service.watcher.look() == 0
    assert service.watcher.pending == 0
    assert set(service.now.read) == set()


def test_an_old_engine_answers_as_before(service: Service, engine: FakeEngine) -> None:
    service.add(song("n1"))
    service.watcher.look()
    assert engine.songs == ("s1", "s2", "s3", "ghost")


def test_nothing_is_lost_when_a_look_fails(
    service: Service, database: Database, tmp_path: Path
) -> None:
    service.add(song("n1"))
    service.now.broken = RuntimeError("no memory")
    with pytest.raises(RuntimeError):
        service.watcher.look()
    service.now.broken = None
    service.add(song("n2"))
    database.dispose()
    (tmp_path / "test.db").rename(tmp_path / "away.db")
    (tmp_path / "test.db").mkdir()
    with pytest.raises(DatabaseUnavailableError):
        service.watcher.look()
    database.dispose()
    (tmp_path / "test.db").rmdir()
    (tmp_path / "away.db").rename(tmp_path / "test.db")
    assert service.watcher.look() == 2
    assert set(service.now.songs[:2]) == {"n1", "n2"}


def test_without_a_model_nobody_looks(database: Database, tmp_path: Path) -> None:
    service = Service(database, tmp_path, FakeEngine(version=None))
    service.add(song("n1"))
    assert service.watcher.look() == 0


def test_a_change_committed_late_is_seen(database: Database) -> None:
    feed = ChangeFeed(database)
    assert [change.song_id for change in feed.poll()] == ["s1", "s2", "s3"]
    assert feed.poll() == []
    with database.session() as session:
        SongRepository(session).upsert_many([song("late")])
        row = session.query(SongRow).filter_by(external_id="late").one()
        row.updated_at -= OVERLAP / 2
    assert [change.song_id for change in feed.poll()] == ["late"]
    assert feed.poll() == []


def test_a_clock_that_is_ahead_hides_nothing(database: Database) -> None:
    feed = ChangeFeed(database)
    with database.session() as session:
        SongRepository(session).upsert_many([song("ahead")])
        row = session.query(SongRow).filter_by(external_id="ahead").one()
        row.updated_at += 100 * OVERLAP
    assert len(feed.poll()) == 4
    with database.session() as session:
        SongRepository(session).upsert_many([song("after")])
    assert [change.song_id for change in feed.poll()] == ["after"]


def test_the_time_of_a_bundle_is_in_its_version() -> None:
    assert published_at("20260102T030405000006-0a1b") == datetime(2026, 1, 2, 3, 4, 5, 6, UTC)
    assert published_at("mine") is published_at(None) is None


def test_a_posted_song_is_recommended_by_the_running_service(start: Start) -> None:
    client = start(watch_seconds=3600)  # whoever posts a song wakes the watcher
    client.post("/songs", json={"id": "n1", "title": "New", "artist": "Ada"})

    def first() -> bool:
        items = client.get("/recommend?user=ana").json()["items"]
        return bool(items[0]["song"]["id"] == "n1")

    assert eventually(first)


def test_trouble_is_told_and_answers_go_on(
    start: Start, engine: FakeEngine, capfd: pytest.CaptureFixture[str]
) -> None:
    engine.broken = RuntimeError("a secret of the lyrics")
    client = start(watch_seconds=0.05)
    assert client.get("/health/ready").json()["songs"] == "ready"
    client.post("/songs", json={"id": "n1", "title": "New", "artist": "Ada"})

    def state() -> str:
        return str(client.get("/health/ready").json()["songs"])

    assert eventually(lambda: state() == "degraded")
    told = client.get("/health/ready")
    assert told.status_code == 200
    assert "RuntimeError" in told.json()["detail"]
    assert len(client.get("/recommend?user=ana").json()["items"]) == 3
    engine.broken = None
    assert eventually(lambda: state() == "ready")
    log = capfd.readouterr().err
    assert "watcher_failed" in log
    assert "secret" not in log


def test_a_request_keeps_the_engine_it_began_with(start: Start, engine: FakeEngine) -> None:
    client = start()
    running = client.app.state.services  # type: ignore[attr-defined]
    request = SimpleNamespace(app=client.app)
    began = services(request)  # type: ignore[arg-type]
    running.engine = FakeEngine()
    assert began.engine is engine
    assert services(request).engine is running.engine  # type: ignore[arg-type]
