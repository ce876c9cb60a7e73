"""Which way of pooling chunk vectors keeps most of the mood: every chunk is encoded once.

::

    found = pooled_variants(LyricEncoder(config), songs.texts, store)
    scores = compare_pooling(found, songs.labels, songs.artists)
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import get_args

import numpy as np
from numpy.typing import NDArray

from data.types import FloatArray
from nlp.cleaning import clean_lyrics, stanzas, text_key
from nlp.config import Pooling
from nlp.embedding import BLOCK, pool_chunks
from nlp.encoder import LyricEncoder
from nlp.regression import out_of_fold, r_squared, ridge_grid
from nlp.text import Report
from nlp.vectors import VectorStore

_ALPHAS = (0.3, 1.0, 3.0, 10.0, 30.0, 100.0)


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
) -> dict[str, tuple[float, float]]:
    """Return the R² of valence and arousal of a ridge on each variant, nested, artist-disjoint.

    Args:
        variants: of :func:`pooled_variants`.
        labels: float64 (n, 2); rows with NaN are left out.
        artists: n.
        folds: of both levels.
    """
    rows = np.flatnonzero(np.isfinite(labels).all(axis=1))
    names = [artists[i] for i in rows.tolist()]
    found = {}
    for way, vectors in variants.items():
        grid = ridge_grid(vectors[rows], _ALPHAS)
        parts = [labels[rows, axis] for axis in (0, 1)]
        r2 = [r_squared(y, out_of_fold(grid, y, names, folds)) for y in parts]
        found[way] = (r2[0], r2[1])
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
