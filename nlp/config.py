"""Configuration of the lyrics encoder, of mood training and of mood evaluation."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from data.config import FrozenConfig


class EncoderConfig(FrozenConfig):
    """Which sentence encoder to use, and how."""

    model: str | None = Field(
        None, description="sentence-transformers hub name or folder; default: the packaged MiniLM"
    )
    device: str = Field("cpu", description="torch device")
    precision: Literal["auto", "float32", "bfloat16"] = Field(
        "auto", description="bfloat16 autocasts; auto does so on CPUs that compute it fast (AMX)"
    )
    batch_size: int = Field(32, ge=1, le=4096, description="chunks per forward pass")
    max_words: int = Field(180, ge=1, le=400, description="longest chunk, words")
    threads: int | None = Field(None, ge=1, le=256, description="torch threads; default: torch's")
    block: int = Field(256, ge=1, description="songs embedded between two writes of the store")


class MoodTrainingConfig(FrozenConfig):
    """A run of mood training, complete: the same file and data give the same run."""

    seed: int = 7
    lyrics: str = Field("lyrics/lyrics.parquet", description="lyrics table, below the data folder")
    labels: str = Field("deezer_mood", description="label file or folder, below the data folder")
    encoder: EncoderConfig = EncoderConfig()
    folds: int = Field(5, ge=2, le=20, description="folds of the artist-disjoint cross-validation")
    components: tuple[int, ...] = Field(
        (8, 16, 32, 64, 128, 256), min_length=1, description="PCA dimensions to choose from"
    )
    alphas: tuple[float, ...] = Field(
        (0.1, 0.3, 1.0, 3.0, 10.0, 30.0, 100.0, 300.0),
        min_length=1,
        description="ridge penalties to choose from",
    )
    whiten: bool = Field(False, description="scale principal components to unit variance")
    tfidf_features: int = Field(20_000, ge=10, description="vocabulary of the TF-IDF baseline")
    max_gain: float = Field(3.0, ge=1, description="most that predictions are stretched to display")
    bootstrap: int = Field(1000, ge=0, description="resamples by artist for each interval")
    min_songs: int = Field(50, ge=10, description="fewest labelled songs worth training on")


class MoodEvaluationConfig(FrozenConfig):
    """Scoring of a trained mood model on labelled songs it has not seen."""

    seed: int = 7
    lyrics: str = Field("lyrics/lyrics.parquet", description="lyrics table, below the data folder")
    labels: str = Field("deezer_mood/test.csv", description="label file, below the data folder")
    model: str | None = Field(None, description="mood.npz; default: the shipped weights")
    encoder: EncoderConfig = EncoderConfig()
    bootstrap: int = Field(1000, ge=0, description="resamples by artist for each interval")
