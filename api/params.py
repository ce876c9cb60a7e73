"""What requests may say: query parameters and the body of feedback, with their limits."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Annotated, Literal

from pydantic import AfterValidator, BaseModel, Field

from data.types import Event, Strategy

Emotion = Literal["angry", "disgust", "fear", "happy", "sad", "surprise", "neutral"]
#: How far ahead of ours a caller's clock may be.
_SKEW = timedelta(days=1)


def plain(text: str) -> str:
    """Return a text of one line, refusing control characters and lone surrogates."""
    if any(ord(c) < 0x20 or 0x7F <= ord(c) < 0xA0 or 0xD800 <= ord(c) < 0xE000 for c in text):
        raise ValueError("must not contain control characters")
    return text


def _utc(at: datetime) -> datetime:
    """Take a time without zone as UTC; refuse what no clock could have said."""
    at = at if at.tzinfo else at.replace(tzinfo=UTC)
    if not datetime(1970, 1, 1, tzinfo=UTC) <= at <= datetime.now(UTC) + _SKEW:
        raise ValueError("must lie between 1970 and now")
    return at.astimezone(UTC)


UserId = Annotated[str, Field(min_length=1, max_length=128), AfterValidator(plain)]
SongId = Annotated[str, Field(min_length=1, max_length=512), AfterValidator(plain)]
Face = Literal["largest", "only"]


class RecommendParams(BaseModel):
    """Query parameters of ``/recommend``; unknown ones are passed over."""

    user: UserId = Field(description="the caller's id of the listener; unknown is a cold start")
    n: int = Field(20, ge=1, le=100, description="how many songs")
    offset: int = Field(0, ge=0, le=10_000, description="how many of the ranking to pass over")
    strategy: Strategy = Field("match", description="what to do with the mood")
    mood: str | None = Field(
        None,
        max_length=64,
        description="a stated mood, `<word>` or `<valence>,<arousal>`; always beats the camera",
        examples=["calm", "0.3,-0.6"],
    )
    query: str | None = Field(
        None,
        min_length=1,
        max_length=500,
        description="what to look for, in words: a theme, a mood, a tag, an artist; not logged",
        examples=["rainy sunday, slow and warm"],
    )
    consent: bool = Field(False, description="the person in the picture agrees to its use")
    exclude_heard: bool = Field(True, description="leave out songs with any event of the user")
    exclude: list[SongId] = Field(
        [], max_length=500, description="ids of more songs to leave out; repeat for each"
    )
    face: Face = Field("largest", description="which face to use; `only` refuses several")
    explain: bool = Field(True, description="fill in the reasons")


class EmotionParams(BaseModel):
    """Query parameters of ``/emotion``."""

    consent: bool = Field(False, description="the person in the picture agrees to its use")
    face: Face = Field("largest", description="which face to use; `only` refuses several")


class FeedbackIn(BaseModel):
    """What a listener did with a song."""

    user: UserId
    song: SongId
    event: Event
    at: Annotated[datetime, AfterValidator(_utc)] | None = Field(
        None, description="when, ISO 8601 or unix seconds; default now; without zone: UTC"
    )
    emotion: Emotion | None = Field(
        None, description="expression at the time; kept with the event, so send it only if agreed"
    )
