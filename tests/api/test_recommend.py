"""What ``/recommend`` answers, by GET and by POST."""

from __future__ import annotations

from typing import Any

import pytest
from starlette.testclient import TestClient

from data.types import EMOTIONS, Mood
from tests.api.conftest import Start
from tests.api.fakes import DecodingReader, FakeEngine
from tests.api.pictures import encoded, jpeg, noise

BOTH = pytest.mark.parametrize("method", ["GET", "POST"])
ASK = {"user": "ana", "consent": "true"}


def ids(answer: dict[str, Any]) -> list[str]:
    return [item["song"]["id"] for item in answer["items"]]


@BOTH
def test_an_unknown_user_gets_the_whole_contract(client: TestClient, method: str) -> None:
    response = client.request(method, "/recommend", params={"user": "nobody yet"})
    assert response.status_code == 200
    answer = response.json()
    assert set(answer) == {
        "user", "emotion", "mood", "items", "fallback", "model_version", "experiment",
        "session", "notice_url", "notice_version", "request_id",
    }  # fmt: skip
    assert answer["user"] == "nobody yet"
    assert answer["emotion"] is None
    assert answer["fallback"] == "cold_user"
    assert answer["notice_url"] == "/privacy"
    assert answer["request_id"] == response.headers["X-Request-ID"]
    assert answer["mood"] == {
        "valence": None,
        "arousal": None,
        "strategy": "match",
        "target": {"valence": None, "arousal": None},
    }
    assert answer["items"][0] == {
        "rank": 1,
        "song": {
            "id": "s1",
            "title": "First",
            "artist": "Ada",
            "album": "One",
            "year": 2001,
            "duration_s": 200.5,
            "explicit": None,
            "links": {"site": "https://example.org/1"},
            "mood": {"valence": 0.5, "arousal": 0.25, "emotion": "happy"},
        },
        "score": 1.0,
        "reasons": [{"kind": "content", "weight": None, "text": "Because of its words"}],
    }


def test_moods_come_from_the_model_where_the_catalogue_has_none(client: TestClient) -> None:
    items = client.get("/recommend", params={"user": "u"}).json()["items"]
    assert items[1]["song"]["mood"] == {"valence": -0.5, "arousal": -0.25, "emotion": "sad"}
    assert items[2]["song"]["mood"] == {"valence": None, "arousal": None, "emotion": None}


def test_a_song_that_left_the_catalogue_is_passed_over(client: TestClient) -> None:
    assert ids(client.get("/recommend", params={"user": "u"}).json()) == ["s1", "s2", "s3"]


@BOTH
def test_a_multipart_selfie_is_read(client: TestClient, engine: FakeEngine, method: str) -> None:
    files = {"selfie": ("photo.jpg", jpeg(), "image/jpeg")}
    answer = client.request(method, "/recommend", params=ASK, files=files).json()
    emotion = answer["emotion"]
    assert emotion["label"] == "happy"
    assert emotion["source"] == "selfie"
    assert tuple(emotion["probabilities"]) == EMOTIONS
    assert emotion["probabilities"]["happy"] == pytest.approx(0.8)
    assert emotion["confidence"] == pytest.approx(0.8)
    assert emotion["uncertain"] is False
    assert emotion["faces"] == 1
    assert emotion["box"] == {"x": 10, "y": 12, "width": 40, "height": 40}
    assert answer["mood"]["valence"] is not None
    assert engine.queries[0].emotion is not None


@BOTH
@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP"])
def test_a_raw_picture_is_read(
    client: TestClient, engine: FakeEngine, method: str, kind: str
) -> None:
    body = encoded(noise(60, 80), kind)
    headers = {"content-type": f"image/{kind.lower()}"}
    answer = client.request(method, "/recommend", params=ASK, content=body, headers=headers).json()
    assert answer["emotion"]["label"] == "happy"
    assert isinstance(engine.reader, DecodingReader)
    assert engine.reader.shapes == [(60, 80, 3)]


@pytest.mark.parametrize(
    "declared", ["application/x-www-form-urlencoded", "application/octet-stream", None]
)
def test_bytes_of_a_picture_need_no_media_type(client: TestClient, declared: str | None) -> None:
    """``curl --data-binary @photo.jpg`` declares a form."""
    headers = {} if declared is None else {"content-type": declared}
    answer = client.request("GET", "/recommend", params=ASK, content=jpeg(), headers=headers)
    assert answer.json()["emotion"]["label"] == "happy"


def test_up_to_five_frames_are_averaged_and_a_sixth_is_refused(
    client: TestClient, engine: FakeEngine
) -> None:
    frames = [("selfie", (f"{i}.jpg", jpeg(), "image/jpeg")) for i in range(6)]
    assert client.post("/recommend", params=ASK, files=frames[:5]).status_code == 200
    assert isinstance(engine.reader, DecodingReader)
    assert len(engine.reader.shapes) == 5
    refused = client.post("/recommend", params=ASK, files=frames)
    assert (refused.status_code, refused.json()["parameter"]) == (422, "selfie")


