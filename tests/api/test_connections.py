"""Clients that are slow, endless or broken, on real sockets under the protocol that serves."""

from __future__ import annotations

import json
import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from uvicorn.protocols.http.auto import AutoHTTPProtocol
from uvicorn.protocols.http.h11_impl import H11Protocol

from api.app import create_app
from api.protocol import HEAD_BYTES, GuardedProtocol, HeadGuard
from data.db.session import Database
from data.settings import Settings
from tests.api.fakes import FakeEngine
from tests.api.pictures import jpeg
from tests.api.test_security import make_key
from tests.listening import listening
from tests.waiting import eventually

ASK = "/recommend?user=ana&consent=true"
GET = b"GET /health/live HTTP/1.1\r\nHost: localhost\r\n\r\n"
Serve = Callable[..., int]


class GuardedH11(HeadGuard, H11Protocol):  # type: ignore[misc]
    """As where httptools is not installed."""


#: The one without further packages, and the one that is taken here, which may be the same.
PROTOCOLS = (
    [GuardedH11] if issubclass(AutoHTTPProtocol, H11Protocol) else [GuardedH11, GuardedProtocol]
)


@pytest.fixture(params=PROTOCOLS)
def serve(request: pytest.FixtureRequest, database: Database, tmp_path: Path) -> Iterator[Serve]:
    """Serve with other settings; returns the port."""
    with ExitStack() as stack:

        def started(head_timeout_s: float = 10.0, **settings: Any) -> int:
            chosen = Settings(home=tmp_path, watch_seconds=0, _env_file=None, **settings)  # type: ignore[call-arg]
            app = create_app(chosen, engine=FakeEngine(), database=database)
            protocol = partial(request.param, head_timeout_s=head_timeout_s)
            return stack.enter_context(listening(app, http=protocol, server_header=False))

        yield started


def post(path: str, *headers: str) -> bytes:
    lines = [f"POST {path} HTTP/1.1", "Host: localhost", *headers, "", ""]
    return "\r\n".join(lines).encode()


@contextmanager
def connected(port: int) -> Iterator[socket.socket]:
    with socket.create_connection(("127.0.0.1", port), timeout=30) as opened:
        yield opened


def until_closed(opened: socket.socket) -> bytes:
    """Return all that comes until the server hangs up; a reset is a way to do so."""
    answer = b""
    try:
        while part := opened.recv(65536):
            answer += part
    except ConnectionError:
        pass
    return answer


def told(answer: bytes) -> tuple[int, str]:
    head, _, body = answer.partition(b"\r\n\r\n")
    return int(head.split()[1]), json.loads(body)["code"]


@pytest.mark.parametrize(
    "headers",
    [
        ("Content-Type: image/jpeg", "Content-Length: 5000"),
        ("Content-Type: image/jpeg", "Transfer-Encoding: chunked"),
        ("Content-Type: multipart/form-data; boundary=b", "Content-Length: 5000"),
    ],
    ids=["length", "chunked", "form"],
)
def test_a_body_that_does_not_arrive_is_given_up(serve: Serve, headers: tuple[str, ...]) -> None:
    with connected(serve(body_timeout_s=0.2)) as slow:
        slow.sendall(post(ASK, *headers))
        if "chunked" in headers[1]:
            slow.sendall(b"2\r\n\xff\xd8\r\n")
        answer = until_closed(slow)
    assert told(answer) == (408, "request_timeout")
    assert b"connection: close" in answer.lower()


def test_a_body_that_drips_is_given_up_all_the_same(serve: Serve) -> None:
    """The time is for the whole body: a byte now and then does not win more."""
    port = serve(body_timeout_s=0.3)
    with connected(port) as slow:
        slow.sendall(post(ASK, "Content-Type: image/jpeg", "Content-Length: 100000"))
        stop = threading.Event()

        def drip() -> None:
            while not stop.wait(0.02):
                try:
                    slow.sendall(b"x")
                except OSError:
                    return

        dripping = threading.Thread(target=drip)
        dripping.start()
        try:
            answer = until_closed(slow)
        finally:
            stop.set()
            dripping.join()
    assert b" 408 " in answer.split(b"\r\n")[0]


def test_json_that_does_not_arrive_is_given_up_too(serve: Serve) -> None:
    with connected(serve(body_timeout_s=0.2)) as slow:
        slow.sendall(post("/feedback", "Content-Type: application/json", "Content-Length: 50"))
        assert told(until_closed(slow)) == (408, "request_timeout")


def test_slow_clients_keep_nobody_else_waiting(serve: Serve) -> None:
    port = serve(body_timeout_s=20.0, inference_slots=1, inference_queue=0)
    with ExitStack() as stack:
        for _ in range(20):
            slow = stack.enter_context(connected(port))
            slow.sendall(post(ASK, "Content-Type: image/jpeg", "Content-Length: 5000") + b"\xff")
        with connected(port) as quick:
            picture = jpeg()
            head = post(
                ASK, "Content-Type: image/jpeg", f"Content-Length: {len(picture)}",
                "Connection: close",
            )  # fmt: skip
            quick.sendall(head + picture)
            assert until_closed(quick).startswith(b"HTTP/1.1 200 ")


@pytest.mark.parametrize(
    "begun", [b"", b"GET /health/li", b"GET /health/live HTTP/1.1\r\nHost: localhost\r\nX-A: "]
)
def test_a_head_that_does_not_arrive_ends_the_connection(serve: Serve, begun: bytes) -> None:
    with connected(serve(head_timeout_s=0.2)) as slow:
        slow.sendall(begun)
        assert until_closed(slow) == b""


