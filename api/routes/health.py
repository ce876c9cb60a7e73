"""``/health/live`` and ``/health/ready``: for whoever watches over the process."""

from __future__ import annotations

from collections.abc import Mapping

from fastapi import APIRouter, Request
from starlette.responses import Response

from api.problem import NOT_READY, problem, request_id
from api.schemas import LiveOut, ReadyOut
from api.state import Services, services
from data.errors import SchemaOutOfDateError, StorageError

router = APIRouter(prefix="/health", tags=["health"])
_REMEDIES = {
    "database": "the database does not answer",
    "schema": "the database lacks migrations (`attune db upgrade`)",
    "model": "no bundle is published (`attune publish` or `attune demo`)",
    "expression": "no expression network is loaded",
}


@router.get("/live", operation_id="live")
def live() -> LiveOut:
    """Tell that the process answers; touches nothing else."""
    return LiveOut()


@router.get("/ready", operation_id="ready", response_model=ReadyOut)
def ready(request: Request) -> ReadyOut | Response:
    """Tell whether every kind of request can be answered; 503 names what is missing."""
    running = services(request)
    version = running.engine.version
    missing = _missing(running)
    if version is not None and not missing:
        return _ready(running, version)
    said = [_REMEDIES[part] for part in missing]
    detail = "; ".join([*said, *_refusals(running.keeper.refused)])
    return problem(NOT_READY, request_id(request), detail, missing=missing, model_version=version)


def _ready(running: Services, version: str) -> ReadyOut:
    trouble, refused = running.keeper.songs_trouble, running.keeper.refused
    return ReadyOut(
        status="degraded" if refused else "ready",
        model_version=version,
        database="ready",
        expression="ready",
        songs="degraded" if trouble else "ready",
        bundle="degraded" if "bundle" in refused else "ready",
        experiments="degraded" if "experiments" in refused else "ready",
        songs_pending=running.keeper.songs_pending,
        detail="; ".join([*_refusals(refused), *_failing(trouble)]) or None,
    )


def _refusals(refused: Mapping[str, str]) -> list[str]:
    return [f"{what} refused: {why}" for what, why in refused.items()]


def _failing(trouble: str | None) -> list[str]:
    said = f"the last look for new songs failed ({trouble}); the log says where"
    return [said] if trouble else []


def _missing(running: Services) -> list[str]:
    missing = []
    try:
        running.database.ping()
        running.database.check_schema()
    except SchemaOutOfDateError:
        missing.append("schema")
    except StorageError:
        missing.append("database")
    if running.engine.version is None:
        missing.append("model")
    if running.engine.reader is None:
        missing.append("expression")
    return missing
