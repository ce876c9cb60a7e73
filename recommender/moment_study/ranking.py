"""Study 1b: what was put on in later sessions, ranked with emotion off, by rule, and as learned."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from data.datasets.demo.expressions import CONFUSION
from data.types import EmotionScores, IntArray
from recommender.config import MoodConfig
from recommender.metrics import Interval
from recommender.moment_study.config import MomentStudyConfig
from recommender.moment_study.figures import Resamples
from recommender.moment_study.lists import Worth, served_list, worth
from recommender.moment_study.periods import Float64Array, Occasion, Period
from recommender.moment_study.recovery import Learned, permuted
from recommender.mood import mood_target
from recommender.occasions import shown_given_read, shown_shares
from recommender.query import MoodTarget, Query
from recommender.response import UserResponse

#: Below it a label of the simulated reader counts as uncertain, as the shipped reader's does.
UNCERTAIN_BELOW = 0.525
OFF = "off"


@dataclass(frozen=True, slots=True)
class SystemRow:
    """One way to use the emotion, at the strength that was best for it on validation."""

    strength: float
    ndcg: Interval
    ndcg_change: Interval
    distance: Interval
    distance_change: Interval


def label_scores(labels: IntArray, confusion: Float64Array = CONFUSION) -> list[EmotionScores]:
    """Return what a calibrated reader would have said at each label, given how often each comes.

    Args:
        labels: int64 (n,), labels of the training period.
        confusion: P(read | shown) of the reader.
    """
    back = shown_given_read(shown_shares(labels, confusion), confusion)
    tops = back.max(axis=0)
    return [
        EmotionScores(tuple(back[:, e].tolist()), float(top), bool(top < UNCERTAIN_BELOW))
        for e, top in enumerate(tops)
    ]


def system_targets(
    period: Period, occasions: Sequence[Occasion], config: MoodConfig, seed: int
) -> dict[str, list[MoodTarget | None]]:
    """Return the targets of every system: off, by rule, learned, and the two permuted controls."""
    moments, catalogue = period.data.moments, period.pipeline.model.catalogue
    learned = Learned.of(moments, catalogue)
    shuffled = Learned.of(permuted(moments, seed), catalogue)
    scores = label_scores(moments.emotion)
    labels = np.array([o.label for o in occasions], dtype=np.int64)
    other = np.random.default_rng((seed, 10)).permutation(labels)
    ids = [period.listeners[o.user].history.user_id for o in occasions]

    def aimed(read: IntArray, known: Sequence[UserResponse | None]) -> list[MoodTarget | None]:
        return [
            mood_target(Query(user, emotion=scores[e]), config, None, k)
            for user, e, k in zip(ids, read.tolist(), known, strict=True)
        ]

    nothing: list[UserResponse | None] = [None] * len(ids)
    own: list[UserResponse | None] = [learned.of_user(user) for user in ids]
    return {
        OFF: [None] * len(ids),
        "plain rule": aimed(labels, nothing),
        "population's response": aimed(labels, [learned.response.population] * len(ids)),
        "learned response": aimed(labels, own),
        "response learned from permuted emotions": aimed(
            labels, [shuffled.of_user(user) for user in ids]
        ),
        "permuted emotions at the request": aimed(other, own),
    }


def compare_systems(
    config: MomentStudyConfig,
    validation: tuple[Period, Sequence[Occasion]],
    test: tuple[Period, Sequence[Occasion]],
    resamples: Resamples,
) -> dict[str, SystemRow]:
    """Choose each system's strength on validation, then score the test period once."""
    rows: dict[str, SystemRow] = {}
    seen, scored = ([o for o in part[1] if o.label >= 0] for part in (validation, test))
    tuning = system_targets(validation[0], seen, config.recommender.pipeline.mood, config.seed)
    final = system_targets(test[0], scored, config.recommender.pipeline.mood, config.seed)
    off: Worth | None = None
    for name, targets in final.items():
        strength = _best_strength(config, validation[0], seen, tuning[name])
        found = _served(config, test[0], scored, targets, strength)
        off = off or found
        rows[name] = SystemRow(
            strength,
            resamples.mean(found.user, found.ndcg),
            resamples.change(found.user, found.ndcg, off.ndcg),
            resamples.mean(found.user, found.distance),
            resamples.change(found.user, found.distance, off.distance),
        )
    return rows


def _best_strength(
    config: MomentStudyConfig,
    period: Period,
    occasions: Sequence[Occasion],
    targets: Sequence[MoodTarget | None],
) -> float:
    if not any(targets):
        return 0.0
    tried = [s for s in config.strengths if s > 0]
    means = [_served(config, period, occasions, targets, s).ndcg.mean() for s in tried]
    return tried[int(np.argmax(means))]


def _served(
    config: MomentStudyConfig,
    period: Period,
    occasions: Sequence[Occasion],
    targets: Sequence[MoodTarget | None],
    strength: float,
) -> Worth:
    mood = config.recommender.pipeline.mood.model_copy(update={"strength": strength})
    k = config.cutoff
    make = lambda listener, target: served_list(listener, target, mood, k)  # noqa: E731
    return worth(period.listeners, occasions, targets, make, k)
