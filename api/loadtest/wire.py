"""The least HTTP/1.1 client that can load a service: one keep-alive connection at a time.

It builds nothing per request (requests are bytes made beforehand), reads a status line, a length
and a body, and tells a callback, so that the machine's time goes to the service that is measured.
``attune bench load`` measures what it costs itself too (the ceiling).
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from dataclasses import dataclass

#: Without these bytes an answer with status 200 is not what was asked for.
EXPECTED = b'"items":[{'
_HEAD_END = b"\r\n\r\n"
_LENGTH = b"\r\ncontent-length:"
_RETRY = b"\r\nretry-after:"


@dataclass(slots=True)
class Outcome:
    """How one request ended.

    Attributes:
        status: HTTP status; 0 where the connection broke first.
        began: when it was to be sent, seconds of ``time.perf_counter``.
        ended: when its last byte came.
        fit: False for a 200 without songs, or a 503 or 429 without ``Retry-After``.
    """

    status: int
    began: float
    ended: float
    fit: bool


class Connection(asyncio.Protocol):
    """One connection; ``done`` is called with every outcome, and may send the next request."""

    def __init__(self, done: Callable[[Connection, Outcome], None]) -> None:
        self._done = done
        self._transport: asyncio.Transport | None = None
        self._parts: list[bytes] = []
        self._missing = -1
        self._began = 0.0
        self.busy = False

    @property
    def is_open(self) -> bool:
        """Whether a request can be sent."""
        return self._transport is not None and not self._transport.is_closing()

    def send(self, request: bytes, began: float | None = None) -> None:
        """Send one request; ``began`` is when it was due, else now."""
        assert self._transport is not None
        self.busy = True
        self._began = time.perf_counter() if began is None else began
        self._transport.write(request)

    def close(self) -> None:
        """Close without waiting."""
        if self._transport is not None:
            self._transport.abort()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:  # noqa: D102
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport

    def connection_lost(self, exc: Exception | None) -> None:  # noqa: ARG002, D102
        self._transport = None
        if self.busy:
            self._finish(0, fit=False)

    def data_received(self, data: bytes) -> None:  # noqa: D102
        self._parts.append(data)
        if self._missing < 0:
            whole = b"".join(self._parts)
            self._parts = [whole]
            end = whole.find(_HEAD_END)
            if end < 0:
                return
            self._missing = end + 4 + _length(whole[:end]) - len(whole)
        else:
            self._missing -= len(data)
        if self._missing <= 0:
            whole = b"".join(self._parts)
            status = int(whole[9:12])
            self._finish(status, fit=_is_fit(status, whole))

    def _finish(self, status: int, *, fit: bool) -> None:
        self._parts, self._missing, self.busy = [], -1, False
        self._done(self, Outcome(status, self._began, time.perf_counter(), fit))


def _length(head: bytes) -> int:
    at = head.lower().find(_LENGTH)
    if at < 0:
        return 0
    return int(head[at + len(_LENGTH) :].split(b"\r\n", 1)[0])


def _is_fit(status: int, answer: bytes) -> bool:
    if status == 200:
        return EXPECTED in answer
    if status in {429, 503}:
        return _RETRY in answer[:2000].lower()
    return True


def request_bytes(path: str, port: int, body: bytes | None = None, kind: str = "") -> bytes:
    """Return a whole request: a GET, or with a body a POST of media type ``kind``."""
    lines = [
        f"{'POST' if body else 'GET'} {path} HTTP/1.1",
        f"Host: 127.0.0.1:{port}",
        "Accept: */*",
    ]
    if body:
        lines += [f"Content-Type: {kind}", f"Content-Length: {len(body)}"]
    return ("\r\n".join(lines) + "\r\n\r\n").encode("ascii") + (body or b"")
