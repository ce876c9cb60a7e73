"""Real bundles of the demo, one after another, in one process and in several."""

from __future__ import annotations

import gc
import io
import shutil
import signal
import weakref
from collections.abc import Iterator
from contextlib import suppress
from datetime import datetime
from pathlib import Path

import numpy as np
import pytest
from starlette.testclient import TestClient

from api.app import create_app
from api.watcher import published_at
from data.artifacts import Bundle, activate_bundle, current_bundle, publish_bundle
from data.settings import Settings
from recommender.answering import answer_query
from recommender.bootstrap import build_database, load_engine
from recommender.mood import parse_mood
from recommender.query import Query
from recommender.variants import AnswerSettings
from tests.api.scrape import Scrape
from tests.service.running import Clients, Service, serving
from tests.waiting import eventually


@pytest.fixture
def settings(demo_settings: Settings, tmp_path: Path) -> Settings:
    shutil.copytree(demo_settings.home, tmp_path, dirs_exist_ok=True)
    return demo_settings.model_copy(update={"home": tmp_path, "watch_seconds": 3600})


def published(
    settings: Settings, name: str = "", data: bytes = b"", *, force: bool = True
) -> Bundle:
    """Publish the bundle in force again, with one file changed if that is asked."""
    now = current_bundle(settings.bundles)
    files = {file: now.file(file) for file in now.manifest["files"]}
    if name:
        (settings.home / name).write_bytes(data)
        files[name] = settings.home / name
    kept = {k: v for k, v in now.manifest.items() if k not in {"format", "version", "files"}}
    return publish_bundle(settings.bundles, files, kept, activate=force)


@pytest.fixture
def client(settings: Settings) -> Iterator[TestClient]:
    with TestClient(
        create_app(settings), base_url="http://127.0.0.1", client=("127.0.0.1", 50_000)
    ) as opened:
        yield opened


def ask(client: TestClient) -> tuple[list[str], str]:
    answer = client.get("/recommend?user=ada-007&mood=calm&n=10").json()
    return [item["song"]["id"] for item in answer["items"]], answer["model_version"]


def test_the_same_files_give_the_same_answers(client: TestClient, settings: Settings) -> None:
    songs, before = ask(client)
    bundle = published(settings)
    assert client.post("/admin/reload").json()["previous"] == before
    assert ask(client) == (songs, bundle.version)


def test_the_old_engine_and_its_arrays_are_let_go(client: TestClient, settings: Settings) -> None:
    client.post("/songs", json={"id": "n1", "title": "New", "artist": "Ada"})
    running = client.app.state.services  # type: ignore[attr-defined]
    assert eventually(lambda: "n1" in running.engine.song_ids)
    ask(client)
    engine = running.engine
    parts = [engine, engine.pipeline, engine.pipeline.model, engine.base, engine.reader]
    parts.append(engine.reader.classifier)
    gone = [weakref.ref(part) for part in parts]
    del engine, parts
    gc.collect()
    gc.disable()  # what follows must not leave it to be found one day
    try:
        published(settings)
        assert client.post("/admin/reload").json()["changed"] is True
        assert [ref() for ref in gone] == [None] * len(gone)
    finally:
        gc.enable()
    assert "n1" in running.engine.song_ids


def _without(settings: Settings, key: str) -> bytes:
    """The model's file without one array, as another version may have written it."""
    with np.load(current_bundle(settings.bundles).file("recommender.npz")) as stored:
        arrays = {name: stored[name] for name in stored.files if name != key}
    stream = io.BytesIO()
    np.savez(stream, **arrays)
    return stream.getvalue()


@pytest.mark.parametrize("name", ["recommender.npz", "emotion.onnx", "emotion.json", "mood.npz"])
def test_files_that_verify_and_are_not_what_they_should_be(
    client: TestClient, settings: Settings, name: str
) -> None:
    before = ask(client)
    published(settings, name, b"not what it is called")
    answer = client.post("/admin/reload")
    assert (answer.status_code, answer.json()["code"]) == (409, "bundle_refused")
    assert str(settings.home) not in answer.text
    assert ask(client) == before
    assert client.get("/health/ready").json()["bundle"] == "degraded"


