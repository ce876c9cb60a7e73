"""What requests may say: query parameters and the body of feedback, with their limits."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Annotated, Any, Literal, Self

from pydantic import AfterValidator, BaseModel, Field, WithJsonSchema

from api.experiments import Assignment
from api.filter_params import Explicit, FirstYear, Languages, LastYear, LeftOutArtists
from api.plain_text import PLAIN, plain
from data.moods import EMOTION_MOODS, MOOD_WORDS
from data.types import Event, Strategy

_TIME = {"anyOf": [{"type": "string", "format": "date-time"}, {"type": "number", "minimum": 0}]}
_AXIS = r"-?(0(\.[0-9]{1,6})?|1(\.0{1,6})?)"
#: For ``json_schema_extra``: what ``recommender.mood.parse_mood`` takes, written plainly.
MOOD: dict[str, Any] = {
    "pattern": f"^({'|'.join(sorted({*EMOTION_MOODS, *MOOD_WORDS}))}|{_AXIS},{_AXIS})$"
}
Emotion = Literal["angry", "disgust", "fear", "happy", "sad", "surprise", "neutral"]
#: How far ahead of ours a caller's clock may be.
_SKEW = timedelta(days=1)


def _utc(at: datetime) -> datetime:
    """Take a time without zone as UTC; refuse what no clock could have said."""
    at = at if at.tzinfo else at.replace(tzinfo=UTC)
    if not datetime(1970, 1, 1, tzinfo=UTC) <= at <= datetime.now(UTC) + _SKEW:
        raise ValueError("must lie between 1970 and now")
    return at.astimezone(UTC)


UserId = Annotated[
    str, Field(min_length=1, max_length=128, json_schema_extra=PLAIN), AfterValidator(plain)
]
SongId = Annotated[
    str,
    Field(min_length=1, max_length=512, json_schema_extra=PLAIN, description="id in the catalogue"),
    AfterValidator(plain),
]
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
        json_schema_extra=MOOD,
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
    language: Languages = []
    year_from: FirstYear = None
    year_to: LastYear = None
    explicit: Explicit = True
    exclude_artist: LeftOutArtists = []
    face: Face = Field("largest", description="which face to use; `only` refuses several")
    explain: bool = Field(True, description="fill in the reasons")
    session: Annotated[str, AfterValidator(plain)] | None = Field(
        None,
        min_length=1,
        max_length=2000,
        json_schema_extra={"pattern": r"^[A-Za-z0-9_-]+$"},
        description="`session` of the answer before: with `offset`, the next page of the same "
        "list, though feedback, new songs or mutes came between; its mood need not be sent again",
    )
    remember: bool = Field(
        False,
        description="keep this mood in the user's emotion history, where the service has one",
    )

    def in_experiment(self, part: Assignment | None) -> Self:
        """Return the parameters with an arm's choice of what the request leaves open."""
        if part is None or part.arm.strategy is None or "strategy" in self.model_fields_set:
            return self
        return self.model_copy(update={"strategy": part.arm.strategy})


class EmotionParams(BaseModel):
    """Query parameters of ``/emotion``."""

    consent: bool = Field(False, description="the person in the picture agrees to its use")
    face: Face = Field("largest", description="which face to use; `only` refuses several")


class FeedbackIn(BaseModel):
    """What a listener did with a song."""

    user: UserId
    song: SongId
    event: Event
    at: Annotated[datetime, AfterValidator(_utc), WithJsonSchema(_TIME)] | None = Field(
        None, description="when, ISO 8601 or unix seconds; default now; without zone: UTC"
    )
    emotion: Emotion | None = Field(
        None, description="expression at the time; kept with the event, so send it only if agreed"
    )
