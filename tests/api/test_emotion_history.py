"""Moods are remembered only where the operator and the request both say so, and not for ever."""

from __future__ import annotations

import hashlib
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import text, update
from starlette.testclient import TestClient

from api.expiry import Expiry, delete_expired
from api.notice import notice_html, notice_version, shipped_version
from data.db.models import EmotionLog
from data.db.repositories import EmotionRepository
from data.db.session import Database
from data.settings import Settings
from tests.api.conftest import Start
from tests.api.pictures import jpeg
from tests.api.toy_service import page
from tests.waiting import eventually

ASK = {"user": "ana", "consent": "true"}
#: A changed notice needs another date: change both here.
NOTICES = {"2026-11-21": "0b72e1210ec20bd8d7941954d3d7ecaa8992bbf12665405bb9a20ce7d9704179"}


@pytest.fixture
def keeping(start: Start) -> TestClient:
    return start(emotion_history_days=7)


def remembered(client: TestClient, user: str = "ana") -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = client.get(f"/users/{user}/emotions").json()["items"]
    return found


def rows(database: Database) -> int:
    with database.session() as session:
        return session.scalar(text("SELECT count(*) FROM emotion_log")) or 0


def expire(database: Database) -> None:
    with database.session() as session:
        session.execute(update(EmotionLog).values(expires_at=datetime.now(UTC)))


def test_nothing_is_kept_unless_asked(keeping: TestClient, database: Database) -> None:
    assert keeping.post("/recommend", params=ASK, files={"selfie": jpeg()}).status_code == 200
    page(keeping, user="ana", mood="calm")
    page(keeping, user="ana", remember="true")
    assert rows(database) == 0


def test_a_service_that_keeps_none_says_so(client: TestClient, database: Database) -> None:
    response = client.post("/recommend", params=ASK | {"remember": "true"}, files={"selfie": b"x"})
    assert (response.status_code, response.json()["parameter"]) == (422, "remember")
    assert rows(database) == 0


def test_what_was_asked_for_is_kept_and_shown(keeping: TestClient) -> None:
    remember = ASK | {"remember": "true"}
    keeping.post("/recommend", params=remember, files={"selfie": jpeg()})
    page(keeping, user="ana", mood="calm", remember="true")
    first = page(keeping, user="ana", mood="-0.8,-0.4", remember="true")
    page(keeping, user="ana", offset=1, session=first["session"], remember="true")
    found = remembered(keeping)
    assert [(r["label"], r["source"], r["confidence"]) for r in found] == [
        ("sad", "stated", 1.0), ("calm", "stated", 1.0), ("happy", "selfie", 0.8),
    ]  # fmt: skip
    for row in found:
        kept = datetime.fromisoformat(row["expires_at"]) - datetime.fromisoformat(row["at"])
        assert kept == timedelta(days=7)
        assert set(row) == {"label", "confidence", "source", "at", "expires_at"}
    exported = keeping.get("/users/ana/export").json()["emotions"]
    assert [r["label"] for r in exported] == ["happy", "calm", "sad"]
    pages = keeping.get("/users/ana/emotions?n=2").json()
    rest = keeping.get(f"/users/ana/emotions?n=2&cursor={pages['next_cursor']}").json()
    assert pages["items"] + rest["items"] == found
    assert rest["next_cursor"] is None


def test_expired_moods_are_not_shown_and_then_gone(keeping: TestClient, database: Database) -> None:
    page(keeping, user="ana", mood="calm", remember="true")
    expire(database)
    assert remembered(keeping) == []
    assert keeping.get("/users/ana/export").json()["emotions"] == []
    assert rows(database) == 1
    page(keeping, user="bea", mood="calm", remember="true")
    assert (delete_expired(database), rows(database)) == (1, 1)
    assert (remembered(keeping), len(remembered(keeping, "bea"))) == ([], 1)


def test_they_go_even_when_nobody_asks(keeping: TestClient, database: Database) -> None:
    page(keeping, user="ana", mood="calm", remember="true")
    expire(database)
    expiry = Expiry(database)
    expiry.start()
    assert eventually(lambda: rows(database) == 0, 30)
    expiry.stop()
    assert delete_expired(database) == 0


def test_moods_can_be_forgotten_apart_and_with_the_user(keeping: TestClient) -> None:
    for user in ("ana", "bea"):
        page(keeping, user=user, mood="calm", remember="true")
    assert keeping.delete("/users/ana/emotions").status_code == 204
    assert keeping.delete("/users/ana/emotions").status_code == 204
    assert (remembered(keeping), len(remembered(keeping, "bea"))) == ([], 1)
    assert keeping.delete("/users/bea").status_code == 204
    assert remembered(keeping, "bea") == []


def test_only_a_label_and_its_confidence_have_a_place(database: Database) -> None:
    columns = {column.name for column in EmotionLog.__table__.columns}
    assert columns == {"id", "user_id", "label", "confidence", "source", "at", "expires_at"}
    with database.session() as session:
        assert EmotionRepository(session).page("nobody", datetime.now(UTC), 5) == ([], None)


def test_every_answer_about_a_mood_names_the_notice(client: TestClient) -> None:
    for answer in (
        page(client, user="ana"),
        client.post("/emotion", params=ASK, files={"selfie": jpeg()}).json(),
    ):
        assert (answer["notice_url"], answer["notice_version"]) == ("/privacy", shipped_version())
    assert f'datetime="{shipped_version()}"' in client.get("/privacy").text


def test_another_notice_has_another_version() -> None:
    def version(**values: Any) -> str | None:
        return notice_version(Settings(_env_file=None, **values))  # type: ignore[call-arg]

    assert version() == shipped_version()
    assert version(notice_url="https://example.org/notice") is None
    assert version(notice_url="https://example.org/notice", notice_version="3") == "3"


def test_a_notice_that_changed_has_another_date() -> None:
    digest = hashlib.sha256(notice_html().encode()).hexdigest()
    assert {shipped_version(): digest} == NOTICES, "date the notice anew, and its hash here"
