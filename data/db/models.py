"""The tables. Ids of callers are text (``external_id``); integer keys stay inside."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from sqlalchemy import JSON, CheckConstraint, ForeignKey, Index, String, Text, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column, relationship

from data.db.base import Base, BigKey, UtcDateTime
from data.types import EVENTS, Event


def utc_now() -> datetime:
    """Return the time, UTC; the default of every ``*_at`` column."""
    return datetime.now(UTC)


class Artist(Base):
    """An artist, by the name as displayed."""

    __tablename__ = "artists"

    id: Mapped[int] = mapped_column(primary_key=True)
    name: Mapped[str] = mapped_column(Text, unique=True)


class SongRow(Base):
    """A song of the catalogue.

    ``key`` is :func:`data.text.song_key`, by which listens without an id find their song;
    ``search`` is the folded artist, title and album. ``mood_source`` is ``stated``
    where a valence and an arousal came with the song; moods that a model predicts are not stored.
    ``updated_at`` is when the row or its lyrics were last written by a caller.
    """

    __tablename__ = "songs"
    __table_args__ = (
        CheckConstraint("valence BETWEEN -1 AND 1", name="valence_range"),
        CheckConstraint("arousal BETWEEN -1 AND 1", name="arousal_range"),
        Index(None, "artist_id"),
        Index(None, "key"),
        Index(None, "updated_at", "id"),
    )

    id: Mapped[int] = mapped_column(primary_key=True)
    external_id: Mapped[str] = mapped_column(Text, unique=True)
    key: Mapped[str] = mapped_column(Text)
    search: Mapped[str] = mapped_column(Text)
    title: Mapped[str] = mapped_column(Text)
    artist_id: Mapped[int] = mapped_column(ForeignKey("artists.id"))
    album: Mapped[str | None] = mapped_column(Text)
    year: Mapped[int | None]
    duration_s: Mapped[float | None]
    genre: Mapped[str | None] = mapped_column(Text)
    language: Mapped[str | None] = mapped_column(Text)
    tags: Mapped[list[str] | None] = mapped_column(JSON(none_as_null=True))
    links: Mapped[dict[str, str] | None] = mapped_column(JSON(none_as_null=True))
    valence: Mapped[float | None]
    arousal: Mapped[float | None]
    mood_emotion: Mapped[str | None] = mapped_column(String(16))
    mood_source: Mapped[str | None] = mapped_column(String(16))
    explicit: Mapped[bool | None]
    created_at: Mapped[datetime] = mapped_column(UtcDateTime, default=utc_now)
    updated_at: Mapped[datetime] = mapped_column(UtcDateTime, default=utc_now)

    artist: Mapped[Artist] = relationship(lazy="raise")


class Lyrics(Base):
    """A song's lyrics: apart from the song, so that reading the catalogue stays light."""

    __tablename__ = "lyrics"

    song_id: Mapped[int] = mapped_column(
        ForeignKey("songs.id", ondelete="CASCADE"), primary_key=True, autoincrement=False
    )
    text: Mapped[str] = mapped_column(Text)


class User(Base):
    """A listener, by the id the caller uses."""

    __tablename__ = "users"

    id: Mapped[int] = mapped_column(primary_key=True)
    external_id: Mapped[str] = mapped_column(Text, unique=True)
    created_at: Mapped[datetime] = mapped_column(UtcDateTime, default=utc_now)


class Interaction(Base):
    """One event of a user with a song. Rows are only ever added, and erased with the user.

    But an imported listen of which only the minute is known gives way to the same one with its
    second; the row of the latter is there before the other goes, so numbers only ever grow.
    """

    __tablename__ = "interactions"
    __table_args__ = (
        UniqueConstraint("user_id", "idempotency_key"),
        CheckConstraint(
            "event IN ({})".format(", ".join(f"'{e}'" for e in EVENTS)), name="event_known"
        ),
        CheckConstraint("count >= 1", name="count_positive"),
        Index(None, "user_id", "song_id"),
        Index(None, "song_id", "user_id", "event"),
    )

    id: Mapped[int] = mapped_column(BigKey, primary_key=True)
    user_id: Mapped[int] = mapped_column(ForeignKey("users.id", ondelete="CASCADE"))
    song_id: Mapped[int] = mapped_column(ForeignKey("songs.id"))
    event: Mapped[Event] = mapped_column(String(16))
    count: Mapped[int] = mapped_column(default=1)
    at: Mapped[datetime] = mapped_column(UtcDateTime)
    emotion: Mapped[str | None] = mapped_column(String(16))
    idempotency_key: Mapped[str | None] = mapped_column(Text)


