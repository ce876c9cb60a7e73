"""Tuning: the settings of every part, of the blend and of the reranking, on held-out songs."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from itertools import product
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_matrix

from data.interactions import Interactions
from data.types import FloatArray
from recommender.candidates.collaborative import CollaborativeScorer
from recommender.candidates.content import ContentScorer
from recommender.catalogue import Catalogue
from recommender.config import (
    BlendConfig,
    CollaborativeConfig,
    ContentConfig,
    PipelineConfig,
    RecommenderConfig,
    RerankingConfig,
)
from recommender.dataset import TrainingData
from recommender.fitting import fit_model, reduce_lyrics
from recommender.metrics import ndcg_at_k
from recommender.model import RecommenderModel
from recommender.pipeline import RecommendationPipeline
from recommender.query import ReasonKind
from recommender.ranking import Ranker, TestCase, cases, part_ranker, run_cases
from recommender.reranking.diversity import rerank
from recommender.scoring.hybrid import HybridScorer, standardise

Report = Callable[[str], None]
#: Tuning looks at no more validation users than this; more changes no decision, only the time.
MAX_TUNING_USERS = 400
#: Standard scores tried for songs that a part cannot score.
MISSING = (-1.0, -0.5, 0.0)
#: Reranking tried, from mild to strong. More than five songs of one artist in twenty are never
#: right for a listener, whatever a metric says.
DIVERSITIES = (0.0, 0.05, 0.1, 0.2, 0.3)
ARTIST_CAPS = (2, 3, 5)
PARTS: tuple[ReasonKind, ...] = ("collaborative", "content", "popular")


def tuning_cases(
    known: Interactions, hidden: Interactions, catalogue: Catalogue, seed: int
) -> list[TestCase]:
    """Pair known and hidden songs of a seeded choice of users, for tuning."""
    found = cases(known, hidden, catalogue)
    chosen = np.random.default_rng((seed, 3)).permutation(len(found))[:MAX_TUNING_USERS]
    return [found[i] for i in sorted(chosen)]


def tune(
    config: RecommenderConfig,
    data: TrainingData,
    catalogue: Catalogue,
    train: csr_matrix,
    tests: Sequence[TestCase],
    report: Report,
) -> tuple[PipelineConfig, dict[str, Any]]:
    """Choose the settings of every part, then the blend, by nDCG on ``tests``."""
    start, k = config.pipeline, config.cutoff
    if not tests:
        report("too few events to tune on: the configured settings are kept")
        return start, {"users": 0}
    rng = np.random.default_rng((config.seed, 1))

    def ndcg(ranker: Ranker) -> float:
        return float(np.nanmean(run_cases(ranker, list(tests), k).ndcg))

    als_log: list[tuple[float, CollaborativeConfig]] = []
    for als in _als_settings(start.collaborative, config.trials, rng):
        scorer = CollaborativeScorer.fit(als, train, config.seed)
        als_log.append((ndcg(part_ranker(scorer, k)), als))
        report(f"collaborative {als_log[-1][0]:.4f} {als.model_dump()}")
    content_log: list[tuple[float, ContentConfig]] = []
    lyrics, _ = reduce_lyrics(data.lyrics, start.content.lyrics_size)
    for content in _content_settings(start.content, config.trials, rng):
        fitted = ContentScorer.fit(content, data.songs, lyrics)
        content_log.append((ndcg(part_ranker(fitted, k)), content))
        report(f"content {content_log[-1][0]:.4f} {content.model_dump()}")
    parts = start.model_copy(
        update={
            "collaborative": max(als_log, key=lambda e: e[0])[1],
            "content": max(content_log, key=lambda e: e[0])[1],
        }
    )
    model, _ = fit_model(parts, data, catalogue, train, config.seed)
    blend_score, blend = tune_blend(model, tests, k)
    report(f"blend {blend_score:.4f} {blend.model_dump()}")
    log: dict[str, Any] = {
        "users": len(tests),
        "collaborative": [{"ndcg": s, **c.model_dump()} for s, c in als_log],
        "content": [{"ndcg": s, **c.model_dump()} for s, c in content_log],
        "blend": {"ndcg": blend_score, **blend.model_dump()},
    }
    blended = replace(model, config=parts.model_copy(update={"blend": blend}))
    reranking, log["reranking"] = tune_reranking(blended, tests, k, config.accuracy_budget)
    report(f"reranking {log['reranking']}")
    return blended.config.model_copy(update={"reranking": reranking}), log


def _als_settings(
    first: CollaborativeConfig, trials: int, rng: np.random.Generator
) -> list[CollaborativeConfig]:
    grid = list(product((8, 16, 32, 64, 128), (0.01, 0.1, 1.0, 5.0, 20.0), (1.0, 3.0, 10.0, 40.0)))
    chosen = [grid[i] for i in rng.permutation(len(grid))[: trials - 1]]
    rest = [
        first.model_copy(update={"embedding_size": d, "regularization": r, "alpha": a})
        for d, r, a in chosen
    ]
    return [first, *rest]


def _content_settings(
    first: ContentConfig, trials: int, rng: np.random.Generator
) -> list[ContentConfig]:
    grid = list(product((0.0, 0.1, 0.2, 0.3, 0.5, 0.7), (0.5, 1.0, 2.0, 4.0)))
    chosen = [grid[i] for i in rng.permutation(len(grid))[: trials - 1]]
    rest = [first.model_copy(update={"lyrics_share": s, "artist_weight": w}) for s, w in chosen]
    return [first, *rest]


def tune_blend(
    model: RecommenderModel, tests: Sequence[TestCase], k: int
) -> tuple[float, BlendConfig]:
    """Search the simplex of the three weights in steps of 0.1, corners included.

    The parts of every case are scored and standardised once, then all weights are tried in one
    matrix product. Because each corner is one part alone, the blend cannot lose to its best part on
    the users it is tuned on.
    """
    pipeline = RecommendationPipeline(model, HybridScorer.of(model.config))
    weights = np.array(
        [(a, b, 10 - a - b) for a, b in product(range(11), range(11)) if a + b <= 10]
    )
    weights = weights / 10
    totals = np.zeros((len(MISSING), len(weights)))
    for case in tests:
        songs, parts = pipeline.raw_parts(case.context, case.context.songs)
        relevant = np.isin(songs, list(case.relevant))
        for row, missing in enumerate(MISSING):
            z = np.stack([standardise(parts[kind], missing) for kind in PARTS])
            totals[row] += _ndcg_columns(z.T @ weights.T, relevant, len(case.relevant), k)
    best_row, best = divmod(int(totals.argmax()), len(weights))
    collaborative, content, popular = (float(w) for w in weights[best])
    chosen = {"collaborative": collaborative, "content": content, "popular": popular}
    blend = model.config.blend.model_copy(update={**chosen, "missing": MISSING[best_row]})
    return float(totals[best_row, best] / len(tests)), blend


def _ndcg_columns(
    scores: NDArray[np.float64], hit: NDArray[np.bool_], relevant: int, k: int
) -> NDArray[np.float64]:
    """nDCG@k of every column of (candidates, blends) scores, float64 (blends,)."""
    order = np.argsort(-scores, axis=0, kind="stable")[:k]
    discounts = 1 / np.log2(np.arange(2, k + 2))
    ideal = discounts[: min(k, relevant)].sum()
    return np.asarray(discounts[: len(order)] @ hit[order] / ideal, dtype=np.float64)


def tune_reranking(
    model: RecommenderModel, tests: Sequence[TestCase], k: int, budget: float
) -> tuple[RerankingConfig, dict[str, float]]:
    """Choose the most diverse lists that cost at most a share ``budget`` of the best one's nDCG.

    Diversity is 1 - the mean content similarity within a list.
    """
    hybrid = HybridScorer.of(model.config)
    pipeline = RecommendationPipeline(model, hybrid)
    start = model.config.reranking
    grid = [
        start.model_copy(update={"artist_cap": c, "diversity": d})
        for c, d in product(ARTIST_CAPS, DIVERSITIES)
    ]
    ndcg, alike = np.zeros(len(grid)), np.zeros(len(grid))
    for case in tests:
        items = pipeline.candidates(case.context, case.context.songs, k)
        for i, setting in enumerate(grid):
            if i % len(DIVERSITIES) == 0:  # the pool depends on the cap alone
                rows, pool = pipeline.rerank_pool(items, setting)
            chosen = rerank(*pool, k, setting)
            ndcg[i] += ndcg_at_k(items.songs[rows[chosen]], case.relevant, k)
            alike[i] += _mean_similarity(pool[1][np.ix_(chosen, chosen)])
    allowed = ndcg >= (1 - budget) * ndcg.max()
    best = int(np.argmin(np.where(allowed, alike, np.inf)))
    measured = {
        "ndcg": float(ndcg[best] / len(tests)),
        "ndcg_best": float(ndcg.max() / len(tests)),
        "diversity_within": float(1 - alike[best] / len(tests)),
        "diversity": grid[best].diversity,
        "artist_cap": grid[best].artist_cap,
    }
    return grid[best], measured


def _mean_similarity(similarity: FloatArray) -> float:
    """Mean over the pairs of different songs; 0 for fewer than two."""
    n = len(similarity)
    return float((similarity.sum() - np.trace(similarity)) / (n * (n - 1))) if n > 1 else 0.0
