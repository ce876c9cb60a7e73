"""How many requests a process answers at a time, and how many parameters one may have."""

from __future__ import annotations

from starlette.requests import Request
from starlette.types import ASGIApp, Receive, Scope, Send

from api.errors import OverloadedError
from api.problem import kind_of, problem, request_id
from data.errors import AttuneError, InvalidParameterError

#: Asked by whoever watches over the process, above all when it is busy.
_ALWAYS = ("/health/", "/metrics")


#: Parameters of one query string; ``exclude`` and ``exclude_artist`` have five hundred each.
_PARAMETERS = 1100


class CrowdMiddleware:
    """Refuses requests at once while as many are being answered as a process takes.

    Without it a flood waits in memory until each client gave up, and is answered in vain. A query
    string of more parameters than any honest one is refused before it is taken apart.
    """

    def __init__(self, app: ASGIApp, most: int) -> None:
        self._app = app
        self._left = most

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one ASGI connection."""
        if scope["type"] != "http" or scope["path"].startswith(_ALWAYS):
            await self._app(scope, receive, send)
            return
        refusal = self._refusal(scope)
        if refusal is not None:
            answer = problem(kind_of(refusal), request_id(Request(scope)), str(refusal))
            await answer(scope, receive, send)
            return
        self._left -= 1
        try:
            await self._app(scope, receive, send)
        finally:
            self._left += 1

    def _refusal(self, scope: Scope) -> AttuneError | None:
        if self._left < 1:
            return OverloadedError("too many requests at a time; try again in a second")
        if scope.get("query_string", b"").count(b"&") >= _PARAMETERS:
            return InvalidParameterError(
                "query string", f"the query string has more than {_PARAMETERS} parameters"
            )
        return None
