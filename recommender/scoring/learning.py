"""Learning how much to trust each part: a conditional logit over the candidates of many users.

The chance that a held-out song is the one put on is ``softmax(score)`` over the user's candidates
(McFadden, 1974; as a listwise loss: Cao et al., "Learning to Rank: From Pairwise to Listwise
Approach", ICML 2007), with ``score = sum_k (shares(history) . w_k + c_k coverage_k) z_k + m_k
missing_k``. It is concave in the weights, which are held at 0 or above, so that what a part says
in favour of a song never counts against it; L-BFGS-B finds the one maximum. Popularity alone may
have a weight below 0, where the other parts lean on it too much.

Only songs that some part puts among its first can come first in the blend. The others are left
out, those to be found too: weights that place them well far down the list are worse at its top.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from data.types import FloatArray
from recommender.config import SIGNED, BlendConfig
from recommender.scoring.hybrid import hats, standardise

Array64 = NDArray[np.float64]
#: Penalties, in nats per case: on the size of weights, and on their change between lengths.
SIZE, CHANGE = 1e-3, 1e-2
#: Candidates that each part brings into play.
_FIRST = 30
#: What a song gets that a part which stands alone cannot score, in standard deviations.
_LAST = -3.0
#: Below this share of the largest weight a part is left out: it only costs time.
LEAST_SHARE = 0.02


@dataclass(frozen=True)
class BlendCase:
    """The candidates of one user.

    Attributes:
        user: folds are made by user.
        length: songs of the history.
        parts: part -> float32 (c,) raw scores, NaN where it cannot score.
        relevant: bool (c,) what is to be found.
        total: how many songs are to be found, candidates or not.
    """

    user: int
    length: int
    parts: Mapping[str, FloatArray]
    relevant: NDArray[np.bool_]
    total: int


@dataclass(frozen=True)
class Stacked:
    """Cases one below the other.

    Attributes:
        names: the parts.
        z: float32 (rows, parts) standard scores, 0 where missing.
        missing: float32 (rows, parts), 1 where a part that scores others cannot score this one.
        starts: int64 (cases,) first row of each case.
        sizes: int64 (cases,).
        shares: float64 (cases, lengths).
        coverage: float64 (cases, parts).
        relevant: bool (rows,).
        totals: int64 (cases,).
    """

    names: tuple[str, ...]
    z: FloatArray
    missing: FloatArray
    starts: NDArray[np.int64]
    sizes: NDArray[np.int64]
    shares: Array64
    coverage: Array64
    relevant: NDArray[np.bool_]
    totals: NDArray[np.int64]

    @classmethod
    def of(
        cls, cases: Sequence[BlendCase], names: tuple[str, ...], lengths: Sequence[float]
    ) -> Stacked:
        """Standardise over all candidates, and stack those that may come first."""
        z, missing, coverage, relevant = zip(
            *(_in_play(case, names) for case in cases), strict=True
        )
        sizes = np.array([len(rows) for rows in z], dtype=np.int64)
        return cls(
            names,
            np.concatenate(z),
            np.concatenate(missing),
            np.cumsum(sizes) - sizes,
            sizes,
            np.stack([hats(case.length, lengths) for case in cases]),
            np.stack(coverage),
            np.concatenate(relevant),
            np.array([case.total for case in cases], dtype=np.int64),
        )

    def take(self, cases: NDArray[np.int64]) -> Stacked:
        """Return the cases of ``cases``, in its order."""
        sizes = self.sizes[cases]
        starts = np.cumsum(sizes) - sizes
        rows = np.repeat(self.starts[cases] - starts, sizes) + np.arange(int(sizes.sum()))
        return Stacked(
            self.names,
            self.z[rows],
            self.missing[rows],
            starts,
            sizes,
            self.shares[cases],
            self.coverage[cases],
            self.relevant[rows],
            self.totals[cases],
        )

    def of_one_length(self) -> Stacked:
        """Return the same cases with one weight a part."""
        return replace(self, shares=np.ones((len(self.sizes), 1)))

    def scores(self, weights: Weights) -> Array64:
        """Return float64 (rows,)."""
        of_case = self.shares @ weights.by_length.T + self.coverage * weights.coverage
        rows = np.repeat(of_case, self.sizes, axis=0)
        of_parts = np.einsum("rp,rp->r", self.z, rows)
        return np.asarray(of_parts + self.missing @ weights.missing)

    def ndcg(self, scores: Array64, k: int) -> Array64:
        """Return float64 (cases,) nDCG@k; ties by row."""
        discounts = 1 / np.log2(np.arange(2, k + 2))
        ideal = np.concatenate([[0.0], np.cumsum(discounts)])
        found = np.zeros(len(self.sizes))
        for case, (start, size) in enumerate(zip(self.starts, self.sizes, strict=True)):
            order = np.argsort(-scores[start : start + size], kind="stable")[:k]
            hits = self.relevant[start : start + size][order]
            found[case] = hits @ discounts[: len(hits)] / ideal[min(k, int(self.totals[case]))]
        return found


def _in_play(
    case: BlendCase, names: Sequence[str]
) -> tuple[FloatArray, FloatArray, Array64, NDArray[np.bool_]]:
    """Return z, missing, coverage and relevant of the candidates that any part puts first."""
    columns = [case.parts[name] for name in names]
    finite = np.stack([np.isfinite(column) for column in columns], axis=1)
    z = np.stack([standardise(column) for column in columns], axis=1)
    missing = (~finite & finite.any(axis=0)).astype(np.float32)
    first = np.argsort(-z, axis=0, kind="stable")[:_FIRST]
    keep = np.zeros(len(z), dtype=np.bool_)
    keep[first[:, finite.any(axis=0)].ravel()] = True
    return z[keep], missing[keep], finite.mean(axis=0), case.relevant[keep]


@dataclass(frozen=True)
class Weights:
    """What is learned: by length (parts, lengths), by coverage and for missing (parts,)."""

    by_length: Array64
    coverage: Array64
    missing: Array64

    def flat(self) -> Array64:
        """Return all of them in one vector."""
        return np.concatenate([self.by_length.ravel(), self.coverage, self.missing])

    @classmethod
    def of(cls, flat: Array64, parts: int, lengths: int) -> Weights:
        """Undo :meth:`flat`."""
        cut = parts * lengths
        by_length = flat[:cut].reshape(parts, lengths)
        return cls(by_length, flat[cut : cut + parts], flat[cut + parts :])

    def config(self, names: Sequence[str], start: BlendConfig) -> BlendConfig:
        """Return the settings of these weights; parts with hardly any are left out."""
        reach = np.abs(self.by_length).max(axis=1) + self.coverage
        kept = [i for i in range(len(names)) if reach[i] >= LEAST_SHARE * max(reach.max(), 1e-12)]

        def named(values: Array64) -> dict[str, float]:
            return {names[i]: round(float(values[i]), 4) for i in kept}

        rounded = {names[i]: tuple(round(float(w), 4) for w in self.by_length[i]) for i in kept}
        return start.model_copy(
            update={
                "weights": rounded,
                "coverage": named(self.coverage),
                "missing": named(self.missing),
            }
        )


def learn(stacked: Stacked) -> Weights:
    """Return the weights of greatest likelihood, penalised; cases without a hit are passed over."""
    from scipy.optimize import minimize

    parts, lengths = len(stacked.names), stacked.shares.shape[1]
    start = Weights(np.full((parts, lengths), 0.1), np.zeros(parts), np.zeros(parts))
    least = [None if name in SIGNED else 0.0 for name in stacked.names]
    above = [(low, None) for low in least for _ in range(lengths)]
    above += [(0.0, None)] * parts + [(None, None)] * parts
    hits = np.add.reduceat(stacked.relevant.astype(np.float64), stacked.starts)
    used = hits > 0
    target = stacked.relevant / np.repeat(np.maximum(hits, 1), stacked.sizes)

    def loss(flat: Array64) -> tuple[float, Array64]:
        weights = Weights.of(flat, parts, lengths)
        scores = stacked.scores(weights)
        chance, bound = _softmax(scores, stacked)
        own = np.add.reduceat(target * scores, stacked.starts)
        count = max(int(used.sum()), 1)
        value = float((bound - own)[used].sum()) / count
        error = (chance - target) * np.repeat(used, stacked.sizes) / count
        penalty, slope = _penalties(weights)
        return value + penalty, _gradient(stacked, error).flat() + slope

    found = minimize(
        loss, start.flat(), jac=True, method="L-BFGS-B", bounds=above, options={"maxiter": 100}
    )
    return Weights.of(np.asarray(found.x, dtype=np.float64), parts, lengths)


def _softmax(scores: Array64, stacked: Stacked) -> tuple[Array64, Array64]:
    """Return float64 (rows,) chances within cases, and (cases,) logarithms of their sums."""
    most = np.maximum.reduceat(scores, stacked.starts)
    powers = np.exp(scores - np.repeat(most, stacked.sizes))
    sums = np.add.reduceat(powers, stacked.starts)
    return powers / np.repeat(sums, stacked.sizes), np.log(sums) + most


def _gradient(stacked: Stacked, error: Array64) -> Weights:
    of_case = np.add.reduceat(stacked.z * error[:, None], stacked.starts, axis=0)
    return Weights(
        of_case.T @ stacked.shares,
        np.asarray((of_case * stacked.coverage).sum(axis=0)),
        np.asarray(error @ stacked.missing),
    )


def _penalties(weights: Weights) -> tuple[float, Array64]:
    flat, steps = weights.flat(), np.diff(weights.by_length, axis=1)
    slope = np.zeros_like(weights.by_length)
    slope[:, 1:] += steps
    slope[:, :-1] -= steps
    value = SIZE * float(flat @ flat) + CHANGE * float((steps**2).sum())
    rest = np.zeros(2 * len(weights.missing))
    return value, 2 * SIZE * flat + 2 * CHANGE * np.concatenate([slope.ravel(), rest])


def alone(part: int, parts: int, lengths: int) -> Weights:
    """Return the weights of one part alone; songs it cannot score come last.

    Not so far behind that the spread of the others is nothing beside theirs.
    """
    by_length, missing = np.zeros((parts, lengths)), np.zeros(parts)
    by_length[part], missing[part] = 1.0, _LAST
    return Weights(by_length, np.zeros(parts), missing)


def constant(weights: Weights, lengths: int) -> Weights:
    """Return weights learned at one length as weights at all."""
    return Weights(np.repeat(weights.by_length, lengths, axis=1), weights.coverage, weights.missing)


def choose_blend(
    cases: Sequence[BlendCase], start: BlendConfig, k: int, seed: int, folds: int = 3
) -> tuple[BlendConfig, dict[str, float]]:
    """Learn a blend, and keep it only if it beats every part alone out of fold.

    Folds are of users: weights learned on the others rank a user's candidates. The best of the
    blend by length of history, the blend of one weight a part, and each part alone is taken, so
    the hybrid is not worse than its best part on validation.

    Args:
        cases: of validation, every part in each.
        start: lengths, and what is not learned.
        k: cutoff of nDCG.
        seed: of the folds.
        folds: at most as many as users.

    Returns:
        the settings, and each way's mean nDCG@k out of fold.
    """
    names, lengths = tuple(cases[0].parts), len(start.lengths)
    stacked = Stacked.of(cases, names, start.lengths)
    fold = _folds(np.array([case.user for case in cases]), folds, seed)
    values = {way: np.zeros(len(cases)) for way in (*_WAYS, *names)}
    for number in np.unique(fold):
        held = np.flatnonzero(fold == number)
        rest = np.flatnonzero(fold != number)
        train, test = stacked.take(rest if len(rest) else held), stacked.take(held)
        tried = {way: _learned(way, train, lengths) for way in _WAYS}
        tried |= {name: alone(part, len(names), lengths) for part, name in enumerate(names)}
        for way, weights in tried.items():
            values[way][held] = test.ndcg(test.scores(weights), k)
    means = {way: round(float(v.mean()), 6) for way, v in values.items()}
    best = max(means, key=lambda way: means[way])
    if best in _WAYS:
        weights = _learned(best, stacked, lengths)
    else:
        weights = alone(names.index(best), len(names), lengths)
    return weights.config(names, start), means


#: The blends that are learned.
_WAYS = ("by length", "constant")


def _learned(way: str, stacked: Stacked, lengths: int) -> Weights:
    if way == "by length":
        return learn(stacked)
    return constant(learn(stacked.of_one_length()), lengths)


def _folds(users: NDArray[np.int64], folds: int, seed: int) -> NDArray[np.int64]:
    """Return int64 (cases,), the fold of each case; cases of one user are in one fold."""
    distinct, number = np.unique(users, return_inverse=True)
    order = np.random.default_rng((seed, 7)).permutation(len(distinct))
    return np.asarray(order[number] % folds, dtype=np.int64)
