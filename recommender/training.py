"""Training: tune every part on held-out songs of the same users, then fit on everything."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from data.errors import TrainingError
from data.reduction import PcaReducer
from data.splitting import split_holdout
from recommender.catalogue import Catalogue
from recommender.config import (
    RecommenderConfig,
)
from recommender.dataset import TrainingData
from recommender.fitting import fit_model, positive_matrix
from recommender.model import FILE_NAME, RecommenderModel
from recommender.publishing import REDUCER_NAME
from recommender.tuning import tune, tuning_cases

Report = Callable[[str], None]


@dataclass(frozen=True)
class Fitted:
    """A model with the PCA that made its lyric vectors, and how tuning went."""

    model: RecommenderModel
    reducer: PcaReducer | None
    tuning: dict[str, Any]


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
    tests = tuning_cases(split.train, split.validation, catalogue, config.seed)
    tuned, tuning = tune(config, data, catalogue, train, tests, report)
    model, reducer = fit_model(tuned, data, catalogue, everything, config.seed)
    return Fitted(model, reducer, tuning)


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
