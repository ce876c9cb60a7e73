"""Offline evaluation: full ranking of held-out songs, every part and the hybrid side by side."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from scipy.sparse import csr_matrix

from data.splitting import split_holdout
from data.types import IntArray
from recommender.catalogue import Catalogue
from recommender.config import RecommenderConfig
from recommender.dataset import TrainingData
from recommender.metrics import bootstrap_mean, coverage
from recommender.model import RecommenderModel
from recommender.pipeline import RecommendationPipeline
from recommender.ranking import Outcome, Ranker, cases, part_ranker, run_cases
from recommender.stages import Context
from recommender.training import fit_model, positive_matrix, tune, tuning_cases

Report = Callable[[str], None]
#: The system every other one is compared with, and the system that is compared with each part.
BASELINE, HYBRID = "popularity", "hybrid"


@dataclass(frozen=True)
class Evaluation:
    """One table, one row per system, and what it was measured on."""

    table: pd.DataFrame
    setting: dict[str, Any]


def rankers(model: RecommenderModel, k: int) -> Mapping[str, Ranker]:
    """Return every system under test, by name."""
    pipeline = RecommendationPipeline(model)

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
    train, validation, test = (
        positive_matrix(i, catalogue) for i in (split.train, split.validation, split.test)
    )
    rest_matrix = (train + validation).tocsr()
    tuning = tuning_cases(train, validation, config.seed)
    tuned, log = tune(config, data, catalogue, train, tuning, report)
    model, _ = fit_model(tuned, data, catalogue, rest_matrix, config.seed)
    tests = cases(rest_matrix, test)
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
    return Evaluation(_table(outcomes, _played(rest_matrix), config), setting)


def _played(matrix: csr_matrix) -> int:
    return int((matrix.getnnz(axis=0) > 0).sum())


def _table(outcomes: Mapping[str, Outcome], played: int, config: RecommenderConfig) -> pd.DataFrame:
    rows = []
    for name, outcome in outcomes.items():
        rng = np.random.default_rng((config.seed, 2))
        recall, ndcg = bootstrap_mean(outcome.recall, rng), bootstrap_mean(outcome.ndcg, rng)
        lead = bootstrap_mean(outcome.ndcg - outcomes[BASELINE].ndcg, rng)
        hybrid = bootstrap_mean(outcomes[HYBRID].ndcg - outcome.ndcg, rng)
        rows.append(
            {
                "system": name,
                f"Recall@{config.cutoff}": str(recall),
                f"nDCG@{config.cutoff}": str(ndcg),
                f"coverage@{config.cutoff}": f"{coverage(outcome.lists, played):.3f}",
                "nDCG over popularity, paired": str(lead),
                "hybrid over it, paired": str(hybrid),
            }
        )
    return pd.DataFrame(rows).set_index("system")


def write_evaluation(evaluation: Evaluation, folder: Path) -> None:
    """Write ``report.md``, ``metrics.json`` and a bar chart."""
    folder.mkdir(parents=True, exist_ok=True)
    values = {"setting": evaluation.setting, "systems": evaluation.table.to_dict(orient="index")}
    (folder / "metrics.json").write_text(json.dumps(values, indent=1), encoding="utf-8")
    setting = {k: v for k, v in evaluation.setting.items() if k not in {"chosen", "tuning"}}
    lines = ["# Recommender evaluation", "", "Means over users with 95 % bootstrap intervals.", ""]
    lines += [f"- {key}: {value}" for key, value in setting.items()]
    lines += ["", markdown_table(evaluation.table), ""]
    (folder / "report.md").write_text("\n".join(lines), encoding="utf-8")


def markdown_table(table: pd.DataFrame) -> str:
    """Return a data frame as a Markdown table, its index as the first column."""
    head = [str(table.index.name or ""), *map(str, table.columns)]
    rows = [
        [str(index), *map(str, row)] for index, row in zip(table.index, table.values, strict=True)
    ]
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join("| " + " | ".join(cells) + " |" for cells in lines)
