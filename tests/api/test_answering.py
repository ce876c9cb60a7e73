"""What requests share: rows, texts and threads."""

from __future__ import annotations

import asyncio
import threading
from contextvars import ContextVar
from dataclasses import replace

import orjson
import pytest
from starlette.testclient import TestClient

from api.pool import AnswerPool
from api.rendering import SongTexts, items_of
from api.schemas import ItemOut, RecommendationOut, SongOut
from api.song_rows import SongRows
from data.db.repositories import SongRepository
from data.db.session import Database
from data.errors import DatabaseUnavailableError
from data.types import Song, SongInput
from recommender.query import RankedSong, Reason
from tests.api.conftest import Start

NAN = float("nan")


class Counted:
    """A database that counts how often it is asked."""

    def __init__(self, database: Database) -> None:
        self.database, self.sessions = database, 0
        self.session = self._session

    def _session(self) -> object:
        self.sessions += 1
        return self.database.session()


@pytest.fixture
def counted(database: Database) -> Counted:
    return Counted(database)


def test_rows_are_read_once(counted: Counted) -> None:
    rows = SongRows(counted, look_s=1e9)  # type: ignore[arg-type]
    first = rows.get_many(["s1", "s2", "ghost"])
    assert set(first) == {"s1", "s2"}
    assert rows.get_many(["s2", "s1"]) == first
    assert counted.sessions == 1
    assert set(rows.get_many(["s2", "s3"])) == {"s2", "s3"}
    assert counted.sessions == 2


def test_a_changed_song_is_read_anew(database: Database) -> None:
    rows = SongRows(database, look_s=1e-9)
    assert rows.get_many(["s2"])["s2"].title == "Second"
    with database.session() as session:
        SongRepository(session).upsert_many([SongInput("s2", "Second thoughts", "Bo")])
    assert rows.get_many(["s2"])["s2"].title == "Second thoughts"


def test_without_looks_nothing_is_kept(counted: Counted) -> None:
    rows = SongRows(counted, look_s=0)  # type: ignore[arg-type]
    for _ in range(3):
        rows.get_many(["s1"])
    assert counted.sessions == 3


def test_a_row_that_is_not_kept_needs_the_database(database: Database) -> None:
    rows = SongRows(database, look_s=1e9)
    rows.get_many(["s1"])
    gone = Database("sqlite:////nowhere/at/all.db")
    rows._database = gone
    assert rows.get_many(["s1"])["s1"].title == "First"
    with pytest.raises(DatabaseUnavailableError):
        rows.get_many(["s2"])


SONG = Song("x", "“Tïtle”\n", "A & B", links={"site": "https://example.org"}, year=1999)


@pytest.mark.parametrize("mood", [None, (0.25, -0.5)])
def test_a_text_is_what_the_schema_says(mood: tuple[float, float] | None) -> None:
    texts = SongTexts()
    ranked = [
        RankedSong(1, "x", 0.5, (Reason("content", NAN, "Because"), Reason("mood", 0.4, "Near"))),
        RankedSong(2, "x", NAN),
    ]
    items = items_of(ranked, [texts.of(SONG, mood)] * 2)
    expected = [ItemOut.from_ranked(one, SongOut.from_song(SONG, mood)) for one in ranked]
    read = orjson.loads(orjson.dumps(items))
    assert read == [item.model_dump(mode="json") for item in expected]


def test_a_text_is_made_anew_for_another_row_or_mood() -> None:
    texts = SongTexts()
    first = texts.of(SONG, None)
    assert texts.of(SONG, None) is first
    other = orjson.dumps(texts.of(replace(SONG, title="Other"), None))
    assert orjson.loads(other)["title"] == "Other"
    moody = orjson.loads(orjson.dumps(texts.of(SONG, (0.5, 0.5))))
    assert moody["mood"]["valence"] == 0.5


def test_an_answer_reads_back_by_its_schema(client: TestClient) -> None:
    response = client.get("/recommend", params={"user": "ana", "mood": "happy"})
    assert response.headers["content-type"] == "application/json"
    answer = RecommendationOut.model_validate_json(response.content)
    assert answer.model_dump(mode="json") == response.json()


def test_feedback_and_erasure_show_in_an_answer_that_was_kept(start: Start) -> None:
    client = start(answers_kept=100)

    def heard() -> list[str]:
        answer = client.get("/recommend", params={"user": "ana"}).json()
        return [item["song"]["id"] for item in answer["items"]]

    assert heard() == heard() == ["s1", "s2", "s3"]
    client.post("/feedback", json={"user": "ana", "song": "s2", "event": "like"})
    assert heard() == heard() == ["s1", "s3"]
    assert client.delete("/users/ana").status_code == 204
    assert heard() == ["s1", "s2", "s3"]


def test_the_pool_keeps_order_context_and_errors() -> None:
    said: ContextVar[str] = ContextVar("said")
    pool = AnswerPool(1)
    done: list[int] = []

    def work(number: int) -> tuple[str, str]:
        done.append(number)
        if number == 2:
            raise KeyError(number)
        return said.get(), threading.current_thread().name

    async def ask() -> list[object]:
        said.set("hello")
        jobs = [pool.run(work, number) for number in range(4)]
        return await asyncio.gather(*jobs, return_exceptions=True)

    found = asyncio.run(ask())
    pool.close()
    assert done == [0, 1, 2, 3]
    assert isinstance(found[2], KeyError)
    assert found[0] == found[3]
    assert isinstance(found[0], tuple)
    assert found[0][0] == "hello"
    assert found[0][1].startswith("attune-answer")
