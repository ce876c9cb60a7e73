"""Playlists: made once, kept, read in every format, erased with their user."""

from __future__ import annotations

import json
from typing import Any
from xml.etree import ElementTree

import pytest
from starlette.testclient import TestClient

from api.playlist_files import accepted
from data.db.repositories import ApiKeyRepository, SongRepository, UserRepository
from data.db.session import Database
from data.types import Mood, SongInput
from tests.api.conftest import Start
from tests.api.fakes import FakeEngine

WAY = {"user": "ana", "from": "sad", "to": "0.5,-0.5"}
JSON, M3U8 = "application/json", "application/vnd.apple.mpegurl"
XSPF, JSPF = "application/xspf+xml", "application/jspf+json"


def made(client: TestClient, **changes: Any) -> dict[str, Any]:
    response = client.post("/playlists", json={**WAY, **changes})
    assert response.status_code == 201, response.text
    found: dict[str, Any] = response.json()
    return found


def test_a_playlist_is_made_and_found_again(client: TestClient, engine: FakeEngine) -> None:
    response = client.post("/playlists", json=WAY)
    assert response.status_code == 201
    playlist = response.json()
    assert response.headers["Location"] == f"/playlists/{playlist['id']}"
    assert playlist["from"] == {"valence": -0.63, "arousal": -0.27}
    assert playlist["to"] == {"valence": 0.5, "arousal": -0.5}
    assert (playlist["name"], playlist["strategy"]) == ("Sad to 0.5,-0.5", "match")
    # The engine knows a song that the catalogue has not.
    assert [(i["rank"], i["song"]["id"]) for i in playlist["items"]] == [
        (1, "s1"), (2, "s2"), (3, "s3"),
    ]  # fmt: skip
    first = playlist["items"][0]
    assert first["path"] == playlist["from"]
    assert first["reasons"][0]["kind"] == "mood"
    assert playlist["items"][1]["song"]["mood"]["valence"] == -0.5  # predicted
    assert (playlist["duration_s"], playlist["durations_unknown"]) == (200.5, 2)
    assert (playlist["fallback"], playlist["model_version"]) == ("cold_user", engine.version)
    place = response.headers["Location"]
    assert playlist["links"] == {s: f"{place}.{s}" for s in ("json", "m3u8", "xspf", "jspf")}
    again = client.get(place)
    assert again.headers["content-type"] == JSON
    assert {**again.json(), "request_id": ""} == {**playlist, "request_id": ""}


def test_what_is_asked_reaches_the_engine(client: TestClient, engine: FakeEngine) -> None:
    made(client, minutes=45)
    made(client, to=None, strategy="calm", length=2)
    client.post("/playlists", json={"user": "ana"})
    timed, calm, bare = engine.journeys
    assert (timed.start, timed.end) == (Mood(-0.63, -0.27), Mood(0.5, -0.5))
    assert (timed.length, timed.minutes, timed.user_id) == (None, 45, "ana")
    assert (calm.end, calm.length, calm.strategy) == (Mood(0.3, -0.6), 2, "calm")
    assert (bare.start, bare.end, bare.length) == (Mood(0, 0), Mood(0, 0), 20)


def test_feedback_counts_for_the_next_playlist(client: TestClient) -> None:
    client.post("/feedback", json={"user": "ana", "song": "s1", "event": "dislike"})
    playlist = made(client)
    assert [i["song"]["id"] for i in playlist["items"]] == ["s2", "s3"]
    assert playlist["fallback"] is None


@pytest.mark.parametrize(
    ("change", "parameter"),
    [
        ({"user": ""}, "user"),
        ({"user": None}, "user"),
        ({"from": "blurple"}, "from"),
        ({"to": "0.5,7"}, "to"),
        ({"to": ""}, "to"),
        ({"length": 0}, "length"),
        ({"length": 101}, "length"),
        ({"minutes": 4}, "minutes"),
        ({"minutes": 301}, "minutes"),
        ({"length": 5, "minutes": 20}, "minutes"),
        ({"strategy": "up"}, "strategy"),
    ],
)
def test_a_bad_field_is_named_and_nothing_is_kept(
    client: TestClient, database: Database, change: dict[str, Any], parameter: str
) -> None:
    response = client.post("/playlists", json={**WAY, **change})
    assert (response.status_code, response.json()["code"]) == (422, "invalid_parameter")
    assert response.json()["parameter"] == parameter
    with database.session() as session:
        assert UserRepository(session).ids() == []


def test_a_key_makes_one_playlist(client: TestClient, engine: FakeEngine) -> None:
    headers = {"Idempotency-Key": "k-1"}
    answers = [client.post("/playlists", json=WAY, headers=headers) for _ in range(2)]
    assert [a.status_code for a in answers] == [201, 201]
    assert [a.json()["duplicate"] for a in answers] == [False, True]
    assert answers[0].headers["Location"] == answers[1].headers["Location"]
    assert len(engine.journeys) == 1
    other = client.post("/playlists", json={**WAY, "length": 3}, headers=headers)
    assert (other.status_code, other.json()["code"]) == (409, "idempotency_conflict")
    bob = client.post("/playlists", json={**WAY, "user": "bob"}, headers=headers)
    assert (bob.status_code, bob.json()["duplicate"]) == (201, False)
    odd = client.post("/playlists", json=WAY, headers={"Idempotency-Key": "two words"})
    assert (odd.status_code, odd.json()["parameter"]) == (422, "Idempotency-Key")


