"""What surrounds every request: an id, a log line and security headers.

Plain ASGI, so that bodies stream through without being gathered here.
"""

from __future__ import annotations

import asyncio
import re
import time
import uuid
from collections.abc import Mapping, MutableMapping

import structlog
from starlette.datastructures import Headers, MutableHeaders
from starlette.requests import ClientDisconnect
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from api import metrics
from api.answer_headers import added_headers
from api.logs import where
from api.problem import ENDING, INTERNAL, problem

_REQUEST_ID = re.compile(r"[A-Za-z0-9._-]{1,64}")
#: What logs say for a client that hung up; nobody is left to receive it.
_CLIENT_GONE = 499

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

    Args:
        hsts_seconds: max-age of ``Strict-Transport-Security``; 0 for none.
    """

    def __init__(self, app: ASGIApp, hsts_seconds: int = 0) -> None:
        self._app = app
        self._headers = dict(_HEADERS)
        if hsts_seconds:
            self._headers["Strict-Transport-Security"] = f"max-age={hsts_seconds}"
        self._log = structlog.get_logger("attune.access")

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one ASGI connection."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        rid = _accepted_id(Headers(scope=scope).get("x-request-id"))
        scope.setdefault("state", {})["request_id"] = rid
        started = time.perf_counter()
        metrics.IN_FLIGHT.inc()
        outcome: MutableMapping[str, int] = {}

        async def dressed(message: Message) -> None:
            if message["type"] == "http.response.start":
                outcome["status"] = message["status"]
                headers = MutableHeaders(scope=message)
                headers["X-Request-ID"] = rid
                for name, value in self._headers.items():
                    headers.setdefault(name, value)
                headers.update(added_headers(scope))
                if _is_demo(scope):
                    headers["X-Attune-Catalogue"] = "demo"
            await send(message)

        try:
            await self._unless_ending(scope, receive, dressed, outcome)
        except ClientDisconnect:
            outcome["status"] = _CLIENT_GONE
        except Exception as exc:  # the last resort, by design
            self._log_unexpected(exc, rid)
            if "status" in outcome:
                raise
            answer = problem(INTERNAL, rid, INTERNAL.title)
            await answer(scope, receive, dressed)
        finally:
            seconds = time.perf_counter() - started
            metrics.IN_FLIGHT.dec()
            route = route_of(scope)
            metrics.observe_request(route, scope["method"], outcome.get("status", 0), seconds)
            self._log.info(
                "request",
                method=scope["method"],
                path=route,
                status=outcome.get("status", 0),
                ms=round(seconds * 1000, 1),
                request_id=rid,
            )

    async def _unless_ending(
        self, scope: Scope, receive: Receive, send: Send, outcome: Mapping[str, int]
    ) -> None:
        """Serve; a request that is cut off, because the service ends, is told so."""
        try:
            await self._app(scope, receive, send)
        except asyncio.CancelledError:
            if "status" in outcome:
                raise
            rid = scope["state"]["request_id"]
            await problem(ENDING, rid, ENDING.title)(scope, receive, send)

    def _log_unexpected(self, error: Exception, rid: str) -> None:
        kind = type(error).__name__
        self._log.error("unexpected", error=kind, where=where(error), request_id=rid)


def _accepted_id(given: str | None) -> str:
    """Keep a caller's id if it is short and plain, so that nothing odd gets into the log."""
    if given is not None and _REQUEST_ID.fullmatch(given):
        return given
    return uuid.uuid4().hex


def _is_demo(scope: Scope) -> bool:
    """Whether answers come from the simulated catalogue, which every answer then says."""
    running = getattr(scope["app"].state, "services", None)
    return running is not None and running.engine.catalogue == "demo"


def route_of(scope: Scope) -> str:
    """Return the route's template: the path itself may name a user or a song."""
    route = scope.get("route") or _plain_route(scope)
    return str(getattr(route, "path", "unmatched"))


def _plain_route(scope: Scope) -> object:
    """Find what FastAPI does not name: its own description and mounted files."""
    endpoint = scope.get("endpoint")
    if endpoint is None:
        return None
    routes = scope["app"].routes
    return next((r for r in routes if endpoint in _targets(r)), None)


def _targets(route: object) -> tuple[object, object]:
    return getattr(route, "endpoint", None), getattr(route, "app", None)
