"""Pages of one session fit together, whatever happens between them."""

from __future__ import annotations

import base64
import json
from datetime import UTC, datetime
from typing import Any

import pytest
from fastapi import FastAPI
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from starlette.testclient import TestClient

from api.app import create_app
from data.db.repositories import InteractionRepository, SongRepository
from data.db.session import Database
from data.settings import Settings
from data.types import EventRow, SongInput
from recommender.engine import Engine
from tests.api.fakes import DecodingReader
from tests.api.pictures import jpeg
from tests.api.toy_service import ids, listened, other_model, page, store_toys, toy_engine
from tests.recommender import toys

LONG_AGO = datetime(2026, 1, 1, tzinfo=UTC)
ENGINE = toy_engine(DecodingReader())
SONGS = [song.id for song in toys.songs()]


class Running:
    """A service whose engine can be replaced."""

    def __init__(self, client: TestClient, app: FastAPI, database: Database) -> None:
        self.client, self.app, self.database = client, app, database

    def put(self, engine: Engine) -> None:
        self.app.state.services.engine = engine


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Any:
    home = tmp_path_factory.mktemp("sessions")
    database = Database(f"sqlite:///{home / 'test.db'}")
    database.upgrade()
    store_toys(database)
    chosen = Settings(home=home, watch_seconds=0, _env_file=None)  # type: ignore[call-arg]
    app = create_app(chosen, engine=ENGINE, database=database)
    with TestClient(app) as client:
        yield Running(client, app, database)
    database.dispose()


@pytest.fixture(autouse=True)
def as_it_was(running: Running) -> None:
    running.put(ENGINE)


def happens(running: Running, user: str, what: str, song: str, number: int) -> None:
    if what == "post":
        new = SongInput(f"n-{user}-{number}", "New", "Nobody Yet", valence=0.8, arousal=-0.5)
        with running.database.session() as session:
            SongRepository(session).upsert_many([new])
            row = SongRepository(session).get(new.id)
        assert row is not None
        vector = toys.training_data().lyrics[:1]
        running.put(running.app.state.services.engine.with_songs([row], vector))
    elif what == "others":
        with running.database.session() as session:
            InteractionRepository(session).add_many([
                EventRow(f"{user}-{n}", song, "like", LONG_AGO) for n in range(3)
            ])  # fmt: skip
    else:
        listened(running.client, user, song, what)


EVENTS = st.tuples(
    st.sampled_from(["play", "like", "skip", "complete", "save", "post", "others"]),
    st.sampled_from(SONGS),
)
_USERS = iter(range(10**6))