@pytest.mark.parametrize(
    ("suffix", "media"), [("json", JSON), ("m3u8", M3U8), ("xspf", XSPF), ("jspf", JSPF)]
)
def test_a_suffix_beats_the_header(client: TestClient, suffix: str, media: str) -> None:
    playlist = made(client)
    response = client.get(playlist["links"][suffix], headers={"Accept": "text/html"})
    assert response.status_code == 200
    assert response.headers["content-type"].split(";")[0] == media
    disposition = response.headers.get("content-disposition")
    name = f'attachment; filename="sad-to-0-5-0-5.{suffix}"'
    assert disposition == (None if suffix == "json" else name)


@pytest.mark.parametrize(
    ("header", "media"),
    [
        (None, JSON),
        ("*/*", JSON),
        ("application/xspf+xml", XSPF),
        ("audio/x-mpegurl, application/json;q=0.5", M3U8),
        ("application/json;q=0, */*", M3U8),
        ("application/*;q=0.2, application/jspf+json", JSPF),
        ("APPLICATION/XSPF+XML; q=0.9, text/html", XSPF),
    ],
)
def test_the_header_chooses(client: TestClient, header: str | None, media: str) -> None:
    place = f"/playlists/{made(client)['id']}"
    client.headers.pop("accept")
    response = client.get(place, headers={} if header is None else {"Accept": header})
    assert response.status_code == 200
    assert response.headers["content-type"].split(";")[0] == media


@pytest.mark.parametrize(
    "header", ["text/html", "application/json;q=0", "image/*", "*/*;q=x", "; ,"]
)
def test_nothing_that_fits_is_told(client: TestClient, header: str) -> None:
    response = client.get(f"/playlists/{made(client)['id']}", headers={"Accept": header})
    assert (response.status_code, response.json()["code"]) == (406, "not_acceptable")
    assert ".xspf" in response.json()["detail"]


def test_files_hold_the_songs(client: TestClient, database: Database) -> None:
    with database.session() as session:
        SongRepository(session).upsert_many([SongInput("s2", "Salt & <Ash>\n", "Bö")])
    links = made(client)["links"]
    m3u8 = client.get(links["m3u8"]).content.decode("utf-8").splitlines()
    assert m3u8[3:7] == [
        "#EXTINF:200,Ada - First",
        "https://example.org/1",
        "#EXTINF:-1,Bö - Salt & <Ash>",
        "http://testserver/songs/s2",
    ]
    space = "{http://xspf.org/ns/0/}"
    root = ElementTree.fromstring(client.get(links["xspf"]).content)
    titles = [track.findtext(f"{space}title") for track in root.iter(f"{space}track")]
    assert [str(title).strip() for title in titles] == ["First", "Salt & <Ash>", "Third"]
    notes = {track.findtext(f"{space}annotation") for track in root.iter(f"{space}track")}
    assert notes == {"On the way, at bright & calm"}
    tracks = json.loads(client.get(links["jspf"]).content)["playlist"]["track"]
    assert [track["creator"] for track in tracks] == ["Ada", "Bö", "Cy"]


@pytest.mark.parametrize("name", ["nothing", "nothing.m3u8", "0" * 32, "x.mp3", ".json"])
def test_an_unknown_playlist_is_not_found(client: TestClient, name: str) -> None:
    response = client.get(f"/playlists/{name}")
    assert (response.status_code, response.json()["code"]) == (404, "unknown_playlist")


def test_keys_reach_as_far_as_their_user(start: Start, database: Database) -> None:
    with database.session() as session:
        keys = ApiKeyRepository(session)
        ana, bob = (keys.create(n, ("recommend",), user=n) for n in ("ana", "bob"))
        feedback = keys.create("f", ("feedback",))
    client = start(host="0.0.0.0")
    bearer = {name: {"Authorization": f"Bearer {key}"} for name, key in
              (("ana", ana), ("bob", bob), ("feedback", feedback))}  # fmt: skip
    assert client.post("/playlists", json=WAY).status_code == 401
    for name in ("bob", "feedback"):
        refused = client.post("/playlists", json=WAY, headers=bearer[name])
        assert (refused.status_code, refused.json()["code"]) == (403, "forbidden")
    response = client.post("/playlists", json=WAY, headers=bearer["ana"])
    assert response.status_code == 201
    place = response.headers["Location"]
    assert client.get(place, headers=bearer["ana"]).status_code == 200
    assert client.get(f"{place}.xspf", headers=bearer["bob"]).json()["code"] == "forbidden"
    assert client.get(place).json()["code"] == "unauthenticated"


def test_a_playlist_is_exported_and_erased_with_its_user(
    client: TestClient, database: Database
) -> None:
    playlist = made(client)
    with database.session() as session:
        exported = UserRepository(session).export("ana")
    assert exported is not None
    (kept,) = exported["playlists"]
    assert (kept["id"], kept["songs"][:2]) == (playlist["id"], ["s1", "s2"])
    assert kept["details"]["from"] == playlist["from"]
    with database.session() as session:
        assert UserRepository(session).erase("ana")
    assert client.get(f"/playlists/{playlist['id']}").status_code == 404


def test_accept_is_read_by_its_weights() -> None:
    assert accepted("application/json;q=0.5, application/xspf+xml;q=0.6") == "xspf"
    assert accepted("") == "json"
