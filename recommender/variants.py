"""Answers of one bundle by other settings than those it was tuned for, to be compared with it.

Only what is decided after training can be changed: nothing is fitted, the arrays are shared.
"""

from __future__ import annotations

from dataclasses import replace

from pydantic import Field

from data.config import FrozenConfig
from recommender.config import PipelineConfig
from recommender.deep.serving import ModelRanker
from recommender.pipeline import RecommendationPipeline
from recommender.scoring.hybrid import HybridScorer
from recommender.stages import CandidateRanker


class AnswerSettings(FrozenConfig):
    """What differs from the bundle; None leaves what the bundle has."""

    diversity: float | None = Field(None, ge=0, le=1, description="MMR: 0 is by score alone")
    artist_cap: int | None = Field(None, ge=1, description="songs of one artist per twenty ranks")
    mood_strength: float | None = Field(
        None, ge=0, le=10, description="how much the mood counts, standard deviations of the blend"
    )
    mood_order: float | None = Field(
        None, ge=0, le=1, description="share of the mood that orders a page"
    )
    deep_ranker: bool = Field(
        True, description="false: the hybrid alone ranks, where the bundle has a network"
    )


def varied(pipeline: RecommendationPipeline, settings: AnswerSettings) -> RecommendationPipeline:
    """Return the pipeline with other settings over the same arrays."""
    config = _config(pipeline.model.config, settings)
    model = replace(pipeline.model, config=config)
    return RecommendationPipeline(
        model, _ranker(pipeline.ranker, config, settings), pipeline.version, pipeline.texts
    )


def _config(config: PipelineConfig, settings: AnswerSettings) -> PipelineConfig:
    reranking = _given(diversity=settings.diversity, artist_cap=settings.artist_cap)
    mood = _given(strength=settings.mood_strength, order=settings.mood_order)
    return config.model_copy(
        update={
            "reranking": config.reranking.model_copy(update=reranking),
            "mood": config.mood.model_copy(update=mood),
        }
    )


def _given(**values: float | None) -> dict[str, float]:
    return {name: value for name, value in values.items() if value is not None}


def _ranker(
    ranker: CandidateRanker, config: PipelineConfig, settings: AnswerSettings
) -> CandidateRanker:
    """Return the ranker with a hybrid of these settings inside, or that hybrid alone."""
    hybrid = HybridScorer.of(config)
    if isinstance(ranker, ModelRanker) and settings.deep_ranker:
        return ranker.with_hybrid(hybrid)
    return hybrid
