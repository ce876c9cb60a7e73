"""The real service on the demo: real engine, real photos, real feedback, both databases."""

from __future__ import annotations

import io
import shutil
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest
from PIL import Image
from starlette.testclient import TestClient

from api.app import create_app
from data.db.repositories import InteractionRepository, SongRepository, UserRepository
from data.db.session import Database
from data.settings import Settings
from data.types import EventRow, SongInput
from recommender.batch import generate_playlists
from recommender.bootstrap import build_database, build_engine
from recommender.engine import Engine
from recommender.mood import parse_mood
from recommender.query import Query

EXPRESSIONS = {
    "angry": "angry", "disgusted": "disgust", "fearful": "fear", "happy": "happy",
    "neutral": "neutral", "sad": "sad", "surprised": "surprise",
}  # fmt: skip


@pytest.fixture(scope="module")
def settings(demo_settings: Settings, tmp_path_factory: pytest.TempPathFactory) -> Settings:
    """A copy of the demo, because the tests give feedback."""
    home = tmp_path_factory.mktemp("service")
    shutil.copytree(demo_settings.home, home, dirs_exist_ok=True)
    return demo_settings.model_copy(update={"home": home})


def _client(app: Any) -> TestClient:
    return TestClient(app, base_url="http://127.0.0.1", client=("127.0.0.1", 50000))


@pytest.fixture(scope="module")
def client(settings: Settings) -> Iterator[TestClient]:
    with _client(create_app(settings)) as opened:
        yield opened


def songs_of(answer: Any) -> list[str]:
    return [item["song"]["id"] for item in answer.json()["items"]]


def test_answers_equal_the_batch(client: TestClient, settings: Settings, tmp_path: Path) -> None:
    database = build_database(settings)
    with database.session() as session:
        users = [*UserRepository(session).ids()[::30], "never-seen"]
    template = Query("", n=15, stated=parse_mood("melancholic"), strategy="lift", explain=False)
    out = tmp_path / "lists.parquet"
    generate_playlists(build_engine(settings), database, users, template, out)
    database.dispose()
    rows = pq.read_table(out).to_pylist()
    for user in users:
        answer = client.get(
            "/recommend",
            params={"user": user, "n": 15, "mood": "melancholic", "strategy": "lift"},
        )
        assert songs_of(answer) == [r["song"] for r in rows if r["user"] == user]


@pytest.mark.shared
def test_photos(client: TestClient, shared: Path) -> None:
    photos, right = shared / "datasets" / "photos", 0
    query = {"user": "ada-007", "consent": "true"}
    for name, expected in EXPRESSIONS.items():
        picture = (photos / f"{name}.jpg").read_bytes()
        form = client.request("GET", "/recommend", params=query, files={"selfie": picture})
        raw = client.post(
            "/recommend", params=query, content=picture, headers={"Content-Type": "image/jpeg"}
        )
        assert (form.status_code, raw.status_code) == (200, 200)
        answer = form.json()
        assert answer["emotion"] == raw.json()["emotion"]
        assert answer["emotion"]["source"] == "selfie"
        assert answer["emotion"]["faces"] == 1
        assert len(answer["items"]) == 20
        assert all(item["reasons"] for item in answer["items"][:10])
        right += answer["emotion"]["label"] == expected
    assert right >= 5


@pytest.mark.shared
def test_photos_without_or_with_several_faces(client: TestClient, shared: Path) -> None:
    photos = shared / "datasets" / "photos"
    consent = {"user": "u", "consent": "true"}

    def ask(name: str, **more: str) -> Any:
        picture = (photos / f"{name}.jpg").read_bytes()
        return client.post("/recommend", params=consent | more, files={"selfie": picture})

    for name in ("no_face_1", "no_face_2"):
        answer = ask(name)
        assert (answer.status_code, answer.json()["code"]) == (422, "no_face")
    for name, count in (("several_faces_1", 4), ("several_faces_2", 5)):
        assert ask(name).json()["emotion"]["faces"] == count
        answer = ask(name, face="only")
        assert (answer.status_code, answer.json()["code"]) == (422, "multiple_faces")