class EmotionLog(Base):
    """An apparent expression kept because the user asked for it; numbers of the answer only.

    No picture, crop, landmark or embedding is ever stored. Rows expire.
    """

    __tablename__ = "emotion_log"
    __table_args__ = (Index(None, "user_id"), Index(None, "expires_at"))

    id: Mapped[int] = mapped_column(BigKey, primary_key=True)
    user_id: Mapped[int] = mapped_column(ForeignKey("users.id", ondelete="CASCADE"))
    label: Mapped[str] = mapped_column(String(16))
    confidence: Mapped[float]
    source: Mapped[str] = mapped_column(String(16))
    at: Mapped[datetime] = mapped_column(UtcDateTime)
    expires_at: Mapped[datetime] = mapped_column(UtcDateTime)


class Playlist(Base):
    """A saved journey between two moods; ``song_ids`` are external ids, in order.

    ``idempotency_key`` is the one it was asked for under, of the body only its SHA-256 is kept.
    """

    __tablename__ = "playlists"
    __table_args__ = (
        Index(None, "user_id"),
        Index(None, "user_id", "idempotency_key", unique=True),
    )

    id: Mapped[str] = mapped_column(String(32), primary_key=True)
    user_id: Mapped[int] = mapped_column(ForeignKey("users.id", ondelete="CASCADE"))
    name: Mapped[str] = mapped_column(Text)
    song_ids: Mapped[list[str]] = mapped_column(JSON)
    details: Mapped[dict[str, Any]] = mapped_column(JSON)
    idempotency_key: Mapped[str | None] = mapped_column(String(128))
    sha256: Mapped[str | None] = mapped_column(String(64))
    created_at: Mapped[datetime] = mapped_column(UtcDateTime, default=utc_now)


class ApiKey(Base):
    """An API key; only its SHA-256 is kept. ``user`` binds it to one external user id.

    ``revoked_at`` may lie ahead: a key that expires is one that is revoked beforehand.
    """

    __tablename__ = "api_keys"

    id: Mapped[str] = mapped_column(String(16), primary_key=True)
    name: Mapped[str] = mapped_column(Text)
    sha256: Mapped[str] = mapped_column(String(64), unique=True)
    scopes: Mapped[list[str]] = mapped_column(JSON)
    user: Mapped[str | None] = mapped_column(Text)
    created_at: Mapped[datetime] = mapped_column(UtcDateTime, default=utc_now)
    revoked_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    last_used_at: Mapped[datetime | None] = mapped_column(UtcDateTime)


class RateBucket(Base):
    """What is left of a caller's allowance (a token bucket), as of ``at``."""

    __tablename__ = "rate_buckets"

    key: Mapped[str] = mapped_column(Text, primary_key=True)
    tokens: Mapped[float]
    at: Mapped[datetime] = mapped_column(UtcDateTime)


class MutedArtist(Base):
    """An artist whose songs a user wants left out."""

    __tablename__ = "muted_artists"

    user_id: Mapped[int] = mapped_column(
        ForeignKey("users.id", ondelete="CASCADE"), primary_key=True, autoincrement=False
    )
    artist_id: Mapped[int] = mapped_column(
        ForeignKey("artists.id"), primary_key=True, autoincrement=False
    )
    at: Mapped[datetime] = mapped_column(UtcDateTime, default=utc_now)


class BundleRecord(Base):
    """A bundle that was published from or served beside this database."""

    __tablename__ = "bundles"

    id: Mapped[int] = mapped_column(primary_key=True)
    version: Mapped[str] = mapped_column(Text, unique=True)
    manifest: Mapped[dict[str, Any]] = mapped_column(JSON)
    recorded_at: Mapped[datetime] = mapped_column(UtcDateTime, default=utc_now)


class IngestRun(Base):
    """How far one file has been ingested: the record that makes a killed run resumable.

    ``options`` is the format and column mapping: the same bytes read otherwise are another run.
    """

    __tablename__ = "ingest_runs"
    __table_args__ = (UniqueConstraint("kind", "sha256", "options"),)

    id: Mapped[int] = mapped_column(primary_key=True)
    kind: Mapped[str] = mapped_column(String(16))
    sha256: Mapped[str] = mapped_column(String(64))
    options: Mapped[str] = mapped_column(Text)
    path: Mapped[str] = mapped_column(Text)
    last_row: Mapped[int] = mapped_column(BigKey, default=0)
    read: Mapped[int] = mapped_column(BigKey, default=0)
    written: Mapped[int] = mapped_column(BigKey, default=0)
    rejected: Mapped[int] = mapped_column(BigKey, default=0)
    started_at: Mapped[datetime] = mapped_column(UtcDateTime, default=utc_now)
    finished_at: Mapped[datetime | None] = mapped_column(UtcDateTime)


class PostedSong(Base):
    """An ``Idempotency-Key`` under which a song was posted; of the body only its SHA-256."""

    __tablename__ = "posted_songs"

    idempotency_key: Mapped[str] = mapped_column(String(128), primary_key=True)
    sha256: Mapped[str] = mapped_column(String(64))
    song_id: Mapped[int] = mapped_column(ForeignKey("songs.id", ondelete="CASCADE"))
    created: Mapped[bool]
    at: Mapped[datetime] = mapped_column(UtcDateTime, default=utc_now, index=True)
