"""``POST /feedback``: what a listener did with a song, seen by the next ``/recommend``."""

from __future__ import annotations

import sys
from datetime import UTC, datetime
from typing import Annotated

from fastapi import APIRouter, Depends, Request

from api import metrics
from api.errors import IdempotencyConflictError, UnknownSongError
from api.idempotency import IdempotencyKey, check_key
from api.params import FeedbackIn
from api.problem import request_id
from api.schemas import FeedbackOut
from api.security import Caller, require
from api.split import count_feedback_in
from api.state import services
from data.db.repositories import InteractionRepository, SongRepository
from data.types import EventRow

router = APIRouter(tags=["feedback"])


@router.post("/feedback", operation_id="feedback")
def feedback(
    request: Request,
    body: FeedbackIn,
    caller: Annotated[Caller, Depends(require("feedback"))],
    idempotency_key: IdempotencyKey = None,
) -> FeedbackOut:
    """Record one event; a user not seen before is created."""
    caller.check_user(body.user)
    check_key(idempotency_key)
    with services(request).database.session(durable=True) as session:
        if SongRepository(session).get(body.song) is None:
            raise UnknownSongError(f"the catalogue has no song {body.song[:60]!r}")
        interactions = InteractionRepository(session)
        # A clock that is ahead must not make a like outlast a later dislike.
        now = datetime.now(UTC)
        at = min(body.at or now, now)
        added = interactions.add(
            body.user, body.song, body.event, at, body.emotion, idempotency_key
        )
        if not added and idempotency_key is not None:
            _check_same(_recorded(interactions, body.user, idempotency_key), body)
    if added:
        metrics.FEEDBACK.labels(body.event).inc()
        count_feedback_in(services(request).split.assign(body.user), body.event)
    return FeedbackOut(
        user=body.user,
        song=body.song,
        event=body.event,
        duplicate=not added,
        request_id=request_id(request),
    )


def _recorded(interactions: InteractionRepository, user: str, key: str) -> EventRow | None:
    """Find the event a key was used for; only a repeated key comes here, so this may be slow."""
    events = interactions.recent(user, limit=sys.maxsize)
    return next((event for event in events if event.idempotency_key == key), None)


def _check_same(recorded: EventRow | None, body: FeedbackIn) -> None:
    """Refuse a key that was used for another event.

    A time left out agrees with any, and one that lay ahead was set back when it was recorded.
    """
    if recorded is None:
        return
    before = (recorded.song_id, recorded.event, recorded.emotion)
    same_time = body.at is None or body.at >= recorded.at
    if before != (body.song, body.event, body.emotion) or not same_time:
        raise IdempotencyConflictError(
            "this Idempotency-Key was used for another event of this user; use a new key for every "
            "event"
        )
