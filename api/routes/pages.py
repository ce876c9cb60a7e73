"""The page for people, the privacy notice, the reference, and a few listeners of the demo."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from fastapi import APIRouter, Depends, Request
from starlette.exceptions import HTTPException
from starlette.responses import FileResponse, HTMLResponse, Response
from starlette.staticfiles import StaticFiles

from api.caching import tagged_bytes
from api.html import APP_CSP, PLAIN_CSP, document
from api.notice import notice_html
from api.reference import reference_page
from api.security import require
from api.state import services
from data.datasets.demo import listener_ids
from data.db.repositories import UserRepository

router = APIRouter()
WEB = Path(__file__).resolve().parent.parent / "web"
_SHOWN = 12


class PageFiles(StaticFiles):
    """The page's files; browsers ask whether they changed before they use their copy."""

    def file_response(self, *args: Any, **kwargs: Any) -> Response:
        """Add the caching rule."""
        response = super().file_response(*args, **kwargs)
        response.headers["Cache-Control"] = "no-cache"
        return response


@router.get("/", include_in_schema=False)
def page() -> Response:
    """Serve the page."""
    index = WEB / "index.html"
    if not index.is_file():
        raise HTTPException(404)
    return FileResponse(
        index,
        media_type="text/html",
        headers={"Content-Security-Policy": APP_CSP, "Cache-Control": "no-cache"},
    )


@router.get("/privacy", operation_id="privacy", tags=["pages"], response_class=HTMLResponse)
def privacy() -> HTMLResponse:
    """Tell in plain words what happens with a picture, what is stored, and the rights."""
    return _plain(document("Attune: privacy notice", notice_html()))


@router.get("/openapi.json", include_in_schema=False)
def openapi(request: Request) -> Response:
    """Describe this interface to programs."""
    content = json.dumps(request.app.openapi(), separators=(",", ":")).encode()
    return tagged_bytes(request, content, "application/json")


@router.get("/docs", include_in_schema=False)
def reference(request: Request) -> HTMLResponse:
    """Show the reference of this interface."""
    return _plain(reference_page(request.app.openapi()))


@router.get(
    "/demo/listeners",
    operation_id="demo_listeners",
    tags=["pages"],
    dependencies=[Depends(require("recommend"))],
)
def demo_listeners(request: Request) -> list[str]:
    """Return a few simulated listeners to try, never real ones; none without the demo."""
    running = services(request)
    if running.engine.catalogue != "demo":
        return []
    with running.database.session() as session:
        simulated = listener_ids()
        ids = [i for i in UserRepository(session).ids() if i in simulated]
    return ids[:: max(1, len(ids) // _SHOWN)][:_SHOWN]


def _plain(text: str) -> HTMLResponse:
    return HTMLResponse(text, headers={"Content-Security-Policy": PLAIN_CSP})
