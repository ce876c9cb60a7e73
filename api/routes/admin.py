"""``POST /admin/reload``: the published bundle and the experiments file, put in force now."""

from __future__ import annotations

from fastapi import APIRouter, Depends, Request
from pydantic import BaseModel, ConfigDict, Field

from api.problem import request_id
from api.security import require
from api.state import services

router = APIRouter(prefix="/admin", tags=["admin"], dependencies=[Depends(require("admin"))])


class ReloadOut(BaseModel):
    """What is in force now."""

    model_config = ConfigDict(protected_namespaces=())

    model_version: str | None = Field(description="the bundle in force; null without one")
    previous: str | None = Field(description="the one before this request")
    changed: bool = Field(description="false if what is published was in force already")
    request_id: str


@router.post("/reload", operation_id="reload")
def reload(request: Request) -> ReloadOut:
    """Put the published bundle and the experiments file in force, without a failed request.

    Loading happens beside the answers, and this one comes when it is done; requests on their way
    keep the engine they began with. The other worker processes follow within
    `ATTUNE_WATCH_SECONDS`. A bundle that is damaged, incomplete or of another version is refused
    (`bundle_refused`), as is a wrong file of experiments (`experiments_refused`): what was in force
    stays.
    """
    done = services(request).keeper.reload()
    return ReloadOut(
        model_version=done.version,
        previous=done.previous,
        changed=done.changed,
        request_id=request_id(request),
    )
