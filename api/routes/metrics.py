"""``GET /metrics``: numbers for Prometheus."""

from __future__ import annotations

import hmac
from typing import Any

from fastapi import APIRouter, Depends, Request, Response

from api import metrics as numbers
from api.exposition import exposition
from api.security import require
from api.state import Services, services
from data.errors import StorageError

router = APIRouter(tags=["health"])
_TEXT: dict[str, Any] = {"schema": {"type": "string"}}
_DOCUMENTED: dict[int | str, dict[str, Any]] = {
    200: {
        "description": "The numbers of all workers.",
        "content": {"text/plain": _TEXT, "application/openmetrics-text": _TEXT},
    }
}


_admin = require("admin")


async def _scraper(request: Request) -> None:
    """Let in whoever has the token of the settings, without the database, or an admin's key."""
    token = services(request).settings.metrics_token
    if token is not None:
        given = request.headers.get("authorization", "").encode("latin-1")
        if hmac.compare_digest(given, f"Bearer {token.get_secret_value()}".encode()):
            return
    await _admin(request)


@router.get(
    "/metrics",
    operation_id="metrics",
    response_class=Response,
    responses=_DOCUMENTED,
    dependencies=[Depends(_scraper)],
)
def metrics(request: Request) -> Response:
    """Counts, times and states in Prometheus' text format, or OpenMetrics by `Accept`."""
    _look(services(request))
    text, content_type = exposition(request.headers.get("accept", ""))
    return Response(text, headers={"Content-Type": content_type})


def _look(running: Services) -> None:
    """Find out what nobody tells: whether the database answers."""
    try:
        running.database.ping()
    except StorageError:
        numbers.DATABASE_UP.set(0)
    else:
        numbers.DATABASE_UP.set(1)
