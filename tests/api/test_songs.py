"""Finding songs: the search and its pages, one song, and songs near a song; text queries."""

from __future__ import annotations

from typing import Any

import pytest
from starlette.testclient import TestClient

from data.db.repositories import SongRepository
from data.db.session import Database
from data.errors import InvalidParameterError
from data.types import SongInput
from tests.api.fakes import FakeEngine


@pytest.fixture(autouse=True)
def catalogue(client: TestClient, database: Database) -> None:
    """Beside the three songs of the fixture; the model does not know these."""
    songs = (
        SongInput("r1", "Rain, Slowly", "Ada", genre="Folk", year=1999, tags=("slow",),
                  language="en-GB"),
        SongInput("r2", "Été de pluie", "Édith", genre="folk", year=2005, language="fr"),
        SongInput("r3", "Rain Fast", "Bo", genre="Élégie", year=2005, tags=("fast", "slow")),
    )  # fmt: skip
    with database.session() as session:
        SongRepository(session).upsert_many(songs)


def found(client: TestClient, **params: Any) -> list[str]:
    response = client.get("/songs", params=params)
    assert response.status_code == 200, response.text
    return [song["id"] for song in response.json()["items"]]


@pytest.mark.parametrize(
    ("params", "ids"),
    [
        ({}, ["s1", "s2", "s3", "r1", "r2", "r3"]),
        ({"q": "rain"}, ["r1", "r3"]),
        ({"q": "RAIN ada"}, ["r1"]),
        ({"q": "ete edith"}, ["r2"]),
        ({"q": "100%"}, []),
        ({"q": "!!!"}, []),
        ({"artist": "Bo"}, ["s2", "r3"]),
        ({"genre": "FOLK"}, ["r1", "r2"]),
        ({"tag": "slow"}, ["r1", "r3"]),
        ({"tag": "slo"}, []),
        ({"language": "fr"}, ["r2"]),
        ({"language": "EN"}, ["r1"]),
        ({"language": ["en-US", "fre"]}, ["r1", "r2"]),
        ({"genre": "Élégie"}, ["r3"]),
        ({"year_from": 2005}, ["r2", "r3"]),
        ({"year_to": 2001}, ["s1", "r1"]),
        ({"year_from": 2000, "year_to": 2005, "tag": "slow"}, ["r3"]),
    ],
)
def test_every_condition_must_be_met(
    client: TestClient, params: dict[str, Any], ids: list[str]
) -> None:
    assert found(client, **params) == ids


def test_pages_follow_each_other(client: TestClient) -> None:
    pages, cursor = [], None
    while True:
        params = {"n": 4, **({"cursor": cursor} if cursor else {})}
        page = client.get("/songs", params=params).json()
        pages.append([song["id"] for song in page["items"]])
        cursor = page["next_cursor"]
        if cursor is None:
            break
    assert pages == [["s1", "s2", "s3", "r1"], ["r2", "r3"]]


def test_a_listed_song_tells_all_but_its_lyrics(client: TestClient) -> None:
    (song,) = client.get("/songs", params={"q": "rain slowly"}).json()["items"]
    assert song == {
        "id": "r1", "title": "Rain, Slowly", "artist": "Ada", "album": None, "year": 1999,
        "duration_s": None, "explicit": None, "links": {}, "genre": "Folk", "language": "en-GB",
        "tags": ["slow"],
        "mood": {"valence": None, "arousal": None, "emotion": None},
    }  # fmt: skip
    (predicted,) = client.get("/songs", params={"q": "second"}).json()["items"]
    assert predicted["mood"]["valence"] == -0.5


@pytest.mark.parametrize(
    ("params", "parameter"),
    [
        ({"n": 0}, "n"),
        ({"n": 101}, "n"),
        ({"q": " "}, "q"),
        ({"q": "x" * 201}, "q"),
        ({"q": "a\0"}, "q"),
        ({"year_from": "soon"}, "year_from"),
        ({"year_from": 2005, "year_to": 2000}, "year_to"),
        ({"language": "english"}, "language"),
        ({"cursor": "9" * 33}, "cursor"),
    ],
)
def test_a_wrong_condition_is_named(
    client: TestClient, params: dict[str, Any], parameter: str
) -> None:
    response = client.get("/songs", params=params)
    assert (response.status_code, response.json()["code"]) == (422, "invalid_parameter")
    assert response.json()["parameter"] == parameter


