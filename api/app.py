"""The HTTP service: settings in, application out."""

from __future__ import annotations

import gc
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from functools import partial
from importlib.metadata import PackageNotFoundError, version
from multiprocessing import parent_process

import structlog
from fastapi import FastAPI
from fastapi.telemetry import TelemetryConfig
from starlette.concurrency import run_in_threadpool
from starlette.middleware.cors import CORSMiddleware

from api import metrics as numbers
from api import openapi, problem
from api.answering import Answering
from api.bodies import BodyLimitMiddleware, BodyLimits
from api.crowd import CrowdMiddleware
from api.expiry import Expiry
from api.following import BundleFollower
from api.hangup import on_hangup
from api.inference import InferenceGate
from api.keeper import EngineKeeper, InForce
from api.loading import Load
from api.logs import configure_logging
from api.lyrics import LyricVectors
from api.methods import HeadMiddleware
from api.middleware import RequestContextMiddleware
from api.routes import (
    admin,
    emotion,
    feedback,
    health,
    listener,
    metrics,
    pages,
    playlists,
    posting,
    recommend,
    similar,
    song_mood,
    songs,
    users,
)
from api.security import Access, ensure_safe_bind
from api.state import RecommendationEngine, Services
from api.tracing import Tracing, TracingMiddleware, open_tracing
from api.uploads import MAX_FRAMES
from data.artifacts import Bundle
from data.db.session import Database
from data.settings import Settings
from data.timing import set_timer

_ROUTES = (
    recommend, emotion, feedback, songs, similar, song_mood, posting, playlists, users, listener,
    health,
    metrics, admin, pages,
)  # fmt: skip
_log = structlog.get_logger("attune.service")
#: A statement that takes longer, or waits longer for a lock, answers nobody any more.
_STATEMENT_S = 5.0
#: FastAPI's own, which any global OpenTelemetry provider would switch on, keeps bodies and values
#: at hand and exports the messages of exceptions. Ours is api.tracing.
_NO_TELEMETRY: TelemetryConfig = {
    "tracing": False,
    "metrics": False,
    "logs": False,
    "operation_spans": False,
    "auto_configure": False,
}
#: What pages of other origins may send, and what they may see of an answer.
_CORS_SENT = ("Authorization", "Content-Type", "Idempotency-Key", "If-None-Match", "X-Request-ID")
_CORS_SHOWN = (
    "ETag", "Location", "RateLimit", "RateLimit-Policy", "Retry-After", "X-Attune-Catalogue",
    "X-Request-ID",
)  # fmt: skip
#: A request makes some thousand objects that are freed without the collector: it may look seldom.
_COLLECT = (20_000, 20, 50)
#: Room for the form around the pictures, bytes.
_FORM_ROOM = 1_000_000


def create_app(
    settings: Settings | None = None,
    *,
    engine: RecommendationEngine | None = None,
    database: Database | None = None,
    load: Load | None = None,
    tracing: Tracing | None = None,
    own_process: bool = False,
) -> FastAPI:
    """Build the application; models and database are opened once, when it starts.

    Args:
        settings: default: the environment's, which makes this a factory for ASGI servers.
        engine: stays in force, whatever is published; default: the bundle in force.
        database: default: the configured one. A database that is passed in is not closed.
        load: makes an engine of a bundle; default: ``recommender.bootstrap``.
        tracing: default: as settings and environment say; it ends with the application.
        own_process: nothing but this application runs in the process, until it ends.

    Raises:
        ConfigError: at start, if the service would be reachable from outside without API keys.
    """
    chosen = settings or Settings()
    traces = tracing or open_tracing(chosen)
    set_timer(traces.stage if traces else numbers.observed_stage)

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        if not structlog.is_configured():
            configure_logging(chosen.log_level, chosen.log_format)
        running, keeper = await run_in_threadpool(_build, chosen, engine, database, load)
        app.state.services = running
        follower = BundleFollower(keeper, 0 if engine else chosen.watch_seconds)
        keeper.start()
        follower.start()
        expiry = Expiry(running.database)
        expiry.start()
        if own_process:
            # What is there now stays: the collector need not look at it whenever it looks at
            # all, which would stop every request for a tenth of a second.
            gc.collect()
            gc.freeze()
            gc.set_threshold(*_COLLECT)
        _log.info("started", version=app.version, model_version=running.engine.version)
        try:
            with on_hangup(follower.request):
                yield
        finally:
            await run_in_threadpool(expiry.stop)
            await run_in_threadpool(follower.stop)
            await run_in_threadpool(keeper.stop)
            await run_in_threadpool(running.answering.pool.close)
            if running.access is not None:
                await running.access.close()
            if database is None:
                running.database.dispose()
            if traces is not None:
                await run_in_threadpool(traces.stop)
            _log.info("stopped")

    app = FastAPI(
        title="Attune",
        version=_version(),
        lifespan=lifespan,
        openapi_url=None,  # api.routes.pages serves it, with a tag
        docs_url=None,
        redoc_url=None,
        redirect_slashes=False,
        telemetry=_NO_TELEMETRY,
    )
    for module in _ROUTES:
        app.include_router(module.router)
    app.mount("/static", pages.PageFiles(directory=pages.WEB, check_dir=False))
    problem.install(app)
    openapi.install(app)
    _surround(app, chosen)
    if traces is not None:
        app.add_middleware(TracingMiddleware, tracing=traces)
    return app


