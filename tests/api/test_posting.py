"""``POST /songs``: what is taken, what is refused and why, and what a second request does."""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import Any

import pytest
from starlette.testclient import TestClient

from api.embedding import EmbeddingWorker
from data.db.repositories import ApiKeyRepository, SongRepository
from data.db.session import Database
from data.settings import Settings
from tests.api.conftest import Start
from tests.api.encoders import HashEncoder

KETTLE = {"id": "k1", "title": "Kettle at Dawn", "artist": "The Example Band"}
FULL = {
    **KETTLE, "album": "Steam", "year": 2024, "duration_s": 181.5, "language": "en",
    "genre": "Folk", "tags": ["slow", "warm", "slow"], "lyrics": "Slow rain upon the window",
    "explicit": True,
    "valence": 0.25, "arousal": -0.5, "links": {"site": "https://example.org/k"},
}  # fmt: skip


def stored(database: Database, song_id: str = "k1") -> str | None:
    with database.session() as session:
        return SongRepository(session).lyrics(song_id)


def embed(database: Database, tmp_path: Path) -> None:
    settings = Settings(home=tmp_path, _env_file=None)  # type: ignore[call-arg]
    worker = EmbeddingWorker(settings, database, HashEncoder())
    while worker.step() is not None:
        pass


def test_a_song_comes_back_as_stored_and_waits_for_the_worker(
    client: TestClient, database: Database, tmp_path: Path
) -> None:
    response = client.post("/songs", json=FULL)
    assert response.status_code == 201
    assert response.headers["Location"] == "/songs/k1"
    answer = response.json()
    song = {k: v for k, v in FULL.items() if k not in {"lyrics", "valence", "arousal"}}
    song["tags"] = ["slow", "warm"]
    song["mood"] = {"valence": 0.25, "arousal": -0.5, "emotion": answer["song"]["mood"]["emotion"]}
    assert answer == {
        "song": {**song, "embedding": "pending"},
        "status": "pending",
        "duplicate": False,
        "request_id": response.headers["X-Request-ID"],
    }
    assert client.get("/songs/k1").json() == answer["song"]
    embed(database, tmp_path)
    assert client.get("/songs/k1").json()["embedding"] == "ready"
    again = client.post("/songs", json=FULL)
    assert (again.status_code, again.json()["status"]) == (200, "ready")


def test_without_an_id_artist_and_title_make_one(client: TestClient) -> None:
    body = {"title": "Kettle at Dawn - Remastered 2020", "artist": "The Example Band"}
    made = client.post("/songs", json=body).json()
    assert made["song"]["id"] == "example band|kettle at dawn"
    assert made["status"] == "ready"
    assert made["song"]["embedding"] == "none"
    assert client.post("/songs", json=body).status_code == 200


def test_fields_left_out_stay(client: TestClient, database: Database) -> None:
    client.post("/songs", json=FULL)
    changed = client.post("/songs", json={**KETTLE, "title": "Kettle at Noon", "year": 2025})
    assert changed.status_code == 200
    song = changed.json()["song"]
    assert (song["title"], song["year"], song["album"]) == ("Kettle at Noon", 2025, "Steam")
    assert song["embedding"] == "pending"
    assert stored(database) == FULL["lyrics"]
    emptied = client.post("/songs", json={**KETTLE, "lyrics": ""})
    assert (emptied.json()["status"], emptied.json()["song"]["embedding"]) == ("ready", "none")


def test_a_song_may_have_an_odd_id(client: TestClient) -> None:
    response = client.post("/songs", json={**KETTLE, "id": "ü 1%2"})
    assert response.headers["Location"] == "/songs/%C3%BC%201%252"
    assert client.get(response.headers["Location"]).json()["id"] == "ü 1%2"


