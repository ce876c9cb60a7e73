"""``GET`` and ``POST /recommend``: songs for a listener in a moment."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Request, Response
from starlette.concurrency import run_in_threadpool

from api import metrics
from api.expression import read_expression
from api.filter_params import song_filter
from api.notice import notice_version
from api.openapi import picture_body
from api.params import RecommendParams
from api.problem import request_id
from api.query_model import QueryModel
from api.remembering import check_remember, remember_emotion
from api.rendering import rendered
from api.schemas import (
    EmotionOut,
    ExperimentOut,
    MoodOut,
    RecommendationOut,
)
from api.security import Caller, require
from api.sessions import Session, made_by_of
from api.split import count_answer_in
from api.state import Services, services
from api.uploads import UploadLimits, read_frames
from data.errors import InvalidParameterError
from data.filters import SongFilter
from data.types import EmotionScores, Mood, Strategy
from recommender import query as ask
from recommender.mood import expected_mood, parse_mood
from recommender.text import checked_text

router = APIRouter(tags=["recommend"])


_PARAMS = QueryModel(RecommendParams)


async def recommend(
    request: Request,
    caller: Annotated[Caller, Depends(require("recommend"))],  # before anything is said of the rest
    params: Annotated[RecommendParams, Depends(_PARAMS)],
) -> Response:
    """Recommend songs that fit the listener and the moment.

    The moment comes from a selfie (multipart field `selfie`, up to five frames of one moment, or
    the raw bytes of one picture; `consent=true` is needed), from a stated `mood`, or from neither.
    With `query` the songs are also to fit some words ("rainy sunday, slow and warm"); their mood
    counts where neither is given. A stated mood always wins: a selfie sent beside it is not even
    decoded. An unknown user is a cold start, not an error. `GET` and `POST` do the same; browsers,
    proxies and caches drop the body of a `GET`, so use `POST` through those.

    For a next page send the same parameters with the `session` of the answer and an `offset`: it
    goes on where the page before ended, and no picture is needed again. Songs disliked or muted
    since are left out of it, so it may be shorter.
    """
    caller.check_user(params.user)
    asked, session, songs = params, Session.read(params), song_filter(params)
    if session is not None:
        params = params.model_copy(update={"mood": session.mood})
    stated = None if params.mood is None else parse_mood(params.mood)
    _check_text(params.query)
    running, part = services(request).for_user(params.user)
    check_remember(running.settings, params.remember)
    params = params.in_experiment(part)
    # A picture that is not going to be read needs no place in the queue.
    room = running.gate.check_room if stated is None and session is None else None
    limits = UploadLimits(running.settings.max_image_bytes, params.consent, room)
    frames = await read_frames(request, limits)
    scores = None if session is None else session.reading
    if frames and stated is None and session is None:
        scores = await read_expression(running, frames, params.face)
    made_by = made_by_of(running.engine.version, part)
    query = _query(params, stated, scores, songs, None if session is None else session.of(made_by))
    answer, items, snapshot = await running.answering.pool.run(_answer, running, query)
    emotion = _emotion(params.mood, scores)
    if params.remember and session is None:
        await run_in_threadpool(remember_emotion, running, params.user, emotion, stated)
    metrics.count_answer(params.mood, answer.fallback)
    count_answer_in(part)
    answered = RecommendationOut(
        user=params.user,
        emotion=emotion,
        mood=_mood(answer, stated, scores, params.strategy),
        items=[],
        fallback=answer.fallback,
        model_version=answer.model_version,
        experiment=ExperimentOut.of(part),
        session=Session(snapshot, made_by, params.mood, scores).token(asked),
        notice_url=running.settings.notice_url,
        notice_version=notice_version(running.settings),
        request_id=request_id(request),
    )
    return rendered(answered, items)


_DOCUMENTED: dict[str, Any] = {
    "response_model": RecommendationOut,
    "openapi_extra": {"parameters": _PARAMS.documented(), **picture_body()},
}
router.get("/recommend", operation_id="recommend", **_DOCUMENTED)(recommend)
router.post("/recommend", operation_id="recommend_post", **_DOCUMENTED)(recommend)


def _query(
    params: RecommendParams,
    stated: Mood | None,
    scores: EmotionScores | None,
    songs: SongFilter,
    snapshot: ask.Snapshot | None,
) -> ask.Query:
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
        songs=songs,
        snapshot=snapshot,
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


def _answer(
    running: Services, query: ask.Query
) -> tuple[ask.Recommendation, list[Mapping[str, Any]], ask.Snapshot]:
    """Compute in a thread of the pool."""
    with _parameter_named():
        return running.answering.answer(running, query)
