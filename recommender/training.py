"""Training: tune every part on held-out songs of the same users, then fit on everything."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import product
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_matrix

from data.errors import TrainingError
from data.interactions import Interactions
from data.splitting import split_holdout
from data.types import FloatArray
from nlp.reduction import PcaReducer
from recommender.candidates.collaborative import CollaborativeScorer
from recommender.candidates.content import ContentScorer
from recommender.candidates.popularity import PopularityScorer
from recommender.catalogue import Catalogue
from recommender.config import (
    BlendConfig,
    CollaborativeConfig,
    ContentConfig,
    PipelineConfig,
    RecommenderConfig,
)
from recommender.dataset import TrainingData
from recommender.model import FILE_NAME, RecommenderModel
from recommender.pipeline import RecommendationPipeline
from recommender.query import ReasonKind
from recommender.ranking import Ranker, TestCase, cases, part_ranker, run_cases
from recommender.scoring.hybrid import standardise

Report = Callable[[str], None]
REDUCER_NAME = "lyrics_pca.npz"
#: Tuning looks at no more validation users than this; more changes no decision, only the time.
MAX_TUNING_USERS = 400
#: Standard scores tried for songs that a part cannot score.
MISSING = (-1.0, -0.5, 0.0)
PARTS: tuple[ReasonKind, ...] = ("collaborative", "content", "popular")


@dataclass(frozen=True)
class Fitted:
    """A model with the PCA that made its lyric vectors, and how tuning went."""

    model: RecommenderModel
    reducer: PcaReducer | None
    tuning: dict[str, Any]


def positive_matrix(interactions: Interactions, catalogue: Catalogue) -> csr_matrix:
    """Return float32 (users, songs of the catalogue) positive weights, zeros dropped."""
    columns = np.array([catalogue.positions[i] for i in interactions.item_ids], dtype=np.int64)
    keep = interactions.weight > 0
    rows, items = interactions.user[keep], interactions.item[keep]
    return csr_matrix(
        (interactions.weight[keep], (rows, columns[items])),
        shape=(len(interactions.user_ids), len(catalogue)),
        dtype=np.float32,
    )


def train_recommender(
    config: RecommenderConfig, data: TrainingData, report: Report = lambda line: None
) -> Fitted:
    """Tune on a validation share of every user's songs, then fit on all events.

    Raises:
        TrainingError: if nobody has played anything.
    """
    if not (data.interactions.weight > 0).any():
        raise TrainingError("no positive event in the database: run `attune ingest listens FILE`")
    catalogue = Catalogue.from_songs(data.songs, data.moods)
    everything = positive_matrix(data.interactions, catalogue)
    split = split_holdout(
        data.interactions, validation=config.validation_share, test=0.0, seed=config.seed
    )
    train = positive_matrix(split.train, catalogue)
    tests = tuning_cases(train, positive_matrix(split.validation, catalogue), config.seed)
    tuned, tuning = tune(config, data, catalogue, train, tests, report)
    model, reducer = fit_model(tuned, data, catalogue, everything, config.seed)
    return Fitted(model, reducer, tuning)


def tuning_cases(known: csr_matrix, hidden: csr_matrix, seed: int) -> list[TestCase]:
    """Pair known and hidden songs of a seeded choice of users, for tuning."""
    found = cases(known, hidden)
    chosen = np.random.default_rng((seed, 3)).permutation(len(found))[:MAX_TUNING_USERS]
    return [found[i] for i in sorted(chosen)]


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
    log = {
        "users": len(tests),
        "collaborative": [{"ndcg": s, **c.model_dump()} for s, c in als_log],
        "content": [{"ndcg": s, **c.model_dump()} for s, c in content_log],
        "blend": {"ndcg": blend_score, **blend.model_dump()},
    }
    return parts.model_copy(update={"blend": blend}), log


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
    pipeline = RecommendationPipeline(model)
    weights = np.array(
        [(a, b, 10 - a - b) for a, b in product(range(11), range(11)) if a + b <= 10]
    )
    weights = weights / 10
    totals = np.zeros((len(MISSING), len(weights)))
    for case in tests:
        songs, parts = pipeline.raw_parts(case.context, case.context.songs, k)
        relevant = np.isin(songs, list(case.relevant))
        for row, missing in enumerate(MISSING):
            z = np.stack([standardise(parts[kind], missing) for kind in PARTS])
            totals[row] += _ndcg_columns(z.T @ weights.T, relevant, len(case.relevant), k)
    best_row, best = divmod(int(totals.argmax()), len(weights))
    collaborative, content, popular = (float(w) for w in weights[best])
    blend = BlendConfig(
        collaborative=collaborative, content=content, popular=popular, missing=MISSING[best_row]
    )
    return float(totals[best_row, best] / len(tests)), blend


def _ndcg_columns(
    scores: NDArray[np.float64], hit: NDArray[np.bool_], relevant: int, k: int
) -> NDArray[np.float64]:
    """nDCG@k of every column of (candidates, blends) scores, float64 (blends,)."""
    order = np.argsort(-scores, axis=0, kind="stable")[:k]
    discounts = 1 / np.log2(np.arange(2, k + 2))
    ideal = discounts[: min(k, relevant)].sum()
    return np.asarray(discounts[: len(order)] @ hit[order] / ideal, dtype=np.float64)


def write_run(folder: Path, config: RecommenderConfig, data: TrainingData, fitted: Fitted) -> None:
    """Write ``config.toml``, ``recommender.npz``, ``lyrics_pca.npz`` and ``record.json``."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "config.toml").write_text(config.to_toml(), encoding="utf-8")
    fitted.model.save(folder / FILE_NAME)
    if fitted.reducer is not None:
        fitted.reducer.save(folder / REDUCER_NAME)
    record = {
        "kind": "recommender",
        "seed": config.seed,
        "config": config.model_dump(mode="json"),
        "chosen": fitted.model.config.model_dump(mode="json"),
        "tuning": fitted.tuning,
        "data": {
            "fingerprint": data.fingerprint(),
            "songs": len(data.songs),
            "songs_with_lyrics": int(np.isfinite(data.lyrics).all(axis=1).sum()),
            "users": len(data.interactions.user_ids),
            "pairs": len(data.interactions.user),
        },
    }
    (folder / "record.json").write_text(json.dumps(record, indent=1), encoding="utf-8")
