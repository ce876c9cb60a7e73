"""Examples of ``/openapi.json`` are requests and answers of this service, not of an older one."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

import pytest
from starlette.testclient import TestClient

from api.app import create_app
from api.openapi_examples import SCHEMAS, response_example
from api.params import RecommendParams
from api.sessions import Session
from data.db.repositories import SongRepository
from data.db.session import Database
from data.settings import Settings
from data.types import EmotionScores, FaceBox, SongInput
from tests.api.toy_service import store_toys, toy_engine

SONG = SCHEMAS["FeedbackIn"]["song"]


class Reader:
    """Reads what the example says was read."""

    def read(self, frames: Any, face: Any = "largest") -> EmotionScores:
        told = SCHEMAS["EmotionAnswer"]
        shares = tuple(told["probabilities"].values())
        return EmotionScores(shares, told["confidence"], False, 1, FaceBox(**told["box"]))


#: What leads to an answer of a schema, in an order in which there is something to tell.
SELFIE = {"files": {"selfie": ("a.jpg", b"\xff\xd8\xff\xe0", "image/jpeg")}}
ASKED: dict[str, tuple[str, str, dict[str, Any]]] = {
    "SongPosted": ("POST", "/songs", {"json": SCHEMAS["SongIn"]}),
    "FeedbackOut": ("POST", "/feedback", {"json": SCHEMAS["FeedbackIn"]}),
    "RecommendationOut": (
        "POST", "/recommend", {"params": {"user": "ana", "consent": 1, "remember": 1}, **SELFIE},
    ),
    "EmotionAnswer": ("POST", "/emotion", {"params": {"consent": 1}, **SELFIE}),
    "PlaylistOut": ("POST", "/playlists", {"json": SCHEMAS["PlaylistIn"]}),
    "SongPage": ("GET", "/songs", {"params": {"n": 1}}),
    "SongDetail": ("GET", f"/songs/{SONG}", {}),
    "SimilarOut": ("GET", "/songs/s00/similar", {}),
    "HistoryOut": ("GET", "/users/ana/history", {}),
    "EmotionHistoryOut": ("GET", "/users/ana/emotions", {}),
    "export_user": ("GET", "/users/ana/export", {}),
    "LiveOut": ("GET", "/health/live", {}),
    "ReadyOut": ("GET", "/health/ready", {}),
    "Problem": ("GET", "/songs/nothing", {}),
}  # fmt: skip
#: Texts of a form of their own.
FORMED = {"request_id", "model_version", "at", "created_at", "expires_at", "next_cursor"}


@pytest.fixture(scope="module")
def client(tmp_path_factory: pytest.TempPathFactory) -> Iterator[TestClient]:
    home = tmp_path_factory.mktemp("examples")
    database = Database(f"sqlite:///{(home / 'attune.db').as_posix()}")
    database.upgrade()
    store_toys(database)
    told = SCHEMAS["SongDetail"]
    row = SongInput(
        SONG, told["title"], told["artist"], told["album"], told["year"],
        genre=told["genre"], language=told["language"], tags=tuple(told["tags"]),
        valence=told["mood"]["valence"], arousal=told["mood"]["arousal"],
    )  # fmt: skip
    with database.session() as session:
        SongRepository(session).upsert_many([row])
    settings = Settings(  # type: ignore[call-arg]
        home=home, watch_seconds=0, emotion_history_days=30, database_url=None, _env_file=None
    )
    app = create_app(settings, engine=toy_engine(Reader()), database=database)
    with TestClient(app, client=("127.0.0.1", 50000)) as started:
        yield started
    database.dispose()


@pytest.fixture(scope="module")
def answers(client: TestClient) -> dict[str, Any]:
    return {
        name: client.request(method, path, **more).json()
        for name, (method, path, more) in ASKED.items()
    }


def form(text: str) -> str:
    """Return what is left of a text without its digits and fractions of a second."""
    return re.sub("[0-9a-f]+", "0", re.sub(r"\.\d+", "", text))


def differences(example: Any, answer: Any, at: str = "") -> list[str]:
    """Name the places where names, kinds or forms differ; null and empty lists are like all."""
    if None in (example, answer) or [] in (example, answer):
        return []
    if isinstance(example, list) and isinstance(answer, list):
        return differences(example[0], answer[0], f"{at}[]")
    if isinstance(example, dict) and isinstance(answer, dict):
        if example.keys() != answer.keys():
            return [f"{at}: {sorted(example.keys() ^ answer.keys())}"]
        inner = (differences(told, answer[n], f"{at}.{n}") for n, told in example.items())
        return [one for some in inner for one in some]
    if at.rpartition(".")[2] in FORMED and form(str(example)) != form(str(answer)):
        return [f"{at}: {example} {answer}"]
    return [] if type(example) is type(answer) else [f"{at}: {example!r} {answer!r}"]


@pytest.mark.parametrize("name", ASKED)
def test_an_answer_looks_like_its_example(answers: dict[str, Any], name: str) -> None:
    content = {"schema": {"$ref": f"#/components/schemas/{name}"}}
    example = response_example("application/json", content, name)
    assert differences(example, answers[name]) == []


def test_answers_to_the_examples_of_requests_are_the_examples(answers: dict[str, Any]) -> None:
    def less(told: dict[str, Any], *names: str) -> dict[str, Any]:
        return {name: value for name, value in told.items() if name not in names}

    def same(name: str, *changing: str) -> None:
        assert less(answers[name], *changing) == less(SCHEMAS[name], *changing)

    same("SongPosted", "request_id")
    same("FeedbackOut", "request_id")
    same("EmotionAnswer", "request_id", "notice_version")
    made = ("id", "items", "duration_s", "durations_unknown", "model_version", "created_at")
    same("PlaylistOut", *made, "links", "request_id", "fallback")
    mood = SCHEMAS["RecommendationOut"]["mood"]
    read = answers["RecommendationOut"]["mood"]
    for told, found in ((mood, read), (mood["target"], read["target"])):
        assert (found["valence"], found["arousal"]) == pytest.approx(
            (told["valence"], told["arousal"]), abs=0.01
        )


def test_the_example_of_a_journey_adds_up() -> None:
    told = SCHEMAS["PlaylistOut"]
    assert told["duration_s"] == sum(item["song"]["duration_s"] for item in told["items"])


def test_the_parameters_of_the_examples_go_together(client: TestClient) -> None:
    operations = client.get("/openapi.json").json()["paths"]

    def examples(path: str) -> dict[str, Any]:
        return {one["name"]: one["example"] for one in operations[path]["get"]["parameters"]}

    session = Session.read(RecommendParams.model_validate(examples("/recommend")))
    assert session is not None
    assert session.mood == "calm"
    found = client.get("/songs", params={**examples("/songs"), "cursor": "1"}).json()
    assert [song["id"] for song in found["items"]] == [SONG]
