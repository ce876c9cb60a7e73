"""What ``/metrics`` counts, and what it never says."""

from __future__ import annotations

import threading
from typing import Any

import pytest
from starlette.testclient import TestClient

from api import metrics
from data.db.session import Database
from data.errors import DatabaseUnavailableError, StorageError
from data.timing import set_timer, timed
from tests.api.conftest import Start
from tests.api.fakes import BlockingReader, FakeEngine
from tests.api.pictures import jpeg
from tests.api.scrape import Scrape, scrape
from tests.api.test_security import bearer, make_key
from tests.waiting import eventually

REQUESTS = "attune_request_seconds_count"


class Change:
    """How much series grew between two scrapes."""

    def __init__(self, before: Scrape, after: Scrape) -> None:
        self._before, self._after = before, after

    def of(self, name: str, /, **labels: str) -> float:
        return self._after.value(name, **labels) - self._before.value(name, **labels)


def test_requests_by_template_method_and_class(client: TestClient) -> None:
    before = scrape(client)
    client.get("/users/ana-private/history")
    client.get("/users/bo-private/history")
    client.get("/songs/absent-private")
    client.get("/recommend?user=zoe-private&mood=happy")
    after = scrape(client)
    grown = Change(before, after)
    assert grown.of(REQUESTS, route="/users/{user_id}/history", method="GET", status="2xx") == 2
    assert grown.of(REQUESTS, route="/songs/{song_id}", method="GET", status="4xx") == 1
    assert grown.of(REQUESTS, route="/recommend", method="GET", status="2xx") == 1
    assert "private" not in after.text


def test_unknown_routes_and_methods_make_no_series(client: TestClient) -> None:
    client.get("/first-of-them")
    client.request("BREW", "/")
    before = scrape(client).series(REQUESTS)
    for number in range(30):
        client.get(f"/wp-admin/{number}")
        client.request(f"BREW{number}", "/")
    after = scrape(client)
    assert after.series(REQUESTS) - before <= {
        (("method", "GET"), ("route", "/metrics"), ("status", "2xx"))
    }
    assert after.value(REQUESTS, route="unmatched", method="GET", status="4xx") >= 31
    assert after.value(REQUESTS, route="/", method="other", status="4xx") >= 31


@pytest.mark.parametrize("path", ["/static/app.js", "/openapi.json", "/docs", "/"])
def test_what_the_framework_serves_has_a_name_too(client: TestClient, path: str) -> None:
    before = scrape(client)
    client.get(path)
    route = "/static" if path.startswith("/static") else path
    (grown,) = [
        labels
        for labels in scrape(client).series(REQUESTS)
        if dict(labels) == {"route": route, "method": "GET", "status": "2xx"}
    ]
    assert scrape(client).samples[(REQUESTS, grown)] > before.samples.get((REQUESTS, grown), 0)


def test_moods_fallbacks_and_feedback(client: TestClient) -> None:
    before = scrape(client)
    client.get("/recommend?user=new&mood=sad")
    client.get("/recommend?user=new&mood=0.5,-0.5")
    client.post("/recommend?user=new&consent=true", content=jpeg(), headers={
        "Content-Type": "image/jpeg"})  # fmt: skip
    like = {"user": "new", "song": "s1", "event": "like"}
    for _ in range(2):  # the second is the same event again
        client.post("/feedback", json=like, headers={"Idempotency-Key": "one"})
    client.get("/recommend?user=new")
    grown = Change(before, scrape(client))
    assert grown.of("attune_emotions_total", label="sad", source="stated") == 1
    assert grown.of("attune_emotions_total", label="point", source="stated") == 1
    assert grown.of("attune_emotions_total", label="happy", source="selfie") == 1
    assert grown.of("attune_uncertain_expressions_total") == 0
    assert grown.of("attune_fallbacks_total", kind="cold_user") == 3
    assert grown.of("attune_feedback_total", event="like") == 1


def test_stages_of_an_answer(client: TestClient) -> None:
    before = scrape(client)
    client.get("/recommend?user=ana&mood=sad")
    client.get("/recommend?user=ana")
    grown = Change(before, scrape(client))
    for stage in ("history", "rank", "songs", "serialise"):
        assert grown.of("attune_stage_seconds_count", stage=stage) == 2, stage
    for stage in ("decode", "face", "expression"):
        assert grown.of("attune_stage_seconds_count", stage=stage) == 0, stage


