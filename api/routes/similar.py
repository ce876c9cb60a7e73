"""``GET /songs/{id}/similar``: songs near a song."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Depends, Query, Request, Response

from api.caching import TAGGED, tagged
from api.errors import UnknownSongError
from api.params import SongId
from api.problem import request_id
from api.schemas import ItemOut, SongOut
from api.security import require
from api.song_schemas import SimilarOut, predicted_moods
from api.state import services
from data.db.repositories import SongRepository

router = APIRouter(tags=["songs"], dependencies=[Depends(require("recommend"))])


@router.get(
    "/songs/{song_id}/similar",
    operation_id="similar",
    response_model=SimilarOut,
    responses=TAGGED,
)
def similar(
    request: Request,
    song_id: SongId,
    n: Annotated[int, Query(ge=1, le=100, description="how many songs")] = 20,
) -> Response:
    """Return the songs nearest to one: by lyrics and metadata, then by who plays them.

    A song that was posted a moment ago is known as soon as the service has seen it, which takes
    about a second.
    """
    running = services(request)
    with running.database.session() as session:
        found = SongRepository(session).get(song_id)
    if found is None:
        raise UnknownSongError(f"the catalogue has no song {song_id[:60]!r}")
    ranked = running.engine.similar(song_id, n)
    with running.database.session() as session:
        rows = SongRepository(session).get_many([one.song_id for one in ranked])
    moods = predicted_moods(running, [found, *rows.values()])
    shown = {key: SongOut.from_song(row, moods.get(key)) for key, row in rows.items()}
    found_near = SimilarOut(
        song=SongOut.from_song(found, moods.get(song_id)),
        items=[ItemOut.from_ranked(r, shown[r.song_id]) for r in ranked if r.song_id in shown],
        model_version=running.engine.version,
        request_id=request_id(request),
    )
    return tagged(request, found_near)
