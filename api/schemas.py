"""The JSON of answers, exactly as the contract has it. NaN becomes null."""

from __future__ import annotations

import math
from typing import Annotated, Literal, Self

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field

from api.experiments import Assignment
from data.moods import nearest_emotion
from data.types import EMOTIONS, EmotionScores, Event, Mood, Song, Strategy
from recommender.query import Fallback, RankedSong, ReasonKind

#: Valence and arousal.
SongMood = tuple[float, float]


def _no_nan(value: object) -> object:
    return None if isinstance(value, float) and not math.isfinite(value) else value


Number = Annotated[float | None, BeforeValidator(_no_nan)]


class BoxOut(BaseModel):
    """The face that was used, pixels of the upright picture."""

    x: int
    y: int
    width: int
    height: int


class EmotionOut(BaseModel):
    """The apparent expression, or the mood that was stated instead.

    From a selfie every field is filled. For a stated mood ``label`` is the word that was given
    (null for a point), ``confidence`` is 1, and there are no probabilities and no face.
    """

    label: str | None
    probabilities: dict[str, float] | None
    confidence: float
    uncertain: bool
    source: Literal["selfie", "stated", "none"]
    faces: int
    box: BoxOut | None

    @classmethod
    def from_scores(cls, scores: EmotionScores) -> Self:
        """Build from what the camera path read."""
        box = scores.box
        return cls(
            label=scores.label,
            probabilities=dict(zip(EMOTIONS, map(float, scores.probabilities), strict=True)),
            confidence=float(scores.confidence),
            uncertain=bool(scores.uncertain),
            source="selfie",
            faces=scores.faces,
            box=box and BoxOut(x=box.x, y=box.y, width=box.width, height=box.height),
        )

    @classmethod
    def from_stated(cls, mood: str) -> Self:
        """Build from the text of the ``mood`` parameter."""
        word = mood.strip().lower()
        return cls(
            label=None if "," in word else word,
            probabilities=None,
            confidence=1.0,
            uncertain=False,
            source="stated",
            faces=0,
            box=None,
        )


class EmotionAnswer(EmotionOut):
    """What ``POST /emotion`` answers."""

    notice_url: str
    notice_version: str | None = Field(description="of the privacy notice at `notice_url`")
    request_id: str


class PointOut(BaseModel):
    """A point of the mood plane, each axis in [-1, 1]; null where unknown."""

    valence: Number
    arousal: Number


class MoodOut(PointOut):
    """The mood read or stated and where the strategy aims; nulls where there is none."""

    strategy: Strategy
    target: PointOut

    @classmethod
    def from_moods(cls, current: Mood | None, target: Mood | None, strategy: Strategy) -> Self:
        """Build from points of the plane; with strategy ``off`` there is no target."""
        aim = PointOut(
            valence=target.valence if target else None, arousal=target.arousal if target else None
        )
        return cls(
            valence=current.valence if current else None,
            arousal=current.arousal if current else None,
            strategy=strategy,
            target=aim,
        )


class SongMoodOut(PointOut):
    """Mood of a song, stated by the catalogue or predicted from its lyrics."""

    emotion: str | None


class SongOut(BaseModel):
    """One song."""

    id: str
    title: str
    artist: str
    album: str | None
    year: int | None
    duration_s: Number
    explicit: bool | None = Field(None, description="marked as explicit; null where nobody said")
    links: dict[str, str]
    mood: SongMoodOut

    @classmethod
    def from_song(cls, song: Song, predicted: SongMood | None = None) -> Self:
        """Build from a catalogue row; ``predicted`` fills in where the row has no mood."""
        valence, arousal, emotion = song.valence, song.arousal, song.mood_emotion
        if lacks_mood(song) and predicted is not None:
            valence, arousal = predicted
        emotion = emotion or nearest_emotion(valence, arousal)
        return cls(
            id=song.id,
            title=song.title,
            artist=song.artist,
            album=song.album,
            year=song.year,
            duration_s=song.duration_s,
            explicit=song.explicit,
            links=song.links or {},
            mood=SongMoodOut(valence=valence, arousal=arousal, emotion=emotion),
        )


class ReasonOut(BaseModel):
    """One piece of evidence; ``weight`` is its share of the score, 0..1."""

    kind: ReasonKind
    weight: Number
    text: str


class ItemOut(BaseModel):
    """One song of the answer, at its place of the ranking (1 is first)."""

    rank: int
    song: SongOut
    score: Number
    reasons: list[ReasonOut]

    @classmethod
    def from_ranked(cls, ranked: RankedSong, song: SongOut) -> Self:
        """Join a place of the ranking with its song."""
        reasons = [ReasonOut(kind=r.kind, weight=r.weight, text=r.text) for r in ranked.reasons]
        return cls(rank=ranked.rank, song=song, score=ranked.score, reasons=reasons)


class ExperimentOut(BaseModel):
    """The A/B experiment that the listener takes part in, and which way they are answered."""

    name: str
    arm: str

    @classmethod
    def of(cls, part: Assignment | None) -> Self | None:
        """Build from an assignment, if there is one."""
        return None if part is None else cls(name=part.experiment, arm=part.arm.name)


class RecommendationOut(BaseModel):
    """What ``/recommend`` answers."""

    model_config = ConfigDict(protected_namespaces=())

    user: str
    emotion: EmotionOut | None
    mood: MoodOut
    items: list[ItemOut]
    fallback: Fallback | None
    model_version: str | None
    experiment: ExperimentOut | None = Field(
        None, description="the A/B experiment that decided how this was answered; null for none"
    )
    session: str = Field(
        description="to be sent with `offset` for the next page of this list; another than the one "
        "that was sent where the model is another, and the pages before do not fit exactly"
    )
    notice_url: str
    notice_version: str | None = Field(description="of the privacy notice at `notice_url`")
    request_id: str


class FeedbackOut(BaseModel):
    """The event as recorded; ``duplicate`` if this ``Idempotency-Key`` had recorded it before."""

    user: str
    song: str
    event: Event
    duplicate: bool
    request_id: str


class ReadyOut(BaseModel):
    """A service that can answer; ``degraded`` where what is published cannot be put in force."""

    model_config = ConfigDict(protected_namespaces=())

    status: Literal["ready", "degraded"]
    model_version: str
    database: Literal["ready"]
    expression: Literal["ready"]
    songs: Literal["ready", "degraded"] = Field(
        description="`degraded` while songs that come now are not seen; answers go on as before"
    )
    bundle: Literal["ready", "degraded"] = Field(
        description="`degraded` while the published bundle is refused; the one before serves on"
    )
    experiments: Literal["ready", "degraded"] = Field(
        description="`degraded` while the experiments file is refused; those before stay in force"
    )
    songs_pending: int = Field(description="songs that wait for their lyrics to be embedded")
    detail: str | None = Field(None, description="what is degraded, and why")


class LiveOut(BaseModel):
    """A process that answers."""

    status: Literal["live"] = "live"


class Problem(BaseModel):
    """RFC 9457 problem details; ``code`` is stable, ``detail`` is for people."""

    type: str
    title: str
    status: int
    detail: str
    code: str
    request_id: str
    parameter: str | None = Field(None, description="the offending parameter, if there is one")
    errors: list[dict[str, str]] | None = Field(None, description="all that is wrong, by parameter")


def lacks_mood(song: Song) -> bool:
    """Tell whether the catalogue row of ``song`` has no mood."""
    return math.isnan(song.valence) or math.isnan(song.arousal)
