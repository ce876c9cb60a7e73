"""Configuration of the lyrics encoder, of mood training and of mood evaluation."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from data.config import FrozenConfig

Pooling = Literal["words", "sqrt", "mean", "max", "first"]


class EncoderConfig(FrozenConfig):
    """Which sentence encoder to use, and how."""

    model: str | None = Field(
        None, description="sentence-transformers hub name or folder; default: the packaged MiniLM"
    )
    device: str = Field("cpu", description="torch device")
    precision: Literal["auto", "float32", "bfloat16"] = Field(
        "auto", description="of the weights; auto is bfloat16 on CPUs that compute it fast (AMX)"
    )
    batch_size: int = Field(64, ge=1, le=4096, description="most chunks in a forward pass")
    batch_pieces: int = Field(
        2048, ge=1, description="about how many word pieces; more leaves a CPU's cache"
    )
    max_words: int = Field(180, ge=1, le=400, description="longest chunk, words")
    threads: int | None = Field(None, ge=1, le=256, description="torch threads; default: torch's")
    block: int = Field(1024, ge=1, description="songs embedded between two writes of the store")
    pooling: Pooling = Field(
        "words", description="how chunk vectors become one: see nlp.embedding.pool_chunks"
    )


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
    tags: str | None = Field(
        None, description="table of listeners' tags, below the data folder: they teach the words"
    )
    lexica: tuple[str, ...] = Field(
        (), description="word lists of valence, below the data folder, for the comparison"
    )
    taught_alphas: tuple[float, ...] = Field(
        (1.0, 3.0, 10.0, 30.0, 100.0),
        min_length=1,
        description="penalties of the ridge that learns from tags",
    )
    tag_alpha: float = Field(1.0, gt=0, description="penalty of the ridge that reads tags")
    tag_songs: int = Field(5, ge=1, description="fewest labelled songs that share a known tag")
    tfidf_components: int = Field(300, ge=1, description="size of the reduced TF-IDF")
    tfidf_features: int = Field(20_000, ge=10, description="vocabulary of the TF-IDF baseline")
    max_gain: float = Field(3.0, ge=1, description="most that predictions are stretched to display")
    bootstrap: int = Field(1000, ge=0, description="resamples by artist for each interval")
    min_songs: int = Field(50, ge=10, description="fewest labelled songs worth training on")


class MoodEvaluationConfig(FrozenConfig):
    """Scoring of a trained mood model on labelled songs it has not seen."""

    seed: int = 7
    lyrics: str = Field("lyrics/lyrics.parquet", description="lyrics table, below the data folder")
    labels: str = Field(
        "deezer_mood/test.csv", description="label file, below the data folder; empty leaves it out"
    )
    tags: str | None = Field(None, description="table of listeners' tags, below the data folder")
    lexica: tuple[str, ...] = Field((), description="word lists, below the data folder")
    happy_sad: str | None = Field(
        None, description="lyrics labelled happy or sad, below the data folder"
    )
    happy_sad_teacher: str | None = Field(
        None, description="mood labels, below the data folder, from which tags teach that study"
    )
    pooling: str | None = Field(
        None,
        description="mood labels, below the data folder, on which ways of pooling are compared",
    )
    model: str | None = Field(None, description="mood.npz; default: the shipped weights")
    encoder: EncoderConfig = EncoderConfig()
    bootstrap: int = Field(1000, ge=0, description="resamples by artist for each interval")