def test_a_form_without_a_chosen_file_is_no_picture(client: TestClient) -> None:
    """Browsers send an empty part for a file field left alone; that needs no consent."""
    files = {"selfie": ("", b"", "application/octet-stream")}
    response = client.post("/recommend", params={"user": "u"}, files=files)
    assert response.status_code == 200
    assert response.json()["emotion"] is None


def test_other_form_fields_are_passed_over(client: TestClient) -> None:
    files = {"selfie": ("a.jpg", jpeg()), "note": ("n.txt", b"x" * 3_000_000)}
    response = client.post("/recommend", params=ASK, files=files, data={"mood": "sad"})
    assert response.json()["emotion"]["source"] == "selfie"


def test_a_stated_mood_beats_the_camera_and_the_picture_is_not_decoded(
    client: TestClient, engine: FakeEngine
) -> None:
    files = {"selfie": ("a.jpg", b"\xff\xd8\xff broken", "image/jpeg")}
    answer = client.post("/recommend", params={**ASK, "mood": "Calm"}, files=files).json()
    assert answer["emotion"] == {
        "label": "calm",
        "probabilities": None,
        "confidence": 1.0,
        "uncertain": False,
        "source": "stated",
        "faces": 0,
        "box": None,
    }
    assert isinstance(engine.reader, DecodingReader)
    assert engine.reader.shapes == []
    assert engine.queries[0].emotion is None


def test_a_stated_point_has_no_label(client: TestClient, engine: FakeEngine) -> None:
    answer = client.get("/recommend", params={"user": "u", "mood": "0.2,-0.5"}).json()
    assert answer["emotion"]["label"] is None
    assert answer["mood"]["valence"] == pytest.approx(0.2)
    assert answer["mood"]["target"]["arousal"] == pytest.approx(-0.5)
    assert engine.queries[0].stated == Mood(0.2, -0.5)


def test_parameters_reach_the_engine(client: TestClient, engine: FakeEngine) -> None:
    params = {
        "user": "u", "n": "7", "offset": "3", "strategy": "lift",
        "exclude_heard": "false", "explain": "false", "face": "only", "unknown": "x",
    }  # fmt: skip
    assert client.get("/recommend", params=params).status_code == 200
    query = engine.queries[0]
    assert query.exclude == ()
    client.get("/recommend", params={"user": "u", "exclude": ["a", "b|c"]})
    assert engine.queries[1].exclude == ("a", "b|c")
    assert (query.user_id, query.n, query.offset, query.strategy) == ("u", 7, 3, "lift")
    assert (query.exclude_heard, query.explain) == (False, False)


def test_the_face_choice_reaches_the_reader(client: TestClient, engine: FakeEngine) -> None:
    client.post("/recommend", params={**ASK, "face": "only"}, files={"selfie": jpeg()})
    assert isinstance(engine.reader, DecodingReader)
    assert engine.reader.faces_asked == ["only"]


def test_popular_songs_come_from_the_database(client: TestClient, engine: FakeEngine) -> None:
    engine.use_popular = True
    client.post("/feedback", json={"user": "x", "song": "s3", "event": "like"})
    assert ids(client.get("/recommend", params={"user": "u", "n": 2}).json()) == ["s3", "s1"]


def test_a_picture_without_a_network_is_told_and_a_mood_still_works(
    client: TestClient, engine: FakeEngine
) -> None:
    engine.reader = None
    refused = client.post("/recommend", params=ASK, files={"selfie": jpeg()})
    assert (refused.status_code, refused.json()["code"]) == (503, "unavailable")
    assert "mood=" in refused.json()["detail"]
    assert client.get("/recommend", params={"user": "u", "mood": "happy"}).status_code == 200


def test_the_demo_catalogue_is_named(start: Start, engine: FakeEngine) -> None:
    assert "X-Attune-Catalogue" not in start().get("/recommend", params={"user": "u"}).headers
    engine.catalogue = "demo"
    client = start()
    for path in ("/recommend?user=u", "/songs/s1", "/"):
        assert client.get(path).headers["X-Attune-Catalogue"] == "demo"


def test_the_emotion_alone(client: TestClient) -> None:
    response = client.post("/emotion", params={"consent": "true"}, files={"selfie": jpeg()})
    answer = response.json()
    assert (answer["label"], answer["source"], answer["faces"]) == ("happy", "selfie", 1)
    assert answer["notice_url"] == "/privacy"
    assert answer["request_id"] == response.headers["X-Request-ID"]


def test_the_emotion_of_nothing_is_refused(client: TestClient) -> None:
    response = client.post("/emotion", params={"consent": "true"})
    assert (response.status_code, response.json()["parameter"]) == (422, "selfie")


def test_one_song(client: TestClient) -> None:
    assert client.get("/songs/s2").json()["mood"]["emotion"] == "sad"
    missing = client.get("/songs/none")
    assert (missing.status_code, missing.json()["code"]) == (404, "unknown_song")


@pytest.mark.parametrize("odd", ["a%00b", "x" * 513])
def test_an_odd_song_id_is_refused(client: TestClient, odd: str) -> None:
    response = client.get(f"/songs/{odd}")
    assert (response.status_code, response.json()["parameter"]) == (422, "song_id")
