"""``/users/{id}``: what is stored about a user, to read, to take along, and to erase."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import APIRouter, Depends, Path, Query, Request, Response
from pydantic import AfterValidator

from api.erasing import erase_user
from api.errors import UnknownUserError
from api.plain_text import PLAIN, plain
from api.problem import request_id
from api.security import Caller, require
from api.state import services
from api.user_schemas import HistoryEvent, HistoryOut
from data.db.repositories import InteractionRepository, SongRepository, UserRepository

router = APIRouter(tags=["users"])
UserPath = Annotated[
    str,
    Path(
        alias="user_id",
        min_length=1,
        max_length=128,
        json_schema_extra=PLAIN,
        description="the caller's id of the user",
    ),
    AfterValidator(plain),
]
Reader = Annotated[Caller, Depends(require("recommend"))]
Writer = Annotated[Caller, Depends(require("feedback"))]
Cursor = Annotated[
    int | None, Query(ge=1, le=2**63 - 1, description="`next_cursor` of the page before")
]


@router.get("/users/{user_id}/history", operation_id="history")
def history(
    request: Request,
    user: UserPath,
    caller: Reader,
    n: Annotated[int, Query(ge=1, le=500, description="how many events")] = 50,
    cursor: Cursor = None,
) -> HistoryOut:
    """Return a user's events, newest first. An unknown user has none."""
    caller.check_user(user)
    with services(request).database.session() as session:
        rows, after = InteractionRepository(session).page(user, n, cursor)
        songs = SongRepository(session).get_many([row.song_id for row in rows])
    return HistoryOut(
        user=user,
        items=[HistoryEvent.from_row(row, songs.get(row.song_id)) for row in rows],
        next_cursor=None if after is None else str(after),
        request_id=request_id(request),
    )


@router.get("/users/{user_id}/export", operation_id="export_user")
def export(request: Request, user: UserPath, caller: Reader) -> dict[str, Any]:
    """Return everything stored about a user: events, playlists, emotion history, keys by name.

    Pictures, faces and what was read of them are never stored, so there are none.
    """
    caller.check_user(user)
    with services(request).database.session() as session:
        found = UserRepository(session).export(user)
    if found is None:
        raise UnknownUserError(f"nothing is stored about a user {user[:60]!r}")
    return found


@router.delete("/users/{user_id}", operation_id="erase_user", status_code=204)
def erase(request: Request, user: UserPath, caller: Writer) -> Response:
    """Erase a user: all rows, and the keys bound to the user, the one used here included.

    The next answer for this id is that of a user never seen: a model holds nothing of a user.
    """
    caller.check_user(user)
    running = services(request)
    erased = erase_user(running.settings, running.database, user)
    running.answering.forget(user)
    if not erased:
        raise UnknownUserError(f"nothing is stored about a user {user[:60]!r}")
    if running.access is not None:
        running.access.keys.forget()  # the keys bound to the user are gone
    return Response(status_code=204)
