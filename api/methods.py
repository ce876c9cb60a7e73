"""HEAD for everything that can be fetched, and an honest ``Allow``."""

from __future__ import annotations

from starlette.requests import Request
from starlette.routing import BaseRoute, Match, Mount
from starlette.types import ASGIApp, Message, Receive, Scope, Send

_ASKED = ("GET", "POST", "PUT", "PATCH", "DELETE")
#: What the router says about a request, which the log and the numbers want to know.
_FOUND = ("route", "endpoint", "path_params")


class HeadMiddleware:
    """Answers HEAD as GET without the body.

    RFC 9110, 9.1 asks every server for both; 9.3.2: the same header fields as a GET would have.
    The framework's routes know only the methods they are given.
    """

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one ASGI connection."""
        if scope["type"] != "http" or scope["method"] != "HEAD":
            await self._app(scope, receive, send)
            return
        # A copy: the server looks at its own scope to leave the body out.
        asked = dict(scope, method="GET")

        async def bodiless(message: Message) -> None:
            if message["type"] == "http.response.body":
                message = {**message, "body": b""}
            await send(message)

        try:
            await self._app(asked, receive, bodiless)
        finally:
            scope.update({name: asked[name] for name in _FOUND if name in asked})


def allowed_methods(request: Request) -> str:
    """Return the methods that the request's path takes, as ``Allow`` lists them.

    The framework lists those of the first route alone, where several share a path, and none of what
    is mounted, which is files here.
    """
    # A mount has moved the root of the path to itself.
    root = request.scope.get("app_root_path", request.scope.get("root_path", ""))
    asked = dict(request.scope, root_path=root)
    allowed = []
    for method in _ASKED:
        if any(_takes(route, asked, method) for route in request.app.router.routes):
            allowed += ["GET", "HEAD"] if method == "GET" else [method]
    return ", ".join(allowed)


def _takes(route: BaseRoute, scope: Scope, method: str) -> bool:
    if isinstance(route, Mount) and method != "GET":
        return False
    return route.matches(dict(scope, method=method))[0] is Match.FULL
