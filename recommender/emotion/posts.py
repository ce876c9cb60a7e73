"""The study on EmoMusicLJ: no emotion, with emotion, and with permuted emotion.

The validation users are split in two. On one half the scorers are tuned, the ways to use emotions
compared and the blend fitted; the other half, or a test table, is scored once. Two controls have
the capacity of the model but no emotion: its scores with the emotions of the scored queries
permuted, and the whole emotion side fitted again on permuted training emotions.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from data.datasets.situations import EmotionPosts
from recommender.emotion.blend import crossed_loss, fit_blend
from recommender.emotion.config import EmotionTrial, PostsConfig
from recommender.emotion.listening import (
    ListeningModel,
    Report,
    Trial,
    fit_listening,
    popularity_values,
    scorer_values,
)
from recommender.emotion.parts import Audience, EmotionLearner
from recommender.emotion.protocol import Queries, halves, history_matrix, novel_queries
from recommender.metrics import Values

NONE, WITH = "no emotion", "emotion"
PERMUTED, RETRAINED = "permuted emotion", "emotion permuted in training"


@dataclass(frozen=True)
class PostsResult:
    """What the study on posts found.

    Attributes:
        queries: that were scored.
        selected: number of queries and of users of the selection half.
        listening: trials of the scorers.
        trials: (trial, crossed gain on the selection half in nats per post), in order.
        chosen: the trial that was scored.
        weights: of the scores without emotion and of the emotion parts.
        values: system -> metric -> (users,).
    """

    queries: Queries
    selected: tuple[int, int]
    listening: tuple[Trial, ...]
    trials: tuple[tuple[EmotionTrial, float], ...]
    chosen: EmotionTrial
    weights: NDArray[np.float64]
    values: dict[str, dict[str, Values]]


def study_posts(
    config: PostsConfig, data: EmotionPosts, seed: int, report: Report = lambda line: None
) -> PostsResult:
    """Tune and select on one half, score the other or the test posts once."""
    history = history_matrix(data.train, data.users, data.songs)
    first, second = halves(data.validation, config.select_share, seed)
    select = novel_queries(first, history)
    scored = novel_queries(second if data.test is None else data.test, history)
    model = fit_listening(config, history, select, seed, report)
    learner = EmotionLearner(data, model, history)
    audience = Audience.listen(select, history, model)
    trials, chosen = _compare(config, learner, audience, seed, report)
    values = _singles(model, learner, scored, config.cutoffs)
    target = Audience.listen(scored, history, model)
    values[NONE] = target.measure(target.plain, np.ones(1), config.cutoffs)
    weights, found = _score(config, chosen, learner, audience, target, seed)
    values |= found
    report(f"scored {chosen.name}: weights {np.round(weights, 3).tolist()}")
    if config.retrained:
        values[RETRAINED] = _retrained(config, chosen, learner, audience, target, seed)
    size = (len(select), len(select.users))
    return PostsResult(scored, size, model.trials, trials, chosen, weights, values)


def _singles(
    model: ListeningModel, learner: EmotionLearner, scored: Queries, cutoffs: tuple[int, ...]
) -> dict[str, dict[str, Values]]:
    values = {"popularity": popularity_values(learner.history, scored, cutoffs)}
    for name, scorer in model.scorers.items():
        values[name] = scorer_values(scorer, learner.history, scored, cutoffs)
    return values


def _compare(
    config: PostsConfig, learner: EmotionLearner, audience: Audience, seed: int, report: Report
) -> tuple[tuple[tuple[EmotionTrial, float], ...], EmotionTrial]:
    """Return every trial with its gain in likelihood over no emotion, users crossed; the best."""
    plain = audience.choices(audience.plain, config.candidates, seed)
    none = crossed_loss(plain, config.ridge, seed)
    gains = []
    for trial in config.trials:
        emotion = {WITH: audience.queries.emotion}
        parts = learner.parts(learner.fit(trial), audience, emotion)[WITH]
        choices = audience.choices(parts, config.candidates, seed)
        gains.append(none - crossed_loss(choices, config.ridge, seed))
        report(f"{trial.name}: {gains[-1]:+.5f} nats per post")
    best = config.trials[int(np.argmax(gains))]
    return tuple(zip(config.trials, gains, strict=True)), best


def _score(
    config: PostsConfig,
    trial: EmotionTrial,
    learner: EmotionLearner,
    audience: Audience,
    target: Audience,
    seed: int,
) -> tuple[NDArray[np.float64], dict[str, dict[str, Values]]]:
    """Fit the blend on ``audience``, score ``target`` as it is and with emotions permuted."""
    fitted = learner.fit(trial)
    parts = learner.parts(fitted, audience, {WITH: audience.queries.emotion})[WITH]
    weights = fit_blend(audience.choices(parts, config.candidates, seed), config.ridge)
    rng = np.random.default_rng((seed, 4))
    own = target.queries.emotion
    asked = {str(i): rng.permutation(own) for i in range(config.permutations)}
    every = learner.parts(fitted, target, {WITH: own, **asked})
    found = {name: target.measure(one, weights, config.cutoffs) for name, one in every.items()}
    return weights, {WITH: found[WITH], PERMUTED: _mean([found[name] for name in asked])}


def _retrained(
    config: PostsConfig,
    trial: EmotionTrial,
    learner: EmotionLearner,
    audience: Audience,
    target: Audience,
    seed: int,
) -> dict[str, Values]:
    """Fit again with permuted training and selection emotions; score with the true ones."""
    rng = np.random.default_rng((seed, 5))
    runs = []
    for _ in range(config.retrained):
        other = learner.permuted(rng)
        fitted = other.fit(trial)
        mixed = {WITH: rng.permutation(audience.queries.emotion)}
        parts = other.parts(fitted, audience, mixed)[WITH]
        weights = fit_blend(audience.choices(parts, config.candidates, seed), config.ridge)
        scored = other.parts(fitted, target, {WITH: target.queries.emotion})[WITH]
        runs.append(target.measure(scored, weights, config.cutoffs))
    return _mean(runs)


def _mean(runs: Sequence[dict[str, Values]]) -> dict[str, Values]:
    return {metric: np.mean([run[metric] for run in runs], axis=0) for metric in runs[0]}
