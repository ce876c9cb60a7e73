"""Bodies are refused while they stream, before they are gathered."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterator

import pytest
from starlette.requests import ClientDisconnect
from starlette.testclient import TestClient
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from api.bodies import SMALL_BODY, BodyLimitMiddleware, BodyLimits
from api.errors import OverloadedError
from api.inference import InferenceGate
from api.logs import configure_logging
from api.middleware import RequestContextMiddleware
from tests.api.conftest import Start
from tests.api.fakes import BlockingReader, FakeEngine
from tests.api.pictures import jpeg

LIMIT = 1000
LIMITS = BodyLimits(upload=LIMIT, memory=10 * LIMIT, timeout_s=30.0)


class Stream:
    """A client that never stops sending, and what it got back."""

    def __init__(self) -> None:
        self.sent = 0
        self.answer: list[Message] = []

    async def receive(self) -> Message:
        self.sent += 100
        return {"type": "http.request", "body": b"x" * 100, "more_body": True}

    async def send(self, message: Message) -> None:
        self.answer.append(message)


async def gathers(scope: Scope, receive: Receive, send: Send) -> None:
    while (await receive()).get("more_body"):
        pass


async def swallows(scope: Scope, receive: Receive, send: Send) -> None:
    """Like a framework that makes a 400 of every trouble with the body."""
    try:
        await gathers(scope, receive, send)
    except Exception:  # noqa: BLE001
        await send({"type": "http.response.start", "status": 400, "headers": []})
        await send({"type": "http.response.body", "body": b"masked"})


@pytest.mark.parametrize("app", [gathers, swallows])
def test_an_endless_body_is_cut_at_the_limit(app: ASGIApp) -> None:
    stream = Stream()
    scope = {"type": "http", "path": "/recommend", "headers": [], "method": "POST"}
    asyncio.run(BodyLimitMiddleware(app, LIMITS)(scope, stream.receive, stream.send))
    assert stream.sent == LIMIT + 100
    assert stream.answer[0]["status"] == 413
    assert json.loads(stream.answer[1]["body"])["code"] == "image_too_large"


def test_an_announced_large_body_is_not_even_begun() -> None:
    stream = Stream()
    headers = [(b"content-length", b"1001")]
    scope = {"type": "http", "path": "/recommend", "headers": headers, "method": "POST"}
    asyncio.run(BodyLimitMiddleware(gathers, LIMITS)(scope, stream.receive, stream.send))
    assert (stream.sent, stream.answer[0]["status"]) == (0, 413)


@pytest.mark.parametrize(("path", "about_pictures"), [("/recommend", True), ("/feedback", False)])
def test_a_full_memory_is_told_with_a_remedy_that_fits(path: str, about_pictures: bool) -> None:
    stream = Stream()
    headers = [(b"content-length", b"900")]
    scope = {"type": "http", "path": path, "headers": headers, "method": "POST"}
    guarded = BodyLimitMiddleware(gathers, LIMITS)
    guarded._memory.take(10 * LIMIT - 800)
    asyncio.run(guarded(scope, stream.receive, stream.send))
    told = json.loads(stream.answer[1]["body"])
    assert (told["code"], "mood=" in told["detail"]) == ("overloaded", about_pictures)


@pytest.mark.parametrize("chunked", [True, False])
def test_other_routes_take_small_bodies_only(client: TestClient, chunked: bool) -> None:
    body = b'{"user": "' + b"x" * SMALL_BODY + b'"}'

    def parts() -> Iterator[bytes]:
        yield body

    response = client.post(
        "/feedback",
        content=parts() if chunked else body,
        headers={"content-type": "application/json"},
    )
    assert (response.status_code, response.json()["code"]) == (413, "body_too_large")


def test_a_client_that_hung_up_is_no_error(capfd: pytest.CaptureFixture[str]) -> None:
    async def hangs_up(scope: Scope, receive: Receive, send: Send) -> None:
        raise ClientDisconnect

    configure_logging()
    stream = Stream()
    scope = {"type": "http", "path": "/recommend", "headers": [], "method": "POST"}
    asyncio.run(RequestContextMiddleware(hangs_up)(scope, stream.receive, stream.send))
    assert stream.answer == []
    logged = capfd.readouterr().err
    assert '"status": 499' in logged
    assert "unexpected" not in logged


def test_a_full_house_is_overloaded_and_moods_still_get_through(
    start: Start, engine: FakeEngine
) -> None:
    engine.reader = reader = BlockingReader()
    client = start(inference_slots=1, inference_wait_s=0.0)
    ask = {"user": "u", "consent": "true"}

    async def scenario() -> None:
        def post() -> int:
            return client.post("/recommend", params=ask, files={"selfie": jpeg()}).status_code

        first = asyncio.create_task(asyncio.to_thread(post))
        try:
            assert await asyncio.to_thread(reader.entered.wait, 30)
            second = client.post("/recommend", params=ask, files={"selfie": jpeg()})
            assert (second.status_code, second.json()["code"]) == (503, "overloaded")
            assert int(second.headers["Retry-After"]) >= 1
            assert client.get("/recommend", params={"user": "u", "mood": "calm"}).is_success
        finally:
            reader.release.set()
        assert await first == 200
        assert await asyncio.to_thread(post) == 200

    asyncio.run(scenario())


def test_a_slot_is_given_back_after_an_error() -> None:
    gate = InferenceGate(1, 0.0)

    def fails() -> None:
        raise ValueError

    async def scenario() -> int:
        for _ in range(3):
            with pytest.raises(ValueError):  # noqa: PT011
                await gate.run(fails)
        return await gate.run(lambda: 7)

    assert asyncio.run(scenario()) == 7


def test_whoever_waits_gets_the_slot_that_comes_free() -> None:
    async def scenario() -> tuple[int, int]:
        gate = InferenceGate(1, 30.0)
        reader = BlockingReader()

        def hold() -> int:
            reader.read([])
            return 1

        first = asyncio.create_task(gate.run(hold))
        assert await asyncio.to_thread(reader.entered.wait, 30)
        second = asyncio.create_task(gate.run(lambda: 2))
        await asyncio.sleep(0)
        assert not second.done()
        reader.release.set()
        return await first, await second

    assert asyncio.run(scenario()) == (1, 2)


def test_nobody_waits_longer_than_allowed() -> None:
    async def scenario() -> None:
        gate = InferenceGate(1, 0.0)
        reader = BlockingReader()
        first = asyncio.create_task(gate.run(reader.read, []))
        assert await asyncio.to_thread(reader.entered.wait, 30)
        try:
            with pytest.raises(OverloadedError):
                await gate.run(lambda: 2)
        finally:
            reader.release.set()
            await first

    asyncio.run(scenario())
