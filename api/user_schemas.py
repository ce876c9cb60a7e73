"""The JSON of a user's own data: what was played when, remembered moods, muted artists."""

from __future__ import annotations

from dataclasses import asdict
from datetime import datetime
from typing import Literal

from pydantic import BaseModel, Field

from api.params import Emotion
from data.db.repositories import RememberedEmotion
from data.types import Event, EventRow, Song


class HistoryEvent(BaseModel):
    """One event; ``title`` and ``artist`` are null where the song has left the catalogue."""

    song: str
    title: str | None
    artist: str | None
    event: Event
    count: int = Field(description="how many times; more than 1 only for imported play counts")
    at: datetime
    emotion: Emotion | None = Field(description="expression that was sent with it")

    @classmethod
    def from_row(cls, row: EventRow, song: Song | None) -> HistoryEvent:
        """Take over an event of a song; its idempotency key stays with the service."""
        return cls.model_validate(
            {
                "song": row.song_id,
                "title": song and song.title,
                "artist": song and song.artist,
                "event": row.event,
                "count": row.count,
                "at": row.at,
                "emotion": row.emotion,
            }
        )


class HistoryOut(BaseModel):
    """A page of events, newest first."""

    user: str
    items: list[HistoryEvent]
    next_cursor: str | None = Field(description="for the next page; null on the last")
    request_id: str


class RememberedOut(BaseModel):
    """One mood that was kept because a request asked for it; it is deleted at ``expires_at``."""

    label: str
    confidence: float
    source: Literal["selfie", "stated"]
    at: datetime
    expires_at: datetime

    @classmethod
    def from_row(cls, row: RememberedEmotion) -> RememberedOut:
        """Take over a row."""
        return cls.model_validate(asdict(row))


class EmotionHistoryOut(BaseModel):
    """A page of remembered moods, newest first."""

    user: str
    items: list[RememberedOut]
    next_cursor: str | None = Field(description="for the next page; null on the last")
    request_id: str


class MutedArtistOut(BaseModel):
    """An artist that is left out of a user's lists."""

    artist: str
    at: datetime


class MutedArtistsOut(BaseModel):
    """All artists that a user muted, first muted first."""

    user: str
    items: list[MutedArtistOut]
    request_id: str
