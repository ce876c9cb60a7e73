"""HEAD, Allow, other origins, other hosts, and a full house."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest
from pydantic import ValidationError
from starlette.testclient import TestClient
from starlette.types import Message, Receive, Scope, Send

from api.bodies import BodyLimitMiddleware, BodyLimits
from api.crowd import CrowdMiddleware
from api.errors import OverloadedError
from api.inference import InferenceGate
from data.settings import Settings
from tests.api.conftest import Start
from tests.api.fakes import BlockingReader, FakeEngine
from tests.api.pictures import jpeg

ASK = "/recommend?user=ana"
PAGE = "https://music.example"
LOCAL = "http://127.0.0.1:8000"


@pytest.mark.parametrize(
    "path",
    ["/", "/health/live", "/privacy", "/docs", "/openapi.json", "/static/app.js", ASK, "/songs",
     "/songs/s1", "/users/ana/history", "/nowhere"],
)  # fmt: skip
def test_head_is_get_without_the_body(client: TestClient, path: str) -> None:
    """RFC 9110, 9.3.2: the same status and header fields."""
    got, head = client.get(path), client.head(path)
    assert head.status_code == got.status_code
    assert head.content == b""
    assert got.content
    own = ("x-request-id", "date", "content-length", "etag")
    for name, value in got.headers.items():
        assert name in own or head.headers[name] == value, name
    assert int(head.headers["content-length"]) > 0


@pytest.mark.parametrize(
    ("path", "allow"),
    [
        ("/recommend", "GET, HEAD, POST"),
        ("/emotion", "POST"),
        ("/songs", "GET, HEAD, POST"),
        ("/songs/s1", "GET, HEAD"),
        ("/feedback", "POST"),
        ("/users/ana", "DELETE"),
        ("/users/ana/muted-artists", "GET, HEAD, PUT, DELETE"),
        ("/health/live", "GET, HEAD"),
        ("/admin/reload", "POST"),
        ("/static/app.js", "GET, HEAD"),
    ],
)
def test_a_wrong_method_is_told_all_right_ones(client: TestClient, path: str, allow: str) -> None:
    methods = {"GET", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"} - set(allow.split(", "))
    for method in methods:
        response = client.request(method, path)
        assert (response.status_code, response.json()["code"]) == (405, "method_not_allowed")
        assert response.headers["Allow"] == allow
    if "GET" not in allow:
        assert client.head(path).status_code == 405


def test_methods_nobody_knows_are_refused(client: TestClient) -> None:
    for method in ("TRACE", "CONNECT", "PROPFIND", "XYZ"):
        assert client.request(method, "/recommend").status_code == 405


def test_pages_of_other_origins_get_nothing_by_default(client: TestClient) -> None:
    response = client.get(ASK, headers={"Origin": PAGE})
    assert not [name for name in response.headers if name.startswith("access-control")]
    asked = {"Origin": PAGE, "Access-Control-Request-Method": "POST"}
    assert client.options("/recommend", headers=asked).status_code == 405


def test_origins_that_are_named_may_call(start: Start) -> None:
    client = start(cors_origins=(PAGE,))
    response = client.get(ASK, headers={"Origin": PAGE})
    assert response.headers["Access-Control-Allow-Origin"] == PAGE
    assert "Retry-After" in response.headers["Access-Control-Expose-Headers"]
    assert "Access-Control-Allow-Credentials" not in response.headers
    asked = {
        "Origin": PAGE,
        "Access-Control-Request-Method": "POST",
        "Access-Control-Request-Headers": "authorization, idempotency-key",
    }
    allowed = client.options("/feedback", headers=asked)
    assert allowed.status_code == 200
    assert allowed.headers["Access-Control-Allow-Origin"] == PAGE
    for other in ("https://evil.example", "null", f"{PAGE}.evil.example", "http://music.example"):
        refused = client.options("/feedback", headers=asked | {"Origin": other})
        assert refused.status_code == 400
        assert "Access-Control-Allow-Origin" not in refused.headers
        answer = client.get(ASK, headers={"Origin": other})
        assert "Access-Control-Allow-Origin" not in answer.headers
    problem = client.get("/recommend", headers={"Origin": PAGE})
    assert (problem.status_code, problem.headers["Access-Control-Allow-Origin"]) == (422, PAGE)


@pytest.mark.parametrize("origin", ["*", "https://*.example", "music.example", f"{PAGE}/", "null"])
def test_an_origin_is_written_out(origin: str, tmp_path: Path) -> None:
    with pytest.raises(ValidationError, match="origin"):
        Settings(home=tmp_path, cors_origins=origin, _env_file=None)  # type: ignore[call-arg, arg-type]


def test_origins_are_read_from_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ATTUNE_CORS_ORIGINS", f"{PAGE}, http://localhost:3000")
    assert Settings(_env_file=None).cors_origins == (PAGE, "http://localhost:3000")  # type: ignore[call-arg]
    monkeypatch.setenv("ATTUNE_CORS_ORIGINS", f'["{PAGE}"]')
    assert Settings(_env_file=None).cors_origins == (PAGE,)  # type: ignore[call-arg]
    monkeypatch.setenv("ATTUNE_CORS_ORIGINS", "")
    assert Settings(_env_file=None).cors_origins == ()  # type: ignore[call-arg]


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({}, 200),
        ({"Host": "localhost:8000"}, 200),
        ({"Host": "[::1]:8000"}, 200),
        ({"Origin": "http://localhost:8000"}, 200),
        ({"Host": "rebound.example"}, 401),
        ({"Host": "127.0.0.1.rebound.example"}, 401),
        ({"Host": "[::1"}, 401),
        ({"Host": ""}, 401),
        ({"Origin": "https://evil.example"}, 401),
        ({"Origin": "null"}, 401),
    ],
)
@pytest.mark.parametrize("path", [ASK, "/users/ana/export", "/admin/reload"])
def test_no_page_of_elsewhere_reaches_a_service_without_keys(
    client: TestClient, headers: dict[str, str], status: int, path: str
) -> None:
    """Neither by a name that it rebinds to this machine, nor by a form sent across origins."""
    method = "POST" if path == "/admin/reload" else "GET"
    answered = client.request(method, LOCAL + path, headers=headers).status_code
    assert (answered == 401) == (status == 401)


def test_an_origin_that_is_named_reaches_it(start: Start) -> None:
    client = start(cors_origins=(PAGE,))
    assert client.get(LOCAL + ASK, headers={"Origin": PAGE}).status_code == 200


def test_json_cannot_be_sent_by_a_form(client: TestClient) -> None:
    """Which browsers would send across origins without asking."""
    body = '{"user": "ana", "song": "s1", "event": "like"}'
    for kind in ("text/plain", "application/x-www-form-urlencoded", "multipart/form-data"):
        response = client.post("/feedback", content=body, headers={"Content-Type": kind})
        assert response.status_code == 422, kind


def test_https_is_insisted_on_where_it_is_set(start: Start) -> None:
    name = "Strict-Transport-Security"
    assert name not in start().get("/health/live").headers
    client = start(hsts_seconds=31_536_000)
    for path in ("/", "/nowhere", ASK):
        assert client.get(path).headers[name] == "max-age=31536000"


def test_too_many_parameters_are_refused(client: TestClient) -> None:
    response = client.get("/recommend?user=ana" + "&x=1" * 5000)
    assert (response.status_code, response.json()["code"]) == (422, "invalid_parameter")
    assert client.get("/recommend?user=ana" + "&exclude=s2" * 500).status_code == 200


async def _nothing() -> Message:
    return {"type": "http.request", "body": b"", "more_body": False}


def scope(path: str = "/songs") -> Scope:
    return {"type": "http", "path": path, "headers": [], "method": "GET", "http_version": "1.1"}


def test_a_full_house_refuses_at_once_but_tells_its_health() -> None:
    async def scenario() -> list[int]:
        leave, inside, statuses = asyncio.Event(), 0, []

        async def app(scope: Scope, receive: Receive, send: Send) -> None:
            nonlocal inside
            inside += 1
            if scope["path"] == "/songs":
                await leave.wait()
            await send({"type": "http.response.start", "status": 200, "headers": []})

        async def send(message: Message) -> None:
            if message["type"] == "http.response.start":
                statuses.append(message["status"])

        crowd = CrowdMiddleware(app, most=3)
        waiting = [asyncio.create_task(crowd(scope(), _nothing, send)) for _ in range(3)]
        await asyncio.sleep(0)
        assert inside == 3
        await crowd(scope(), _nothing, send)
        await crowd(scope("/health/live"), _nothing, send)
        await crowd(scope("/metrics"), _nothing, send)
        assert statuses == [503, 200, 200]
        leave.set()
        await asyncio.gather(*waiting)
        await crowd(scope(), _nothing, send)
        return statuses

    assert asyncio.run(scenario()) == [503, 200, 200, 200, 200, 200, 200]


def test_bodies_in_memory_are_bounded() -> None:
    """Many uploads, each within its limit: the one that does not fit any more is refused."""

    async def scenario() -> list[int]:
        leave, statuses = asyncio.Event(), []

        async def app(scope: Scope, receive: Receive, send: Send) -> None:
            await receive()
            await leave.wait()
            await send({"type": "http.response.start", "status": 200, "headers": []})

        async def receive() -> Message:
            return {"type": "http.request", "body": b"x" * 900, "more_body": False}

        async def send(message: Message) -> None:
            if message["type"] == "http.response.start":
                statuses.append(message["status"])

        limits = BodyLimits(upload=1000, memory=2000, timeout_s=30.0)
        guarded = BodyLimitMiddleware(app, limits)
        asked = {**scope("/emotion"), "method": "POST"}
        waiting = [asyncio.create_task(guarded(dict(asked), receive, send)) for _ in range(2)]
        await asyncio.sleep(0)
        await guarded(dict(asked), receive, send)
        announced = dict(asked, headers=[(b"content-length", b"900")])
        await guarded(announced, _nothing, send)
        assert statuses == [503, 503]
        leave.set()
        await asyncio.gather(*waiting)
        await guarded(dict(asked), receive, send)
        return statuses

    assert asyncio.run(scenario()) == [503, 503, 200, 200, 200]


def test_a_full_queue_refuses_before_the_picture_is_read(start: Start, engine: FakeEngine) -> None:
    engine.reader = reader = BlockingReader()
    client = start(inference_slots=1, inference_queue=0, inference_wait_s=30.0)
    params = {"user": "ana", "consent": "true"}
    headers = {"content-type": "image/jpeg"}

    async def scenario() -> None:
        first = asyncio.create_task(
            asyncio.to_thread(client.post, "/emotion", params=params, content=jpeg(),
                              headers=headers)
        )  # fmt: skip
        try:
            assert await asyncio.to_thread(reader.entered.wait, 30)
            for path in ("/emotion", "/recommend"):
                refused = client.post(path, params=params, content=jpeg(), headers=headers)
                assert (refused.status_code, refused.json()["code"]) == (503, "overloaded")
                assert "waiting" in refused.json()["detail"]
                assert int(refused.headers["Retry-After"]) >= 1
            stated = params | {"mood": "calm"}
            sent = client.post("/recommend", params=stated, content=jpeg(), headers=headers)
            assert sent.status_code == 200
        finally:
            reader.release.set()
        assert (await first).status_code == 200

    asyncio.run(scenario())


def test_only_so_many_wait_for_a_slot() -> None:
    async def scenario() -> None:
        gate, reader = InferenceGate(1, 30.0, queue=2), BlockingReader()
        tasks = [asyncio.create_task(gate.run(reader.read, [])) for _ in range(3)]
        assert await asyncio.to_thread(reader.entered.wait, 30)
        try:
            with pytest.raises(OverloadedError, match="waiting"):
                await gate.run(reader.read, [])
            with pytest.raises(OverloadedError, match="waiting"):
                gate.check_room()
        finally:
            reader.release.set()
        assert len(await asyncio.gather(*tasks)) == 3
        gate.check_room()

    asyncio.run(scenario())


def test_work_without_end_is_given_up_and_keeps_its_slot() -> None:
    async def scenario() -> None:
        gate, reader = InferenceGate(1, 0.0, queue=1, timeout_s=0.05), BlockingReader()
        with pytest.raises(OverloadedError, match=r"0\.05 s"):
            await gate.run(reader.read, [])
        with pytest.raises(OverloadedError, match="stayed taken"):
            await gate.run(lambda: 1)
        reader.release.set()
        done: list[int] = []

        async def again() -> bool:
            try:
                done.append(await gate.run(lambda: 1))
            except OverloadedError:
                return False
            return True

        while not await again():
            await asyncio.sleep(0.01)
        assert done == [1]

    asyncio.run(scenario())
