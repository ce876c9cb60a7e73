"""Models on interactions alone, compared: tuned alike, ranked in full, scored once.

A share of every user's items is the test, a share of the rest the validation. Every model gets the
same number of settings, drawn from its grid; the best on validation is fitted again on all that is
not test, and scored there. Every item that a user does not have is ranked.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import asdict, dataclass
from itertools import product
from pathlib import Path
from typing import Any

import numpy as np
from pydantic import Field
from scipy.sparse import csr_matrix

from data.config import FrozenConfig
from data.datasets.listening import read_hetrec, read_pairs, with_listeners
from data.errors import ConfigError
from data.interactions import Interactions
from data.splitting import split_holdout
from data.types import IntArray
from recommender.linear.models import MODELS, Fitted, ModelConfig
from recommender.metrics import Interval, Values, bootstrap_mean

Report = Callable[[str], None]
_BLOCK = 512  # users whose scores are in memory at a time


class StudyConfig(FrozenConfig):
    """One comparison, complete: the same file and data give the same table, byte for byte."""

    seed: int = 42
    reader: str = Field("hetrec", description="hetrec | pairs")
    user: str = Field("user", description="pairs: column of user ids")
    item: str = Field("item", description="pairs: column of item ids")
    weight: str | None = Field(None, description="pairs: column of weights")
    least_listeners: int = Field(5, ge=1, description="fewest users of an item that is kept")
    test_share: float = Field(0.2, gt=0, lt=1, description="of each user's items")
    validation_share: float = Field(0.2, gt=0, lt=1, description="of what is not test")
    trials: int = Field(20, ge=1, description="settings tried for each model")
    cutoffs: tuple[int, ...] = Field((10, 20), min_length=1, description="k; tuned on the last")
    models: tuple[str, ...] = Field(tuple(MODELS), min_length=1)
    baseline: str = Field("iALS", description="whom the others are compared with, in pairs")


@dataclass(frozen=True)
class Row:
    """What one model reached; per-user values are kept for paired comparisons.

    Attributes:
        setting: chosen on validation.
        validation: mean nDCG at the last cutoff there.
        ndcg: cutoff -> (users,).
        recall: cutoff -> (users,).
        coverage: share of the items in at least one list of the last cutoff.
        seconds: of the last fit.
    """

    setting: ModelConfig
    validation: float
    ndcg: Mapping[int, Values]
    recall: Mapping[int, Values]
    coverage: float
    seconds: float


def run_study(
    config: StudyConfig, data: Path, out: Path, report: Report = lambda line: None
) -> dict[str, Row]:
    """Read, split, tune, score, and write ``report.md`` and ``metrics.json`` to ``out``.

    Raises:
        ConfigError: if a model or the reader is not known.
    """
    unknown = {*config.models, config.baseline} - set(MODELS)
    if unknown:
        raise ConfigError(f"no model is called {', '.join(sorted(unknown))}: {', '.join(MODELS)}")
    interactions = with_listeners(_read(config, data), config.least_listeners)
    rows = compare(config, interactions, report)
    _write(config, interactions, rows, out)
    return rows


def compare(
    config: StudyConfig, interactions: Interactions, report: Report = lambda line: None
) -> dict[str, Row]:
    """Tune and score every model on one split."""
    inner = config.validation_share * (1 - config.test_share)
    split = split_holdout(interactions, validation=inner, test=config.test_share, seed=config.seed)
    train, validation = split.train.matrix(), split.validation.matrix()
    rest, test = (train + validation).tocsr(), split.test.matrix()
    found = {}
    for name in config.models:
        setting, best = _tuned(name, train, validation, config)
        started = time.perf_counter()
        fitted = setting.fit(rest, config.seed)
        seconds = time.perf_counter() - started
        ndcg, recall, covered = score(fitted, rest, test, config.cutoffs)
        found[name] = Row(setting, best, ndcg, recall, covered, seconds)
        report(f"{name}: {np.nanmean(ndcg[config.cutoffs[-1]]):.4f} {setting.model_dump()}")
    return found


def settings(model: type[ModelConfig], trials: int, seed: int) -> list[ModelConfig]:
    """Return the default setting and ``trials - 1`` others, drawn without return from the grid."""
    names, values = list(model.grid), list(model.grid.values())
    every = [dict(zip(names, chosen, strict=True)) for chosen in product(*values)]
    order = np.random.default_rng((seed, 4)).permutation(len(every))
    first = model()
    drawn = [model.model_validate(every[i]) for i in order.tolist()] if names else []
    return [first, *[one for one in drawn if one != first][: trials - 1]]


def score(
    fitted: Fitted, known: csr_matrix, hidden: csr_matrix, cutoffs: tuple[int, ...]
) -> tuple[dict[int, Values], dict[int, Values], float]:
    """Rank all items that are not known, for every user with something hidden.

    Returns:
        nDCG and Recall per cutoff, (users,) with NaN where nothing is hidden, and coverage of the
        lists of the last cutoff. Ties are ranked by item number.
    """
    users, items = known.shape
    ndcg = {k: np.full(users, np.nan) for k in cutoffs}
    recall = {k: np.full(users, np.nan) for k in cutoffs}
    most, shown = max(cutoffs), np.zeros(items, dtype=bool)
    discounts = 1 / np.log2(np.arange(2, most + 2))
    for part, top in _ranked(fitted, known, hidden, most):
        truth = hidden[part].toarray() > 0
        hits, sizes = np.take_along_axis(truth, top, axis=1), truth.sum(axis=1)
        shown[np.unique(top[:, : cutoffs[-1]])] = True
        ideal = np.concatenate([[0.0], np.cumsum(discounts)])
        for k in cutoffs:
            ndcg[k][part] = hits[:, :k] @ discounts[:k] / ideal[np.minimum(sizes, k)]
            recall[k][part] = hits[:, :k].sum(axis=1) / sizes
    return ndcg, recall, float(shown.mean())


def _ranked(
    fitted: Fitted, known: csr_matrix, hidden: csr_matrix, most: int
) -> Iterator[tuple[IntArray, IntArray]]:
    asked = np.flatnonzero(hidden.getnnz(axis=1))
    for start in range(0, len(asked), _BLOCK):
        part = asked[start : start + _BLOCK]
        scores = fitted.scores(part)
        scores[known[part].nonzero()] = -np.inf
        yield part, np.argsort(-scores, axis=1, kind="stable")[:, :most]


def _tuned(
    name: str, train: csr_matrix, validation: csr_matrix, config: StudyConfig
) -> tuple[ModelConfig, float]:
    k, best = config.cutoffs[-1], None
    for setting in settings(MODELS[name], config.trials, config.seed):
        ndcg, _, _ = score(setting.fit(train, config.seed), train, validation, (k,))
        reached = float(np.nanmean(ndcg[k]))
        if best is None or reached > best[1]:
            best = setting, reached
    assert best is not None
    return best


def _read(config: StudyConfig, data: Path) -> Interactions:
    if config.reader == "hetrec":
        return read_hetrec(data)
    if config.reader == "pairs":
        return read_pairs(data, config.user, config.item, config.weight)
    raise ConfigError(f"no reader is called {config.reader!r}: hetrec, pairs")


def _write(
    config: StudyConfig, interactions: Interactions, rows: Mapping[str, Row], out: Path
) -> None:
    k = config.cutoffs[-1]
    rng = np.random.default_rng((config.seed, 5))
    base = rows.get(config.baseline)
    table, values = [], {}
    for name, row in rows.items():
        figures: dict[str, Interval] = {
            f"nDCG@{c}": bootstrap_mean(row.ndcg[c], rng) for c in config.cutoffs
        }
        figures[f"Recall@{k}"] = bootstrap_mean(row.recall[k], rng)
        if base is not None:
            figures["difference"] = bootstrap_mean(row.ndcg[k] - base.ndcg[k], rng)
        cells = [*map(str, figures.values()), f"{row.coverage:.3f}"]
        table.append(f"| {name} | {' | '.join(cells)} |")
        values[name] = {
            **{label: asdict(figure) for label, figure in figures.items()},
            "coverage": row.coverage,
            "validation": row.validation,
            "setting": row.setting.model_dump(),
        }
    heads = [f"nDCG@{c}" for c in config.cutoffs] + [f"Recall@{k}"]
    heads += [f"nDCG@{k} above {config.baseline}, paired"] if base is not None else []
    heads.append(f"coverage@{k}")
    lines = [
        "# Models on interactions alone",
        "",
        f"{len(interactions.user_ids)} users, {len(interactions.item_ids)} items with "
        f"{config.least_listeners} users or more, {len(interactions)} pairs. "
        f"{config.test_share:.0%} of each user's items held out, full ranking, seed {config.seed}; "
        f"{config.trials} settings per model, chosen on validation, the test scored once; 95 % "
        "bootstrap over users.",
        "",
        f"| model | {' | '.join(heads)} |",
        "|---" * (len(heads) + 1) + "|",
        *table,
    ]
    out.mkdir(parents=True, exist_ok=True)
    (out / "report.md").write_text("\n".join(lines) + "\n", encoding="utf-8")
    document: dict[str, Any] = {"config": config.model_dump(mode="json"), "models": values}
    (out / "metrics.json").write_text(json.dumps(document, indent=1) + "\n", encoding="utf-8")
