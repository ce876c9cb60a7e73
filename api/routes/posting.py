"""``POST /songs``: a song into the catalogue, recommendable without a restart."""

from __future__ import annotations

from typing import Any
from urllib.parse import quote

from fastapi import APIRouter, Depends, Request, Response

from api.errors import IdempotencyConflictError
from api.idempotency import IdempotencyKey, body_sha256, check_key
from api.problem import request_id
from api.security import require
from api.song_params import SongIn
from api.song_schemas import ListedSong, SongDetail, SongPosted, predicted_moods
from api.state import Services, services
from data.db.repositories import Posted, PostedSongRepository, SongRepository

router = APIRouter(tags=["songs"])
_DOCUMENTED: dict[int | str, dict[str, Any]] = {
    200: {"model": SongPosted, "description": "The song was there and has been updated."},
    201: {"description": "The song is new."},
}


@router.post(
    "/songs",
    operation_id="post_song",
    status_code=201,
    responses=_DOCUMENTED,
    dependencies=[Depends(require("admin"))],
)
def post_song(
    request: Request, response: Response, body: SongIn, idempotency_key: IdempotencyKey = None
) -> SongPosted:
    """Add a song, or update the one of that id.

    The answer does not wait for the lyrics to be embedded: a worker process does that. Within
    about a second the song is recommended by its metadata and stated mood, and by its lyrics when
    `GET /songs/{id}` says `"embedding": "ready"`. Of a song that is there already, fields that
    are left out stay as they were.
    """
    check_key(idempotency_key)
    running = services(request)
    posted, duplicate = _store(running, body, idempotency_key)
    running.keeper.wake()
    song = _detail(running, posted.song_id)
    response.status_code = 201 if posted.created else 200
    response.headers["Location"] = f"/songs/{quote(song.id, safe='')}"
    return SongPosted(
        song=song,
        status="pending" if song.embedding == "pending" else "ready",
        duplicate=duplicate,
        request_id=request_id(request),
    )


def _store(running: Services, body: SongIn, key: str | None) -> tuple[Posted, bool]:
    """Write the song, unless the key did so before; tell which, and whether it did."""
    song = body.to_input()
    with running.database.session(durable=True) as session:
        keys, songs = PostedSongRepository(session), SongRepository(session)
        before = None if key is None else keys.get(key)
        if before is None:
            new = Posted(body_sha256(body), song.id, songs.get(song.id) is None)
            songs.upsert_many([song])
            if key is None or keys.record(key, new):
                return new, False
            before = keys.get(key)  # another request with the key came between
        if before is None or before.sha256 != body_sha256(body):
            raise IdempotencyConflictError(
                "this Idempotency-Key was used for another song; use a new key for every song"
            )
        return before, True


def _detail(running: Services, song_id: str) -> SongDetail:
    with running.database.session() as session:
        repository = SongRepository(session)
        row, lyrics = repository.get_many([song_id])[song_id], repository.lyrics(song_id)
    listed = ListedSong.from_song(row, predicted_moods(running, [row]).get(song_id))
    return SongDetail(**dict(listed), embedding=running.vectors.state(lyrics))
