"""The study on ratings in situations: SiTunes and InCarMusic.

Whether a rating is a liking, and the rating, are predicted by ridge regressions on the user, the
item and its features, with or without the rest of the situation, with or without the emotion. The
emotion also enters multiplied by the item's features and by the user, as users may want different
things in the same emotion. The penalty, and the scale of what the emotion adds (a small scale is a
large penalty of its own), are chosen per variant and split on validation; the test part of every
split is scored once by what was fitted on the training part.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from data.datasets.situations import RatedItems, SituationRatings
from data.types import FloatArray, IntArray
from recommender.emotion.auc import PairCounts, count_pairs, draw_users, mean_area
from recommender.emotion.config import RatingsConfig
from recommender.metrics import Interval

Array64 = NDArray[np.float64]
Split = tuple[IntArray, IntArray, IntArray]
#: Variant -> (with the situation, with the emotion).
VARIANTS = {
    "user and song": (False, False),
    "and emotion": (False, True),
    "and situation": (True, False),
    "and situation and emotion": (True, True),
}
PERMUTED, RETRAINED = "permuted", "permuted in training"
#: Directions of the items' features that emotions are multiplied by.
_DIRECTIONS = 5


@dataclass(frozen=True)
class RatingsResult:
    """What the study on one data set of ratings found.

    Attributes:
        users: who rated.
        scored: test ratings per split, mean.
        splits: how many.
        areas: system -> AUC.
        differences: "a - b" -> difference of AUC, paired.
        errors: system -> RMSE of the rating.
        error_differences: "a - b" -> difference of RMSE, paired; below 0 is better.
    """

    users: int
    scored: float
    splits: int
    areas: Mapping[str, Interval]
    differences: Mapping[str, Interval]
    errors: Mapping[str, Interval]
    error_differences: Mapping[str, Interval]


def study_ratings(config: RatingsConfig, data: RatedItems, seed: int, rounds: int) -> RatingsResult:
    """Predict every split's test part under every variant and control."""
    splits = data.splits or _random_splits(data.ratings, config.splits, seed)
    directions = _directions(data.features)
    counts: dict[str, list[PairCounts]] = {}
    squares: dict[str, Array64] = {}
    sizes = np.zeros(data.users)
    for number, split in enumerate(splits):
        test = data.ratings.take(split[2])
        sizes += np.bincount(test.user, minlength=data.users)
        for name, runs in _predict(config, data, directions, split, (seed, 6, number)).items():
            liked = test.rating >= config.liked
            found = [count_pairs(like, liked, test.user, data.users) for like, _ in runs]
            counts.setdefault(name, []).append(_mean_counts(found))
            wrong = np.mean([(value - test.rating) ** 2 for _, value in runs], axis=0)
            added = np.bincount(test.user, wrong, minlength=data.users)
            squares[name] = squares.get(name, np.zeros(data.users)) + added
    rng = np.random.default_rng((seed, 7))
    drawn = np.vstack([np.ones(data.users), draw_users(data.users, rounds, rng)])
    areas = {n: np.array([mean_area(one, d) for d in drawn]) for n, one in counts.items()}
    errors = {n: np.sqrt((drawn @ one) / (drawn @ sizes)) for n, one in squares.items()}
    return RatingsResult(
        data.users,
        float(sizes.sum() / len(splits)),
        len(splits),
        {name: _interval(values) for name, values in areas.items()},
        _paired(areas),
        {name: _interval(values) for name, values in errors.items()},
        _paired(errors),
    )


def _predict(
    config: RatingsConfig,
    data: RatedItems,
    directions: FloatArray,
    split: Split,
    seed: tuple[int, ...],
) -> dict[str, list[tuple[Array64, Array64]]]:
    """Return chances of liking and ratings of the test part, one pair per run of a system."""
    rng = np.random.default_rng(seed)
    train, validation, test = (data.ratings.take(part) for part in split)
    found: dict[str, list[tuple[Array64, Array64]]] = {}
    for name, (situation, emotion) in VARIANTS.items():
        scales = config.emotion_scales if emotion else (0.0,)
        designs = [_Design(directions, data.users, situation, scale) for scale in scales]
        model = _fit(config, designs, train, validation)
        found[name] = [_both(model, test)]
        if not emotion:
            continue
        mixed = [_permuted(test, rng) for _ in range(config.permutations)]
        found[f"{name}, {PERMUTED}"] = [_both(model, one) for one in mixed]
        again = [
            _fit(config, designs, _permuted(train, rng), _permuted(validation, rng))
            for _ in range(config.retrained)
        ]
        found[f"{name}, {RETRAINED}"] = [_both(one, test) for one in again]
    return found


