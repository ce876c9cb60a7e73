"""The HTTP service: settings in, application out."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from importlib.metadata import PackageNotFoundError, version

import structlog
from fastapi import FastAPI
from starlette.concurrency import run_in_threadpool

from api import openapi, problem
from api.inference import InferenceGate
from api.logs import configure_logging
from api.lyrics import LyricVectors
from api.middleware import BodyLimitMiddleware, RequestContextMiddleware
from api.routes import (
    emotion,
    feedback,
    health,
    pages,
    playlists,
    posting,
    recommend,
    similar,
    song_mood,
    songs,
    users,
)
from api.security import ensure_safe_bind
from api.state import RecommendationEngine, Services
from api.uploads import MAX_FRAMES
from api.watcher import CatalogueWatcher
from data.db.session import Database
from data.settings import Settings

_ROUTES = (
    recommend, emotion, feedback, songs, similar, song_mood, posting, playlists, users, health,
    pages,
)  # fmt: skip
#: Room for the form around the pictures, bytes.
_FORM_ROOM = 1_000_000


def create_app(
    settings: Settings | None = None,
    *,
    engine: RecommendationEngine | None = None,
    database: Database | None = None,
) -> FastAPI:
    """Build the application; models and database are opened once, when it starts.

    Args:
        settings: default: the environment's, which makes this a factory for ASGI servers.
        engine: default: the bundle in force, by ``recommender.bootstrap``.
        database: default: the configured one. A database that is passed in is not closed.

    Raises:
        ConfigError: at start, if the service would be reachable from outside without API keys.
    """
    chosen = settings or Settings()

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        if not structlog.is_configured():
            configure_logging(chosen.log_level)
        app.state.services = running = await run_in_threadpool(_build, chosen, engine, database)
        running.watcher = watcher = _watcher(running)
        watcher.start()
        try:
            yield
        finally:
            await run_in_threadpool(watcher.stop)
            if database is None:
                running.database.dispose()

    app = FastAPI(
        title="Attune",
        version=_version(),
        lifespan=lifespan,
        docs_url=None,
        redoc_url=None,
        redirect_slashes=False,
    )
    for module in _ROUTES:
        app.include_router(module.router)
    app.mount("/static", pages.PageFiles(directory=pages.WEB, check_dir=False))
    problem.install(app)
    openapi.install(app)
    # The last one added is the outermost: ids and log lines also for bodies that are refused.
    upload = chosen.max_image_bytes * MAX_FRAMES + _FORM_ROOM
    app.add_middleware(BodyLimitMiddleware, max_upload=upload)
    app.add_middleware(RequestContextMiddleware)
    return app


def _build(
    settings: Settings, engine: RecommendationEngine | None, database: Database | None
) -> Services:
    opened = database or _open_database(settings)
    ensure_safe_bind(settings, opened)
    gate = InferenceGate(settings.inference_slots, settings.inference_wait_s)
    in_force = engine or _open_engine(settings)
    return Services(settings, opened, in_force, gate, LyricVectors(settings))


def _watcher(running: Services) -> CatalogueWatcher:
    def swap(engine: RecommendationEngine) -> None:
        running.engine = engine

    return CatalogueWatcher(
        running.database,
        running.vectors,
        running.engine,
        swap,
        running.settings.watch_seconds,
    )


def _open_database(settings: Settings) -> Database:
    from recommender.bootstrap import build_database

    return build_database(settings)


def _open_engine(settings: Settings) -> RecommendationEngine:
    from threadpoolctl import threadpool_limits

    from recommender.bootstrap import build_engine

    engine = build_engine(settings)
    # Requests run side by side already: a second BLAS thread only makes them wait for each other.
    threadpool_limits(1, user_api="blas")
    return engine


def _version() -> str:
    try:
        return version("attune")
    except PackageNotFoundError:
        return "0+unknown"
