"""What reducing lyric vectors costs and gives: neighbours, mood, memory and time by dimensions.

Four linear ways are compared: principal components, the same whitened, truncated SVD (which does
not centre) and a Gaussian random projection (Johnson & Lindenstrauss, 1984), which learns nothing.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from pydantic import Field

from data.config import FrozenConfig
from data.datasets.lyrics import read_lyrics, read_mood_labels
from data.errors import TrainingError
from data.reduction import PcaReducer
from data.types import FloatArray, IntArray
from nlp.config import EncoderConfig
from nlp.corpus import Array64, Songs, join_songs
from nlp.neighbours import Search
from nlp.reduction_methods import METHODS, NESTED, FitCost, measure_streaming
from nlp.regression import Score, artist_folds, choose, ridge_grid, score

Report = Callable[[str], None]
AXES = ("valence", "arousal")
FULL = "no reduction"


class ReductionConfig(FrozenConfig):
    """The comparison, complete: the same file and data give the same figures, times apart."""

    seed: int = 7
    lyrics: str = Field("lyrics/lyrics.parquet", description="lyrics table, below the data folder")
    labels: str = Field("deezer_mood", description="label file or folder, below the data folder")
    encoder: EncoderConfig = EncoderConfig()
    dimensions: tuple[int, ...] = Field(
        (8, 16, 32, 64, 96, 128, 192, 256, 384), min_length=1, description="sizes compared"
    )
    shares: tuple[float, ...] = Field(
        (0.5, 0.8, 0.9, 0.95, 0.99), description="shares of variance whose sizes are told"
    )
    queries: int = Field(1000, ge=1, description="songs whose neighbours are looked for")
    neighbours: int = Field(20, ge=1, description="nearest songs compared")
    folds: int = Field(5, ge=2, le=20, description="folds of the artist-disjoint cross-validation")
    alphas: tuple[float, ...] = Field(
        (10.0, 30.0, 100.0, 300.0, 1e3, 3e3, 1e4, 3e4, 1e5),
        min_length=1,
        description="ridge penalties to choose from, for numbers of unit variance on average",
    )
    bootstrap: int = Field(1000, ge=0, description="resamples by artist for each interval")
    repeats: int = Field(100, ge=1, description="timed queries, of which the median is told")


@dataclass(frozen=True, slots=True)
class Row:
    """One way at one size.

    Attributes:
        method: a key of :data:`METHODS`, or :data:`FULL`.
        dimensions: k.
        explained: share of the variance that a linear map gives back from the reduced vectors.
        by_cosine: neighbour overlap: share of the nearest songs by cosine of whole vectors that
            are also nearest by cosine of the reduced ones.
        by_distance: the same by Euclidean distance of the reduced ones.
        mood: R² of valence and of arousal.
        megabytes: of the reduced catalogue, float32, 10⁶ bytes.
        fit_seconds: to make the map from the whole catalogue.
        query_ms: median time to reduce one vector and find its nearest songs by cosine.
    """

    method: str
    dimensions: int
    explained: float
    by_cosine: float
    by_distance: float
    mood: dict[str, Score]
    megabytes: float
    fit_seconds: float
    query_ms: float


@dataclass(frozen=True, slots=True)
class Comparison:
    """All that was measured.

    Attributes:
        songs: with a vector.
        labelled: of these, with mood labels.
        artists: of the labelled.
        rows: :data:`FULL` first.
        sizes: share of the variance -> fewest principal components that keep it.
        streamed: see :func:`nlp.reduction_methods.measure_streaming`.
    """

    songs: int
    labelled: int
    artists: int
    rows: tuple[Row, ...]
    sizes: dict[float, int]
    streamed: dict[str, FitCost]


def run_reduction(
    config: ReductionConfig, data: Path, out: Path, cache: Path, report: Report | None = None
) -> Comparison:
    """Compare on the lyrics and labels that ``config`` names below ``data``.

    Args:
        config: what to compare.
        data: folder of the files.
        out: folder of the report.
        cache: vector store kept between runs.
        report: called with lines of progress.
    """
    from nlp.encoder import LyricEncoder
    from nlp.reduction_report import write_reduction
    from nlp.vectors import VectorStore

    encoder = LyricEncoder(config.encoder)
    store = VectorStore(cache, dimension=encoder.dimension, model=encoder.name)
    lyrics, labels = read_lyrics(data / config.lyrics), read_mood_labels(data / config.labels)
    songs = join_songs(lyrics, labels, store, encoder, report, everyone=True)
    found = compare_reductions(config, songs, report)
    write_reduction(out, config, found)
    return found


def compare_reductions(
    config: ReductionConfig, songs: Songs, report: Report | None = None
) -> Comparison:
    """Measure every way at every size; on one thread, so that times can be compared.

    Raises:
        TrainingError: if there are fewer songs than neighbours and a query, or fewer artists with
            labels than twice the folds.
    """
    from threadpoolctl import threadpool_limits

    rows, vectors = songs.labelled, songs.vectors
    labelled = songs.take(rows)
    artists = len(set(labelled.artists))
    if len(songs) < config.neighbours + 2 or artists < 2 * config.folds:
        raise TrainingError(
            f"{len(songs)} songs, of which {len(rows)} of {artists} artists have mood labels: "
            f"{config.neighbours + 2} songs and {2 * config.folds} such artists are needed"
        )
    tell = report or (lambda _line: None)
    with threadpool_limits(1):
        tell(f"whole vectors of {len(songs)} songs")
        search = Search(vectors, config.queries, config.neighbours, config.seed)
        found = [_full_row(config, search, labelled)]
        for method in METHODS:
            tell(method)
            moods = _moods(config, method, labelled)
            found += [_row(config, method, k, search, moods[k]) for k in _sizes(config, vectors)]
        tell("the fit in blocks")
        sizes = {s: PcaReducer.fit(vectors, s).n_components for s in config.shares}
        streamed = measure_streaming(vectors)
    return Comparison(len(songs), len(rows), artists, tuple(found), sizes, streamed)


def _full_row(config: ReductionConfig, search: Search, labelled: Songs) -> Row:
    vectors = search.vectors
    width = vectors.shape[1]
    folds = artist_folds(labelled.artists, config.folds)
    parts = [(train, test, labelled.vectors) for train, test in folds]
    mood = _cross_validated(config, labelled, parts)
    same = search.query_ms(lambda query: query, vectors, config.repeats)
    return Row(FULL, width, 1.0, *search.overlap(vectors), mood, vectors.nbytes / 1e6, 0.0, same)


def _row(
    config: ReductionConfig, method: str, k: int, search: Search, mood: dict[str, Score]
) -> Row:
    begun = time.perf_counter()
    transform = METHODS[method](search.vectors, k, config.seed)
    seconds = time.perf_counter() - begun
    reduced = transform(search.vectors)
    return Row(
        method,
        k,
        search.explained(reduced),
        *search.overlap(reduced),
        mood,
        reduced.nbytes / 1e6,
        seconds,
        search.query_ms(transform, reduced, config.repeats),
    )


def _moods(config: ReductionConfig, method: str, labelled: Songs) -> dict[int, dict[str, Score]]:
    """Return size -> axis -> R²; reducers see the training part of each fold only."""
    vectors, sizes = labelled.vectors, _sizes(config, labelled.vectors)
    parts: dict[int, list[tuple[IntArray, IntArray, FloatArray]]] = {k: [] for k in sizes}
    for train, test in artist_folds(labelled.artists, config.folds):
        if method in NESTED:
            all_sizes = METHODS[method](vectors[train], max(sizes), config.seed)(vectors)
        for k in sizes:
            reduced = (
                all_sizes[:, :k]
                if method in NESTED
                else METHODS[method](vectors[train], k, config.seed)(vectors)
            )
            parts[k].append((train, test, reduced))
    return {k: _cross_validated(config, labelled, parts[k]) for k in sizes}


def _cross_validated(
    config: ReductionConfig,
    labelled: Songs,
    parts: Sequence[tuple[IntArray, IntArray, FloatArray]],
) -> dict[str, Score]:
    """Score ridge on (train, test, features of all songs); penalties from inner folds."""
    predicted = np.full(labelled.labels.shape, np.nan)
    for train, test, features in parts:
        unit = np.sqrt(features[train].var(axis=0, dtype=np.float64).mean())
        grid = ridge_grid((features / max(unit, 1e-6)).astype(np.float32), config.alphas)
        for axis in range(len(AXES)):
            y = labelled.labels[:, axis]
            setting = choose(grid, y, labelled.artists, train, config.folds)
            predicted[test, axis] = grid(train, y[train], test)[setting]
    return {name: _scored(config, labelled, predicted, i) for i, name in enumerate(AXES)}


def _scored(config: ReductionConfig, labelled: Songs, predicted: Array64, axis: int) -> Score:
    y = labelled.labels[:, axis]
    return score(
        y, predicted[:, axis], labelled.artists, bootstrap=config.bootstrap, seed=config.seed
    )


def _sizes(config: ReductionConfig, vectors: FloatArray) -> list[int]:
    return [k for k in config.dimensions if k <= vectors.shape[1]]
