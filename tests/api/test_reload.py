"""Another bundle goes in force without a restart; one that cannot be used does not."""

from __future__ import annotations

import gc
import json
import shutil
import signal
import threading
import weakref
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest
from starlette.testclient import TestClient

from api import metrics
from api.keeper import EngineKeeper, InForce
from api.lyrics import LyricVectors
from data.artifacts import activate_bundle
from data.db.session import Database
from data.errors import ArtifactError, BundleCorruptError
from data.settings import Settings
from tests.api.bundles import Loads, publish, service
from tests.api.fakes import FakeEngine
from tests.waiting import eventually

Started = Callable[..., TestClient]


@pytest.fixture
def loads() -> Loads:
    return Loads()


@pytest.fixture
def started(database: Database, tmp_path: Path, loads: Loads) -> Iterator[Started]:
    with ExitStack() as stack:

        def start(**settings: Any) -> TestClient:
            app = service(tmp_path, database, loads, **settings)
            return stack.enter_context(TestClient(app))

        yield start


def ids(client: TestClient, user: str = "ana") -> list[str]:
    items = client.get(f"/recommend?user={user}").json()["items"]
    return [item["song"]["id"] for item in items]


def top(client: TestClient, user: str = "ana") -> str:
    return ids(client, user)[0]


def reload(client: TestClient) -> Any:
    return client.post("/admin/reload").json()


def outcomes(outcome: str) -> float:
    return metrics.REGISTRY.get_sample_value("attune_reloads_total", {"outcome": outcome}) or 0.0


def test_a_published_bundle_goes_in_force(started: Started, tmp_path: Path) -> None:
    first = publish(tmp_path, "s1")
    client, before = started(), outcomes("loaded")
    assert top(client) == "s1"
    second = publish(tmp_path, "s3")
    assert top(client) == "s1"
    answer = reload(client)
    assert (answer["previous"], answer["model_version"]) == (first.version, second.version)
    assert answer["changed"] is True
    assert answer["request_id"]
    assert top(client) == "s3"
    assert client.get("/health/ready").json()["model_version"] == second.version
    assert outcomes("loaded") == before + 1
    assert metrics.REGISTRY.get_sample_value("attune_bundle_info", {"version": second.version}) == 1


def test_the_bundle_in_force_is_not_loaded_again(
    started: Started, tmp_path: Path, loads: Loads
) -> None:
    bundle = publish(tmp_path, "s1")
    client = started()
    answer = reload(client)
    assert (answer["changed"], answer["model_version"]) == (False, bundle.version)
    assert loads.versions == [bundle.version]


def test_the_bundle_before_can_be_put_back(started: Started, tmp_path: Path) -> None:
    first = publish(tmp_path, "s1")
    publish(tmp_path, "s2")
    client = started()
    activate_bundle(tmp_path / "bundles", first.version)
    assert reload(client)["model_version"] == first.version
    assert top(client) == "s1"


def test_the_first_bundle_of_a_service_that_had_none(started: Started, tmp_path: Path) -> None:
    client = started(watch_seconds=0.02)
    assert client.get("/health/ready").json()["missing"] == ["model"]
    publish(tmp_path, "s2")
    assert eventually(lambda: ids(client)[:1] == ["s2"])
    assert client.get("/health/ready").json()["status"] == "ready"


def test_a_publish_is_followed_without_being_asked(started: Started, tmp_path: Path) -> None:
    publish(tmp_path, "s1")
    client = started(watch_seconds=0.02)
    publish(tmp_path, "s2")
    assert eventually(lambda: top(client) == "s2")


def test_only_admins_reload(tmp_path: Path, database: Database, loads: Loads) -> None:
    from data.db.repositories import ApiKeyRepository

    publish(tmp_path, "s1")
    with database.session() as session:
        key = ApiKeyRepository(session).create("app", ["recommend", "feedback"])
        admin = ApiKeyRepository(session).create("ops", ["admin"])
    app = service(tmp_path, database, loads, host="0.0.0.0")
    with TestClient(app) as client:

        def asked(**headers: str) -> tuple[int, str | None]:
            answer = client.post("/admin/reload", headers=headers)
            return answer.status_code, answer.json().get("code")

        assert asked() == (401, "unauthenticated")
        assert asked(Authorization=f"Bearer {key}") == (403, "forbidden")
        assert asked(Authorization=f"Bearer {admin}") == (200, None)


# Bundles that cannot be used.


def _tampered(folder: Path) -> None:
    (folder / "network.onnx").write_bytes(b"another")


def _partial(folder: Path) -> None:
    (folder / "network.onnx").unlink()


def _no_manifest(folder: Path) -> None:
    (folder / "manifest.json").unlink()


