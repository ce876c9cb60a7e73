"""``GET /songs`` and ``GET /songs/{id}``: what is in the catalogue."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Depends, Query, Request, Response

from api.caching import TAGGED, tagged
from api.errors import UnknownSongError
from api.params import SongId
from api.problem import request_id
from api.security import require
from api.song_params import SongSearch
from api.song_schemas import ListedSong, SongDetail, SongPage, predicted_moods
from api.state import services
from data.db.repositories import SongRepository

router = APIRouter(tags=["songs"], dependencies=[Depends(require("recommend"))])


@router.get("/songs", operation_id="songs", response_model=SongPage, responses=TAGGED)
def search(request: Request, params: Annotated[SongSearch, Query()]) -> Response:
    """Search the catalogue; without any condition, list it.

    Pages follow each other by `next_cursor`, and songs that are added meanwhile come last.
    """
    running = services(request)
    with running.database.session() as session:
        songs, after = SongRepository(session).search(
            params.q,
            artist=params.artist,
            genre=params.genre,
            tag=params.tag,
            songs=params.to_filter(),
            only_explicit=params.explicit is True,
            after=params.cursor,
            limit=params.n,
        )
    moods = predicted_moods(running, songs)
    items = [ListedSong.from_song(song, moods.get(song.id)) for song in songs]
    page = SongPage(items=items, next_cursor=after, request_id=request_id(request))
    return tagged(request, page)


@router.get("/songs/{song_id}", operation_id="song", response_model=SongDetail, responses=TAGGED)
def song(request: Request, song_id: SongId) -> Response:
    """Return one song with its mood, and whether its lyrics are embedded yet."""
    running = services(request)
    with running.database.session() as session:
        repository = SongRepository(session)
        found, lyrics = repository.get(song_id), repository.lyrics(song_id)
    if found is None:
        raise UnknownSongError(f"the catalogue has no song {song_id[:60]!r}")
    listed = ListedSong.from_song(found, predicted_moods(running, [found]).get(song_id))
    return tagged(request, SongDetail(**dict(listed), embedding=running.vectors.state(lyrics)))
