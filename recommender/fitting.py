"""Fitting every part of a model with given settings."""

from __future__ import annotations

import numpy as np
from scipy.sparse import csr_matrix

from data.interactions import Interactions
from data.reduction import PcaReducer
from data.types import FloatArray
from recommender.candidates.collaborative import CollaborativeScorer
from recommender.candidates.content import ContentScorer
from recommender.candidates.popularity import PopularityScorer
from recommender.catalogue import Catalogue
from recommender.config import PipelineConfig
from recommender.dataset import TrainingData
from recommender.model import RecommenderModel


def positive_matrix(interactions: Interactions, catalogue: Catalogue) -> csr_matrix:
    """Return float32 (users, songs) weights above 0; songs not in the catalogue are left out."""
    positions = catalogue.columns(interactions.item_ids)[interactions.item]
    keep = (interactions.weight > 0) & (positions >= 0)
    return csr_matrix(
        (interactions.weight[keep], (interactions.user[keep], positions[keep])),
        shape=(len(interactions.user_ids), len(catalogue)),
        dtype=np.float32,
    )


def fit_model(
    config: PipelineConfig,
    data: TrainingData,
    catalogue: Catalogue,
    matrix: csr_matrix,
    seed: int,
) -> tuple[RecommenderModel, PcaReducer | None]:
    """Fit every part with fixed settings on one matrix of positive weights."""
    lyrics, reducer = reduce_lyrics(data.lyrics, config.content.lyrics_size)
    listeners = np.asarray(matrix.getnnz(axis=0), dtype=np.float32).ravel()
    model = RecommenderModel(
        config,
        catalogue,
        PopularityScorer.fit(listeners),
        CollaborativeScorer.fit(config.collaborative, matrix, seed),
        ContentScorer.fit(config.content, data.songs, lyrics),
    )
    return model, reducer


def reduce_lyrics(vectors: FloatArray, size: int) -> tuple[FloatArray, PcaReducer | None]:
    """PCA of the lyric vectors that exist: float32 (n, size), NaN rows kept; None if too few."""
    have = np.isfinite(vectors).all(axis=1)
    if int(have.sum()) <= size:
        return np.full((len(vectors), size), np.nan, dtype=np.float32), None
    reducer = PcaReducer.fit(vectors[have], size)
    reduced = np.full((len(vectors), size), np.nan, dtype=np.float32)
    reduced[have] = reducer.transform(vectors[have])
    return reduced, reducer
