"""Training: tune every part on held-out songs of the same users, then fit on everything."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

import numpy as np

from data.errors import TrainingError
from data.reduction import PcaReducer
from data.splitting import split_holdout
from recommender.candidates.factors import FactorScorer, IalsConfig
from recommender.candidates.listening import ListeningScorer
from recommender.catalogue import Catalogue
from recommender.config import (
    RecommenderConfig,
)
from recommender.dataset import TrainingData
from recommender.deep.fitting import StoredRanker, fit_for
from recommender.deep.serving import write_ranker
from recommender.fitting import fit_model, listening_of
from recommender.model import FILE_NAME, RecommenderModel
from recommender.publishing import REDUCER_NAME
from recommender.splits import Split
from recommender.tuning import Tuned, tune_split

Report = Callable[[str], None]
#: Epochs of an update; the factors start where they were.
UPDATE_EPOCHS = 2


@dataclass(frozen=True)
class Fitted:
    """A model with the PCA that made its lyric vectors, and how tuning went.

    Attributes:
        model: all parts and settings.
        reducer: None where there were too few lyrics.
        tuning: log.
        ranker: the deep ranker, on or off; None where there is none.
        verdict: why it is on or off.
    """

    model: RecommenderModel
    reducer: PcaReducer | None
    tuning: dict[str, Any]
    ranker: StoredRanker | None = None
    verdict: str = "off: not asked for"


def train_recommender(
    config: RecommenderConfig, data: TrainingData, report: Report = lambda line: None
) -> Fitted:
    """Tune on a validation share of every user's songs, then fit on all events.

    Raises:
        TrainingError: if nobody has played anything.
    """
    _check(data)
    held = split_holdout(
        data.interactions, validation=config.validation_share, test=0.0, seed=config.seed
    )
    split = Split(held.train, held.train, held.validation, data.interactions, held.test, held.test)
    tuned = tune_split(config, lambda hidden: data, split, config.seed, report)
    catalogue = Catalogue.from_songs(data.songs, data.moods)
    everything = listening_of(data.interactions, catalogue, data.songs)
    model, reducer = fit_model(tuned.served(), data, catalogue, everything, config.seed)
    ranker, verdict = fit_for(config, model, lambda hidden: data, data.interactions, report)
    return Fitted(model, reducer, tuned.log, ranker, verdict)


def update_recommender(
    old: RecommenderModel, data: TrainingData, seed: int, report: Report = lambda line: None
) -> Fitted:
    """Fit on all events with the settings of a model, its factors as the start.

    Nothing is tuned, and factors that are nearly right need few epochs, so this is the training
    for every night; tune again when the data have changed in kind.

    Raises:
        TrainingError: if nobody has played anything.
    """
    _check(data)
    catalogue = Catalogue.from_songs(data.songs, data.moods)
    everything = listening_of(data.interactions, catalogue, data.songs)
    places = old.catalogue.columns(catalogue.ids)
    fitted: dict[str, ListeningScorer] = {}
    for scorer in old.listening:
        if isinstance(scorer, FactorScorer) and isinstance(scorer.config, IalsConfig):
            start = np.where(places[:, None] >= 0, scorer.factors[places], 0).astype(np.float32)
            few = scorer.config.model_copy(update={"epochs": UPDATE_EPOCHS})
            fitted[scorer.name] = few.fit(everything, seed, start)
            report(f"{scorer.name}: {UPDATE_EPOCHS} epochs from the factors in force")
    model, reducer = fit_model(old.config, data, catalogue, everything, seed, fitted)
    return Fitted(model, reducer, {"updated": sorted(fitted)})


def _check(data: TrainingData) -> None:
    if not (data.interactions.weight > 0).any():
        raise TrainingError("no positive event in the database: run `attune ingest listens FILE`")


def write_tuning(folder: Path, config: RecommenderConfig, tuned: Tuned) -> None:
    """Write ``tuned.toml``, which trains and evaluates without tuning, and ``tuning.json``.

    The blend is learned anew wherever the file is used; everything else is as chosen here.
    """
    folder.mkdir(parents=True, exist_ok=True)
    chosen = config.model_copy(update={"pipeline": tuned.served(), "trials": 1})
    (folder / "tuned.toml").write_text(chosen.to_toml(), encoding="utf-8")
    text = json.dumps(tuned.log, indent=1)
    (folder / "tuning.json").write_text(text + "\n", encoding="utf-8")


def write_run(
    folder: Path,
    config: RecommenderConfig,
    data: TrainingData,
    fitted: Fitted,
    read_at: datetime | None = None,
) -> None:
    """Write ``config.toml``, ``recommender.npz``, ``lyrics_pca.npz`` and ``record.json``.

    Args:
        folder: of the run.
        config: of the run.
        data: it was trained on.
        fitted: the result.
        read_at: when the database was read: a service takes in songs that changed later.
    """
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "config.toml").write_text(config.to_toml(), encoding="utf-8")
    fitted.model.save(folder / FILE_NAME)
    if fitted.reducer is not None:
        fitted.reducer.save(folder / REDUCER_NAME)
    if fitted.ranker is not None:
        stored = fitted.ranker
        write_ranker(folder, stored.onnx, stored.card, stored.components)
    record = {
        "kind": "recommender",
        "seed": config.seed,
        "config": config.model_dump(mode="json"),
        "chosen": fitted.model.config.model_dump(mode="json"),
        "tuning": fitted.tuning,
        "deep_ranker": fitted.verdict,
        "data": {
            "fingerprint": data.fingerprint(),
            "songs": len(data.songs),
            "songs_with_lyrics": int(np.isfinite(data.lyrics).all(axis=1).sum()),
            "users": len(data.interactions.user_ids),
            "pairs": len(data.interactions.user),
            **({} if read_at is None else {"read_at": read_at.isoformat()}),
        },
    }
    (folder / "record.json").write_text(json.dumps(record, indent=1), encoding="utf-8")