@pytest.mark.parametrize(
    ("lyrics", "status"),
    [
        ("", "ready"),
        ("   \n\n ", "ready"),
        ("[Chorus]\n(yeah, yeah)", "ready"),
        ("rain", "pending"),
        ("🌧️🎉🎵", "pending"),
        ("שלום עולם, גשם בחלון", "pending"),
        ("مطر على النافذة", "pending"),
        ("\u202egnol dna wols\u202c \u200b\x07 rain", "pending"),
        ("rain on the tin roof\r\n" * 2000, "pending"),
        ("w" * 50_000, "pending"),
    ],
)
def test_any_text_is_a_lyric(
    client: TestClient, database: Database, tmp_path: Path, lyrics: str, status: str
) -> None:
    response = client.post("/songs", json={**KETTLE, "lyrics": lyrics})
    assert (response.status_code, response.json()["status"]) == (201, status)
    assert stored(database) == lyrics
    embed(database, tmp_path)
    state = client.get("/songs/k1").json()["embedding"]
    assert state == {"ready": "none", "pending": "ready"}[status]


def test_what_an_encoder_cannot_read_is_not_waited_for(
    client: TestClient, database: Database, tmp_path: Path
) -> None:
    client.post("/songs", json={**KETTLE, "lyrics": "unreadable"})
    assert client.get("/songs/k1").json()["embedding"] == "pending"
    embed(database, tmp_path)
    assert client.get("/songs/k1").json()["embedding"] == "none"


@pytest.mark.parametrize(
    ("change", "parameter"),
    [
        ({"title": None}, "title"),
        ({"title": " \t"}, "title"),
        ({"title": "a\nb"}, "title"),
        ({"title": "t" * 513}, "title"),
        ({"artist": ""}, "artist"),
        ({"artist": "\u0000"}, "artist"),
        ({"id": ""}, "id"),
        ({"id": "a\u0000b"}, "id"),
        ({"year": 12.5}, "year"),
        ({"year": 3000}, "year"),
        ({"duration_s": 0}, "duration_s"),
        ({"duration_s": "NaN"}, "duration_s"),
        ({"language": "x" * 36}, "language"),
        ({"tags": "slow;warm"}, "tags"),
        ({"tags": ["slow", ""]}, "tags"),
        ({"tags": ["t"] * 101}, "tags"),
        ({"lyrics": "la" * 25_001}, "lyrics"),
        ({"lyrics": "rain\u0000fall"}, "lyrics"),
        ({"lyrics": ["rain"]}, "lyrics"),
        ({"valence": 2, "arousal": 0}, "valence"),
        ({"valence": 0.5}, "body"),
        ({"links": {"site": "javascript:alert(1)"}}, "links.site"),
        ({"links": ["https://example.org"]}, "links"),
        ({"lyric": "a slip of the pen"}, "lyric"),
    ],
)
def test_a_wrong_field_is_named(
    client: TestClient, database: Database, change: dict[str, Any], parameter: str
) -> None:
    response = client.post("/songs", json={**KETTLE, **change})
    problem = response.json()
    assert (response.status_code, problem["code"]) == (422, "invalid_parameter")
    assert problem["parameter"] == parameter
    with database.session() as session:
        assert SongRepository(session).count() == 3


@pytest.mark.parametrize("field", ["title", "lyrics", "id"])
def test_a_lone_surrogate_is_refused(client: TestClient, field: str) -> None:
    body = json.dumps({**KETTLE, field: "rain\ud83dfall"})
    assert r"\ud83d" in body
    response = client.post("/songs", content=body, headers={"Content-Type": "application/json"})
    assert (response.status_code, response.json()["code"]) == (422, "invalid_parameter")
    assert response.json()["parameter"] == field


