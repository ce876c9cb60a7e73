"""No key reaches another user, and none reaches beyond its scopes: tried on every operation.

The operations come from the OpenAPI, so that a new one cannot be forgotten: it has to name its
user, or to be written down here as one that takes none.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest
from sqlalchemy import text
from starlette.testclient import TestClient

from api.app import create_app
from data.db.models import EmotionLog
from data.db.repositories import (
    InteractionRepository,
    MutedArtistRepository,
    PlaylistRepository,
    UserRepository,
)
from data.db.session import Database
from data.settings import Settings
from data.types import Scope
from tests.api.conftest import Start
from tests.api.test_security import bearer, make_key

#: Operations that act for no user, and the scope each needs; None for those without a key.
NO_USER: dict[str, Scope | None] = {
    "emotion": "recommend",
    "songs": "recommend",
    "song": "recommend",
    "similar": "recommend",
    "song_mood": "recommend",
    "demo_listeners": "recommend",
    "post_song": "admin",
    "metrics": "admin",
    "reload": "admin",
    "live": None,
    "ready": None,
    "privacy": None,
}
#: Operations that act for a user, and the scope each needs.
FOR_USER: dict[str, Scope] = {
    "recommend": "recommend",
    "recommend_post": "recommend",
    "feedback": "feedback",
    "post_playlist": "recommend",
    "playlist": "recommend",
    "history": "recommend",
    "export_user": "recommend",
    "erase_user": "feedback",
    "muted_artists": "recommend",
    "mute_artist": "feedback",
    "unmute_artist": "feedback",
    "emotion_history": "recommend",
    "forget_emotions": "feedback",
}
SECRET = "ana's own evening"
#: What writing down the use of a key may change.
_BOOKKEEPING = {"rate_buckets"}


@dataclass(frozen=True)
class Operation:
    """One operation of the OpenAPI.

    Attributes:
        body: an example of it, from the description.
        user_in: ``path``, ``query``, ``body``, ``owner`` (of what is asked for), or None.
    """

    method: str
    path: str
    name: str
    required: tuple[str, ...]
    body: dict[str, Any] | None
    user_in: str | None

    def send(self, client: TestClient, user: str, headers: dict[str, str], **ids: str) -> Any:
        """Send a request that is right but for who asks."""
        path = self.path.replace("{user_id}", quote(user, safe=""))
        path = path.replace("{playlist_id}", ids.get("playlist", "none"))
        path = path.replace("{song_id}", "s1")
        query = {name: {"artist": "Cy"}.get(name, "1") for name in self.required}
        if self.user_in == "query":
            query["user"] = user
        body = self.body
        if self.user_in == "body":
            body = {**(body or {}), "user": user}
            body |= {"song": "s1"} if "song" in body else {}
        return client.request(self.method, path, params=query, json=body, headers=headers)


def operations() -> list[Operation]:
    settings = Settings(home=Path("unused"), _env_file=None)  # type: ignore[call-arg]
    schema = create_app(settings).openapi()
    return [
        _operation(schema, method.upper(), path, found)
        for path, methods in schema["paths"].items()
        for method, found in methods.items()
    ]


def _operation(schema: dict[str, Any], method: str, path: str, found: dict[str, Any]) -> Operation:
    parameters = found.get("parameters", [])
    queried = {p["name"]: p.get("required", False) for p in parameters if p["in"] == "query"}
    body = found.get("requestBody", {}).get("content", {}).get("application/json")
    example = None
    if body is not None:
        example = schema["components"]["schemas"][body["schema"]["$ref"].split("/")[-1]]["example"]
    user_in = None
    if "{user_id}" in path:
        user_in = "path"
    elif "user" in queried:
        user_in = "query"
    elif example is not None and "user" in example:
        user_in = "body"
    elif "{playlist_id}" in path:
        user_in = "owner"
    required = tuple(name for name, needed in queried.items() if needed and name != "user")
    return Operation(method, path, found["operationId"], required, example, user_in)


OPERATIONS = operations()
WITH_USER = [one for one in OPERATIONS if one.user_in is not None]
by_name = pytest.mark.parametrize("operation", OPERATIONS, ids=lambda one: one.name)
by_name_with_user = pytest.mark.parametrize("operation", WITH_USER, ids=lambda one: one.name)


def tables(database: Database) -> dict[str, list[Any]]:
    """Return every row of every table, but for when keys were used."""
    with database.session() as session:
        names = session.scalars(text("SELECT name FROM sqlite_master WHERE type = 'table'"))
        found = {}
        for name in sorted(set(names) - _BOOKKEEPING):
            rows = session.execute(text(f"SELECT * FROM {name}")).mappings()
            found[name] = [{k: v for k, v in row.items() if k != "last_used_at"} for row in rows]
    return found


@pytest.fixture
def playlist(database: Database) -> str:
    """Ana has one of everything; the id of her playlist."""
    now = datetime.now(UTC)
    with database.session() as session:
        InteractionRepository(session).add("ana", "s2", "like", now, "sad", "ana-key-1")
        MutedArtistRepository(session).mute("ana", "Cy")
        user = UserRepository(session).ensure("ana")
        later = now + timedelta(days=1)
        session.add(
            EmotionLog(
                user_id=user.id, label="sad", confidence=0.9, source="stated", at=now,
                expires_at=later,
            )
        )  # fmt: skip
        UserRepository(session).ensure("bob")
        details = {"from": {"valence": 0.0, "arousal": 0.0}, "to": {"valence": 0.0, "arousal": 0.0}}
        made = PlaylistRepository(session).save("ana", ["s2"], name=SECRET, details=details)
    make_key(database, ("recommend", "feedback"), user="ana")
    return made


@pytest.fixture
def outside(start: Start, database: Database) -> TestClient:
    make_key(database, ("admin",))
    return start(host="0.0.0.0")


def test_every_operation_is_in_one_of_the_tables() -> None:
    assert {one.name for one in OPERATIONS if one.user_in is None} == set(NO_USER)
    assert {one.name for one in WITH_USER} == set(FOR_USER)


@by_name_with_user
def test_a_bound_key_cannot_read_or_change_another_user(
    outside: TestClient, database: Database, playlist: str, operation: Operation
) -> None:
    theirs = bearer(make_key(database, ("recommend", "feedback"), user="bob"))
    before = tables(database)
    response = operation.send(outside, "ana", theirs, playlist=playlist)
    assert (response.status_code, response.json()["code"]) == (403, "forbidden")
    assert tables(database) == before
    for secret in (SECRET, "ana-key-1", "s2", "Cy", '"sad"'):
        assert secret not in response.text
    own = bearer(make_key(database, ("recommend", "feedback"), user="ana"))
    allowed = operation.send(outside, "ana", own, playlist=playlist)
    assert allowed.status_code not in (401, 403), allowed.text


@by_name_with_user
def test_a_name_that_looks_like_ones_own_is_another(
    outside: TestClient, database: Database, playlist: str, operation: Operation
) -> None:
    theirs = bearer(make_key(database, ("recommend", "feedback"), user="bob"))
    before = tables(database)
    for name in ("bob ", " bob", "BOB", "bob\u200b", "bob/../ana", "*", "%"):
        response = operation.send(outside, name, theirs, playlist=playlist)
        # A slash in a path is no user's name there, whatever it is written as.
        assert response.status_code in ((403, 404, 405) if "/" in name else (403,)), name
    assert tables(database) == before


def test_a_playlist_is_its_owners_in_every_format(
    outside: TestClient, database: Database, playlist: str
) -> None:
    theirs = bearer(make_key(database, ("recommend",), user="bob"))
    for suffix in ("", ".json", ".m3u8", ".xspf", ".jspf"):
        for accept in ("*/*", "application/xspf+xml", "audio/x-mpegurl"):
            for method in ("GET", "HEAD"):
                headers = theirs | {"Accept": accept}
                path = f"/playlists/{playlist}{suffix}"
                response = outside.request(method, path, headers=headers)
                assert response.status_code == 403
                assert SECRET not in response.text


def test_naming_two_users_is_no_way_round(
    outside: TestClient, database: Database, playlist: str
) -> None:
    theirs = bearer(make_key(database, ("recommend", "feedback"), user="bob"))
    for query in ("user=bob&user=ana", "user=ana&user=bob", "user[]=ana&user=bob"):
        response = outside.get(f"/recommend?{query}", headers=theirs)
        assert response.status_code == 403 or response.json()["user"] == "bob"
    body = '{"user": "ana", "song": "s1", "event": "like", "user": "bob"}'
    sent = theirs | {"Content-Type": "application/json"}
    assert outside.post("/feedback", content=body, headers=sent).status_code == 200
    with database.session() as session:
        rows = InteractionRepository(session)
        assert [row.song_id for row in rows.recent("ana", 10)] == ["s2"]
        assert [row.song_id for row in rows.recent("bob", 10)] == ["s1"]


def test_an_idempotency_key_of_another_user_tells_nothing(
    outside: TestClient, database: Database, playlist: str
) -> None:
    theirs = bearer(make_key(database, ("recommend", "feedback"), user="bob"))
    sent = theirs | {"Idempotency-Key": "ana-key-1"}
    event = {"user": "bob", "song": "s1", "event": "skip"}
    answer = outside.post("/feedback", json=event, headers=sent)
    assert (answer.status_code, answer.json()["duplicate"]) == (200, False)


@by_name
def test_each_scope_opens_what_it_is_for(
    outside: TestClient, database: Database, playlist: str, operation: Operation
) -> None:
    needed = (NO_USER | FOR_USER)[operation.name]
    scopes: tuple[Scope, ...] = ("recommend", "feedback", "admin")
    keys = {scope: bearer(make_key(database, (scope,))) for scope in scopes}
    for scope, key in keys.items():
        before = tables(database)
        response = operation.send(outside, "nobody", key, playlist=playlist)
        if needed in (None, scope) or scope == "admin":
            assert response.status_code not in (401, 403), response.text
        else:
            assert (response.status_code, response.json()["code"]) == (403, "forbidden")
            assert tables(database) == before


def test_without_a_key_nothing_but_the_public_pages_opens(
    outside: TestClient, database: Database, playlist: str
) -> None:
    before = tables(database)
    for operation in OPERATIONS:
        response = operation.send(outside, "ana", {}, playlist=playlist)
        if (NO_USER | FOR_USER)[operation.name] is None:
            assert response.status_code == 200
        else:
            assert (response.status_code, response.json()["code"]) == (401, "unauthenticated")
    assert tables(database) == before
