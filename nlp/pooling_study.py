"""Which way of pooling chunk vectors keeps most of the mood: every chunk is encoded once."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import get_args

import numpy as np
from numpy.typing import NDArray

from data.datasets.lyrics import read_lyrics, read_mood_labels
from data.types import FloatArray
from nlp.cleaning import clean_lyrics, stanzas, text_key
from nlp.config import MoodEvaluationConfig, Pooling
from nlp.embedding import BLOCK, pool_chunks
from nlp.encoder import LyricEncoder
from nlp.mood import AXES
from nlp.regression import Score, out_of_fold, ridge_grid, score
from nlp.text import Report
from nlp.vectors import VectorStore

_ALPHAS = (0.3, 1.0, 3.0, 10.0, 30.0, 100.0)


def study_pooling(
    config: MoodEvaluationConfig,
    data: Path,
    cache: Path,
    encoder: LyricEncoder,
    report: Report | None = None,
) -> tuple[str, dict[str, dict[str, dict[str, float]]]]:
    """Compare ways of pooling on the labelled songs of ``config.pooling``.

    Args:
        config: names the files.
        data: their folder.
        cache: folder of a store of chunk vectors, kept between runs.
        encoder: makes chunk vectors.
        report: receives progress.

    Returns:
        the report as Markdown, and way -> axis -> figures.
    """
    labels = read_mood_labels(data / str(config.pooling))
    row_of = {key: i for i, key in enumerate(labels.keys)}
    lyrics = read_lyrics(data / config.lyrics)
    pairs = [
        (row_of[key], text)
        for key, text in zip(lyrics.keys, map(clean_lyrics, lyrics.lyrics), strict=True)
        if key in row_of and text
    ]
    rows, texts = [row for row, _ in pairs], [text for _, text in pairs]
    store = VectorStore(
        cache / "chunk_vectors.npz", dimension=encoder.dimension, model=encoder.name
    )
    moods = np.stack([labels.valence[rows], labels.arousal[rows]], axis=1)
    artists = [labels.artists[row] for row in rows]
    variants = pooled_variants(encoder, texts, store, report)
    found = compare_pooling(variants, moods, artists, bootstrap=config.bootstrap, seed=config.seed)
    values = {
        way: dict(zip(AXES, map(asdict, scores), strict=True)) for way, scores in found.items()
    }
    return _text(len(texts), found), values


def _text(songs: int, found: Mapping[str, tuple[Score, Score]]) -> str:
    lines = [
        "# Pooling of chunk vectors",
        "",
        f"{songs} labelled songs; ridge, artist-disjoint folds; 95 % by bootstrap over artists.",
        "",
        "| pooling | valence R² | arousal R² |",
        "|---|---|---|",
    ]
    for way, scores in found.items():
        cells = (f"{s.r2:.3f} ({s.low:.3f} to {s.high:.3f})" for s in scores)
        lines.append(f"| {way} | {' | '.join(cells)} |")
    return "\n".join(lines) + "\n"


def pooled_variants(
    encoder: LyricEncoder,
    texts: Sequence[str],
    store: VectorStore,
    report: Report | None = None,
) -> dict[str, FloatArray]:
    """Encode chunks once and pool them in every way.

    Args:
        encoder: makes chunk vectors.
        texts: n lyrics.
        store: keeps chunk vectors, for another run; a file of its own.
        report: receives progress.

    Returns:
        name of the pooling -> float32 (n, d). Besides those of :data:`nlp.config.Pooling`,
        ``sif``: each chunk weighs by its distance from the mean of all chunks, so that lines which
        every song has weigh little (after Arora et al., *A simple but tough-to-beat baseline for
        sentence embeddings*, ICLR 2017).
    """
    chunked = [stanzas(clean_lyrics(text), encoder.config.max_words) for text in texts]
    chunks = [chunk for of_text in chunked for chunk in of_text]
    words = np.array([len(chunk.split()) for chunk in chunks], dtype=np.float32)
    owner = np.repeat(np.arange(len(texts)), [len(of_text) for of_text in chunked])
    vectors = _chunk_vectors(encoder, chunks, store, report)
    found = {way: pool_chunks(vectors, words, owner, len(texts), way) for way in get_args(Pooling)}
    rare = words * (1 - vectors @ vectors.mean(axis=0))
    return {**found, "sif": pool_chunks(vectors, rare, owner, len(texts))}


def compare_pooling(
    variants: Mapping[str, FloatArray],
    labels: NDArray[np.float64],
    artists: Sequence[str],
    folds: int = 5,
    *,
    bootstrap: int = 0,
    seed: int = 0,
) -> dict[str, tuple[Score, Score]]:
    """Score a ridge on each variant, for valence and arousal; nested, artist-disjoint.

    Args:
        variants: of :func:`pooled_variants`.
        labels: float64 (n, 2); rows with NaN are left out.
        artists: n.
        folds: of both levels.
        bootstrap: resamples by artist for each interval.
        seed: of the resamples.
    """
    rows = np.flatnonzero(np.isfinite(labels).all(axis=1))
    names = [artists[i] for i in rows.tolist()]
    found = {}
    for way, vectors in variants.items():
        grid = ridge_grid(vectors[rows], _ALPHAS)
        parts = [labels[rows, axis] for axis in (0, 1)]
        valence, arousal = (
            score(y, out_of_fold(grid, y, names, folds), names, bootstrap=bootstrap, seed=seed)
            for y in parts
        )
        found[way] = (valence, arousal)
    return found


def _chunk_vectors(
    encoder: LyricEncoder, chunks: Sequence[str], store: VectorStore, report: Report | None
) -> FloatArray:
    by_key = {text_key(chunk): chunk for chunk in chunks}
    keys = store.missing(list(by_key))
    for start in range(0, len(keys), BLOCK):
        part = keys[start : start + BLOCK]
        store.put(part, encoder.encode_chunks([by_key[key] for key in part]))
        if report:
            report(f"embedded {start + len(part)} of {len(keys)} chunks")
    return store.get([text_key(chunk) for chunk in chunks])