def test_every_stage_is_one_of_the_list() -> None:
    for stage in metrics.STAGES:
        with metrics.observed_stage(stage):
            pass
    with pytest.raises(KeyError):
        metrics.observed_stage("private")


def test_a_stage_costs_nothing_where_nobody_times() -> None:
    set_timer(None)
    assert timed("rank") is timed("songs")


def test_slots_and_queue(start: Start, engine: FakeEngine) -> None:
    engine.reader = reader = BlockingReader()
    client = start(inference_slots=1, inference_wait_s=30)

    def read() -> None:
        client.post("/emotion?consent=true", content=jpeg(), headers={"Content-Type": "image/jpeg"})

    threads = [threading.Thread(target=read) for _ in range(3)]
    for thread in threads:
        thread.start()
    try:
        assert reader.entered.wait(30)
        eventually(lambda: scrape(client).value("attune_inference_queue_depth") == 2)
        held = scrape(client)
        assert held.value("attune_inference_slots") == 1
        assert held.value("attune_inference_slots_in_use") == 1
        assert held.value("attune_requests_in_flight") == 4  # the scrape is one itself
    finally:
        reader.release.set()
        for thread in threads:
            thread.join(30)
    after = scrape(client)
    assert after.value("attune_inference_queue_depth") == 0
    assert after.value("attune_inference_slots_in_use") == 0
    assert after.value("attune_requests_in_flight") == 1


def test_the_bundle_in_force_is_the_only_one_shown(client: TestClient, engine: FakeEngine) -> None:
    assert scrape(client).series("attune_bundle_info") == {(("version", str(engine.version)),)}
    metrics.show_bundle("next")
    assert scrape(client).series("attune_bundle_info") == {(("version", "next"),)}
    metrics.show_bundle(None)
    assert scrape(client).series("attune_bundle_info") == {(("version", "none"),)}


class Down:
    """A database that is away."""

    def ping(self) -> None:
        raise DatabaseUnavailableError("gone")


def test_the_database_is_asked_at_every_scrape(client: TestClient) -> None:
    assert scrape(client).value("attune_database_up") == 1
    running: Any = client.app.state.services  # type: ignore[attr-defined]
    there, running.database = running.database, Down()
    assert scrape(client).value("attune_database_up") == 0
    running.database = there
    assert scrape(client).value("attune_database_up") == 1


def test_trouble_of_the_watcher_shows(start: Start, engine: FakeEngine) -> None:
    client = start(watch_seconds=0.01)
    engine.broken = StorageError("no")
    song = {"id": "new", "title": "T", "artist": "A", "lyrics": "la la la"}
    client.post("/songs", json=song)

    def trouble() -> float:
        return scrape(client).value("attune_watcher_trouble", version=str(engine.version))

    assert eventually(lambda: trouble() == 1)
    engine.broken = None
    assert eventually(lambda: trouble() == 0)


def test_numbers_are_for_administrators(start: Start, database: Database) -> None:
    admin, other = make_key(database, ("admin",)), make_key(database, ("recommend", "feedback"))
    client = start(host="0.0.0.0")
    assert client.get("/metrics").status_code == 401
    assert client.get("/metrics", headers=bearer(other)).status_code == 403
    assert scrape(client, bearer(admin)).names


TOKEN = "a token of sixteen characters or more"


def test_the_token_of_the_settings_opens_numbers_alone_and_without_a_database(
    start: Start, database: Database
) -> None:
    make_key(database, ("admin",))
    client = start(host="0.0.0.0", metrics_token=TOKEN)
    assert client.get("/metrics").status_code == 401
    assert client.get("/metrics", headers=bearer("another token")).status_code == 401
    odd = {b"Authorization": b"Bearer \xfc" + TOKEN.encode()}
    assert client.get("/metrics", headers=odd).status_code == 401
    assert scrape(client, bearer(TOKEN)).value("attune_database_up") == 1
    assert client.get("/recommend?user=ana", headers=bearer(TOKEN)).status_code == 401
    running: Any = client.app.state.services  # type: ignore[attr-defined]
    there, running.database = running.database, Down()
    assert scrape(client, bearer(TOKEN)).value("attune_database_up") == 0
    running.database = there


def test_openmetrics_where_it_is_asked_for(client: TestClient) -> None:
    plain = client.get("/metrics")
    assert plain.headers["content-type"].startswith("text/plain; version=0.0.4")
    asked = client.get("/metrics", headers={"Accept": "application/openmetrics-text"})
    assert asked.headers["content-type"].startswith("application/openmetrics-text")
    assert asked.text.endswith("# EOF\n")
