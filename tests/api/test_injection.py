"""Hostile text through every string that a request can carry: SQL, paths, headers, markup."""

from __future__ import annotations

import json
import re
import xml.etree.ElementTree as ElementTree
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest
from starlette.testclient import TestClient

from api.app import create_app
from data.db.repositories import SongRepository
from data.db.session import Database
from data.settings import Settings
from data.types import SongInput
from tests.api.fakes import FakeEngine
from tests.api.test_isolation import OPERATIONS, Operation, tables

HOSTILE = (
    "' OR '1'='1",
    "x'; DROP TABLE users; --",
    '" UNION SELECT sha256 FROM api_keys --',
    "\\'; ATTACH DATABASE 'x' AS y; --",
    "%' ESCAPE '\\",
    "../../../../etc/passwd",
    "..\\..\\..\\etc\\passwd",
    "file:///etc/passwd",
    "%2e%2e%2fetc%2fpasswd",
    "x\r\nX-Injected: yes\r\n\r\n<html>",
    "x\nSet-Cookie: a=b",
    "x\x00y",
    "\ud800",
    "<script>alert(1)</script>",
    "\"><img src=x onerror=alert(1)>",
    "{{7*7}}${7*7}#{7*7}<%= 7*7 %>",
    "{0.__class__.__mro__}",
    "%s%s%n%x",
    "$(touch pwned)`touch pwned`;|touch pwned",
    '{"$gt": ""}',
    "\u202egnp.exe",
    "A" * 5000,
)  # fmt: skip
_JSON = ("application/json", "application/problem+json")


def strings_of(operation: Operation, schema: dict[str, Any]) -> list[tuple[str, str]]:
    """Return where an operation takes text: (``path|query|header|body``, name)."""
    found = schema["paths"][operation.path][operation.method.lower()]
    places = [(p["in"], p["name"]) for p in found.get("parameters", []) if _takes_text(p["schema"])]
    if operation.body is not None:
        content = found["requestBody"]["content"]["application/json"]["schema"]
        model = schema["components"]["schemas"][content["$ref"].split("/")[-1]]
        places += [
            ("body", name) for name, kind in model["properties"].items() if _takes_text(kind)
        ]
    return places


def _takes_text(kind: dict[str, Any]) -> bool:
    options = kind.get("anyOf", [kind])
    return any(
        one.get("type") == "string"
        or (one.get("type") == "array" and one.get("items", {}).get("type") == "string")
        or one.get("type") == "object"
        for one in options
    )


def request_with(operation: Operation, place: str, name: str, value: str) -> dict[str, Any]:
    """Return the arguments of a request that is right but for one text."""
    ids = {"user_id": "ana", "song_id": "s1", "playlist_id": "none"}
    query: dict[str, str] = {n: {"artist": "Cy"}.get(n, "1") for n in operation.required}
    if operation.user_in == "query":
        query["user"] = "ana"
    headers: dict[Any, Any] = {}
    body = None if operation.body is None else dict(operation.body)
    if place == "path":
        ids[name] = value
    elif place == "query":
        query[name] = value
    elif place == "header":
        # What no client could even send is left out.
        headers[name.encode()] = value.encode("utf-8", "replace").translate(None, b"\r\n\x00")
    elif body is not None:
        old = body.get(name)
        body[name] = (
            [value] if isinstance(old, list) else {value: value} if isinstance(old, dict) else value
        )
    path = operation.path
    for key, text in ids.items():
        path = path.replace(f"{{{key}}}", quote(text.encode("utf-8", "replace"), safe=""))
    pairs = [f"{n}={quote(v.encode('utf-8', 'replace'), safe='')}" for n, v in query.items()]
    if body is not None:
        headers["Content-Type"] = "application/json"
    return {
        "method": operation.method,
        "url": f"{path}?{'&'.join(pairs)}",
        "content": None if body is None else json.dumps(body),
        "headers": headers,
    }


@pytest.mark.parametrize("operation", OPERATIONS, ids=lambda one: one.name)
def test_hostile_text_is_only_text(
    client: TestClient, database: Database, tmp_path: Path, operation: Operation
) -> None:
    """No 500, no header, no markup, no file, and no row that was not asked for."""
    app: Any = client.app
    schema = app.openapi()
    kept = {name: tables(database)[name] for name in ("api_keys", "songs", "artists")}
    files = {path.name for path in tmp_path.rglob("*")}
    for place, name in strings_of(operation, schema):
        for value in HOSTILE:
            response = client.request(**request_with(operation, place, name, value))
            told = f"{place} {name} {value[:40]!r}: {response.status_code} {response.text[:200]}"
            assert response.status_code < 500, told
            if response.content:
                assert response.headers["content-type"].startswith(_JSON), told
            assert not {"x-injected", "set-cookie"} & set(response.headers), told
            assert "root:" not in response.text, told
            assert not re.search(
                r"sqlite|psycopg|traceback|\b49\b.*\b49\b", response.text.lower()
            ), told
    after = tables(database)
    assert after["api_keys"] == kept["api_keys"]
    if operation.name != "post_song":
        assert {name: after[name] for name in kept} == kept
    new = {path.name for path in tmp_path.rglob("*")} - files
    assert all(name.startswith("test.db") for name in new), new


