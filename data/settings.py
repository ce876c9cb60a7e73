"""Settings of a running installation, from environment variables ``ATTUNE_*`` or ``.env``."""

from __future__ import annotations

from pathlib import Path

from pydantic import Field
from pydantic_settings import BaseSettings, SettingsConfigDict


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
    max_image_bytes: int = Field(10_000_000, ge=1, description="largest picture, bytes")
    max_image_pixels: int = Field(40_000_000, ge=1, description="largest picture, pixels")
    inference_slots: int = Field(4, ge=1, description="pictures worked on at a time")
    inference_wait_s: float = Field(2.0, ge=0, description="wait for a slot before 503, seconds")
    flip_average: bool | None = Field(
        None, description="average a face with its mirror image; default: as the model's card says"
    )
    yunet_model: Path | None = Field(None, description="optional YuNet weights (ONNX)")
    notice_url: str = Field("/privacy", description="where the privacy notice is")
    log_level: str = "INFO"
    encoder_model: str | None = Field(
        None, description="sentence-transformers hub name or folder; default: the packaged MiniLM"
    )
    encoder_folder: Path | None = Field(
        None, description="ONNX encoder for new lyrics and text queries; default: the shipped words"
    )
    watch_seconds: float = Field(
        1.0, ge=0, description="pause between looks for new songs, seconds; 0 looks only at start"
    )
    embed_worker: bool = Field(
        True, description="`attune serve` runs a process that embeds new lyrics beside it"
    )

    @property
    def sqlalchemy_url(self) -> str:
        """The database URL in force."""
        return self.database_url or f"sqlite:///{(self.home / 'attune.db').as_posix()}"

    @property
    def bundles(self) -> Path:
        """Folder of published bundles."""
        return self.home / "bundles"
