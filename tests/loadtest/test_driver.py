from __future__ import annotations

import asyncio
from pathlib import Path

import pytest
from pydantic import ValidationError

from api.loadtest.driver import Load, make_requests
from api.loadtest.plan import Measured, Plan
from api.loadtest.wire import Connection, request_bytes
from tests.loadtest.servers import Script, answer, scripted

SONGS = answer(200, b'{"user":"u","items":[{"rank":1}]}')


def run(script: Script, **values: object) -> Measured:
    with scripted(script) as port:
        settings = {"paths": ("/a",), "seconds": 0.2, "warm_s": 0.0, "drain_s": 0.3, **values}
        plan = Plan.model_validate({"port": port, **settings})
        return asyncio.run(Load(plan).run())


@pytest.mark.parametrize("pieces", [1, 2, 50])
def test_answers_are_counted_however_they_are_cut(pieces: int) -> None:
    found = run(lambda head, body: (SONGS, pieces), clients=3)
    assert set(found.statuses) == {"200"}
    assert found.requests == found.statuses["200"] > 3
    assert found.unfit == found.not_sent == 0
    # Those under way at the end, one a client, came too late to count for the rate.
    assert 0 <= found.requests - 0.2 * found.rate <= 3
    assert found.latency is not None
    assert found.latency.p50 <= found.latency.p95 <= found.latency.p99 <= found.latency.max
    assert found.refused is None


def test_requests_take_turns() -> None:
    seen: list[bytes] = []

    def script(head: bytes, body: bytes) -> tuple[bytes, int]:
        seen.append(head.split()[1])
        return SONGS, 1

    run(script, paths=("/a", "/b?mood=calm"), clients=1, seconds=0.5)
    assert seen[:4] == [b"/a", b"/b?mood=calm", b"/a", b"/b?mood=calm"]


def test_pictures_are_posted_as_a_form(tmp_path: Path) -> None:
    photo = tmp_path / "selfie.jpg"
    photo.write_bytes(b"\xff\xd8\xffpixels")
    seen: list[tuple[bytes, bytes]] = []

    def script(head: bytes, body: bytes) -> tuple[bytes, int]:
        seen.append((head, body))
        return SONGS, 1

    run(script, photos=(str(photo),))
    head, body = seen[0]
    assert head.startswith(b"POST /a HTTP/1.1\r\n")
    assert b"Content-Type: multipart/form-data; boundary=" in head
    assert b'name="selfie"' in body
    assert b"\xff\xd8\xffpixels" in body
    boundary = head.partition(b"boundary=")[2].split(b"\r\n")[0]
    assert body.endswith(b"--" + boundary + b"--\r\n")


def test_what_is_wrong_with_answers_is_counted() -> None:
    bad = [answer(200, b"{}"), answer(503), answer(503, b"", b"Retry-After: 1"), answer(404)]
    turn = iter(range(10**9))
    found = run(lambda head, body: (bad[next(turn) % 4], 1), clients=1, seconds=0.5)
    assert set(found.statuses) == {"200", "503", "404"}
    whole = min(found.statuses.values())
    # A 200 without songs and every other 503 are unfit; a 404 is neither.
    assert 2 * whole - 2 <= found.unfit <= 2 * whole + 2
    assert found.refused is not None


def test_a_connection_that_breaks_is_counted_and_replaced() -> None:
    turn = iter(range(10**9))
    found = run(
        lambda head, body: (b"" if next(turn) % 3 == 0 else SONGS, 1), clients=2, seconds=0.5
    )
    assert found.statuses["0"] > 1
    assert found.statuses["200"] > 1


def test_a_client_that_nobody_listens_to_tries_again() -> None:
    class Away(Load):
        tries = 0

        async def _connect(self) -> Connection:
            self.tries += 1
            if self.tries in (2, 3):
                raise ConnectionRefusedError
            return await super()._connect()

    turn = iter(range(10**9))
    with scripted(lambda head, body: (SONGS if next(turn) else b"", 1)) as port:
        load = Away(Plan(port=port, paths=("/a",), seconds=0.6, warm_s=0))
        found = asyncio.run(load.run())
    assert found.statuses["0"] == 3  # one that broke, two that found nobody
    assert found.statuses["200"] > 0


def test_open_loop_keeps_its_rate_whatever_comes_back() -> None:
    found = run(lambda head, body: (SONGS, 1), mode="open", rate=200, clients=128, seconds=0.5)
    assert found.requests in (99, 100)
    assert found.not_sent == 0


def test_open_loop_tells_what_had_no_connection() -> None:
    half = b"HTTP/1.1 200 X\r\nContent-Length: 50\r\n\r\n{"
    found = run(lambda head, body: (half, 1), mode="open", rate=100, clients=2, seconds=0.3)
    assert found.statuses == {"unanswered": 2}
    assert found.not_sent in (27, 28)
    assert found.rate == 0


def test_open_loop_replaces_connections_that_the_server_closed() -> None:
    """Else a service that hangs up on silent clients would be asked ever less."""
    closing = answer(200, b'{"items":[{}]}', b"Connection: close")
    found = run(lambda head, body: (closing, 1), mode="open", rate=100, clients=2, seconds=0.5)
    assert found.requests > 4


def test_nobody_listens() -> None:
    with pytest.raises(OSError, match="Connect call failed"):
        asyncio.run(Load(Plan(port=1, seconds=0.1, paths=("/",))).run())


def test_plans_are_checked() -> None:
    for wrong in ({"paths": ()}, {"seconds": 0}, {"clients": 0}, {"port": 0}, {"typo": 1}):
        with pytest.raises(ValidationError):
            Plan.model_validate({"port": 1, "seconds": 1, "paths": ("/",), **wrong})


def test_requests_are_whole() -> None:
    assert (
        request_bytes("/x", 80) == b"GET /x HTTP/1.1\r\nHost: 127.0.0.1:80\r\nAccept: */*\r\n\r\n"
    )
    posted = request_bytes("/x", 80, b"abc", "image/jpeg")
    assert posted.endswith(b"Content-Type: image/jpeg\r\nContent-Length: 3\r\n\r\nabc")
    plan = Plan(port=80, seconds=1, paths=("/a", "/b"))
    assert [request.split()[1] for request in make_requests(plan)] == [b"/a", b"/b"]
