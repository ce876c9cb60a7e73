"""Feedback is recorded once and seen by the next answer."""

from __future__ import annotations

import json
import sqlite3
from pathlib import Path
from typing import Any

import pytest
from starlette.testclient import TestClient

from data.db.repositories import InteractionRepository
from data.db.session import Database

LIKE = {"user": "ana", "song": "s1", "event": "like"}


def events(database: Database) -> list[tuple[str, str, str | None]]:
    with database.session() as session:
        rows = InteractionRepository(session).recent("ana")
    return [(row.song_id, row.event, row.emotion) for row in rows]


def test_the_next_answer_knows(client: TestClient) -> None:
    before = client.get("/recommend?user=ana").json()
    assert [i["song"]["id"] for i in before["items"]] == ["s1", "s2", "s3"]
    recorded = client.post("/feedback", json=LIKE)
    assert recorded.status_code == 200
    assert recorded.json() == {
        **LIKE,
        "duplicate": False,
        "request_id": recorded.headers["X-Request-ID"],
    }
    after = client.get("/recommend?user=ana").json()
    assert [i["song"]["id"] for i in after["items"]] == ["s2", "s3"]
    assert after["fallback"] is None


def test_a_disliked_song_never_comes_back(client: TestClient) -> None:
    client.post("/feedback", json={**LIKE, "event": "dislike"})
    answer = client.get("/recommend?user=ana&exclude_heard=false").json()
    assert [i["song"]["id"] for i in answer["items"]] == ["s2", "s3"]


def test_time_and_emotion_are_kept(client: TestClient, database: Database) -> None:
    body = {**LIKE, "at": "2026-01-02T03:04:05+02:00", "emotion": "sad"}
    assert client.post("/feedback", json=body).status_code == 200
    with database.session() as session:
        (row,) = InteractionRepository(session).recent("ana")
    assert (row.at.isoformat(), row.emotion) == ("2026-01-02T01:04:05+00:00", "sad")


def test_the_same_key_and_body_record_once(client: TestClient, database: Database) -> None:
    headers = {"Idempotency-Key": "k-1"}
    answers = [client.post("/feedback", json=LIKE, headers=headers) for _ in range(3)]
    assert [a.status_code for a in answers] == [200, 200, 200]
    assert [a.json()["duplicate"] for a in answers] == [False, True, True]
    assert events(database) == [("s1", "like", None)]


@pytest.mark.parametrize(
    "other",
    [
        {"song": "s2"},
        {"event": "skip"},
        {"emotion": "happy"},
        {"at": "2026-01-02T03:04:05Z"},
    ],
)
def test_the_same_key_and_another_body_conflict(
    client: TestClient, database: Database, other: dict[str, Any]
) -> None:
    headers = {"Idempotency-Key": "k-1"}
    client.post("/feedback", json=LIKE, headers=headers)
    response = client.post("/feedback", json={**LIKE, **other}, headers=headers)
    assert (response.status_code, response.json()["code"]) == (409, "idempotency_conflict")
    assert events(database) == [("s1", "like", None)]


def test_without_a_key_everything_counts(client: TestClient, database: Database) -> None:
    for _ in range(2):
        assert client.post("/feedback", json=LIKE).json()["duplicate"] is False
    assert len(events(database)) == 2


def test_an_unknown_song_is_not_found_and_makes_no_user(
    client: TestClient, database: Database
) -> None:
    response = client.post("/feedback", json={**LIKE, "song": "nope"})
    assert (response.status_code, response.json()["code"]) == (404, "unknown_song")
    with database.session() as session:
        assert not InteractionRepository(session).history("ana").known


@pytest.mark.parametrize(
    ("change", "parameter"),
    [
        ({"user": ""}, "user"),
        ({"user": "a\nb"}, "user"),
        ({"user": "a\ud800b"}, "user"),
        ({"user": 7}, "user"),
        ({"song": None}, "song"),
        ({"event": "love"}, "event"),
        ({"emotion": "calm"}, "emotion"),
        ({"at": "yesterday"}, "at"),
        ({"at": "9999-01-01T00:00:00Z"}, "at"),
        ({"at": "0001-01-01T00:00:00+14:00"}, "at"),
    ],
)
def test_a_bad_field_is_named(client: TestClient, change: dict[str, Any], parameter: str) -> None:
    response = client.post(
        "/feedback",
        content=json.dumps({**LIKE, **change}),  # in ASCII: lone surrogates get through
        headers={"content-type": "application/json"},
    )
    assert response.status_code == 422
    assert response.json()["parameter"] == parameter


@pytest.mark.parametrize("body", [b"", b"{", b"[]", b'"x"', b"\xff\xfe"])
def test_a_body_that_is_no_object_is_named(client: TestClient, body: bytes) -> None:
    headers = {"content-type": "application/json"}
    response = client.post("/feedback", content=body, headers=headers)
    assert response.status_code in {400, 422}
    assert response.json()["code"] in {"bad_request", "invalid_parameter"}


@pytest.mark.parametrize("key", ["", "x" * 129, "two words", "é"])
def test_an_odd_key_is_refused(client: TestClient, key: str) -> None:
    headers = {"Idempotency-Key": key.encode("latin-1")}
    response = client.post("/feedback", json=LIKE, headers=headers)  # type: ignore[arg-type]
    assert (response.status_code, response.json()["parameter"]) == (422, "Idempotency-Key")


def test_a_locked_database_is_unavailable(client: TestClient, tmp_path: Path) -> None:
    holder = sqlite3.connect(tmp_path / "test.db", isolation_level=None)
    holder.execute("BEGIN EXCLUSIVE")
    try:
        response = client.post("/feedback", json=LIKE)
    finally:
        holder.rollback()
        holder.close()
    assert (response.status_code, response.json()["code"]) == (503, "unavailable")
    assert int(response.headers["Retry-After"]) >= 1
    assert str(tmp_path) not in response.text
    assert client.post("/feedback", json=LIKE).status_code == 200
