"""Tuning: the settings of every part, of the blend and of the reranking, on held-out songs.

Every part gets the same number of settings, drawn from its grid, the configured one first. The
best of each take part in the blend, whose weights are learned; see
:mod:`recommender.scoring.learning`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import product
from typing import Any, TypeVar

import numpy as np

from data.config import FrozenConfig
from data.interactions import Interactions
from data.types import FloatArray
from recommender.candidates.content import ContentScorer
from recommender.candidates.listening import Listening, ListeningScorer
from recommender.candidates.popularity import RecentScorer
from recommender.catalogue import Catalogue
from recommender.config import PipelineConfig, RecommenderConfig, RerankingConfig
from recommender.dataset import TrainingData
from recommender.fitting import fit_model, listening_of, reduce_lyrics
from recommender.metrics import ndcg_at_k
from recommender.model import RecommenderModel
from recommender.mood_tuning import tune_strength
from recommender.pipeline import RecommendationPipeline
from recommender.ranking import TestCase, cases, mean_ndcg, part_lists
from recommender.reranking.diversity import rerank
from recommender.scoring.hybrid import HybridScorer
from recommender.scoring.learning import BlendCase, choose_blend
from recommender.splits import Source, Split
from recommender.stages import Scorer

Report = Callable[[str], None]
#: Histories are also cut to these lengths, so that the blend learns what to trust for newcomers.
SHORT = (1, 3, 5, 10)
#: Reranking tried, from mild to strong. More than five songs of one artist in twenty are never
#: right for a listener, whatever a metric says.
DIVERSITIES = (0.0, 0.05, 0.1, 0.2, 0.3)
ARTIST_CAPS = (2, 3, 5)

Setting = TypeVar("Setting", bound=FrozenConfig)


@dataclass(frozen=True)
class Tuned:
    """What tuning found.

    Attributes:
        config: the best settings of everything; all listening scorers that were compared.
        log: every setting tried with its nDCG, and how blend and reranking were chosen.
    """

    config: PipelineConfig
    log: dict[str, Any]

    def served(self) -> PipelineConfig:
        """Return the settings without the listening scorers that the blend gives no weight."""
        kept = tuple(n for n in self.config.listening if n in self.config.blend.weights)
        return self.config.model_copy(update={"listening": kept})


def tuning_cases(
    known: Interactions, hidden: Interactions, catalogue: Catalogue, most: int, seed: int
) -> list[TestCase]:
    """Pair known and hidden songs of a seeded choice of at most ``most`` users."""
    found = cases(known, hidden, catalogue)
    chosen = np.random.default_rng((seed, 3)).permutation(len(found))[:most]
    return [found[i] for i in sorted(chosen)]


def settings(first: Setting, trials: int, seed: int) -> list[Setting]:
    """Return ``first`` and ``trials - 1`` others, drawn without return from its grid."""
    grid: dict[str, tuple[object, ...]] = getattr(first, "grid", {})
    every = list(product(*grid.values())) if grid else []
    order = np.random.default_rng((seed, 4)).permutation(len(every))
    drawn = (
        type(first).model_validate({**first.model_dump(), **dict(zip(grid, every[i], strict=True))})
        for i in order.tolist()
    )
    others = [one for _, one in zip(range(trials), drawn, strict=False) if one != first]
    return [first, *others[: trials - 1]]


def tune(
    config: RecommenderConfig,
    data: TrainingData,
    catalogue: Catalogue,
    listening: Listening,
    tests: Sequence[TestCase],
    report: Report,
) -> Tuned:
    """Choose the settings of every part, then blend and reranking, by nDCG on ``tests``."""
    start, k = config.pipeline, config.cutoff
    if not tests:
        report("too few events to tune on: the configured settings are kept")
        return Tuned(start, {"users": 0})
    log: dict[str, Any] = {"users": len(tests), "trials": config.trials, "parts": {}}
    chosen: dict[str, FrozenConfig] = {}
    fitted: dict[str, ListeningScorer] = {}
    for name, tried in _parts(config, data, listening):
        scored = [
            (setting, part, mean_ndcg(part_lists(part, k), tests, len(catalogue), k))
            for setting, part in tried
        ]
        setting, part, best = max(scored, key=lambda one: one[2])
        log["parts"][name] = [{"ndcg": round(n, 6), **s.model_dump()} for s, _, n in scored]
        chosen[name] = setting
        if isinstance(part, ListeningScorer):
            fitted[name] = part
        report(f"{name} {best:.4f} {setting.model_dump()}")
    parts = start.model_copy(update=chosen)
    model, _ = fit_model(parts, data, catalogue, listening, config.seed, fitted)
    blend, log["blend"] = choose_blend(
        blend_cases(model, with_short(tests, config.seed)), parts.blend, k, config.seed
    )
    report(f"blend {log['blend']} {blend.weights}")
    parts = parts.model_copy(update={"blend": blend})
    blended = replace(model, config=parts)
    strength, log["mood"] = tune_strength(
        RecommendationPipeline(blended, HybridScorer.of(parts)),
        tests,
        k,
        config.mood_budget,
        config.seed,
    )
    report(f"mood strength {strength} {log['mood']}")
    mood = parts.mood.model_copy(update={"strength": strength})
    blended = replace(model, config=parts.model_copy(update={"mood": mood}))
    reranking, log["reranking"] = tune_reranking(blended, tests, k, config.accuracy_budget)
    report(f"reranking {log['reranking']}")
    return Tuned(blended.config.model_copy(update={"reranking": reranking}), log)


def tune_split(
    config: RecommenderConfig,
    source: Source,
    split: Split,
    seed: int,
    report: Report = lambda line: None,
) -> Tuned:
    """Tune on the validation part of a split; its test part stays unseen.

    Args:
        config: what to tune.
        source: gives songs that tell nothing of what is held out.
        split: of all events.
        seed: of the choice of users.
        report: receives a line per part.
    """
    data = source((split.validation, split.test))
    catalogue = Catalogue.from_songs(data.songs, data.moods)
    tests = tuning_cases(
        split.validation_given, split.validation, catalogue, config.tuning_users, seed
    )
    listening = listening_of(split.train, catalogue, data.songs)
    return tune(config, data, catalogue, listening, tests, report)


def _parts(
    config: RecommenderConfig, data: TrainingData, listening: Listening
) -> Iterator[tuple[str, Iterator[tuple[FrozenConfig, Scorer]]]]:
    """Yield every part's name, and its settings each with the scorer fitted with it."""
    start, trials, seed = config.pipeline, config.trials, config.seed
    for first in start.listening_configs():
        yield (
            first.name,
            ((one, one.fit(listening, seed)) for one in settings(first, trials, seed)),
        )
    lyrics, _ = reduce_lyrics(data.lyrics, start.content.lyrics_size)
    yield (
        "content",
        (
            (one, ContentScorer.fit(one, data.songs, lyrics))
            for one in settings(start.content, trials, seed)
        ),
    )
    if listening.has_times:
        yield (
            "recent",
            (
                (one, RecentScorer.fit_recent(one, listening))
                for one in settings(start.recent, trials, seed)
            ),
        )


def with_short(tests: Sequence[TestCase], seed: int) -> list[TestCase]:
    """Return the cases, and each once more with a short history where it has a longer one."""
    rng = np.random.default_rng((seed, 6))
    found = list(tests)
    for case in tests:
        shorter = [n for n in SHORT if n < len(case.context.songs)]
        if shorter:
            found.append(case.cut(int(rng.choice(shorter)), rng))
    return found


def blend_cases(model: RecommenderModel, tests: Sequence[TestCase]) -> list[BlendCase]:
    """Return every case's candidates with what each part of the taste makes of them."""
    pipeline = RecommendationPipeline(model, HybridScorer.of(model.config))
    found = []
    for case in tests:
        songs, parts = pipeline.raw_parts(case.context, case.excluded)
        found.append(
            BlendCase(
                case.user,
                len(case.context.songs),
                {name: parts[name] for name, part in model.taste.items() if part.is_fitted},
                np.isin(songs, list(case.relevant)),
                len(case.relevant),
            )
        )
    return found


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
        items = pipeline.candidates(case.context, case.excluded, k)
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
