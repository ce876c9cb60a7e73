"""Fitting the ranker for a model: lists from refitted parts, the network, and its verdict."""

from __future__ import annotations

import importlib.util
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from data.errors import TrainingError
from data.interactions import Interactions
from data.types import FloatArray
from recommender.config import RecommenderConfig
from recommender.deep.serving import song_features
from recommender.deep.songs import reduce_terms
from recommender.deep.stacking import stacked_cases
from recommender.model import RecommenderModel
from recommender.splits import Source

Report = Callable[[str], None]


@dataclass(frozen=True)
class StoredRanker:
    """What :func:`recommender.deep.serving.write_ranker` writes."""

    onnx: bytes
    card: dict[str, Any]
    components: FloatArray


def fit_for(
    config: RecommenderConfig,
    model: RecommenderModel,
    describe: Source,
    known: Interactions,
    report: Report = lambda line: None,
) -> tuple[StoredRanker | None, str]:
    """Fit the ranker of a model on the events that the model may know.

    Args:
        config: of the run.
        model: fitted on ``known``.
        describe: reads the songs.
        known: all events that may be used.
        report: called with one line per step.

    Returns:
        the ranker, on or off as its card says, and the verdict in words; None where it was not
        asked for, cannot be trained here, or has too little to learn from.
    """
    deep = config.deep
    if not deep.enabled:
        return None, "off: not asked for"
    if importlib.util.find_spec("keras") is None:
        return None, "off: Keras is not installed (attune[train])"
    from recommender.deep.training import fit_ranker

    cases = stacked_cases(
        model.config, describe, known, deep.fits, config.tuning_users, config.seed, report
    )
    _, components = reduce_terms(model.content.terms_of_songs(), deep.tag_size)
    songs = song_features(model, components)
    try:
        fitted = fit_ranker(deep.ranker, cases, songs, config.seed, report)
    except TrainingError as exc:
        return None, f"off: {exc}"
    found = fitted.card["comparison"]
    verdict = "on" if fitted.card["enabled"] else "off"
    said = (
        f"{verdict}: nDCG@{found['cutoff']} {found['blend']:.4f} to {found['deep']:.4f}, paired"
        f" difference {found['difference']:+.4f} ({found['low']:+.4f}..{found['high']:+.4f})"
    )
    report(f"deep ranker {said}")
    return StoredRanker(fitted.onnx, fitted.card, components), said
