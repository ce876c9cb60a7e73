"""The page, the reference, health, and the demo's listeners."""

from __future__ import annotations

import base64
import hashlib
import json
import re
from pathlib import Path

from starlette.testclient import TestClient

from api.routes.pages import WEB
from data.datasets.demo import listener_ids
from data.db.repositories import UserRepository
from data.db.session import Database
from tests.api.conftest import Start
from tests.api.fakes import FakeEngine


def test_live_needs_nothing(start: Start, engine: FakeEngine, tmp_path: Path) -> None:
    engine.version = engine.reader = None
    client = start()
    (tmp_path / "test.db").unlink()
    assert client.get("/health/live").json() == {"status": "live"}


def test_ready_tells_what_is_served(client: TestClient, engine: FakeEngine) -> None:
    response = client.get("/health/ready")
    assert response.status_code == 200
    assert response.json() == {
        "status": "ready",
        "model_version": engine.version,
        "database": "ready",
        "expression": "ready",
        "songs": "ready",
        "bundle": "ready",
        "experiments": "ready",
        "songs_pending": 0,
        "detail": None,
    }


def test_not_ready_names_what_is_missing(
    client: TestClient, engine: FakeEngine, database: Database, tmp_path: Path
) -> None:
    engine.version = engine.reader = None
    response = client.get("/health/ready")
    assert (response.status_code, response.json()["code"]) == (503, "not_ready")
    assert response.json()["missing"] == ["model", "expression"]
    database.dispose()
    for file in tmp_path.glob("test.db*"):
        file.unlink()
    response = client.get("/health/ready")
    assert response.json()["missing"] == ["schema", "model", "expression"]
    (tmp_path / "test.db").unlink()
    (tmp_path / "test.db").mkdir()
    database.dispose()
    response = client.get("/health/ready")
    assert response.json()["missing"] == ["database", "model", "expression"]


def test_without_its_database_the_service_says_so(
    client: TestClient, database: Database, tmp_path: Path
) -> None:
    database.dispose()
    for file in tmp_path.glob("test.db*"):
        file.unlink()
    (tmp_path / "test.db").mkdir()
    response = client.get("/recommend?user=ana")
    assert (response.status_code, response.json()["code"]) == (503, "unavailable")
    assert "history" in response.json()["detail"]
    assert "Retry-After" in response.headers
    assert str(tmp_path) not in response.text


def test_the_page_may_run_its_own_files_only(client: TestClient) -> None:
    response = client.get("/")
    assert response.headers["content-type"].startswith("text/html")
    policy = response.headers["Content-Security-Policy"]
    assert "default-src 'none'" in policy
    assert "script-src 'self';" in policy
    assert "unsafe" not in policy
    assert "http" not in policy
    for address in re.findall(r'(?:src|href)="(static/[^"]+)"', response.text):
        served = client.get(f"/{address}")
        assert served.status_code == 200, address
        assert served.headers["Cache-Control"] == "no-cache"


def test_every_module_of_the_page_is_fetched_at_once(client: TestClient) -> None:
    told = re.findall(r'rel="modulepreload" href="static/([^"]+)"', client.get("/").text)
    files = {path.name for path in WEB.glob("*.js")}
    assert sorted(told) == sorted(files - {"app.js", "theme.js"})  # these are scripts of their own


def test_written_pages_load_nothing_and_their_style_is_allowed(client: TestClient) -> None:
    for path in ("/docs", "/privacy"):
        response = client.get(path)
        (style,) = re.findall(r"<style>(.*?)</style>", response.text, re.S)
        digest = base64.b64encode(hashlib.sha256(style.encode()).digest()).decode()
        assert f"'sha256-{digest}'" in response.headers["Content-Security-Policy"]
        assert "<script" not in response.text
        assert "src=" not in response.text


def test_the_reference_lists_every_operation(client: TestClient) -> None:
    page = client.get("/docs").text
    for words in ("GET /recommend", "POST /emotion", "POST /feedback", "exclude_heard", "1..100"):
        assert words in page


def test_the_description_tells_pictures_keys_and_problems(client: TestClient) -> None:
    schema = client.get("/openapi.json").json()
    assert set(schema["paths"]) == {
        "/recommend", "/emotion", "/feedback", "/songs", "/songs/{song_id}",
        "/songs/{song_id}/similar", "/songs/{song_id}/mood",
        "/playlists", "/playlists/{playlist_id}",
        "/users/{user_id}", "/users/{user_id}/history", "/users/{user_id}/export",
        "/users/{user_id}/emotions", "/users/{user_id}/muted-artists",
        "/health/live", "/health/ready", "/metrics", "/privacy", "/demo/listeners", "/admin/reload",
    }  # fmt: skip
    for method in ("get", "post"):
        operation = schema["paths"]["/recommend"][method]
        content = operation["requestBody"]["content"]
        selfie = content["multipart/form-data"]["schema"]["properties"]["selfie"]
        assert (selfie["type"], selfie["maxItems"]) == ("array", 5)
        assert {"image/jpeg", "image/png", "image/webp"} < set(content)
        problem = operation["responses"]["default"]["content"]["application/problem+json"]
        assert problem["schema"] == {"$ref": "#/components/schemas/Problem"}
        assert {"key": []} in operation["security"]
        names = {p["name"] for p in operation["parameters"]}
        assert names == {
            "user", "n", "offset", "strategy", "mood", "consent", "exclude_heard", "face",
            "explain", "query", "exclude", "language", "year_from", "year_to", "explicit",
            "exclude_artist", "session", "remember",
        }  # fmt: skip
    operations = [o["operationId"] for p in schema["paths"].values() for o in p.values()]
    assert len(set(operations)) == len(operations)
    assert "HTTPValidationError" not in json.dumps(schema)
    assert schema["components"]["schemas"]["RecommendationOut"]["example"]["items"]


def test_every_reference_of_the_description_resolves(client: TestClient) -> None:
    text = client.get("/openapi.json").text
    known = json.loads(text)["components"]["schemas"]
    used = set(re.findall(r'"#/components/schemas/([^"]+)"', text))
    assert used <= set(known)


def test_listeners_are_shown_of_the_demo_only(
    start: Start, engine: FakeEngine, database: Database
) -> None:
    with database.session() as session:
        users = UserRepository(session)
        users.ensure_many(sorted(listener_ids())[:40])
        users.ensure_many(["someone real", "bob-123"])
    assert start().get("/demo/listeners").json() == []
    engine.catalogue = "demo"
    shown = start().get("/demo/listeners").json()
    assert len(shown) == 12
    assert set(shown) <= listener_ids()