def test_a_second_head_that_does_not_arrive_ends_the_connection(serve: Serve) -> None:
    """uvicorn's own pause between requests stops with the first byte of the next one."""
    with connected(serve(head_timeout_s=1.0)) as slow:
        slow.sendall(GET + b"GET /he")
        answer = until_closed(slow)
    assert answer.startswith(b"HTTP/1.1 200 ")
    assert answer.count(b"HTTP/1.1") == 1


def test_a_refused_body_cannot_be_sent_for_ever(serve: Serve) -> None:
    with connected(serve(head_timeout_s=1.0)) as slow:
        slow.sendall(post("/feedback", "Content-Type: text/x", "Content-Length: 99999999"))
        answer = until_closed(slow)
    assert told(answer) == (413, "body_too_large")


@pytest.mark.parametrize(
    "head",
    [
        b"GET /health/live HTTP/1.1\r\nHost: localhost\r\nX-A: " + b"a" * 2 * HEAD_BYTES,
        b"GET /health/live?" + b"a" * 2 * HEAD_BYTES,
        b"GET /health/live HTTP/1.1\r\n" + b"X-A: b\r\n" * (HEAD_BYTES // 4),
        b"GET /health/live HTTP/1.1\r\nX-A: " + b"a" * 2 * HEAD_BYTES + b"\r\n\r\n",
    ],
    ids=["endless field", "endless target", "many fields", "complete"],
)
def test_a_head_that_is_too_long_is_refused(serve: Serve, head: bytes) -> None:
    with connected(serve()) as long:
        with suppress(ConnectionError):
            long.sendall(head)
        answer = until_closed(long)
    # A server that hangs up on a client that still sends may take the answer along.
    assert answer == b"" or answer.split()[1] in (b"431", b"400")


def test_a_head_within_the_limit_passes(serve: Serve) -> None:
    with connected(serve()) as long:
        long.sendall(GET[:-2] + b"X-A: " + b"a" * (HEAD_BYTES - 200) + b"\r\n\r\n")
        assert long.recv(12) == b"HTTP/1.1 200"


@pytest.mark.parametrize(
    "request_bytes",
    [
        post("/feedback", "Content-Length: 5", "Content-Length: 6") + b"hello!",
        post("/feedback", "Content-Length: 5", "Transfer-Encoding: chunked") + b"0\r\n\r\n",
        post("/feedback", "Content-Length: -5"),
        post("/feedback", "Content-Length: five"),
        post("/feedback", "Transfer-Encoding: chunked") + b"zz\r\nno\r\n",
        post("/feedback", "Transfer-Encoding: gzip, chunked, identity") + b"x",
        b"GET /health/live HTTP/1.1\r\nHost: localhost\r\nX: a\rb: c\r\n\r\n",
        b"GET /health/live HTTP/1.1\r\nHost: localhost\r\nX A: b\r\n\r\n",
        b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03",
    ],
    ids=["two lengths", "length and chunks", "negative", "word", "bad chunk", "odd encoding",
         "bare CR", "space in name", "TLS"],
)  # fmt: skip
def test_what_proxies_could_read_otherwise_is_refused(serve: Serve, request_bytes: bytes) -> None:
    with connected(serve()) as odd:
        odd.sendall(request_bytes)
        answer = until_closed(odd)
    assert answer.split()[1] == b"400"
    assert answer.count(b"HTTP/1.1 ") == 1


def test_a_body_longer_than_announced_is_no_second_request_of_ours(serve: Serve) -> None:
    with connected(serve()) as odd:
        body = b'{"user": "ana", "song": "s1", "event": "like"}'
        head = post("/feedback", "Content-Type: application/json", f"Content-Length: {len(body)}")
        odd.sendall(head + body + b"and more of it\r\n\r\n")
        answer = until_closed(odd)
    assert answer.count(b"HTTP/1.1 200 ") <= 1
    assert answer.count(b"HTTP/1.1 400 ") == 1


def test_nothing_says_which_server_this_is(serve: Serve) -> None:
    with connected(serve()) as opened:
        opened.sendall(GET)
        assert b"\r\nserver:" not in opened.recv(65536).lower()


def test_a_socket_is_not_offered(serve: Serve) -> None:
    with connected(serve()) as opened:
        opened.sendall(
            b"GET / HTTP/1.1\r\nHost: localhost\r\nConnection: upgrade\r\nUpgrade: websocket\r\n"
            b"Sec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\nSec-WebSocket-Version: 13\r\n\r\n"
        )
        assert opened.recv(12) == b"HTTP/1.1 200"


def test_an_answer_that_nobody_reads_is_dropped(serve: Serve) -> None:
    """Else it would wait in memory for as long as the client likes."""
    port = serve(head_timeout_s=0.3)
    with socket.socket() as lazy:
        lazy.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        lazy.connect(("127.0.0.1", port))
        lazy.sendall(b"GET /openapi.json HTTP/1.1\r\nHost: localhost\r\n\r\n" * 400)

        def hung_up() -> bool:
            try:
                lazy.sendall(b"\r\n")
            except OSError:
                return True
            return False

        lazy.settimeout(1)
        eventually(hung_up)


@pytest.mark.parametrize(
    ("path", "code"),
    [(ASK, 401), ("/emotion?consent=true", 401), ("/emotion", 403), ("/recommend?user=bob", 403)],
)
def test_no_picture_is_read_of_who_may_not_send_one(
    serve: Serve, database: Database, path: str, code: int
) -> None:
    """Neither without a key, nor without consent, nor for another: the head decides."""
    key = make_key(database, ("recommend",), user="ana")
    headers = ["Content-Type: image/jpeg", "Content-Length: 5000"]
    if code == 403:
        headers.append(f"Authorization: Bearer {key}")
    with connected(serve(host="0.0.0.0")) as sending:
        sending.sendall(post(path, *headers))
        assert sending.recv(12) == f"HTTP/1.1 {code}".encode()
