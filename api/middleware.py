"""What surrounds every request: an id, a log line, security headers and a limit on the body.

Plain ASGI, so that bodies stream through without being gathered here.
"""

from __future__ import annotations

import re
import time
import traceback
import uuid
from collections.abc import MutableMapping

import structlog
from starlette.datastructures import Headers, MutableHeaders
from starlette.requests import ClientDisconnect, Request
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from api.errors import BodyTooLargeError
from api.problem import BODY_TOO_LARGE, INTERNAL, TOO_LARGE, problem, request_id

_REQUEST_ID = re.compile(r"[A-Za-z0-9._-]{1,64}")
#: What logs say for a client that hung up; nobody is left to receive it.
_CLIENT_GONE = 499
#: Routes that take pictures; everything else takes small JSON.
PICTURE_PATHS = frozenset({"/recommend", "/emotion"})
SMALL_BODY = 64 * 1024
#: A song with 50,000 characters of lyrics, each written as an escape of up to twelve bytes.
SONG_PATH, SONG_BODY = "/songs", 700_000

_HEADERS = {
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Permissions-Policy": "camera=(self), microphone=(), geolocation=()",
    "Content-Security-Policy": "default-src 'none'; frame-ancestors 'none'",
    "Cache-Control": "no-store",
}


class RequestContextMiddleware:
    """Gives every request an id, answers what nobody caught, and writes the access log.

    The log has the route, status, milliseconds and request id; never the query string, a body or
    the message of an unexpected error, since those may hold what a caller sent.
    """

    def __init__(self, app: ASGIApp) -> None:
        self._app = app
        self._log = structlog.get_logger("attune.access")

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one ASGI connection."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        rid = _accepted_id(Headers(scope=scope).get("x-request-id"))
        scope.setdefault("state", {})["request_id"] = rid
        started = time.perf_counter()
        outcome: MutableMapping[str, int] = {}

        async def dressed(message: Message) -> None:
            if message["type"] == "http.response.start":
                outcome["status"] = message["status"]
                headers = MutableHeaders(scope=message)
                headers["X-Request-ID"] = rid
                for name, value in _HEADERS.items():
                    headers.setdefault(name, value)
                if _is_demo(scope):
                    headers["X-Attune-Catalogue"] = "demo"
            await send(message)

        try:
            await self._app(scope, receive, dressed)
        except ClientDisconnect:
            outcome["status"] = _CLIENT_GONE
        except Exception as exc:  # the last resort, by design
            self._log_unexpected(exc, rid)
            if "status" in outcome:
                raise
            answer = problem(INTERNAL, rid, INTERNAL.title)
            await answer(scope, receive, dressed)
        finally:
            ms = round((time.perf_counter() - started) * 1000, 1)
            self._log.info(
                "request",
                method=scope["method"],
                path=_route(scope),
                status=outcome.get("status", 0),
                ms=ms,
                request_id=rid,
            )

    def _log_unexpected(self, error: Exception, rid: str) -> None:
        """Log where it happened, without values: messages and locals may hold a caller's data."""
        frames = traceback.extract_tb(error.__traceback__)[-6:]
        where = [f"{frame.filename}:{frame.lineno} {frame.name}" for frame in frames]
        self._log.error("unexpected", error=type(error).__name__, where=where, request_id=rid)


class BodyLimitMiddleware:
    """Refuses bodies above a limit while they stream, with or without a ``Content-Length``.

    Args:
        max_upload: bytes for routes that take pictures; ``/songs`` takes
            :data:`SONG_BODY`, all others :data:`SMALL_BODY`.
    """

    def __init__(self, app: ASGIApp, max_upload: int) -> None:
        self._app = app
        self._max_upload = max_upload

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one ASGI connection."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        pictures = scope["path"] in PICTURE_PATHS
        other = SONG_BODY if scope["path"] == SONG_PATH else SMALL_BODY
        limit = self._max_upload if pictures else other
        guard = _Guard(receive, send, limit)
        announced = Headers(scope=scope).get("content-length", "0")
        if announced.isdecimal() and int(announced) > limit:
            guard.exceeded = True
        else:
            try:
                await self._app(scope, guard.receive, guard.send)
            except BodyTooLargeError:
                if guard.started:
                    raise
        if guard.exceeded and not guard.started:
            kind = TOO_LARGE if pictures else BODY_TOO_LARGE
            detail = f"the request body may have at most {limit} bytes in all"
            answer = problem(kind, request_id(Request(scope)), detail)
            await answer(scope, receive, send)


class _Guard:
    """Counts what is received; once over the limit, the application's own answer is dropped."""

    def __init__(self, receive: Receive, send: Send, limit: int) -> None:
        self._receive = receive
        self._send = send
        self._left = limit
        self.exceeded = False
        self.started = False

    async def receive(self) -> Message:
        message = await self._receive()
        self._left -= len(message.get("body", b""))
        if self._left < 0:
            self.exceeded = True
            raise BodyTooLargeError("the request body is too large")
        return message

    async def send(self, message: Message) -> None:
        if self.exceeded and not self.started:
            return
        self.started = True
        await self._send(message)


def _accepted_id(given: str | None) -> str:
    """Keep a caller's id if it is short and plain, so that nothing odd gets into the log."""
    if given is not None and _REQUEST_ID.fullmatch(given):
        return given
    return uuid.uuid4().hex


def _is_demo(scope: Scope) -> bool:
    """Whether answers come from the simulated catalogue, which every answer then says."""
    running = getattr(scope["app"].state, "services", None)
    return running is not None and running.engine.catalogue == "demo"


def _route(scope: Scope) -> str:
    """The route's template: the path itself may name a user or a song."""
    return str(getattr(scope.get("route"), "path", "unmatched"))