def test_there_are_texts_to_try() -> None:
    schema = create_app(Settings(_env_file=None)).openapi()  # type: ignore[call-arg]
    places = [(one.name, *place) for one in OPERATIONS for place in strings_of(one, schema)]
    assert len(places) > 40
    assert ("recommend", "query", "user") in places
    assert ("feedback", "body", "song") in places
    assert ("feedback", "header", "idempotency-key") in places
    assert ("song", "path", "song_id") in places


@pytest.mark.parametrize("value", ["' OR '1'='1", "%", "_", "s_", "*", "s1' --"])
def test_a_condition_cannot_be_widened(client: TestClient, value: str) -> None:
    escaped = quote(value, safe="")
    assert client.get(f"/songs?artist={escaped}").json()["items"] == []
    assert client.get(f"/songs?genre={escaped}").json()["items"] == []
    assert client.get(f"/users/{escaped}/history").json()["items"] == []
    assert client.get(f"/songs/{escaped}").status_code == 404


@pytest.mark.parametrize(
    "path",
    [
        "/static/../app.py",
        "/static/..%2fapp.py",
        "/static/%2e%2e%2f%2e%2e%2fpyproject.toml",
        "/static/..%5c..%5cpyproject.toml",
        "/static//etc/passwd",
        "/static/%00",
        "/static/index.html%00.js",
        "//etc/passwd",
        "/docs/../static/../../pyproject.toml",
    ],
)
def test_no_file_outside_the_page_is_served(client: TestClient, path: str) -> None:
    response = client.get(f"http://testserver{path}")
    assert response.status_code in (404, 405)
    assert "[project]" not in response.text
    assert "from __future__" not in response.text


NASTY = 'Say "hi" <b>&amp;</b> ]]> \r\n#EXTINF:1,evil\nhttps://evil.example/x \u2028 {{7*7}}'


@pytest.mark.parametrize("host", ["testserver", 'x"><script>alert(1)</script>', "evil.example"])
def test_playlist_files_keep_their_form_whatever_a_song_is_called(
    client: TestClient, database: Database, engine: FakeEngine, host: str
) -> None:
    """Titles may come from any file that was ingested, and a host from any client."""
    with database.session() as session:
        links = {"site": "https://example.org/a?b=1&c=<d>"}
        SongRepository(session).upsert_many(
            [SongInput("n1", NASTY, NASTY, album=NASTY, links=links)]
        )
    engine.songs = ("n1",)
    body = {"user": "ana", "from": "sad", "to": "calm"}
    made = client.post("/playlists", json=body).json()["id"]
    headers = {"Host": host}
    m3u8 = client.get(f"/playlists/{made}.m3u8", headers=headers)
    assert m3u8.status_code == 200
    assert [line for line in m3u8.text.splitlines() if line.startswith("#EXTINF")] != []
    assert sum(line.startswith("#EXTINF") for line in m3u8.text.split("\n")) == 1
    assert not any(line.startswith("https://evil") for line in re.split(r"[\r\n]", m3u8.text))
    xspf = client.get(f"/playlists/{made}.xspf", headers=headers)
    root = ElementTree.fromstring(xspf.content)
    assert len(root.findall(".//{http://xspf.org/ns/0/}track")) == 1
    assert root.find(".//{*}script") is None
    jspf = client.get(f"/playlists/{made}.jspf", headers=headers).json()
    assert len(jspf["playlist"]["track"]) == 1
    for answer in (m3u8, xspf):
        assert answer.headers["X-Content-Type-Options"] == "nosniff"
        assert "\n" not in answer.headers.get("content-disposition", "")
        assert "html" not in answer.headers["content-type"]


def test_the_reference_shows_no_text_of_callers(client: TestClient, engine: FakeEngine) -> None:
    page = client.get("/docs?<script>alert(1)</script>")
    assert "<script" not in page.text
    missing = client.get("/<script>alert(1)</script>")
    assert (missing.status_code, missing.headers["content-type"]) == (
        404,
        "application/problem+json",
    )
    assert "<script" not in missing.text
