"""Headers that a request earns on its way to any answer, a problem included."""

from __future__ import annotations

from collections.abc import Mapping

from starlette.requests import Request
from starlette.types import Scope

_KEY = "answer_headers"


def add_headers(request: Request, headers: Mapping[str, str]) -> None:
    """Send ``headers`` with whatever the request is answered."""
    request.scope.setdefault("state", {}).setdefault(_KEY, {}).update(headers)


def added_headers(scope: Scope) -> Mapping[str, str]:
    """Return what :func:`add_headers` was given for the request of ``scope``."""
    found: Mapping[str, str] = scope.get("state", {}).get(_KEY, {})
    return found
