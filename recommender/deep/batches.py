"""Lists of equal length for listwise training: what is to be found, the head, a sample of the rest.

A list of hundreds of candidates is mostly tail. The tail is sampled, and every sampled song stands
for as many as were left out: ``log(left / taken)`` is added to its score in the softmax (Bengio &
Senecal, 2008), so that the loss is, in expectation, that over all candidates.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from data.types import FloatArray, IntArray
from recommender.deep.config import Comparison, DeepRankerConfig, Scaling
from recommender.deep.features import FeatureLayout, RankingCase
from recommender.deep.songs import SongFeatures
from recommender.metrics import Values, bootstrap_mean

#: Added to the scores of padding: the softmax gives it nothing.
PADDING = -1e9


@dataclass(frozen=True)
class Lists:
    """n lists of L rows.

    Attributes:
        features: float32 (n, L, f), not scaled.
        blend: float32 (n, L).
        share: float32 (n, L), 1 / relevant for what is to be found, else 0.
        offset: float32 (n, L), added in the softmax; :data:`PADDING` for rows that are none.
    """

    features: FloatArray
    blend: FloatArray
    share: FloatArray
    offset: FloatArray

    def __len__(self) -> int:
        return len(self.blend)

    def take(self, index: IntArray | NDArray[np.bool_]) -> Lists:
        """Return the lists of ``index``, as long as before."""
        parts = (self.features, self.blend, self.share, self.offset)
        return Lists(*(part[index] for part in parts))

    @property
    def rows(self) -> FloatArray:
        """Features of the rows that are no padding, float32 (rows, f)."""
        return self.features[self.offset > PADDING / 2]


def case_features(layout: FeatureLayout, case: RankingCase, songs: SongFeatures) -> FloatArray:
    """Return float32 (c, f) features of a whole case."""
    return layout.build(case.context, case.songs, case.parts, case.blend, songs)


def sample_lists(
    layout: FeatureLayout,
    cases: Sequence[RankingCase],
    songs: SongFeatures,
    config: DeepRankerConfig,
    seed: int,
) -> Lists:
    """Sample the rows of every case and pad; cases with nothing to find must be left out before."""
    rng = np.random.default_rng((seed, 6))
    chosen = [_chosen(case, config, rng) for case in cases]
    length = max((len(rows) for rows, _ in chosen), default=1)
    n, width = len(cases), len(layout.names)
    features = np.zeros((n, length, width), dtype=np.float32)
    blend, share = (np.zeros((n, length), dtype=np.float32) for _ in range(2))
    offset = np.full((n, length), PADDING, dtype=np.float32)
    for i, (case, (rows, weight)) in enumerate(zip(cases, chosen, strict=True)):
        m = len(rows)
        features[i, :m] = case_features(layout, case, songs)[rows]
        blend[i, :m], offset[i, :m] = case.blend[rows], weight
        share[i, :m] = case.relevant[rows] / case.relevant.sum()
    return Lists(features, blend, share, offset)


def _chosen(
    case: RankingCase, config: DeepRankerConfig, rng: np.random.Generator
) -> tuple[IntArray, FloatArray]:
    """Return rows and their offsets in the softmax."""
    always = case.relevant.copy()
    always[np.argsort(-case.blend, kind="stable")[: config.top]] = True
    rest = np.flatnonzero(~always)
    taken = rng.permutation(rest)[: config.sampled]
    rows = np.concatenate([np.flatnonzero(always), taken])
    offset = np.zeros(len(rows), dtype=np.float32)
    if len(taken):
        offset[-len(taken) :] = np.log(len(rest) / len(taken))
    return rows, offset


def fit_scaling(rows: FloatArray) -> Scaling:
    """Standardise columns; one that does not vary is switched off by the factor 0."""
    mean, spread = rows.mean(axis=0, dtype=np.float64), rows.std(axis=0, dtype=np.float64)
    varies = spread > 1e-6
    factor = np.where(varies, 1 / np.where(varies, spread, 1), 0)
    return Scaling(shift=tuple(mean.tolist()), factor=tuple(factor.tolist()))


def scaled(features: FloatArray, scaling: Scaling) -> FloatArray:
    """Apply a :class:`Scaling` to the last axis."""
    shift, factor = (np.array(v, dtype=np.float32) for v in (scaling.shift, scaling.factor))
    moved = (features - shift) * factor
    return np.asarray(np.clip(moved, -scaling.limit, scaling.limit), dtype=np.float32)


def best_temperature(lists: Lists) -> float:
    """Return the factor of the blend with the smallest listwise loss, of a grid."""
    grid = np.geomspace(0.1, 10, 41)
    losses = [listwise_loss(t * lists.blend, lists) for t in grid]
    return float(grid[int(np.argmin(losses))])


def listwise_loss(scores: NDArray[np.floating], lists: Lists) -> float:
    """Mean softmax cross-entropy of the lists (ListNet's top-one loss, Cao et al., ICML 2007)."""
    logits = scores.astype(np.float64) + lists.offset
    top = logits.max(axis=1, keepdims=True)
    logs = logits - top - np.log(np.exp(logits - top).sum(axis=1, keepdims=True))
    return float(-(lists.share * logs).sum(axis=1).mean())


def case_ndcg(scores: FloatArray, relevant: NDArray[np.bool_], k: int) -> float:
    """Binary nDCG@k of one case; relevant songs that are no candidates are not counted."""
    top = np.argsort(-scores, kind="stable")[:k]
    discounts = 1 / np.log2(np.arange(2, k + 2))
    ideal = discounts[: min(k, int(relevant.sum()))].sum()
    return float(discounts[: len(top)] @ relevant[top] / ideal)


def compare(users: IntArray, blend: Values, deep: Values, config: DeepRankerConfig) -> Comparison:
    """Compare per-case nDCG in pairs; a user's cases are averaged, users are drawn."""
    _, index = np.unique(users, return_inverse=True)
    count = np.bincount(index)
    by_user = [np.bincount(index, weights=v) / count for v in (blend, deep)]
    rng = np.random.default_rng((config.seed, 7))
    found = bootstrap_mean(by_user[1] - by_user[0], rng, config.rounds)
    means = {"blend": float(by_user[0].mean()), "deep": float(by_user[1].mean())}
    return Comparison(
        users=len(count),
        cutoff=config.cutoff,
        difference=found.mean,
        low=found.low,
        high=found.high,
        **means,
    )


def user_folds(cases: Sequence[RankingCase], folds: int, seed: int) -> IntArray:
    """Return the fold of every case, 0..folds-1; all cases of a user are in one."""
    users, index = np.unique([case.user for case in cases], return_inverse=True)
    order = np.random.default_rng((seed, 8)).permutation(len(users))
    return (order % folds)[index].astype(np.int64)
