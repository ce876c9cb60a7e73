"""The JSON of answers about songs: one song, a page of a search, a posted song, similar ones."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Literal, Self

from pydantic import BaseModel, ConfigDict, Field

from api.lyrics import LyricState
from api.schemas import ItemOut, SongMood, SongOut, lacks_mood
from api.state import Services
from data.types import Song
from recommender.reading import MoodReading

#: Fields that are null where a song's mood cannot be read.
_READ = ("valence", "arousal", "emotion", "deviation", "emotions", "quadrants", "source")


class ListedSong(SongOut):
    """One song with all that the catalogue tells about it, less the lyrics."""

    genre: str | None
    language: str | None
    tags: list[str]

    @classmethod
    def from_song(cls, song: Song, predicted: SongMood | None = None) -> Self:
        """Build from a catalogue row; ``predicted`` fills in where the row has no mood."""
        shown = dict(SongOut.from_song(song, predicted))
        return cls(**shown, genre=song.genre, language=song.language, tags=list(song.tags))


class SongDetail(ListedSong):
    """One song and how far its lyrics have come."""

    embedding: LyricState = Field(
        description="`none`: no lyrics that can be read; `pending`: a worker is at it; `ready`"
    )


class SongPosted(BaseModel):
    """A song as stored; ``duplicate`` if this ``Idempotency-Key`` had posted it before."""

    song: SongDetail
    status: Literal["pending", "ready"] = Field(
        description="`ready` when nothing is left to be embedded; `GET /songs/{id}` tells later"
    )
    duplicate: bool
    request_id: str


class SongPage(BaseModel):
    """One page of a search, in the order the songs were added."""

    items: list[ListedSong]
    next_cursor: str | None = Field(description="for the next page; null on the last")
    request_id: str


class AxisPair(BaseModel):
    """One number for each axis of the mood plane."""

    valence: float
    arousal: float


class SimilarOut(BaseModel):
    """What ``/songs/{id}/similar`` answers."""

    model_config = ConfigDict(protected_namespaces=())

    song: SongOut
    items: list[ItemOut]
    model_version: str | None
    request_id: str


class CarryingLine(BaseModel):
    """A line of the lyrics; ``weight`` is how far it lies towards the mood of the whole."""

    line: str
    weight: float


class MoodReadingOut(BaseModel):
    """What ``/songs/{id}/mood`` answers.

    ``valence`` and ``arousal`` are those of the model; a mood that was stated with the song counts
    before them and stands in ``song``. All are null where neither words nor tags tell anything.
    """

    song: SongOut
    valence: float | None
    arousal: float | None
    emotion: str | None
    deviation: AxisPair | None = Field(
        description="standard deviation of the error, in standard scores of the training labels"
    )
    emotions: dict[str, float] | None = Field(description="probability of each of the seven")
    quadrants: dict[str, float] | None = Field(
        description="probability of the quarters of the plane: happy, tense, sad, calm"
    )
    source: str | None = Field(description="`lyrics`, `few_tags`, `many_tags`, or `..._and_lyrics`")
    lines: list[CarryingLine]
    request_id: str

    @classmethod
    def from_reading(cls, song: SongOut, reading: MoodReading | None, request_id: str) -> Self:
        """Build from what the engine read; None for nothing."""
        if reading is None:
            empty = dict.fromkeys(_READ)
            return cls(song=song, lines=[], request_id=request_id, **empty)
        return cls(
            song=song,
            valence=reading.valence,
            arousal=reading.arousal,
            emotion=reading.emotion,
            deviation=AxisPair(valence=reading.deviation[0], arousal=reading.deviation[1]),
            emotions=dict(reading.emotions),
            quadrants=dict(reading.quadrants),
            source=reading.source,
            lines=[
                CarryingLine(line=one.line, weight=one.weight)
                for one in reading.lines
                if one.weight > 0
            ],
            request_id=request_id,
        )


def predicted_moods(running: Services, songs: Iterable[Song]) -> dict[str, SongMood]:
    """Return the model's moods of those songs that have none of their own."""
    moodless = [song.id for song in songs if lacks_mood(song)]
    return dict(running.engine.song_moods(moodless)) if moodless else {}
