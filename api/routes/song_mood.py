"""``GET /songs/{id}/mood``: what a song's words and tags say, and which lines carry it."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Depends, Query, Request

from api.errors import UnknownSongError
from api.lyrics import lyric_key
from api.params import SongId
from api.problem import request_id
from api.schemas import SongOut
from api.security import require
from api.song_schemas import MoodReadingOut, predicted_moods
from api.state import services
from data.db.repositories import SongRepository

router = APIRouter(tags=["songs"], dependencies=[Depends(require("recommend"))])
#: Lines told at most: enough to see why, too few to read the lyrics by.
MAX_LINES = 5


@router.get("/songs/{song_id}/mood", operation_id="song_mood")
def song_mood(
    request: Request,
    song_id: SongId,
    lines: Annotated[int, Query(ge=0, le=MAX_LINES, description="lines that carry it")] = 3,
) -> MoodReadingOut:
    """Return the mood that is read in a song, how sure that is, and the lines that carry it.

    It describes words and tags, not how anybody feels.
    """
    running = services(request)
    with running.database.session() as session:
        repository = SongRepository(session)
        song, lyrics = repository.get(song_id), repository.lyrics(song_id)
    if song is None:
        raise UnknownSongError(f"the catalogue has no song {song_id[:60]!r}")
    vector = running.vectors.get([lyric_key(lyrics)])[0]
    reading = running.engine.read_mood(song, vector, lyrics, lines)
    shown = SongOut.from_song(song, predicted_moods(running, [song]).get(song_id))
    return MoodReadingOut.from_reading(shown, reading, request_id(request))
