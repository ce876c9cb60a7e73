"""API keys: when they are needed, what they open, and whose they are."""

from __future__ import annotations

from pathlib import Path

import pytest
from starlette.testclient import TestClient
from starlette.types import Receive, Send
from starlette.types import Scope as StarletteScope

from api.app import create_app
from api.security import ensure_safe_bind, is_loopback
from data.db.repositories import ApiKeyRepository
from data.db.session import Database
from data.errors import ConfigError, DatabaseUnavailableError
from data.settings import Settings
from data.types import Scope
from tests.api.conftest import Start
from tests.api.fakes import FakeEngine
from tests.api.pictures import jpeg

LIKE = {"user": "ana", "song": "s1", "event": "like"}
RECOMMEND: tuple[Scope, ...] = ("recommend",)


def make_key(database: Database, scopes: tuple[Scope, ...], user: str | None = None) -> str:
    with database.session() as session:
        return ApiKeyRepository(session).create("test", scopes, user)


def bearer(key: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {key}"}


@pytest.fixture
def outside(start: Start, database: Database) -> TestClient:
    """A service on all addresses; some key exists."""
    make_key(database, ("admin",))
    return start(host="0.0.0.0")


@pytest.mark.parametrize("host", ["127.0.0.1", "127.8.9.1", "localhost", "::1", "[::1]"])
def test_loopback_is_known(host: str) -> None:
    assert is_loopback(host)


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "", "10.0.0.1", "example.org", "localhost.evil"])
def test_anything_else_is_outside(host: str) -> None:
    assert not is_loopback(host)


def test_the_service_refuses_to_be_open(database: Database, tmp_path: Path) -> None:
    settings = Settings(home=tmp_path, host="0.0.0.0", _env_file=None)  # type: ignore[call-arg]
    with pytest.raises(ConfigError, match="attune keys create"):
        ensure_safe_bind(settings, database)
    app = create_app(settings, engine=FakeEngine(), database=database)
    with pytest.raises(ConfigError), TestClient(app):
        pass


def test_a_revoked_key_opens_nothing(database: Database, tmp_path: Path) -> None:
    settings = Settings(home=tmp_path, host="0.0.0.0", _env_file=None)  # type: ignore[call-arg]
    make_key(database, RECOMMEND)
    ensure_safe_bind(settings, database)
    with database.session() as session:
        keys = ApiKeyRepository(session)
        keys.revoke(keys.list()[0].id)
    with pytest.raises(ConfigError):
        ensure_safe_bind(settings, database)


def test_a_database_that_cannot_be_asked_is_no_yes(tmp_path: Path) -> None:
    settings = Settings(home=tmp_path, host="0.0.0.0", _env_file=None)  # type: ignore[call-arg]
    with pytest.raises(DatabaseUnavailableError):
        ensure_safe_bind(settings, Database(f"sqlite:///{tmp_path}/missing/x.db"))


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("GET", "/recommend?user=u"),
        ("POST", "/recommend?user=u"),
        ("POST", "/emotion?consent=true"),
        ("POST", "/feedback"),
        ("GET", "/songs"),
        ("POST", "/songs"),
        ("GET", "/songs/s1"),
        ("GET", "/songs/s1/similar"),
        ("GET", "/songs/s1/mood"),
        ("GET", "/demo/listeners"),
    ],
)
@pytest.mark.parametrize("authorization", [None, "Bearer att_unknown", "Bearer ", "Basic YTpi", ""])
def test_no_key_no_answer(
    outside: TestClient, method: str, path: str, authorization: str | None
) -> None:
    headers = {} if authorization is None else {"Authorization": authorization}
    response = outside.request(method, path, headers=headers)
    assert (response.status_code, response.json()["code"]) == (401, "unauthenticated")
    assert response.headers["WWW-Authenticate"].startswith("Bearer")


@pytest.mark.parametrize("path", ["/", "/privacy", "/docs", "/openapi.json", "/health/live"])
def test_what_people_must_be_able_to_read_is_open(outside: TestClient, path: str) -> None:
    assert outside.get(path).status_code == 200


def test_scopes_are_kept_apart(outside: TestClient, database: Database) -> None:
    reading = bearer(make_key(database, RECOMMEND))
    writing = bearer(make_key(database, ("feedback",)))
    admin = bearer(make_key(database, ("admin",)))
    asked = "/recommend?user=ana"
    assert outside.get(asked, headers=reading).status_code == 200
    assert outside.get(asked, headers=admin).status_code == 200
    assert outside.get(asked, headers=writing).json()["code"] == "forbidden"
    assert outside.post("/feedback", json=LIKE, headers=writing).status_code == 200
    assert outside.post("/feedback", json=LIKE, headers=admin).status_code == 200
    refused = outside.post("/feedback", json=LIKE, headers=reading)
    assert (refused.status_code, refused.json()["code"]) == (403, "forbidden")
    assert "feedback" in refused.json()["detail"]


def test_a_bound_key_speaks_for_one_user(outside: TestClient, database: Database) -> None:
    key = bearer(make_key(database, ("recommend", "feedback"), user="ana"))
    assert outside.get("/recommend?user=ana", headers=key).status_code == 200
    assert outside.post("/feedback", json=LIKE, headers=key).status_code == 200
    for response in (
        outside.get("/recommend?user=bob", headers=key),
        outside.post("/feedback", json={**LIKE, "user": "bob"}, headers=key),
    ):
        assert (response.status_code, response.json()["code"]) == (403, "forbidden")
    assert outside.post("/emotion?consent=true", files={"selfie": jpeg()}, headers=key).is_success


def test_keys_are_off_on_loopback_but_checked_if_sent(start: Start, database: Database) -> None:
    client = start()
    make_key(database, RECOMMEND)
    assert client.get("/recommend?user=ana").status_code == 200
    assert client.get("/recommend?user=ana", headers=bearer("att_wrong")).status_code == 401
    bound = bearer(make_key(database, RECOMMEND, user="bob"))
    assert client.get("/recommend?user=ana", headers=bound).status_code == 403


def test_a_connection_from_outside_needs_a_key_whatever_the_settings_say(start: Start) -> None:
    """As when somebody starts the application on another address than the settings name."""
    client = start()
    inside = client.get("http://127.0.0.1:8000/recommend?user=u")
    outside = client.get("http://192.0.2.7:8000/recommend?user=u")
    assert (inside.status_code, outside.status_code) == (200, 401)


@pytest.mark.parametrize(
    ("client_address", "status"),
    [("127.0.0.1", 200), ("::1", 200), ("203.0.113.7", 401), ("unknown", 401)],
)
def test_a_proxy_on_this_machine_that_serves_others_needs_a_key(
    start: Start, client_address: str, status: int
) -> None:
    """uvicorn puts the client that the proxy names where the proxy's address was."""
    behind = TestClient(start().app, "http://127.0.0.1:8000", client=(client_address, 1))
    assert behind.get("/recommend?user=u").status_code == status


@pytest.mark.parametrize(("host", "status"), [("localhost", 200), ("music.example", 401)])
def test_a_socket_file_opens_to_local_names_alone(start: Start, host: str, status: int) -> None:
    app = start().app

    async def on_socket_file(scope: StarletteScope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http":
            scope["server"], scope["client"] = ("/run/attune.sock", None), None
        await app(scope, receive, send)

    answer = TestClient(on_socket_file).get("/recommend?user=u", headers={"Host": host})
    assert answer.status_code == status
