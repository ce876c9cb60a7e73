"""Running the service under uvicorn."""

from __future__ import annotations

import os
from typing import Any

import uvicorn

from api.app import create_app
from api.security import ensure_safe_bind
from api.supervision import embedding_supervisor
from data.settings import Settings
from recommender.bootstrap import build_database


def run_server(settings: Settings) -> None:
    """Serve until told to stop, with the embedding worker beside the service.

    Raises:
        ConfigError: if the service would be reachable from outside without API keys.
        StorageError: if the database cannot be used, or lacks migrations.
    """
    _check_bind(settings)
    worker = embedding_supervisor(settings) if settings.embed_worker else None
    if worker is not None:
        worker.start()
    try:
        _run(settings)
    finally:
        if worker is not None:
            worker.stop()


def _run(settings: Settings) -> None:
    # uvicorn's own access log would write query strings, and those name listeners and moods.
    options: dict[str, Any] = {
        "host": settings.host,
        "port": settings.port,
        "access_log": False,
        "server_header": False,
        "log_level": settings.log_level.lower(),
        "timeout_graceful_shutdown": 15,
    }
    if settings.workers == 1:
        uvicorn.run(create_app(settings), **options)
        return
    # Worker processes build their own application from the environment: it must say what the
    # command line said, above all which address decides whether keys are needed.
    os.environ["ATTUNE_HOST"] = settings.host
    os.environ["ATTUNE_PORT"] = str(settings.port)
    uvicorn.run("api.app:create_app", factory=True, workers=settings.workers, **options)


def _check_bind(settings: Settings) -> None:
    """Fail here, with one clear message, rather than in every worker."""
    database = build_database(settings)
    try:
        if settings.database_url is None:
            database.upgrade()
        else:  # a shared database is migrated by its keeper, not by whoever starts first
            database.check_schema()
        ensure_safe_bind(settings, database)
    finally:
        database.dispose()
