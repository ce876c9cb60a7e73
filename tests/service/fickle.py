"""An application that cannot start while a file exists."""

from __future__ import annotations

import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import PlainTextResponse
from starlette.routing import Route


def create() -> Starlette:
    """Build it; ``/`` tells the process, ``/feedback`` waits for a body."""

    @asynccontextmanager
    async def lifespan(app: Starlette) -> AsyncIterator[None]:
        if Path(os.environ["FICKLE"]).exists():
            raise RuntimeError("what it needs is away")
        yield

    async def who(request: Request) -> PlainTextResponse:
        return PlainTextResponse(str(os.getpid()))

    async def read(request: Request) -> PlainTextResponse:
        return PlainTextResponse(f"{len(await request.body())} bytes")

    routes = [Route("/", who), Route("/feedback", read, methods=["POST"])]
    return Starlette(routes=routes, lifespan=lifespan)
