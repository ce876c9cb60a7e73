"""Offline evaluation: full ranking of held-out songs, every part and the hybrid side by side."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from data.interactions import Interactions
from data.splitting import split_holdout
from data.types import IntArray
from recommender.catalogue import Catalogue
from recommender.config import RecommenderConfig
from recommender.dataset import TrainingData
from recommender.fitting import fit_model, positive_matrix
from recommender.metrics import Interval, bootstrap_mean, coverage
from recommender.model import RecommenderModel
from recommender.pipeline import RecommendationPipeline
from recommender.plots import plot_systems
from recommender.ranking import Outcome, Ranker, cases, part_ranker, run_cases
from recommender.scoring.hybrid import HybridScorer
from recommender.stages import Context
from recommender.tuning import tune, tuning_cases

Report = Callable[[str], None]
#: The system every other one is compared with, and the system that is compared with each part.
BASELINE, HYBRID = "popularity", "hybrid"


@dataclass(frozen=True, slots=True)
class SystemScore:
    """What one system reached on the test users; ``coverage`` is of the whole catalogue."""

    recall: Interval
    ndcg: Interval
    coverage: float
    ndcg_over_popularity: Interval
    hybrid_over_it: Interval


@dataclass(frozen=True)
class Evaluation:
    """One score per system, and what it was measured on."""

    table: dict[str, SystemScore]
    setting: dict[str, Any]

    def frame(self) -> pd.DataFrame:
        """Return the table as people read it, one row per system."""
        k = self.setting["cutoff"]
        rows = {
            name: {
                f"Recall@{k}": str(score.recall),
                f"nDCG@{k}": str(score.ndcg),
                f"coverage@{k}": f"{score.coverage:.3f}",
                "nDCG over popularity, paired": str(score.ndcg_over_popularity),
                "hybrid over it, paired": str(score.hybrid_over_it),
            }
            for name, score in self.table.items()
        }
        frame = pd.DataFrame.from_dict(rows, orient="index")
        return frame.rename_axis("system")


def rankers(model: RecommenderModel, k: int) -> Mapping[str, Ranker]:
    """Return every system under test, by name."""
    pipeline = RecommendationPipeline(model, HybridScorer.of(model.config))

    def hybrid(context: Context, excluded: IntArray) -> IntArray:
        return pipeline.candidates(context, excluded, k).songs[:k]

    def served(context: Context, excluded: IntArray) -> IntArray:
        return pipeline.reranked(pipeline.candidates(context, excluded, k), k).songs

    return {
        BASELINE: part_ranker(model.popularity, k),
        "als": part_ranker(model.collaborative, k),
        "content": part_ranker(model.content, k),
        HYBRID: hybrid,
        "hybrid, reranked as served": served,
    }


def evaluate_recommender(
    config: RecommenderConfig, data: TrainingData, report: Report = lambda line: None
) -> Evaluation:
    """Hold out a test share per user, tune on a validation share of the rest, score the test once.

    The final model of the table is fitted on all that is not test.
    """
    catalogue = Catalogue.from_songs(data.songs, data.moods)
    split = split_holdout(
        data.interactions,
        validation=config.validation_share,
        test=config.test_share,
        seed=config.seed,
    )
    train = positive_matrix(split.train, catalogue)
    rest = data.interactions.take(~np.isin(_pairs(data.interactions), _pairs(split.test)))
    rest_matrix = positive_matrix(rest, catalogue)
    tuning = tuning_cases(split.train, split.validation, catalogue, config.seed)
    tuned, log = tune(config, data, catalogue, train, tuning, report)
    model, _ = fit_model(tuned, data, catalogue, rest_matrix, config.seed)
    tests = cases(rest, split.test, catalogue)
    outcomes = {}
    for name, ranker in rankers(model, config.cutoff).items():
        outcomes[name] = run_cases(ranker, tests, config.cutoff)
        report(f"{name}: nDCG@{config.cutoff} {np.nanmean(outcomes[name].ndcg):.4f}")
    setting = {
        "protocol": f"{config.test_share:.0%} of each user's songs held out, full ranking",
        "seed": config.seed,
        "cutoff": config.cutoff,
        "users": len(tests),
        "songs": len(catalogue),
        "songs_with_events": int((rest_matrix.getnnz(axis=0) > 0).sum()),
        "data": data.fingerprint(),
        "chosen": tuned.model_dump(mode="json"),
        "tuning": log,
    }
    return Evaluation(_table(outcomes, len(catalogue), config), setting)


def _pairs(interactions: Interactions) -> IntArray:
    """Number the (user, song) pairs, the same for parts of one whole."""
    return interactions.user * len(interactions.item_ids) + interactions.item


def _table(
    outcomes: Mapping[str, Outcome], songs: int, config: RecommenderConfig
) -> dict[str, SystemScore]:
    table = {}
    for name, outcome in outcomes.items():
        rng = np.random.default_rng((config.seed, 2))
        table[name] = SystemScore(
            recall=bootstrap_mean(outcome.recall, rng),
            ndcg=bootstrap_mean(outcome.ndcg, rng),
            coverage=coverage(outcome.lists, songs),
            ndcg_over_popularity=bootstrap_mean(outcome.ndcg - outcomes[BASELINE].ndcg, rng),
            hybrid_over_it=bootstrap_mean(outcomes[HYBRID].ndcg - outcome.ndcg, rng),
        )
    return table


def write_evaluation(evaluation: Evaluation, folder: Path) -> None:
    """Write ``report.md``, ``metrics.json`` and ``ndcg.png``.

    Raises:
        MissingExtraError: if matplotlib, for the plot, is not installed.
    """
    folder.mkdir(parents=True, exist_ok=True)
    systems = {name: asdict(score) for name, score in evaluation.table.items()}
    values = {"setting": evaluation.setting, "systems": systems}
    (folder / "metrics.json").write_text(json.dumps(values, indent=1), encoding="utf-8")
    setting = {k: v for k, v in evaluation.setting.items() if k not in {"chosen", "tuning"}}
    lines = ["# Recommender evaluation", "", "Means over users with 95 % bootstrap intervals.", ""]
    lines += [f"- {key}: {value}" for key, value in setting.items()]
    lines += ["", markdown_table(evaluation.frame()), "", "![nDCG](ndcg.png)", ""]
    (folder / "report.md").write_text("\n".join(lines), encoding="utf-8")
    plot_systems(evaluation.table, evaluation.setting["cutoff"], folder / "ndcg.png")


def markdown_table(table: pd.DataFrame) -> str:
    """Return a data frame as a Markdown table, its index as the first column."""
    head = [str(table.index.name or ""), *map(str, table.columns)]
    rows = [
        [str(index), *map(str, row)] for index, row in zip(table.index, table.values, strict=True)
    ]
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join("| " + " | ".join(cells) + " |" for cells in lines)
