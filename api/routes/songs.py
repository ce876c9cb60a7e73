"""``GET /songs/{id}``: one song of the catalogue."""

from __future__ import annotations

from fastapi import APIRouter, Depends, Request

from api.errors import UnknownSongError
from api.params import SongId
from api.schemas import SongOut, lacks_mood
from api.security import require
from api.state import services
from data.db.repositories import SongRepository

router = APIRouter(tags=["songs"])


@router.get("/songs/{song_id}", operation_id="song", dependencies=[Depends(require("recommend"))])
def song(request: Request, song_id: SongId) -> SongOut:
    """Return one song with its mood."""
    running = services(request)
    with running.database.session() as session:
        found = SongRepository(session).get(song_id)
    if found is None:
        raise UnknownSongError(f"the catalogue has no song {song_id[:60]!r}")
    predicted = running.engine.song_moods([song_id]) if lacks_mood(found) else {}
    return SongOut.from_song(found, predicted.get(song_id))
