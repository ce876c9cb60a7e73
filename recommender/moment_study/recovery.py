"""Study 1a: is the learned response the true one? The simulated listeners are known to the core."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from data.datasets.demo import ListenerTruth
from data.moments import Moments
from data.types import IntArray
from recommender.catalogue import Catalogue
from recommender.metrics import Interval
from recommender.moment_study.figures import auc, bootstrap_rows, pearson, spearman
from recommender.occasions import BREAK_S
from recommender.response import Response, UserResponse


@dataclass(frozen=True)
class Learned:
    """A population's response and that of each user of the moments it was learned from."""

    response: Response
    users: dict[str, UserResponse]

    @classmethod
    def of(cls, moments: Moments, catalogue: Catalogue) -> Learned:
        """Learn from moments."""
        response = Response.fit(moments, catalogue)
        found = response.posteriors(moments, catalogue)
        return cls(response, dict(zip(moments.user_ids, found, strict=True)))

    def of_user(self, user_id: str) -> UserResponse:
        """Return a user's response, or the population's."""
        return self.users.get(user_id, self.response.population)


@dataclass(frozen=True, slots=True)
class Recovery:
    """How well the truth was found among listeners with at least so many moments.

    ``strength_*`` is held against the true beta, ``lift_auc`` tells those who compensate.
    """

    least: int
    users: int
    strength_pearson: Interval
    strength_spearman: Interval
    lift_auc: Interval


def permuted(moments: Moments, seed: int) -> Moments:
    """Shuffle the emotions over occasions: same songs, same labels, nothing to be learned.

    Whole occasions (one user, one emotion, no long break) change labels, so that a shuffled table
    is as clustered as the real one.
    """
    order = np.lexsort((moments.at, moments.user))
    user, emotion, at = (v[order] for v in (moments.user, moments.emotion, moments.at))
    opens = np.ones(len(order), dtype=np.bool_)
    opens[1:] = (np.diff(user) != 0) | (np.diff(emotion) != 0) | (np.diff(at) > BREAK_S)
    group = np.cumsum(opens) - 1
    shuffled = np.random.default_rng((seed, 9)).permutation(emotion[opens])
    given: IntArray = np.empty_like(emotion)
    given[order] = shuffled[group]
    return moments.with_emotions(given)


def recover(
    learned: Learned, truth: ListenerTruth, least: Sequence[int], rounds: int, seed: int
) -> list[Recovery]:
    """Hold what was learned against the truth, by group of listeners."""
    known = [learned.of_user(user) for user in truth.users]
    strength = np.array([k.strength for k in known])
    lift = np.array([k.lift for k in known])
    moments = np.array([k.moments for k in known])
    lifts = np.array([kind == "compensate" for kind in truth.kinds])
    found = []
    for fewest in least:
        rows = np.flatnonzero(moments >= fewest)
        if len(rows) < 3:
            continue
        figures = [
            bootstrap_rows(lambda r: pearson(strength[r], truth.beta[r]), rows, rounds, seed),
            bootstrap_rows(lambda r: spearman(strength[r], truth.beta[r]), rows, rounds, seed),
            bootstrap_rows(lambda r: auc(lift[r], lifts[r]), rows, rounds, seed),
        ]
        found.append(Recovery(fewest, len(rows), *figures))
    return found