def test_a_model_of_another_version_is_refused(client: TestClient, settings: Settings) -> None:
    before = ask(client)
    published(settings, "recommender.npz", _without(settings, "moods"))
    answer = client.post("/admin/reload")
    assert answer.status_code == 409
    assert "another version of Attune" in answer.json()["detail"]
    assert ask(client) == before


def test_arms_answer_as_an_engine_of_their_settings(settings: Settings, tmp_path: Path) -> None:
    file = tmp_path / "experiments.toml"
    file.write_text(
        "[[experiment]]\nname = 'x'\narms = [{name = 'a', diversity = 0.6, mood_strength = 2.0}]"
    )
    with_file = settings.model_copy(update={"experiments_file": file})
    engine = load_engine(settings, current_bundle(settings.bundles))
    changed = engine.with_settings(AnswerSettings(diversity=0.6, mood_strength=2.0))

    query = Query("ada-007", n=10, stated=parse_mood("calm"))
    database = build_database(settings)
    as_ever, other = (
        [s.song_id for s in answer_query(one, database, query).recommendation.songs]
        for one in (engine, changed)
    )
    database.dispose()
    with TestClient(
        create_app(with_file), base_url="http://127.0.0.1", client=("127.0.0.1", 50_000)
    ) as client:
        assert ask(client)[0] == other != as_ever


# Several processes.


def in_force(service: Service) -> dict[str, int]:
    """Version of a bundle -> how many of the serving processes answer by it."""
    seen = Scrape(service.ask("/metrics")[1].decode()).samples.items()
    shown = [(labels, count) for (name, labels), count in seen if name == "attune_bundle_info"]
    return {dict(labels)["version"]: int(count) for labels, count in shown if count}


def versions(service: Service) -> set[str]:
    """Of answers on connections of their own, which the processes share."""
    return {service.ask("/recommend?user=wren&n=1")[1]["model_version"] for _ in range(12)}


def test_several_workers_follow(settings: Settings) -> None:
    """A publish, a hang-up of the parent and one worker's reload reach all, without a restart."""
    first = current_bundle(settings.bundles).version
    with serving(settings.home, workers=2, watch_seconds=0.2) as service:
        assert eventually(lambda: in_force(service) == {first: 2})
        pids = {process.pid for process in service.servers()}

        def ask(number: int) -> int:
            return service.ask("/recommend?user=ada-007&n=5")[0]

        with Clients(ask, 2) as clients:
            second = published(settings).version
            assert eventually(lambda: in_force(service) == {second: 2})
            bad = published(settings, force=False)
            (bad.path / "mood.json").unlink()
            activate_bundle(settings.bundles, bad.version)
            service.process.send_signal(signal.SIGHUP)
            ready = "/health/ready"
            assert eventually(lambda: service.ask(ready)[1]["status"] == "degraded")
            assert in_force(service) == {second: 2}
            assert versions(service) == {second}
            activate_bundle(settings.bundles, first)
            service.ask("/admin/reload", {})
            assert eventually(lambda: in_force(service) == {first: 2})
            assert versions(service) == {first}
            assert eventually(clients.more(200, 20))
        assert set(clients.outcomes) == {200}
        assert {process.pid for process in service.servers()} == pids


def test_hang_up_of_the_parent_reaches_workers_that_do_not_look(settings: Settings) -> None:
    first = current_bundle(settings.bundles).version
    with serving(settings.home, workers=2, watch_seconds=0) as service:
        assert eventually(lambda: in_force(service) == {first: 2})
        second = published(settings).version

        # A worker that has not yet told its parent that it is ready is passed over, so the
        # signal may be needed twice.
        def followed() -> bool:
            service.process.send_signal(signal.SIGHUP)
            with suppress(AssertionError):
                return eventually(lambda: in_force(service) == {second: 2}, 3)
            return False

        assert eventually(followed)


def test_training_says_when_it_read_the_catalogue(settings: Settings) -> None:
    """A song that changed between training and publishing is then taken in."""
    bundle = current_bundle(settings.bundles)
    read_at = datetime.fromisoformat(bundle.manifest["data"]["read_at"])
    published_then = published_at(bundle.version)
    assert published_then is not None
    assert read_at < published_then
