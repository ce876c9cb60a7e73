"""Filters and muted artists by HTTP."""

from __future__ import annotations

from typing import Any

import pytest
from starlette.testclient import TestClient

from data.db.repositories import ApiKeyRepository, SongRepository
from data.db.session import Database
from data.types import SongInput
from recommender.engine import Engine
from tests.api.conftest import Start
from tests.api.fakes import FakeEngine
from tests.api.toy_service import ids, listened, page

SONGS = (
    SongInput("s1", "First", "Ada", year=2001, language="en", explicit=True),
    SongInput("s2", "Second", "Bo", year=2011, language="en-GB", explicit=False),
    SongInput("s3", "Third", "Cy", language="fr"),
    SongInput("s4", "Fourth", "The Bös", year=1991),
)
WAY = {"user": "ana", "from": "sad", "to": "happy"}


@pytest.fixture
def popular(database: Database, start: Start, engine: FakeEngine) -> TestClient:
    """A service without a bundle, whose answers are the database's popular songs."""
    with database.session() as session:
        SongRepository(session).upsert_many(SONGS)
    client = start()
    client.app.state.services.engine = Engine()  # type: ignore[attr-defined]
    return client


def as_json(name: str, value: Any) -> Any:
    """A query parameter as a body has it."""
    if name == "explicit":
        return value == "true"
    return [value] if name in {"language", "exclude_artist"} and isinstance(value, str) else value


@pytest.mark.parametrize(
    ("params", "found"),
    [
        ({}, ["s1", "s2", "s3", "s4"]),
        ({"language": "en"}, ["s1", "s2"]),
        ({"language": ["FR", "eng"]}, ["s1", "s2", "s3"]),
        ({"year_from": 1995, "year_to": 2005}, ["s1"]),
        ({"explicit": "false"}, ["s2", "s3", "s4"]),
        ({"exclude_artist": ["ada", "the bos"]}, ["s2", "s3"]),
        ({"language": "en", "explicit": "false", "exclude_artist": "Bo"}, []),
    ],
)
def test_popular_songs_meet_every_condition(
    popular: TestClient, params: dict[str, Any], found: list[str]
) -> None:
    answer = page(popular, user="ana", **params)
    assert (ids(answer), answer["fallback"]) == (found, "no_model")
    playlist = popular.post(
        "/playlists",
        json={**WAY, **{name: as_json(name, value) for name, value in params.items()}},
    )
    assert playlist.status_code == 201
    assert [item["song"]["id"] for item in playlist.json()["items"]] == found


def test_conditions_reach_the_engine(client: TestClient, engine: FakeEngine) -> None:
    page(client, user="ana", language=["en", "EN-gb"], year_from=1990, explicit="false")
    asked = engine.queries[-1].songs
    assert (asked.languages, asked.year_from, asked.year_to, asked.explicit) == (
        ("en",), 1990, None, False,
    )  # fmt: skip
    assert client.post("/playlists", json=WAY | {"exclude_artist": ["Ada"]}).status_code == 201
    assert engine.journeys[-1].songs.without_artists == ("Ada",)


@pytest.mark.parametrize(
    ("params", "parameter"),
    [
        ({"language": "english"}, "language"),
        ({"language": ""}, "language"),
        ({"language": ["en"] * 21}, "language"),
        ({"year_from": 0}, "year_from"),
        ({"year_to": 10_000}, "year_to"),
        ({"year_from": 2001, "year_to": 2000}, "year_to"),
        ({"explicit": "maybe"}, "explicit"),
        ({"exclude_artist": " "}, "exclude_artist"),
        ({"exclude_artist": "a\0"}, "exclude_artist"),
        ({"exclude_artist": ["a"] * 101}, "exclude_artist"),
        ({"session": ""}, "session"),
        ({"remember": "true"}, "remember"),
    ],
)
def test_wrong_conditions_are_told(
    client: TestClient, params: dict[str, Any], parameter: str
) -> None:
    response = client.get("/recommend", params={"user": "ana"} | params)
    assert (response.status_code, response.json()["code"]) == (422, "invalid_parameter")
    assert response.json()["parameter"] == parameter


def test_explicit_songs_are_searched_and_shown(popular: TestClient) -> None:
    assert [s["id"] for s in popular.get("/songs?explicit=true").json()["items"]] == ["s1"]
    others = popular.get("/songs?explicit=false").json()["items"]
    assert [(s["id"], s["explicit"]) for s in others] == [("s2", False), ("s3", None), ("s4", None)]


def test_a_muted_artist_comes_back_when_taken_back(popular: TestClient) -> None:
    def put(artist: str, method: str = "PUT") -> int:
        path = "/users/ana/muted-artists"
        return popular.request(method, path, params={"artist": artist}).status_code

    assert (put("ADA"), put("bös"), put("Ada")) == (204, 204, 204)
    muted = popular.get("/users/ana/muted-artists").json()
    assert [row["artist"] for row in muted["items"]] == ["Ada", "The Bös"]
    assert ids(page(popular, user="ana")) == ["s2", "s3"]
    assert ids(page(popular, user="bea")) == ["s1", "s2", "s3", "s4"]
    playlist = popular.post("/playlists", json=WAY).json()
    assert [item["song"]["id"] for item in playlist["items"]] == ["s2", "s3"]
    export = popular.get("/users/ana/export").json()
    assert [row["artist"] for row in export["muted_artists"]] == ["Ada", "The Bös"]
    assert (put("ada", "DELETE"), put("ada", "DELETE")) == (204, 204)
    assert ids(page(popular, user="ana")) == ["s1", "s2", "s3"]
    assert popular.delete("/users/ana").status_code == 204
    assert popular.get("/users/ana/muted-artists").json()["items"] == []
    assert ids(page(popular, user="ana")) == ["s1", "s2", "s3", "s4"]


def test_an_artist_that_is_not_there_cannot_be_muted(popular: TestClient) -> None:
    response = popular.put("/users/ana/muted-artists", params={"artist": "Nobody"})
    assert (response.status_code, response.json()["code"]) == (404, "unknown_artist")
    missing = popular.put("/users/ana/muted-artists")
    assert (missing.status_code, missing.json()["parameter"]) == (422, "artist")
    assert popular.get("/users/ana/export").status_code == 404


def test_mutes_are_the_users_own(popular: TestClient, database: Database) -> None:
    listened(popular, "bea", "s1")
    with database.session() as session:
        keys = ApiKeyRepository(session)
        bound = keys.create("ana's phone", ["recommend", "feedback"], "ana")
        reading = keys.create("reader", ["recommend"], "bea")
    for method, path in (
        ("GET", "muted-artists"), ("PUT", "muted-artists"), ("DELETE", "muted-artists"),
        ("GET", "emotions"), ("DELETE", "emotions"),
    ):  # fmt: skip
        for key, may in ((bound, False), (reading, method == "GET")):
            response = popular.request(
                method, f"/users/bea/{path}", params={"artist": "Ada"},
                headers={"Authorization": f"Bearer {key}"},
            )  # fmt: skip
            assert response.status_code == (200 if may else 403), (method, path)
