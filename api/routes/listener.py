"""What a listener tells about themselves: artists to leave out, and moods to be remembered."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Annotated

from fastapi import APIRouter, Query, Request, Response

from api.errors import UnknownArtistError
from api.filter_params import ArtistName
from api.problem import request_id
from api.routes.users import Cursor, Reader, UserPath, Writer
from api.state import services
from api.user_schemas import (
    EmotionHistoryOut,
    MutedArtistOut,
    MutedArtistsOut,
    RememberedOut,
)
from data.db.repositories import EmotionRepository, MutedArtistRepository

router = APIRouter(tags=["users"])
Artist = Annotated[ArtistName, Query(description="name, whatever case, accents or `The`")]


@router.get("/users/{user_id}/muted-artists", operation_id="muted_artists")
def muted_artists(request: Request, user: UserPath, caller: Reader) -> MutedArtistsOut:
    """Return the artists that are left out of all lists of a user."""
    caller.check_user(user)
    with services(request).database.session() as session:
        rows = MutedArtistRepository(session).all_of(user)
    return MutedArtistsOut(
        user=user,
        items=[MutedArtistOut(artist=name, at=at) for name, at in rows],
        request_id=request_id(request),
    )


@router.put("/users/{user_id}/muted-artists", operation_id="mute_artist", status_code=204)
def mute_artist(request: Request, user: UserPath, artist: Artist, caller: Writer) -> Response:
    """Leave an artist out of every list and playlist of a user from now on."""
    caller.check_user(user)
    with services(request).database.session() as session:
        if not MutedArtistRepository(session).mute(user, artist):
            raise UnknownArtistError(f"the catalogue has no artist {artist[:60]!r}")
    return Response(status_code=204)


@router.delete("/users/{user_id}/muted-artists", operation_id="unmute_artist", status_code=204)
def unmute_artist(request: Request, user: UserPath, artist: Artist, caller: Writer) -> Response:
    """Let an artist come back; nothing happens if they were not muted."""
    caller.check_user(user)
    with services(request).database.session() as session:
        MutedArtistRepository(session).unmute(user, artist)
    return Response(status_code=204)


@router.get("/users/{user_id}/emotions", operation_id="emotion_history")
def emotion_history(
    request: Request,
    user: UserPath,
    caller: Reader,
    n: Annotated[int, Query(ge=1, le=500, description="how many rows")] = 50,
    cursor: Cursor = None,
) -> EmotionHistoryOut:
    """Return the moods that a user asked to be remembered and that have not expired, newest first.

    There are none unless the operator keeps a history and requests said `remember=true`.
    """
    caller.check_user(user)
    with services(request).database.session() as session:
        rows, after = EmotionRepository(session).page(user, datetime.now(UTC), n, cursor)
    return EmotionHistoryOut(
        user=user,
        items=[RememberedOut.from_row(row) for row in rows],
        next_cursor=None if after is None else str(after),
        request_id=request_id(request),
    )


@router.delete("/users/{user_id}/emotions", operation_id="forget_emotions", status_code=204)
def forget_emotions(request: Request, user: UserPath, caller: Writer) -> Response:
    """Forget all remembered moods of a user; nothing happens if there are none."""
    caller.check_user(user)
    running = services(request)
    with running.database.session() as session:
        gone = EmotionRepository(session).forget(user)
    if gone:
        running.database.forget_deleted()
    return Response(status_code=204)