def _half_a_manifest(folder: Path) -> None:
    text = (folder / "manifest.json").read_bytes()
    (folder / "manifest.json").write_bytes(text[: len(text) // 2])


def _other_format(folder: Path) -> None:
    _edit(folder, format=99)


def _of_another_bundle(folder: Path) -> None:
    _edit(folder, version="20260101T000000000000-00000000")


def _reaching_outside(folder: Path) -> None:
    _edit(folder, files={"../../test.db": "0" * 64})


def _gone(folder: Path) -> None:
    shutil.rmtree(folder)


def _edit(folder: Path, **values: Any) -> None:
    path = folder / "manifest.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | values), encoding="utf-8")


@pytest.mark.parametrize(
    "damage",
    [
        _tampered, _partial, _no_manifest, _half_a_manifest, _other_format, _of_another_bundle,
        _reaching_outside, _gone,
    ],
)  # fmt: skip
def test_a_damaged_bundle_is_refused(
    started: Started, tmp_path: Path, damage: Callable[[Path], None]
) -> None:
    good = publish(tmp_path, "s1")
    client, before = started(), outcomes("refused")
    bad = publish(tmp_path, "s2")
    damage(bad.path)
    answer = client.post("/admin/reload")
    assert (answer.status_code, answer.json()["code"]) == (409, "bundle_refused")
    assert f"{good.version} serves on" in answer.json()["detail"]
    assert str(tmp_path) not in answer.text
    assert top(client) == "s1"
    ready = client.get("/health/ready")
    assert (ready.status_code, ready.json()["status"]) == (200, "degraded")
    assert ready.json()["bundle"] == "degraded"
    assert ready.json()["model_version"] == good.version
    assert ready.json()["detail"].startswith("bundle refused: ")
    assert outcomes("refused") == before + 1


@pytest.mark.parametrize(
    "error",
    [
        BundleCorruptError("recommender.npz was written by another version of Attune"),
        ArtifactError("the network takes other pictures"),
        ValueError("shapes (3,) and (4,) do not fit"),
        MemoryError(),
    ],
)
def test_a_bundle_that_verifies_and_makes_no_engine(
    started: Started, tmp_path: Path, loads: Loads, error: Exception
) -> None:
    publish(tmp_path, "s1")
    client = started()
    publish(tmp_path, "s2")
    loads.error = error
    assert client.post("/admin/reload").json()["code"] == "bundle_refused"
    assert top(client) == "s1"
    loads.error = None
    assert reload(client)["changed"] is True
    assert top(client) == "s2"
    assert client.get("/health/ready").json()["status"] == "ready"


@pytest.mark.parametrize("text", ["", "../..", "no such version", "\udc80"])
def test_a_current_that_names_nothing(started: Started, tmp_path: Path, text: str) -> None:
    publish(tmp_path, "s1")
    client = started()
    (tmp_path / "bundles" / "current").write_bytes(text.encode("utf-8", "surrogateescape"))
    assert client.post("/admin/reload").json()["code"] == "bundle_refused"
    (tmp_path / "bundles" / "current").unlink()
    assert client.post("/admin/reload").json()["code"] == "bundle_refused"
    assert top(client) == "s1"


def test_what_was_refused_is_tried_again_only_when_it_changed(
    started: Started, tmp_path: Path, loads: Loads, capfd: pytest.CaptureFixture[str]
) -> None:
    publish(tmp_path, "s1")
    client = started(watch_seconds=0.01)
    loads.error = ArtifactError("of another version")
    bad = publish(tmp_path, "s2")

    def state() -> str:
        return str(client.get("/health/ready").json()["bundle"])

    assert eventually(lambda: state() == "degraded")
    tries = len(loads.versions)
    # Songs are looked for as often as bundles are: ten songs later there was time to try again.
    for number in range(10):
        client.post("/songs", json={"id": f"n{number}", "title": "New", "artist": "Ada"})
        assert eventually(lambda number=number: f"n{number}" in ids(client))  # type: ignore[misc]
    assert len(loads.versions) == tries
    assert capfd.readouterr().err.count("bundle_refused") == tries - 1
    loads.error = None
    manifest = bad.path / "manifest.json"
    manifest.write_text(manifest.read_text() + "\n", encoding="utf-8")
    assert eventually(lambda: state() == "ready")
    assert client.get("/health/ready").json()["model_version"] == bad.version


def test_a_bundle_in_force_that_somebody_changes_is_told(started: Started, tmp_path: Path) -> None:
    bundle = publish(tmp_path, "s1")
    client = started(watch_seconds=0.01)
    kept = (bundle.path / "songs.json").read_bytes()
    (bundle.path / "songs.json").write_bytes(b'["s3"]')

    def state() -> str:
        return str(client.get("/health/ready").json()["status"])

    assert eventually(lambda: state() == "degraded")
    assert top(client) == "s1"
    (bundle.path / "songs.json").write_bytes(kept)
    assert eventually(lambda: state() == "ready")


def test_a_start_with_a_bad_bundle_takes_the_last_good_one(
    tmp_path: Path, database: Database, loads: Loads
) -> None:
    good = publish(tmp_path, "s1")
    with TestClient(service(tmp_path, database, loads)) as client:
        assert top(client) == "s1"
    _tampered(publish(tmp_path, "s2").path)
    with TestClient(service(tmp_path, database, loads)) as client:
        assert top(client) == "s1"
        ready = client.get("/health/ready").json()
        assert (ready["status"], ready["model_version"]) == ("degraded", good.version)
    _tampered(good.path)
    with pytest.raises(BundleCorruptError), TestClient(service(tmp_path, database, loads)):
        pass


def test_a_start_without_any_good_bundle_says_why(
    tmp_path: Path, database: Database, loads: Loads
) -> None:
    gone = publish(tmp_path, "s1")
    shutil.rmtree(gone.path)
    with TestClient(service(tmp_path, database, loads)) as client:
        ready = client.get("/health/ready").json()
        assert (ready["status"], "model" in ready["missing"]) == (503, True)
        assert f"bundle refused: no bundle at {gone.version}" in ready["detail"]
        assert str(tmp_path) not in ready["detail"]
        assert metrics.REGISTRY.get_sample_value("attune_refused", {"what": "bundle"}) == 1


def test_a_start_with_a_bundle_that_cannot_be_read_takes_the_last_good_one(
    tmp_path: Path, database: Database, loads: Loads
) -> None:
    publish(tmp_path, "s1")
    with TestClient(service(tmp_path, database, loads)) as client:
        assert top(client) == "s1"
    manifest = publish(tmp_path, "s2").path / "manifest.json"
    manifest.unlink()
    manifest.mkdir()  # unlike rights, that stops the administrator too
    with TestClient(service(tmp_path, database, loads)) as client:
        assert top(client) == "s1"
        assert client.get("/health/ready").json()["bundle"] == "degraded"


def test_the_database_is_away_during_a_reload(started: Started, tmp_path: Path) -> None:
    """Songs that came after the bundle would be missing: better a little later."""
    publish(tmp_path, "s1")
    client, before = started(watch_seconds=0.02), outcomes("postponed")
    client.post("/songs", json={"id": "n1", "title": "New", "artist": "Ada"})
    assert eventually(lambda: top(client) == "n1")
    path = tmp_path / "test.db"
    client.app.state.services.database.dispose()  # type: ignore[attr-defined]
    path.rename(tmp_path / "away.db")
    path.mkdir()
    publish(tmp_path, "s2")
    assert eventually(lambda: outcomes("postponed") > before)
    client.app.state.services.database.dispose()  # type: ignore[attr-defined]
    path.rmdir()
    (tmp_path / "away.db").rename(path)
    assert eventually(lambda: ids(client)[:2] == ["n1", "s2"])


# What must not be lost, and what must go.


def test_no_posted_song_disappears(started: Started, tmp_path: Path) -> None:
    """Every answer after a song was seen has it, whatever bundle goes in force meanwhile."""
    publish(tmp_path, "s1")
    client = started(watch_seconds=0.01)
    seen: set[str] = set()
    lost: list[str] = []
    done = threading.Event()

    def watch() -> None:
        while not done.is_set():
            expected = set(seen)
            now = set(ids(client))
            lost.extend(expected - now)
            seen.update(song for song in now if song.startswith("n"))

    thread = threading.Thread(target=watch)
    thread.start()
    for number in range(8):
        client.post("/songs", json={"id": f"n{number}", "title": "New", "artist": "Ada"})
        publish(tmp_path, "s1")
        assert reload(client)["model_version"]
    assert eventually(lambda: len(seen) == 8)
    done.set()
    thread.join()
    assert lost == []


def test_songs_that_changed_after_training_read_them(started: Started, tmp_path: Path) -> None:
    """A bundle is younger than what it was trained on: an edit in between must not be lost."""
    publish(tmp_path, "s2")
    client = started()
    assert ids(client) == ["s2", "s1", "s3"]
    publish(tmp_path, "s3", data={"read_at": "2020-01-01T00:00:00+00:00"})
    reload(client)
    assert ids(client) == ["s1", "s2", "s3"]  # all three went in anew, in the catalogue's order


def test_the_old_engine_is_let_go(database: Database, tmp_path: Path, loads: Loads) -> None:
    publish(tmp_path, "s1")
    settings = Settings(home=tmp_path, watch_seconds=0.01, _env_file=None)  # type: ignore[call-arg]
    keeper = EngineKeeper(settings, database, LyricVectors(settings), loads)
    now: list[InForce] = []
    keeper.supply(lambda force: now.__setitem__(slice(None), [force]))
    keeper.start()
    gone = weakref.ref(now[0].engine)
    publish(tmp_path, "s2")
    gc.disable()  # not even a cycle is left to be found
    try:
        keeper.reload()
        assert gone() is None
    finally:
        gc.enable()
        keeper.stop()
    assert isinstance(now[0].engine, FakeEngine)
    assert now[0].engine.songs[0] == "s2"


def test_hang_up_reloads(database: Database, tmp_path: Path, loads: Loads) -> None:
    """In the main thread, as the service runs; the loop is stopped from inside."""
    import asyncio

    first, seen = publish(tmp_path, "s1"), []
    app = service(tmp_path, database, loads)

    async def run() -> None:
        async with app.router.lifespan_context(app):
            running = app.state.services
            second = publish(tmp_path, "s2")
            signal.raise_signal(signal.SIGHUP)
            while running.engine.version == first.version:
                await asyncio.sleep(0.01)
            seen.append(running.engine.version == second.version)

    asyncio.run(asyncio.wait_for(run(), 60))
    assert seen == [True]
