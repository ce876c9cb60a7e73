"""A user's own data: read, taken along, erased; nobody else's."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest
from sqlalchemy import event
from starlette.testclient import TestClient

from api.user_schemas import HistoryEvent
from data.db.repositories import ApiKeyRepository
from data.db.session import Database
from data.types import EventRow
from tests.api.conftest import Start

WAY = {"user": "ana", "from": "sad", "to": "happy"}


def played(client: TestClient, user: str, song: str, at: int, event: str = "play") -> None:
    body = {"user": user, "song": song, "event": event, "at": at}
    assert client.post("/feedback", json=body).status_code == 200


def test_history_is_newest_first_in_pages_without_gap_or_repeat(client: TestClient) -> None:
    for number in range(7):
        # Two events of one moment: the later one counts as newer.
        played(client, "ana", "s1" if number % 2 else "s2", 1_700_000_000 + number // 2)
    whole = client.get("/users/ana/history").json()
    assert [i["song"] for i in whole["items"]] == ["s2", "s1", "s2", "s1", "s2", "s1", "s2"]
    assert whole["next_cursor"] is None
    pages, cursor = [], None
    for _ in range(4):
        params = {"n": 2} | ({"cursor": cursor} if cursor else {})
        page = client.get("/users/ana/history", params=params).json()
        pages += page["items"]
        cursor = page["next_cursor"]
    assert pages == whole["items"]
    assert cursor is None


def test_history_names_the_songs_by_one_query_for_a_page(
    client: TestClient, database: Database
) -> None:
    for number, song in enumerate(("s1", "s2", "s1", "s3")):
        played(client, "ana", song, 1_700_000_000 + number)
    asked: list[str] = []

    def note(*told: Any) -> None:
        asked.append(told[2])

    event.listen(database.engine, "before_cursor_execute", note)
    items = client.get("/users/ana/history").json()["items"]
    event.remove(database.engine, "before_cursor_execute", note)
    assert [(i["song"], i["title"], i["artist"]) for i in items] == [
        ("s3", "Third", "Cy"), ("s1", "First", "Ada"),
        ("s2", "Second", "Bo"), ("s1", "First", "Ada"),
    ]  # fmt: skip
    assert len([one for one in asked if "songs.title" in one]) == 1


def test_an_event_whose_song_is_gone_has_no_title() -> None:
    row = EventRow("ana", "gone", "like", datetime.now(UTC))
    shown = HistoryEvent.from_row(row, None)
    assert (shown.song, shown.title, shown.artist) == ("gone", None, None)


def test_an_unknown_user_has_no_history_and_nothing_to_take_along(client: TestClient) -> None:
    assert client.get("/users/nobody/history").json()["items"] == []
    for method, path in (("GET", "/users/nobody/export"), ("DELETE", "/users/nobody")):
        response = client.request(method, path)
        assert (response.status_code, response.json()["code"]) == (404, "unknown_user")


def test_the_export_holds_events_and_playlists(client: TestClient) -> None:
    played(client, "ana", "s1", 1_700_000_000, "like")
    playlist = client.post("/playlists", json=WAY).json()["id"]
    export = client.get("/users/ana/export").json()
    assert [e["event"] for e in export["interactions"]] == ["like"]
    assert [p["id"] for p in export["playlists"]] == [playlist]


def test_erasing_is_complete_and_at_once(client: TestClient) -> None:
    played(client, "ana", "s1", 1_700_000_000)
    playlist = client.post("/playlists", json=WAY).json()["id"]
    played(client, "bea", "s2", 1_700_000_000)
    assert client.delete("/users/ana").status_code == 204
    assert client.get("/users/ana/history").json()["items"] == []
    assert client.get(f"/playlists/{playlist}").status_code == 404
    assert client.get("/recommend?user=ana").json()["fallback"] == "cold_user"
    assert client.get("/users/ana/export").status_code == 404
    assert len(client.get("/users/bea/history").json()["items"]) == 1


@pytest.mark.parametrize(
    ("method", "path"),
    [("GET", "/users/bea/history"), ("GET", "/users/bea/export"), ("DELETE", "/users/bea")],
)
def test_a_bound_key_reaches_its_own_user_only(
    start: Start, database: Database, method: str, path: str
) -> None:
    client = start()
    played(client, "bea", "s1", 1_700_000_000)
    with database.session() as session:
        keys = ApiKeyRepository(session)
        bound = keys.create("ana's phone", ["recommend", "feedback"], "ana")
        weak = keys.create("reader", ["feedback"] if method == "GET" else ["recommend"], "bea")
    for key in (bound, weak):
        response = client.request(method, path, headers={"Authorization": f"Bearer {key}"})
        assert (response.status_code, response.json()["code"]) == (403, "forbidden")
    assert len(client.get("/users/bea/history").json()["items"]) == 1
