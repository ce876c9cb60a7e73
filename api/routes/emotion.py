"""``POST /emotion``: the apparent expression alone."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Depends, Query, Request

from api.expression import read_expression
from api.notice import notice_version
from api.openapi import picture_body
from api.params import EmotionParams
from api.problem import request_id
from api.schemas import EmotionAnswer, EmotionOut
from api.security import require
from api.state import services
from api.uploads import FIELD, UploadLimits, read_frames
from data.errors import InvalidParameterError

router = APIRouter(tags=["recommend"])


@router.post(
    "/emotion",
    operation_id="emotion",
    dependencies=[Depends(require("recommend"))],
    openapi_extra=picture_body(required=True),
)
async def emotion(request: Request, params: Annotated[EmotionParams, Query()]) -> EmotionAnswer:
    """Read the apparent expression of a face.

    What a face shows is not what a person feels: `uncertain` is true where the network should not
    be relied on. The picture stays in memory and is forgotten with the request.
    """
    running = services(request)
    limits = UploadLimits(running.settings.max_image_bytes, params.consent, running.gate.check_room)
    frames = await read_frames(request, limits)
    if not frames:
        raise InvalidParameterError(
            FIELD, f"no picture was sent: use the multipart field `{FIELD}` or a raw image body"
        )
    scores = await read_expression(running, frames, params.face)
    return EmotionAnswer(
        **dict(EmotionOut.from_scores(scores)),
        notice_url=running.settings.notice_url,
        notice_version=notice_version(running.settings),
        request_id=request_id(request),
    )