@pytest.mark.parametrize(
    ("body", "status", "code"),
    [
        (b"", 422, "invalid_parameter"),
        (b"{", 422, "invalid_parameter"),
        (b"[]", 422, "invalid_parameter"),
        (json.dumps(KETTLE).encode("utf-16"), 201, None),  # JSON says that this is JSON
        ('{"title": "Café", "artist": "é"}'.encode("latin-1"), 400, "bad_request"),
        (b'{"title": "\xff\xfe", "artist": "x"}', 400, "bad_request"),
    ],
)
def test_a_body_that_is_no_json(
    client: TestClient, body: bytes, status: int, code: str | None
) -> None:
    response = client.post("/songs", content=body, headers={"Content-Type": "application/json"})
    assert (response.status_code, response.json().get("code")) == (status, code)


def test_a_megabyte_is_refused_and_fifty_thousand_escapes_are_not(client: TestClient) -> None:
    large = client.post("/songs", json={**KETTLE, "lyrics": "a" * 1_048_576})
    assert (large.status_code, large.json()["code"]) == (413, "body_too_large")
    # Characters beyond the basic plane are twelve bytes each as JSON escapes.
    escaped = json.dumps({**KETTLE, "lyrics": "🌧" * 50_000})
    assert len(escaped) > 600_000
    taken = client.post("/songs", content=escaped, headers={"Content-Type": "application/json"})
    assert taken.status_code == 201


def test_the_same_key_and_body_post_once(client: TestClient, database: Database) -> None:
    headers = {"Idempotency-Key": "post-1"}
    first = client.post("/songs", json=FULL, headers=headers)
    client.post("/songs", json={**KETTLE, "title": "Changed since"})
    second = client.post("/songs", json=FULL, headers=headers)
    assert [r.status_code for r in (first, second)] == [201, 201]
    assert [r.json()["duplicate"] for r in (first, second)] == [False, True]
    assert second.json()["song"]["title"] == "Changed since"


def test_the_same_key_and_another_body_conflict(client: TestClient, database: Database) -> None:
    headers = {"Idempotency-Key": "post-1"}
    client.post("/songs", json=FULL, headers=headers)
    other = client.post("/songs", json={**FULL, "id": "k2"}, headers=headers)
    assert (other.status_code, other.json()["code"]) == (409, "idempotency_conflict")
    assert stored(database, "k2") is None
    bad = client.post("/songs", json=FULL, headers={"Idempotency-Key": "with blanks"})
    assert (bad.status_code, bad.json()["parameter"]) == (422, "Idempotency-Key")


def test_only_an_admin_adds_songs(start: Start, database: Database) -> None:
    with database.session() as session:
        keys = ApiKeyRepository(session)
        admin = keys.create("a", ("admin",))
        other = keys.create("o", ("recommend", "feedback"))
    client = start(host="0.0.0.0")
    callers: tuple[dict[str, str], ...] = (
        {},
        {"Authorization": f"Bearer {other}"},
        {"Authorization": f"Bearer {admin}"},
    )
    answers = [client.post("/songs", json=KETTLE, headers=headers) for headers in callers]
    assert [answer.status_code for answer in answers] == [401, 403, 201]


def test_lyrics_and_queries_are_in_no_log(
    client: TestClient, capfd: pytest.CaptureFixture[str]
) -> None:
    secret = "zwieback lullaby"
    client.post("/songs", json={**KETTLE, "lyrics": secret})
    client.post("/songs", json={**KETTLE, "lyrics": secret * 5000})
    client.get("/recommend", params={"user": "ana", "query": secret})
    client.get("/recommend", params={"user": "ana", "query": secret + "\x00"})
    client.get("/songs", params={"q": secret})
    logged = capfd.readouterr().err
    assert logged.count('"path": "/songs"') == 3
    assert "zwieback" not in logged


def test_a_stated_mood_and_a_missing_one(client: TestClient) -> None:
    moods = [
        client.post("/songs", json={**KETTLE, **mood}).json()["song"]["mood"]
        for mood in ({}, {"valence": 0.5, "arousal": 0.5}, {})
    ]
    assert [mood["valence"] for mood in moods] == [None, 0.5, 0.5]
    assert not any(isinstance(mood["arousal"], float) and math.isnan(mood["arousal"])
                   for mood in moods)  # fmt: skip