@settings(
    max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(
    before=st.lists(st.sampled_from(SONGS), max_size=4),
    sizes=st.lists(st.integers(1, 9), min_size=2, max_size=5),
    between=st.lists(st.lists(EVENTS, max_size=3), min_size=5, max_size=5),
    moment=st.sampled_from([{}, {"mood": "calm"}, {"mood": "0.5,-0.5", "strategy": "lift"}]),
    heard=st.booleans(),
)
def test_pages_are_one_list_without_gap_or_repeat(
    running: Running, before: list[str], sizes: list[int], between: list[list[tuple[str, str]]],
    moment: dict[str, str], heard: bool,
) -> None:  # fmt: skip
    running.put(ENGINE)
    user = f"u{next(_USERS)}"
    for song in before:
        listened(running.client, user, song)
    asked = {"user": user, "exclude_heard": not heard, **moment}
    whole = page(running.client, n=sum(sizes), **asked)
    found: list[str] = []
    ranks: list[int] = []
    session: dict[str, str] = {}
    for number, (size, events) in enumerate(zip(sizes, between, strict=False)):
        answer = page(running.client, n=size, offset=sum(sizes[:number]), **asked, **session)
        found += ids(answer)
        ranks += [item["rank"] for item in answer["items"]]
        assert session in ({}, {"session": answer["session"]})
        session = {"session": answer["session"]}
        for place, (what, song) in enumerate(events):
            happens(running, user, what, song, 10 * number + place)
    assert found == ids(whole)
    assert ranks == list(range(1, len(found) + 1))


@pytest.mark.parametrize("model", [True, False])
def test_without_a_model_pages_fit_too(running: Running, model: bool) -> None:
    running.put(ENGINE if model else Engine())
    user = f"cold-{model}"
    whole = ids(page(running.client, user=user, n=12))
    first = page(running.client, user=user, n=6)
    for song in whole[8:] + whole[:2]:
        for what in ("like", "others"):
            happens(running, user, what, song, 0)
    second = page(running.client, user=user, n=6, offset=6, session=first["session"])
    assert ids(first) + ids(second) == whole
    assert ids(page(running.client, user=user, n=6))[:6] != whole[:6]


def test_what_was_refused_since_does_not_come_back(running: Running) -> None:
    whole = page(running.client, user="noor", n=20)["items"]
    first = page(running.client, user="noor", n=10)
    listened(running.client, "noor", whole[12]["song"]["id"], "dislike")
    artist = whole[15]["song"]["artist"]
    put = running.client.put("/users/noor/muted-artists", params={"artist": artist.upper()})
    assert put.status_code == 204
    second = page(running.client, user="noor", n=10, offset=10, session=first["session"])
    kept = [
        item["song"]["id"]
        for item in whole[10:20]
        if item["song"]["id"] != whole[12]["song"]["id"] and item["song"]["artist"] != artist
    ]
    assert ids(second) == kept
    assert second["session"] == first["session"]
    fresh = page(running.client, user="noor", n=24)
    assert artist not in {item["song"]["artist"] for item in fresh["items"]}


def test_the_second_page_needs_no_selfie(running: Running) -> None:
    ask = {"user": "mia", "n": "6", "consent": "true"}
    first = running.client.post("/recommend", params=ask, files={"selfie": jpeg()}).json()
    assert first["emotion"]["source"] == "selfie"
    second = page(running.client, user="mia", n=6, offset=6, session=first["session"])
    assert (second["emotion"], second["mood"]) == (first["emotion"], first["mood"])
    both = {**ask, "n": "12"}
    whole = running.client.post("/recommend", params=both, files={"selfie": jpeg()}).json()
    assert ids(first) + ids(second) == ids(whole)
    assert [i["score"] for i in second["items"]] == [i["score"] for i in whole["items"]][6:]
    reader = ENGINE.reader
    assert isinstance(reader, DecodingReader)
    reads = len(reader.shapes)
    again = {**ask, "offset": "6", "session": first["session"]}
    third = running.client.post("/recommend", params=again, files={"selfie": jpeg()}).json()
    assert (ids(third), len(reader.shapes)) == (ids(second), reads)


def test_another_model_makes_another_session(running: Running) -> None:
    first = page(running.client, user="kim", n=6)
    listened(running.client, "kim", ids(first)[0], "like")
    running.put(other_model(ENGINE))
    second = page(running.client, user="kim", n=6, offset=6, session=first["session"])
    assert second["session"] != first["session"]
    assert second["model_version"] != first["model_version"]
    # The same arrays under another name: what was heard since is not heard yet for this list.
    assert not set(ids(first)) & set(ids(second))
    third = page(running.client, user="kim", n=6, offset=12, session=second["session"])
    assert third["session"] == second["session"]


def _changed(token: str, **values: Any) -> str:
    told = json.loads(base64.urlsafe_b64decode(token + "=" * (-len(token) % 4)))
    told |= values
    return base64.urlsafe_b64encode(json.dumps(told).encode()).decode().rstrip("=")


def test_a_session_of_another_list_is_refused(running: Running) -> None:
    token = page(running.client, user="ana", n=3, mood="calm", language="en")["session"]
    right = {"user": "ana", "session": token, "language": "en"}
    assert running.client.get("/recommend", params=right).status_code == 200
    assert running.client.get("/recommend", params=right | {"mood": "calm"}).status_code == 200
    for wrong in (
        {"user": "bea"}, {"mood": "sad"}, {"language": "fr"}, {"strategy": "lift"},
        {"exclude": SONGS[0]}, {"exclude_heard": "false"}, {"year_from": "1990"},
        {"explicit": "false"}, {"exclude_artist": "Ada"}, {"query": "slow"},
    ):  # fmt: skip
        response = running.client.get("/recommend", params=right | wrong)
        assert (response.status_code, response.json()["code"]) == (422, "invalid_parameter")
        assert response.json()["parameter"] == "session"


@pytest.mark.parametrize(
    "change",
    [{"v": 2}, {"e": -1}, {"e": 2**63}, {"s": "1"}, {"m": None}, {"x": 1}, {"t": "x" * 65},
     {"r": {"p": [1.0] * 6, "c": 1.0, "u": False, "f": 1}}, {"r": {"p": [2.0] * 7, "c": 1.0,
     "u": False, "f": 1}}],
)  # fmt: skip
def test_a_changed_session_is_refused(running: Running, change: dict[str, Any]) -> None:
    token = page(running.client, user="ana", n=3)["session"]
    params = {"user": "ana", "session": _changed(token, **change)}
    response = running.client.get("/recommend", params=params)
    assert (response.status_code, response.json()["parameter"]) == (422, "session")


@given(st.text(min_size=1, max_size=80))
@settings(
    max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
def test_no_text_is_taken_for_a_session(running: Running, text: str) -> None:
    response = running.client.get("/recommend", params={"user": "ana", "session": text})
    assert (response.status_code, response.json()["code"]) == (422, "invalid_parameter")


def test_a_session_names_nobody(running: Running) -> None:
    token = page(running.client, user="ana-the-listener", n=3, mood="calm", query="folk")["session"]
    told = base64.urlsafe_b64decode(token + "=" * (-len(token) % 4)).decode()
    assert "ana-the-listener" not in told
    assert set(json.loads(told)) == {"v", "d", "e", "s", "m", "b", "t"}
