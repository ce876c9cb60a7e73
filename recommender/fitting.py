"""Fitting every part of a model with given settings."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
from scipy.sparse import csr_matrix

from data.interactions import Interactions
from data.reduction import PcaReducer
from data.types import FloatArray, Song
from recommender.candidates.content import ContentScorer
from recommender.candidates.listening import Listening, ListeningScorer
from recommender.candidates.popularity import PopularityScorer, RecentScorer
from recommender.candidates.terms import TermSpace, song_terms
from recommender.catalogue import Catalogue
from recommender.config import PipelineConfig
from recommender.dataset import TrainingData
from recommender.model import RecommenderModel
from recommender.response import Response


def positive_matrix(interactions: Interactions, catalogue: Catalogue) -> csr_matrix:
    """Return float32 (users, songs) weights above 0; songs not in the catalogue are left out."""
    positions = catalogue.columns(interactions.item_ids)[interactions.item]
    keep = (interactions.weight > 0) & (positions >= 0)
    return csr_matrix(
        (interactions.weight[keep], (interactions.user[keep], positions[keep])),
        shape=(len(interactions.user_ids), len(catalogue)),
        dtype=np.float32,
    )


def listening_of(
    interactions: Interactions, catalogue: Catalogue, songs: Sequence[Song]
) -> Listening:
    """Return who played what in which order, and the terms of the songs."""
    positions = catalogue.columns(interactions.item_ids)[interactions.item]
    keep = np.flatnonzero((interactions.weight > 0) & (positions >= 0))
    order = keep[np.lexsort((positions[keep], interactions.at[keep], interactions.user[keep]))]
    at = interactions.at[order]
    newest = float(at.max()) if len(at) else 0.0
    described = [song_terms(song, artist_weight=1.0) for song in songs]
    return Listening(
        positive_matrix(interactions, catalogue),
        interactions.user[order],
        positions[order],
        (newest - at) / 86400.0,
        TermSpace.fit(described).rows(described),
    )


def fit_model(
    config: PipelineConfig,
    data: TrainingData,
    catalogue: Catalogue,
    listening: Listening,
    seed: int,
    fitted: Mapping[str, ListeningScorer] | None = None,
) -> tuple[RecommenderModel, PcaReducer | None]:
    """Fit every part with fixed settings.

    Args:
        config: of all parts.
        data: songs and lyric vectors.
        catalogue: of the songs.
        listening: what the parts may know.
        seed: of the factorisations.
        fitted: parts that are fitted on it already, by name.
    """
    lyrics, reducer = reduce_lyrics(data.lyrics, config.content.lyrics_size)
    listeners = np.asarray(listening.matrix.getnnz(axis=0), dtype=np.float32).ravel()
    have = fitted or {}
    model = RecommenderModel(
        config,
        catalogue,
        PopularityScorer.fit(listeners),
        RecentScorer.fit_recent(config.recent, listening),
        ContentScorer.fit(config.content, data.songs, lyrics),
        tuple(
            have[part.name] if part.name in have else part.fit(listening, seed)
            for part in config.listening_configs()
        ),
        Response.fit(data.moments, catalogue),
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