@pytest.mark.shared
def test_a_photo_turned_by_exif_is_read_upright(client: TestClient, shared: Path) -> None:
    with Image.open(shared / "datasets" / "photos" / "happy.jpg") as upright:
        turned = upright.convert("RGB").transpose(Image.Transpose.ROTATE_90)
    exif = Image.Exif()
    exif[0x0112] = 6  # turn clockwise to show
    stream = io.BytesIO()
    turned.save(stream, "JPEG", exif=exif, quality=95)
    answer = client.post(
        "/emotion", params={"consent": "true"}, files={"selfie": stream.getvalue()}
    )
    assert answer.status_code == 200
    assert answer.json()["label"] == "happy"


def test_a_disliked_song_never_comes_back(client: TestClient) -> None:
    query: dict[str, str | int] = {"user": "noor-054", "n": 10}
    first = songs_of(client.get("/recommend", params=query))[0]
    ahead = (datetime.now(UTC) + timedelta(hours=5)).isoformat()
    like = {"user": "noor-054", "song": first, "event": "like", "at": ahead}
    assert client.post("/feedback", json=like).status_code == 200
    assert first not in songs_of(client.get("/recommend", params=query))
    dislike = {"user": "noor-054", "song": first, "event": "dislike"}
    assert client.post("/feedback", json=dislike).status_code == 200
    everything = query | {"n": 100, "exclude_heard": "false"}
    shown = [
        song
        for offset in range(0, 500, 100)
        for song in songs_of(client.get("/recommend", params=everything | {"offset": offset}))
    ]
    assert 300 < len(shown) == len(set(shown)) < 432
    assert first not in shown


def test_a_new_listener_is_known_after_three_likes(client: TestClient) -> None:
    query: dict[str, str | int] = {"user": "wren", "n": 20}
    cold = client.get("/recommend", params=query)
    assert cold.json()["fallback"] == "cold_user"
    liked = songs_of(cold)[:3]
    for song in liked:
        event = {"user": "wren", "song": song, "event": "like"}
        assert client.post("/feedback", json=event).status_code == 200
    warm = client.get("/recommend", params=query)
    assert warm.json()["fallback"] is None
    assert not set(liked) & set(songs_of(warm))
    assert songs_of(warm) != songs_of(cold)[3:]
    kinds = {r["kind"] for item in warm.json()["items"] for r in item["reasons"]}
    assert "collaborative" in kinds


def test_strategy_off_tells_the_mood_and_makes_nothing_of_it(client: TestClient) -> None:
    query = {"user": "ada-007"}
    plain = client.get("/recommend", params=query)
    off = client.get("/recommend", params=query | {"mood": "0.5,-0.25", "strategy": "off"})
    assert songs_of(off) == songs_of(plain)
    assert off.json()["mood"] == {
        "valence": 0.5, "arousal": -0.25, "strategy": "off",
        "target": {"valence": None, "arousal": None},
    }  # fmt: skip


def test_without_a_bundle_the_popular_songs_answer(tmp_path: Path, database: Database) -> None:
    """On SQLite and on PostgreSQL; heard and disliked songs stay out here too."""
    at = datetime(2026, 1, 1, tzinfo=UTC)
    with database.session() as session:
        rows = [SongInput(f"s{i}", f"T{i}", f"A{i}") for i in range(6)]
        SongRepository(session).upsert_many(rows)
        events = [EventRow(f"u{u}", f"s{i}", "play", at) for i in range(5) for u in range(i + 1)]
        InteractionRepository(session).add_many(events)
    settings = Settings(home=tmp_path, database_url=None, _env_file=None)
    app = create_app(settings, engine=Engine(reader=None), database=database)
    with _client(app) as client:
        answer = client.get("/recommend?user=ana&n=3")
        assert songs_of(answer) == ["s4", "s3", "s2"]
        assert answer.json()["fallback"] == "no_model"
        texts = [i["reasons"][0]["text"] for i in answer.json()["items"]]
        assert texts == ["Played by 5 listeners", "Played by 4 listeners", "Played by 3 listeners"]
        for song, event in (("s4", "dislike"), ("s3", "play")):
            body = {"user": "ana", "song": song, "event": event}
            assert client.post("/feedback", json=body).status_code == 200
        assert songs_of(client.get("/recommend?user=ana&n=6")) == ["s2", "s1", "s0", "s5"]
        heard = client.get("/recommend?user=ana&n=6&exclude_heard=false")
        assert songs_of(heard) == ["s3", "s2", "s1", "s0", "s5"]
        assert client.get("/health/ready").status_code == 503
