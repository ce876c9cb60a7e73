"""The JSON of a user's own data: what was played when."""

from __future__ import annotations

from datetime import datetime

from pydantic import BaseModel, Field

from api.params import Emotion
from data.types import Event, EventRow


class HistoryEvent(BaseModel):
    """One event."""

    song: str
    event: Event
    count: int = Field(description="how many times; more than 1 only for imported play counts")
    at: datetime
    emotion: Emotion | None = Field(description="expression that was sent with it")

    @classmethod
    def from_row(cls, row: EventRow) -> HistoryEvent:
        """Take over an event; its idempotency key stays with the service."""
        return cls.model_validate(
            {
                "song": row.song_id,
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
