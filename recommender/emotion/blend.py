"""A conditional logit over songs: how much to trust each part of a score.

p(song s | query) = softmax over songs of w · x_s (McFadden, 1974), a listwise loss. In the fit a
random set of songs stands for all that were not chosen, with the logarithm of its share as
correction; rankings are made of all songs.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_matrix

from data.types import FloatArray, IntArray
from recommender.emotion.protocol import Queries

Array64 = NDArray[np.float64]
#: (positions of queries) -> float32 (parts, n, songs).
Parts = Callable[[IntArray], FloatArray]


@dataclass(frozen=True)
class Choices:
    """Posts with the parts of the posted song and of songs that stand for the others.

    Attributes:
        chosen: float32 (parts, r).
        others: float32 (parts, r, candidates).
        allowed: bool (r, candidates), False for what the user posted, then or before.
        user: int64 (r,) place of the user, for splits by user.
        correction: logarithm of songs per candidate.
    """

    chosen: FloatArray
    others: FloatArray
    allowed: NDArray[np.bool_]
    user: IntArray
    correction: float

    def take(self, index: NDArray[np.bool_]) -> Choices:
        """Return the posts of a mask."""
        return Choices(
            self.chosen[:, index],
            self.others[:, index],
            self.allowed[index],
            self.user[index],
            self.correction,
        )

    def loss(self, weights: Array64) -> tuple[float, Array64]:
        """Return the mean negative log likelihood (nats) and its gradient (parts,)."""
        near = weights.astype(np.float32)
        logits = np.tensordot(near, self.others, 1) + np.float32(self.correction)
        logits[~self.allowed] = -np.inf
        own = near @ self.chosen
        top = np.maximum(logits.max(axis=1), own)
        rest, mine = np.exp(logits - top[:, None]), np.exp(own - top)
        total = rest.sum(axis=1) + mine
        rest /= total[:, None]
        expected = np.stack([np.einsum("rc,rc->r", part, rest) for part in self.others])
        slope = self.chosen * (1 - mine / total) - expected
        value = -(own - top - np.log(total)).mean(dtype=np.float64)
        return float(value), -slope.mean(axis=1, dtype=np.float64)


def draw_choices(
    queries: Queries, parts: Parts, history: csr_matrix, candidates: int, seed: int
) -> Choices:
    """Collect the parts of all relevant songs and of the same random candidates for all."""
    songs = history.shape[1]
    rng = np.random.default_rng((seed, 2))
    drawn = np.sort(rng.permutation(songs)[: min(candidates, songs)])
    chosen, others = [], []
    starts = np.searchsorted(queries.query, np.arange(len(queries) + 1))
    for block in np.array_split(np.arange(len(queries)), max(1, len(queries) // 500)):
        found = parts(block)
        inside = slice(starts[block[0]], starts[block[-1] + 1])
        place = queries.query[inside] - block[0]
        chosen.append(found[:, place, queries.song[inside]])
        others.append(found[:, :, drawn][:, place])
    users = queries.row[queries.query]
    seen = history[queries.users][:, drawn].toarray()[users] > 0
    relevant = csr_matrix(
        (np.ones(len(queries.song)), (queries.query, queries.song)), shape=(len(queries), songs)
    )
    seen |= relevant[:, drawn].toarray()[queries.query] > 0
    correction = float(np.log(songs / len(drawn)))
    return Choices(
        np.concatenate(chosen, axis=1), np.concatenate(others, axis=1), ~seen, users, correction
    )


def fit_blend(choices: Choices, ridge: float) -> Array64:
    """Return the weights of the parts, float64 (parts,), by L-BFGS."""
    from scipy.optimize import minimize

    def loss(weights: Array64) -> tuple[float, Array64]:
        value, slope = choices.loss(weights)
        return value + 0.5 * ridge * float(weights @ weights), slope + ridge * weights

    start = np.zeros(len(choices.chosen))
    found = minimize(loss, start, jac=True, method="L-BFGS-B", options={"maxiter": 100})
    return np.asarray(found.x, dtype=np.float64)


def crossed_loss(choices: Choices, ridge: float, seed: int, folds: int = 2) -> float:
    """Return the mean negative log likelihood of held-out users, (nats)."""
    rng = np.random.default_rng((seed, 3))
    fold = rng.integers(0, folds, int(choices.user.max()) + 1)[choices.user]
    losses = []
    for i in range(folds):
        weights = fit_blend(choices.take(fold != i), ridge)
        losses.append(choices.take(fold == i).loss(weights)[0] * int((fold == i).sum()))
    return float(np.sum(losses) / len(fold))