def _surround(app: FastAPI, settings: Settings) -> None:
    """Put around the routes what every request passes, from the inside out."""
    limits = BodyLimits(
        upload=settings.max_image_bytes * MAX_FRAMES + _FORM_ROOM,
        memory=settings.upload_memory,
        timeout_s=settings.body_timeout_s,
    )
    app.add_middleware(HeadMiddleware)
    app.add_middleware(BodyLimitMiddleware, limits=limits)
    app.add_middleware(CrowdMiddleware, most=settings.max_requests)
    if settings.cors_origins:
        # Keys go in a header that pages set themselves: no cookies, so no credentials.
        app.add_middleware(
            CORSMiddleware,
            allow_origins=settings.cors_origins,
            allow_methods=("GET", "HEAD", "POST", "PUT", "DELETE"),
            allow_headers=_CORS_SENT,
            expose_headers=_CORS_SHOWN,
        )
    # Ids and log lines also for requests that are refused.
    app.add_middleware(RequestContextMiddleware, hsts_seconds=settings.hsts_seconds)


def _build(
    settings: Settings,
    engine: RecommendationEngine | None,
    database: Database | None,
    load: Load | None,
) -> tuple[Services, EngineKeeper]:
    opened = database or _open_database(settings)
    ensure_safe_bind(settings, opened)
    gate = InferenceGate(
        settings.inference_slots,
        settings.inference_wait_s,
        queue=settings.inference_queue,
        timeout_s=settings.inference_timeout_s,
    )
    vectors = LyricVectors(settings)
    keeper = EngineKeeper(
        settings,
        opened,
        vectors,
        load or partial(_open_engine, settings),
        fixed=engine,
        # A worker that is started again must not stop its parent over an edited file.
        strict=parent_process() is None,
    )
    access = Access(settings, opened)
    running = Services(
        settings,
        opened,
        keeper.engine,
        gate,
        vectors,
        Answering(settings, opened),
        keeper,
        access=access,
    )

    def put(now: InForce) -> None:
        running.engine, running.split = now.engine, now.split

    keeper.supply(put)
    return running, keeper


def _open_database(settings: Settings) -> Database:
    from recommender.bootstrap import build_database

    return build_database(settings, statement_timeout_s=_STATEMENT_S)


def _open_engine(settings: Settings, bundle: Bundle | None) -> RecommendationEngine:
    from threadpoolctl import threadpool_limits

    from recommender.bootstrap import load_engine
    from recommender.warming import warm_up

    engine = load_engine(settings, bundle)
    # Requests run side by side already: a second BLAS thread only makes them wait for each other.
    threadpool_limits(1, user_api="blas")
    warm_up(engine)
    return engine


def _version() -> str:
    try:
        return version("attune")
    except PackageNotFoundError:
        return "0+unknown"
