"""``POST /playlists`` and ``GET /playlists/{id}``: journeys from one mood to another."""

from __future__ import annotations

from collections.abc import Collection
from typing import Annotated, Any

import structlog
from fastapi import APIRouter, Depends, Path, Request, Response

from api import metrics
from api.caching import TAGGED, tagged
from api.errors import IdempotencyConflictError, UnknownPlaylistError
from api.idempotency import IdempotencyKey, body_sha256, check_key
from api.playlist_files import FORMATS, accepted, file_response, split_suffix
from api.playlist_schemas import PlaylistIn, PlaylistOut, stored_details
from api.problem import request_id
from api.schemas import SongOut
from api.security import Caller, require
from api.song_schemas import predicted_moods
from api.state import Services, services
from data.db.repositories import PlaylistRepository, SavedPlaylist, SongRepository
from recommender.journeys.answering import answer_playlist

router = APIRouter(tags=["playlists"])
_log = structlog.get_logger("attune.api")
_DOCUMENTED: dict[int | str, dict[str, Any]] = {
    200: {
        "model": PlaylistOut,
        "description": "The playlist, in the format of the suffix or of `Accept`.",
        "content": {
            kind.media[0]: {"schema": {"type": "object" if suffix == "jspf" else "string"}}
            for suffix, kind in FORMATS.items()
            if kind.write
        },
    },
    **TAGGED,
}


@router.post("/playlists", operation_id="post_playlist", status_code=201)
def post_playlist(
    request: Request,
    response: Response,
    body: PlaylistIn,
    caller: Annotated[Caller, Depends(require("recommend"))],
    idempotency_key: IdempotencyKey = None,
) -> PlaylistOut:
    """Make and keep a playlist that starts at one mood and arrives at another.

    The songs follow a way through the mood plane by small steps, are liked by this listener, and
    differ from their neighbours. Songs with any event of the user do not come. Where too few songs
    have a known mood, the plain list is given (`"fallback": "few_moods"`). The playlist is the
    user's: it is exported and erased with everything else.
    """
    caller.check_user(body.user)
    check_key(idempotency_key)
    running, _ = services(request).for_user(body.user)
    saved, duplicate = _made(running, body, idempotency_key)
    response.headers["Location"] = f"/playlists/{saved.id}"
    return _shown(running, saved, request_id(request), duplicate)


@router.get(
    "/playlists/{playlist_id}",
    operation_id="playlist",
    response_model=PlaylistOut,
    responses=_DOCUMENTED,
)
def playlist(
    request: Request,
    playlist_id: Annotated[
        str,
        Path(max_length=64, description="id, with `.json`, `.m3u8`, `.xspf` or `.jspf` if wanted"),
    ],
    caller: Annotated[Caller, Depends(require("recommend"))],
) -> Response:
    """Return a playlist as JSON or as a file for players.

    The suffix says which; without one, `Accept` does.
    """
    name, suffix = split_suffix(playlist_id)
    running = services(request)
    with running.database.session() as session:
        saved = PlaylistRepository(session).get(name)
    if saved is None:
        raise UnknownPlaylistError(f"there is no playlist {name!r}")
    caller.check_user(saved.user_id)
    chosen = suffix or accepted(request.headers.get("accept"))
    found = _shown(running, saved, request_id(request))
    if chosen == "json":
        return tagged(request, found)
    return file_response(request, found, chosen)


def _made(running: Services, body: PlaylistIn, key: str | None) -> tuple[SavedPlaylist, bool]:
    """Make the playlist, unless the key did so before; tell which."""
    sha256 = body_sha256(body)
    query = body.to_query()
    if key is not None:
        with running.database.session() as session:
            before = PlaylistRepository(session).made(body.user, key)
        if before is not None:
            return _same(before, sha256), True
    found = answer_playlist(running.engine, running.database, query)
    metrics.count_answer(None, found.answer.fallback)
    if found.gone:
        _log.warning("songs_not_in_catalogue", songs=found.gone)
    with running.database.session(durable=True) as session:
        playlists = PlaylistRepository(session)
        made = playlists.save(
            body.user,
            [one.song_id for one in found.answer.songs],
            name=body.name,
            details=stored_details(found.answer),
            idempotency_key=key,
            sha256=None if key is None else sha256,
        )
        saved = playlists.get(made)
    assert saved is not None
    # Another request with the key may have come between.
    return (saved if key is None else _same(saved, sha256)), False


def _same(before: SavedPlaylist, sha256: str) -> SavedPlaylist:
    if before.sha256 != sha256:
        raise IdempotencyConflictError(
            "this Idempotency-Key was used for another playlist of this user; use a new key for "
            "every playlist"
        )
    return before


def _shown(
    running: Services, saved: SavedPlaylist, rid: str, duplicate: bool = False
) -> PlaylistOut:
    return PlaylistOut.from_saved(saved, _songs(running, saved.song_ids), rid, duplicate)


def _songs(running: Services, ids: Collection[str]) -> dict[str, SongOut]:
    with running.database.session() as session:
        rows = SongRepository(session).get_many(ids)
    moods = predicted_moods(running, rows.values())
    return {key: SongOut.from_song(row, moods.get(key)) for key, row in rows.items()}
