"""Running the service under uvicorn."""

from __future__ import annotations

import math
import os
import socket
import sys
from functools import partial
from typing import Any

import structlog
import uvicorn
from fastapi import FastAPI
from uvicorn.config import STARTUP_FAILURE

from api.app import create_app
from api.experiments import check_experiments
from api.logs import configure_logging
from api.metrics_folder import metrics_folder
from api.protocol import GuardedProtocol
from api.security import ensure_safe_bind
from api.supervision import embedding_supervisor, worker_environment
from api.workers import GracefulServer, WorkerPool
from data.errors import ConfigError
from data.settings import Settings
from recommender.bootstrap import build_database


def run_server(settings: Settings) -> None:
    """Serve until told to stop, with the embedding worker beside the service.

    Exits with a status other than 0 if it could not start, or had to leave requests unanswered.

    Raises:
        ConfigError: if the service would be reachable from outside without API keys, its address
            cannot be had, or the experiments file is wrong.
        StorageError: if the database cannot be used, or lacks migrations.
    """
    if not structlog.is_configured():
        configure_logging(settings.log_level, settings.log_format)
    _check_keys(settings)
    _check_address(settings)
    check_experiments(settings)
    worker = embedding_supervisor(settings) if settings.embed_worker else None
    if worker is not None:
        worker.start()
    try:
        status = _run(settings)
    finally:
        if worker is not None:
            worker.stop()
    if status:
        sys.exit(status)


def _run(settings: Settings) -> int:
    # uvicorn's own access log would write query strings, and those name listeners and moods.
    options: dict[str, Any] = {
        "host": settings.host,
        "port": settings.port,
        "access_log": False,
        "log_config": None,  # its other lines take the form of ours: api.logs
        "server_header": False,
        # Whose X-Forwarded-For is believed: api.wrong_keys and api.security go by it.
        "forwarded_allow_ips": os.environ.get("FORWARDED_ALLOW_IPS", "127.0.0.1,::1"),
        "http": partial(GuardedProtocol, head_timeout_s=settings.head_timeout_s),
        "ws": "none",
        "log_level": settings.log_level.lower(),
        "timeout_graceful_shutdown": math.ceil(settings.shutdown_s),
    }
    if settings.workers == 1:
        server = GracefulServer(uvicorn.Config(create_app(settings, own_process=True), **options))
        server.run()
        return 0 if server.started else STARTUP_FAILURE
    # Worker processes build their own application from the environment: it must say what the
    # command line said, above all which address decides whether keys are needed.
    os.environ.update(worker_environment(settings))
    config = uvicorn.Config(
        "api.server:worker_app", factory=True, workers=settings.workers, **options
    )
    with metrics_folder(settings):
        return WorkerPool(config, settings.shutdown_s).run()


def worker_app() -> FastAPI:
    """Build the application of one of several worker processes."""
    return create_app(own_process=True)


def _check_address(settings: Settings) -> None:
    """Fail before anything is loaded, and say what to do."""
    family = socket.AF_INET6 if ":" in settings.host else socket.AF_INET
    with socket.socket(family) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((settings.host, settings.port))
        except OSError as exc:
            raise ConfigError(
                f"cannot listen on {settings.host} port {settings.port}: {exc.strerror}; choose "
                "another --host (without brackets) or --port, or stop what listens there"
            ) from exc


def _check_keys(settings: Settings) -> None:
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
