"""Settings of a running installation, from environment variables ``ATTUNE_*`` or ``.env``."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Annotated, Literal

from pydantic import Field, SecretStr, ValidationError, field_validator
from pydantic_settings import BaseSettings, NoDecode, SettingsConfigDict

#: As browsers write it in ``Origin`` (RFC 6454, 6.2): no path, no wildcard.
_ORIGIN = re.compile(r"https?://[a-z0-9.-]+(:[0-9]{1,5})?|https?://\[[0-9a-f:]+\](:[0-9]{1,5})?")


class Settings(BaseSettings):
    """Where things are and how much one request may take. ``.env.example`` lists every key."""

    model_config = SettingsConfigDict(env_prefix="ATTUNE_", env_file=".env", extra="ignore")

    home: Path = Field(Path("var"), description="databases, bundles, runs and caches live here")
    database_url: str | None = Field(
        None, description="SQLAlchemy URL; default is SQLite at <home>/attune.db"
    )
    host: str = "127.0.0.1"
    port: int = Field(8000, ge=1, le=65535)
    workers: int = Field(1, ge=1, le=64)
    shutdown_s: float = Field(
        6.0, gt=0, description="time to answer what was begun when told to stop, seconds"
    )
    max_image_bytes: int = Field(10_000_000, ge=1, description="largest picture, bytes")
    max_image_pixels: int = Field(40_000_000, ge=1, description="largest picture, pixels")
    inference_slots: int = Field(4, ge=1, description="pictures worked on at a time")
    inference_wait_s: float = Field(2.0, ge=0, description="wait for a slot before 503, seconds")
    inference_queue: int = Field(
        32, ge=0, description="pictures that may wait for a slot; the next is refused at once"
    )
    answer_threads: int = Field(1, ge=1, description="answers made at a time in each process")
    answers_kept: int = Field(
        2_000, ge=0, description="answers that may be given again while nothing changed; 0: none"
    )
    histories_kept: int = Field(
        2_000, ge=0, description="histories not read again while nothing changed; 0: none"
    )
    inference_timeout_s: float = Field(
        10.0, gt=0, description="longest work on the pictures of one request, seconds"
    )
    max_requests: int = Field(
        128, ge=1, description="requests answered at a time in each process; more get 503"
    )
    upload_memory: int = Field(
        256_000_000, ge=1, description="bytes of request bodies held at a time in each process"
    )
    body_timeout_s: float = Field(
        30.0, gt=0, description="time for a request's body to arrive before 408, seconds"
    )
    head_timeout_s: float = Field(
        10.0, gt=0, description="time for a request's head to arrive before hanging up, seconds"
    )
    rate_limit_per_minute: float = Field(
        0.0, ge=0, description="requests a minute of each API key, over all processes; 0: no limit"
    )
    rate_burst: int = Field(
        0, ge=0, description="requests of a key at once; 0: what ten seconds allow"
    )
    wrong_keys_per_minute: float = Field(
        20.0, ge=0, description="keys not in force that one address may send a minute; 0: no limit"
    )
    cors_origins: Annotated[tuple[str, ...], NoDecode] = Field(
        (), description="web origins whose pages may call the service, separated by commas"
    )
    hsts_seconds: int = Field(
        0, ge=0, description="max-age of Strict-Transport-Security, where TLS is in front; 0: none"
    )
    flip_average: bool | None = Field(
        None, description="average a face with its mirror image; default: as the model's card says"
    )
    yunet_model: Path | None = Field(None, description="optional YuNet weights (ONNX)")
    notice_url: str = Field("/privacy", description="where the privacy notice is")
    notice_version: str | None = Field(
        None,
        max_length=64,
        description="version of your own notice; default: that of the notice that ships",
    )
    emotion_history_days: int = Field(
        0, ge=0, le=3650, description="days for which moods are kept where a request asks; 0: never"
    )
    log_level: str = "INFO"
    log_format: Literal["json", "console"] = Field(
        "json", description="one JSON object a line, or lines for people"
    )
    metrics_token: SecretStr | None = Field(
        None,
        min_length=16,
        description="opens /metrics as an admin's key does, also while the database is away",
    )
    otel_endpoint: str | None = Field(
        None, description="OTLP/HTTP collector of traces, with attune[otel]; default: no traces"
    )
    encoder_model: str | None = Field(
        None, description="sentence-transformers hub name or folder; default: the packaged MiniLM"
    )
    encoder_folder: Path | None = Field(
        None, description="ONNX encoder for new lyrics and text queries; default: the shipped words"
    )
    watch_seconds: float = Field(
        1.0,
        ge=0,
        description="pause between looks for songs and bundles, seconds; 0 looks only at start",
    )
    experiments_file: Path | None = Field(
        None, description="TOML file of A/B experiments; default: none"
    )
    embed_worker: bool = Field(
        True, description="`attune serve` runs a process that embeds new lyrics beside it"
    )

    @field_validator("cors_origins", mode="before")
    @classmethod
    def _split(cls, given: object) -> object:
        if not isinstance(given, str):
            return given
        if given.startswith("["):  # as JSON, like every list in the environment
            return json.loads(given)
        return [part.strip() for part in given.split(",") if part.strip()]

    @field_validator("cors_origins")
    @classmethod
    def _check_origins(cls, origins: tuple[str, ...]) -> tuple[str, ...]:
        for origin in origins:
            if not _ORIGIN.fullmatch(origin):
                raise ValueError(f"{origin!r} is no origin: write https://music.example, never *")
        return origins

    @property
    def sqlalchemy_url(self) -> str:
        """The database URL in force."""
        return self.database_url or f"sqlite:///{(self.home / 'attune.db').as_posix()}"

    @property
    def bundles(self) -> Path:
        """Folder of published bundles."""
        return self.home / "bundles"


def misread(error: ValidationError) -> str:
    """Tell which settings cannot be read, and why; not their values, which may be secrets."""
    rows = error.errors(include_input=False, include_url=False, include_context=False)
    return "; ".join(f"ATTUNE_{str((*one['loc'], '?')[0]).upper()}: {one['msg']}" for one in rows)
