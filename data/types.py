"""The vocabulary that the rooms share: small frozen dataclasses and the label order."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Literal

import numpy as np
from numpy.typing import NDArray

#: The seven apparent expressions, in the label order of FER2013. This order is a contract:
#: every array of seven probabilities in Attune follows it.
EMOTIONS = ("angry", "disgust", "fear", "happy", "sad", "surprise", "neutral")

Strategy = Literal["match", "lift", "calm", "energize", "off"]
STRATEGIES: tuple[Strategy, ...] = ("match", "lift", "calm", "energize", "off")

Event = Literal["play", "complete", "skip", "like", "dislike", "save"]
EVENTS: tuple[Event, ...] = ("play", "complete", "skip", "like", "dislike", "save")

#: What an API key may be used for.
Scope = Literal["recommend", "feedback", "admin"]


@dataclass(frozen=True, slots=True)
class Mood:
    """A point of the valence-arousal plane (Russell, 1980), both axes in [-1, 1]."""

    valence: float
    arousal: float


@dataclass(frozen=True, slots=True)
class FaceBox:
    """A face in pixels of the upright picture: left, top, width, height."""

    x: int
    y: int
    width: int
    height: int


@dataclass(frozen=True, slots=True)
class EmotionScores:
    """The apparent expression of one moment.

    Attributes:
        probabilities: seven floats in the order of :data:`EMOTIONS`, summing to 1.
        confidence: calibrated probability of the top label.
        uncertain: True when the confidence is below the model's abstention threshold.
        faces: number of faces found in the (last) picture.
        box: the face that was used.
    """

    probabilities: tuple[float, ...]
    confidence: float
    uncertain: bool
    faces: int = 1
    box: FaceBox | None = None

    @property
    def label(self) -> str:
        """The most probable of :data:`EMOTIONS`."""
        return EMOTIONS[int(np.argmax(self.probabilities))]


@dataclass(frozen=True, slots=True)
class Song:
    """One song of the catalogue. ``mood_*`` are NaN and ``mood_emotion`` None when unknown.

    ``explicit`` is whether its words are marked as such; None where nobody said.
    """

    id: str
    title: str
    artist: str
    album: str | None = None
    year: int | None = None
    duration_s: float | None = None
    genre: str | None = None
    tags: tuple[str, ...] = ()
    language: str | None = None
    links: dict[str, str] | None = None
    valence: float = float("nan")
    arousal: float = float("nan")
    mood_emotion: str | None = None
    explicit: bool | None = None


@dataclass(frozen=True, slots=True)
class SongInput:
    """One song on its way into the catalogue.

    A field that is None (or empty) never erases what the catalogue already knows.

    Attributes:
        id: the caller's id; see :func:`data.text.song_key` for the default.
        duration_s: seconds.
        links: service name -> http(s) address.
        lyrics: whole text; stored apart from the catalogue and never listed.
        valence: stated mood in [-1, 1]; kept even when a model later predicts another.
        arousal: likewise.
        explicit: whether the words are marked as explicit.
    """

    id: str
    title: str
    artist: str
    album: str | None = None
    year: int | None = None
    duration_s: float | None = None
    genre: str | None = None
    tags: tuple[str, ...] = ()
    language: str | None = None
    links: dict[str, str] | None = None
    lyrics: str | None = None
    valence: float | None = None
    arousal: float | None = None
    explicit: bool | None = None


@dataclass(frozen=True, slots=True)
class EventRow:
    """One interaction: what a user did with a song.

    Attributes:
        at: time zone aware.
        emotion: apparent or stated expression at the time, one of :data:`EMOTIONS`.
        count: how many times (play counts of public data sets); weighs ``count`` times.
        idempotency_key: the same key of the same user is stored once.
    """

    user_id: str
    song_id: str
    event: Event
    at: datetime
    emotion: str | None = None
    count: int = 1
    idempotency_key: str | None = None


@dataclass(frozen=True, slots=True)
class Moment:
    """A song put on and not refused, and the emotion of that moment.

    Attributes:
        emotion: one of :data:`EMOTIONS`, apparent or stated.
        at: time zone aware.
    """

    song_id: str
    emotion: str
    at: datetime


@dataclass(frozen=True, slots=True, weakref_slot=True)
class UserHistory:
    """What one user did until now, as the recommender sees it.

    Attributes:
        user_id: the caller's id of the user.
        known: False if the user has never been seen (a cold start, not an error).
        song_ids: every song with any event, oldest event first.
        weights: float per song, summed :data:`EVENT_WEIGHTS`; 0 for songs only skipped and
            for disliked ones.
        disliked: songs never to be shown again; always a subset of ``song_ids``. A later like
            or save takes a dislike back.
        moments: positive events that carry an emotion, oldest first.
        muted: names of the artists that are to be left out.
        last_event: number of the newest event seen, 0 without any; it grows with every event.
    """

    user_id: str
    known: bool = False
    song_ids: tuple[str, ...] = ()
    weights: tuple[float, ...] = ()
    disliked: frozenset[str] = frozenset()
    moments: tuple[Moment, ...] = ()
    muted: tuple[str, ...] = ()
    last_event: int = 0


#: Strength of one event as implicit feedback. A skip says "heard", not "liked"; a dislike
#: removes the song altogether.
EVENT_WEIGHTS: dict[Event, float] = {
    "play": 1.0, "complete": 2.0, "save": 4.0, "like": 4.0, "skip": 0.0, "dislike": 0.0,
}  # fmt: skip

#: float32 matrices and vectors are the currency of all numeric stages.
FloatArray = NDArray[np.float32]
IntArray = NDArray[np.int64]