def test_a_foreign_cursor_gives_no_songs(client: TestClient) -> None:
    assert found(client, cursor="anything") == []


def test_similar_songs(client: TestClient, engine: FakeEngine) -> None:
    response = client.get("/songs/s1/similar", params={"n": 2})
    answer = response.json()
    assert response.status_code == 200
    assert answer["song"]["id"] == "s1"
    assert [(item["rank"], item["song"]["id"]) for item in answer["items"]] == [
        (1, "s2"),
        (2, "s3"),
    ]
    assert answer["items"][0]["song"]["mood"]["valence"] == -0.5
    assert answer["items"][0]["reasons"] == [
        {"kind": "content", "weight": 1.0, "text": "Lyrics are close"}
    ]
    assert answer["model_version"] == engine.version


def test_songs_taken_out_of_the_catalogue_are_left_out(client: TestClient) -> None:
    answer = client.get("/songs/s3/similar").json()
    assert [item["song"]["id"] for item in answer["items"]] == ["s1", "s2"]


@pytest.mark.parametrize("song", ["nobody", "r1"])
def test_a_song_that_catalogue_or_model_lacks(client: TestClient, song: str) -> None:
    response = client.get(f"/songs/{song}/similar")
    assert (response.status_code, response.json()["code"]) == (404, "unknown_song")


def test_how_many_similar_songs(client: TestClient) -> None:
    for n in ("0", "101", "many"):
        response = client.get("/songs/s1/similar", params={"n": n})
        assert (response.status_code, response.json()["parameter"]) == (422, "n")


@pytest.mark.parametrize("method", ["get", "post"])
def test_words_are_handed_to_the_recommender(
    client: TestClient, engine: FakeEngine, method: str
) -> None:
    text = "rainy sunday, slow and warm"
    response = getattr(client, method)("/recommend", params={"user": "ana", "query": text})
    assert response.status_code == 200
    assert engine.queries[-1].text == text
    assert text not in response.text
    client.get("/recommend?user=ana")
    assert engine.queries[-1].text is None


@pytest.mark.parametrize("text", ["", "x" * 501, "?!", "\x00", "   "])
def test_words_that_cannot_be_looked_for(client: TestClient, engine: FakeEngine, text: str) -> None:
    response = client.get("/recommend", params={"user": "ana", "query": text})
    assert (response.status_code, response.json()["code"]) == (422, "invalid_parameter")
    assert response.json()["parameter"] == "query"
    assert engine.queries == []


def test_words_that_the_recommender_refuses(client: TestClient, engine: FakeEngine) -> None:
    engine.error = InvalidParameterError("text", "no word of it is known")
    response = client.get("/recommend", params={"user": "ana", "query": "qqq"})
    assert (response.status_code, response.json()["parameter"]) == (422, "query")


def test_what_words_say_and_the_lines_that_carry_it(client: TestClient, database: Database) -> None:
    with database.session() as session:
        song = SongInput("sung", "Sung", "Ada", lyrics="one line here\nanother line\nlast of all")
        SongRepository(session).upsert_many([song])
    answer = client.get("/songs/sung/mood", params={"lines": 2}).json()
    assert answer["song"]["id"] == "sung"
    assert [one["line"] for one in answer["lines"]] == ["one line here", "another line"]
    assert answer["deviation"] == {"valence": 0.9, "arousal": 0.8}
    assert (answer["emotion"], answer["source"]) == ("happy", "lyrics")


def test_lines_against_the_mood_are_not_told(client: TestClient, database: Database) -> None:
    with database.session() as session:
        song = SongInput("sung", "Sung", "Ada", lyrics="one line here\nall against it")
        SongRepository(session).upsert_many([song])
    answer = client.get("/songs/sung/mood", params={"lines": 2}).json()
    assert [one["line"] for one in answer["lines"]] == ["one line here"]


def test_a_song_that_says_nothing_of_its_mood(client: TestClient) -> None:
    answer = client.get("/songs/s1/mood").json()
    assert answer["lines"] == []
    assert {answer[name] for name in ("valence", "emotion", "source")} == {None}
    assert answer["emotions"] is None


def test_no_song_and_too_many_lines(client: TestClient) -> None:
    assert client.get("/songs/nobody/mood").json()["code"] == "unknown_song"
    response = client.get("/songs/s1/mood", params={"lines": 6})
    assert (response.status_code, response.json()["parameter"]) == (422, "lines")