@dataclass(frozen=True)
class _Design:
    """Turns ratings into rows of a regression: user, item, features, situation, emotion.

    Attributes:
        directions: float32 (items, d), what describes an item.
        users: how many there are.
        situation: whether the rest of the situation enters.
        scale: of the emotion and its products; 0 leaves them out.
    """

    directions: FloatArray
    users: int
    situation: bool
    scale: float

    def __call__(self, ratings: SituationRatings) -> Array64:
        """Return float64 (n, columns)."""
        users = np.eye(self.users)[ratings.user]
        items = np.eye(len(self.directions))[ratings.item]
        described = self.directions[ratings.item]
        parts: list[Any] = [users, items, described]
        if self.situation:
            parts.append(ratings.situation)
        if self.scale:
            felt = self.scale * ratings.emotion
            parts += [felt, _products(felt, described), _products(felt, users)]
        return np.hstack(parts).astype(np.float64)


@dataclass(frozen=True)
class _Line:
    """A fitted linear predictor of one target."""

    design: _Design
    mean: Array64
    slope: Array64
    intercept: float
    error: float

    def __call__(self, ratings: SituationRatings) -> Array64:
        return np.asarray((self.design(ratings) - self.mean) @ self.slope + self.intercept)


def _fit(
    config: RatingsConfig,
    designs: Sequence[_Design],
    train: SituationRatings,
    validation: SituationRatings,
) -> tuple[_Line, _Line]:
    """Fit ridge regressions of liking and of the rating, best on validation each.

    One eigendecomposition per design serves every penalty and both targets.
    """
    targets, hoped = _targets(train, config.liked), _targets(validation, config.liked)
    centre = targets.mean(axis=0)
    tried: tuple[list[_Line], list[_Line]] = ([], [])
    for design in designs:
        raw = design(train)
        mean = raw.mean(axis=0)
        rows, held = raw - mean, design(validation) - mean
        values, vectors = np.linalg.eigh(rows.T @ rows)
        turned = vectors.T @ (rows.T @ (targets - centre))
        for penalty in config.penalties:
            ridge = np.maximum(values, 0)[:, None] + penalty * len(rows)
            slopes = vectors @ (turned / ridge)
            errors = ((held @ slopes + centre - hoped) ** 2).mean(axis=0)
            for i, lines in enumerate(tried):
                one = _Line(design, mean, slopes[:, i], float(centre[i]), float(errors[i]))
                lines.append(one)
    like, value = (min(lines, key=lambda one: one.error) for lines in tried)
    return like, value


def _both(model: tuple[_Line, _Line], ratings: SituationRatings) -> tuple[Array64, Array64]:
    return model[0](ratings), model[1](ratings)


def _targets(ratings: SituationRatings, liked: float) -> Array64:
    """Return whether it is liked, 0 or 1, and the rating: float64 (n, 2)."""
    return np.stack([ratings.rating >= liked, ratings.rating], axis=1).astype(np.float64)


def _products(a: Array64 | FloatArray, b: Array64 | FloatArray) -> Array64:
    """Return every product of a column of ``a`` and one of ``b``, (n, columns of both)."""
    return np.asarray((a[:, :, None] * b[:, None, :]).reshape(len(a), -1), dtype=np.float64)


def _directions(features: FloatArray) -> FloatArray:
    """Return the main directions of the items' features, standardised, (items, at most 5)."""
    deviation = features.std(axis=0)
    centred = (features - features.mean(axis=0)) / np.where(deviation > 0, deviation, 1)
    left, lengths, _ = np.linalg.svd(centred, full_matrices=False)
    return np.asarray((left * lengths)[:, :_DIRECTIONS], dtype=np.float32)


def _permuted(ratings: SituationRatings, rng: np.random.Generator) -> SituationRatings:
    """Exchange the emotions among the ratings that have one."""
    emotion = ratings.emotion.copy()
    known = np.flatnonzero(ratings.has_emotion)
    emotion[known] = emotion[rng.permutation(known)]
    return SituationRatings(
        ratings.user, ratings.item, ratings.rating, ratings.situation, emotion, ratings.has_emotion
    )


def _random_splits(ratings: SituationRatings, count: int, seed: int) -> tuple[Split, ...]:
    """Split at random, 60 : 15 : 25, and test the ratings with an emotion only."""
    found = []
    for i in range(count):
        order = np.random.default_rng((seed, 8, i)).permutation(len(ratings))
        first, second = round(0.6 * len(order)), round(0.75 * len(order))
        test = order[second:]
        found.append((order[:first], order[first:second], test[ratings.has_emotion[test]]))
    return tuple(found)


def _mean_counts(runs: list[PairCounts]) -> PairCounts:
    right = np.mean([run.right for run in runs], axis=0)
    return PairCounts(np.asarray(right), runs[0].every)


def _paired(values: Mapping[str, Array64]) -> dict[str, Interval]:
    """Compare each variant with emotion to the one without, and to its controls."""
    found = {}
    for name, (situation, emotion) in VARIANTS.items():
        if emotion:
            without = next(n for n, v in VARIANTS.items() if v == (situation, False))
            for other in (without, f"{name}, {PERMUTED}", f"{name}, {RETRAINED}"):
                found[f"{name} - {other}"] = _interval(values[name] - values[other])
    return found


def _interval(values: Array64) -> Interval:
    """Return the first value with the percentiles of the others."""
    low, high = np.nanpercentile(values[1:], [2.5, 97.5])
    return Interval(float(values[0]), float(low), float(high))
