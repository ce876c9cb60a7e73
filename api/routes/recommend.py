"""``GET`` and ``POST /recommend``: songs for a listener in a moment."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Annotated, Any

import structlog
from fastapi import APIRouter, Depends, Query, Request
from starlette.concurrency import run_in_threadpool

from api.expression import read_expression
from api.openapi import picture_body
from api.params import RecommendParams
from api.problem import request_id
from api.schemas import (
    EmotionOut,
    ItemOut,
    MoodOut,
    RecommendationOut,
    SongOut,
)
from api.security import Caller, require
from api.song_schemas import predicted_moods
from api.state import Services, services
from api.uploads import UploadLimits, read_frames
from data.errors import InvalidParameterError
from data.types import EmotionScores, Mood, Song, Strategy
from recommender import query as ask
from recommender.answering import answer_query
from recommender.mood import expected_mood, parse_mood
from recommender.text import checked_text

router = APIRouter(tags=["recommend"])
_log = structlog.get_logger("attune.api")


async def recommend(
    request: Request,
    params: Annotated[RecommendParams, Query()],
    caller: Annotated[Caller, Depends(require("recommend"))],
) -> RecommendationOut:
    """Recommend songs that fit the listener and the moment.

    The moment comes from a selfie (multipart field `selfie`, up to five frames of one moment, or
    the raw bytes of one picture; `consent=true` is needed), from a stated `mood`, or from neither.
    With `query` the songs are also to fit some words ("rainy sunday, slow and warm"); their mood
    counts where neither is given. A stated mood always wins: a selfie sent beside it is not even
    decoded. An unknown user is a cold start, not an error. `GET` and `POST` do the same; browsers,
    proxies and caches drop the body of a `GET`, so use `POST` through those.
    """
    caller.check_user(params.user)
    stated = None if params.mood is None else parse_mood(params.mood)
    _check_text(params.query)
    running = services(request)
    limits = UploadLimits(running.settings.max_image_bytes, params.consent)
    frames = await read_frames(request, limits)
    scores = None
    if frames and stated is None:
        scores = await read_expression(running, frames, params.face)
    query = _query(params, stated, scores)
    answer, items = await run_in_threadpool(_answer, running, query)
    return RecommendationOut(
        user=params.user,
        emotion=_emotion(params.mood, scores),
        mood=_mood(answer, stated, scores, params.strategy),
        items=items,
        fallback=answer.fallback,
        model_version=answer.model_version,
        notice_url=running.settings.notice_url,
        request_id=request_id(request),
    )


_DOCUMENTED: dict[str, Any] = {"response_model": RecommendationOut, "openapi_extra": picture_body()}
router.get("/recommend", operation_id="recommend", **_DOCUMENTED)(recommend)
router.post("/recommend", operation_id="recommend_post", **_DOCUMENTED)(recommend)


def _query(params: RecommendParams, stated: Mood | None, scores: EmotionScores | None) -> ask.Query:
    return ask.Query(
        user_id=params.user,
        n=params.n,
        offset=params.offset,
        strategy=params.strategy,
        emotion=scores,
        stated=stated,
        text=params.query,
        exclude_heard=params.exclude_heard,
        exclude=tuple(params.exclude),
        explain=params.explain,
    )


def _check_text(text: str | None) -> None:
    """Refuse words that cannot be looked for before a picture is read in vain."""
    if text is not None:
        with _parameter_named():
            checked_text(text)


@contextmanager
def _parameter_named() -> Iterator[None]:
    """Call the recommender's ``text`` by the name that the parameter has here."""
    try:
        yield
    except InvalidParameterError as exc:
        if exc.parameter != "text":
            raise
        raise InvalidParameterError("query", str(exc)) from exc


def _emotion(mood: str | None, scores: EmotionScores | None) -> EmotionOut | None:
    if mood is not None:
        return EmotionOut.from_stated(mood)
    return None if scores is None else EmotionOut.from_scores(scores)


def _mood(
    answer: ask.Recommendation, stated: Mood | None, scores: EmotionScores | None, how: Strategy
) -> MoodOut:
    """Tell what was read or stated, also where the strategy makes nothing of it."""
    aim = answer.mood
    seen = expected_mood(scores) if scores else None
    in_words = aim.current if aim else None
    return MoodOut.from_moods(stated or seen or in_words, aim.target if aim else None, how)


def _answer(running: Services, query: ask.Query) -> tuple[ask.Recommendation, list[ItemOut]]:
    """Compute in a worker thread."""
    with _parameter_named():
        answer = answer_query(running.engine, running.database, query)
    if answer.gone:
        # The model may know songs that were since taken out of the catalogue.
        _log.warning("songs_not_in_catalogue", songs=answer.gone)
    shown = _shown(running, answer.songs)
    items = [ItemOut.from_ranked(r, shown[r.song_id]) for r in answer.recommendation.songs]
    return answer.recommendation, items


def _shown(running: Services, songs: Mapping[str, Song]) -> dict[str, SongOut]:
    predicted = predicted_moods(running, songs.values())
    return {key: SongOut.from_song(song, predicted.get(key)) for key, song in songs.items()}
