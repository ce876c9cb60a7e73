"""Fitting the ranker, and deciding by held-out users whether it earns its place."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import keras
import numpy as np
from numpy.typing import NDArray

from data.errors import TrainingError
from data.types import FloatArray, IntArray
from recommender.deep.batches import (
    Lists,
    best_temperature,
    case_features,
    case_ndcg,
    compare,
    fit_scaling,
    sample_lists,
    scaled,
    user_folds,
)
from recommender.deep.config import DeepRankerConfig, RankerCard, Scaling
from recommender.deep.features import FeatureLayout, RankingCase
from recommender.deep.network import (
    Trainer,
    Weights,
    averaged,
    corrected,
    onnx_bytes,
    perceptron,
)
from recommender.deep.ranker import Network
from recommender.deep.songs import SongFeatures

Report = Callable[[str], None]
#: One in so many of the users not held out chooses the epoch.
_STOPPING = 5
_TOLERANCE = 1e-3
_CHECKED = 200  # lists on which ONNX is held against Keras


@dataclass(frozen=True, slots=True)
class FittedRanker:
    """A network as it is stored.

    Attributes:
        onnx: the file; correction of candidates, in units of the hybrid's score.
        card: :class:`recommender.deep.config.RankerCard` as JSON values.
    """

    onnx: bytes
    card: dict[str, Any]


@dataclass(frozen=True, slots=True)
class Fit:
    """Trained members with the scaling of their inputs, and how many epochs they took."""

    members: tuple[Weights, ...]
    scaling: Scaling
    epochs: int


def fit_ranker(
    config: DeepRankerConfig,
    cases: Sequence[RankingCase],
    songs: SongFeatures,
    seed: int,
    report: Report = lambda line: None,
) -> FittedRanker:
    """Cross-validate over users, decide, then fit on all cases.

    In every fold a fifth of the training users choose the number of epochs; the held-out users are
    scored once. The final fit takes the median of those numbers.

    Args:
        config: the network, and how it is judged.
        cases: lists; those with nothing to find are passed over.
        songs: static features.
        seed: of weights, dropout, sampling and folds.
        report: called with one line per fold.

    Raises:
        TrainingError: if fewer users than folds have something to find.
    """
    kept = [case for case in cases if case.relevant.any()]
    if len({case.user for case in kept}) < config.folds:
        raise TrainingError(
            f"{config.folds} folds need as many users with held-out songs: give more, or lower"
            " `folds`"
        )
    work = _Work.of(config, kept, songs, seed)
    fold = user_folds(kept, config.folds, seed)
    blend, deep, epochs = np.zeros(len(kept)), np.zeros(len(kept)), []
    for number in range(config.folds):
        fit = work.fit_stopped(fold != number, seed + number)
        epochs.append(fit.epochs)
        rows = np.flatnonzero(fold == number)
        blend[rows], deep[rows] = work.scored(fit, rows)
        gain = float((deep[rows] - blend[rows]).mean())
        report(f"fold {number + 1} of {config.folds}: {fit.epochs} epochs, {gain:+.4f}")
    users: IntArray = np.array([case.user for case in kept], dtype=np.int64)
    comparison = compare(users, blend, deep, config)
    report(
        f"nDCG@{config.cutoff} {comparison.blend:.4f} -> {comparison.deep:.4f},"
        f" {comparison.difference:+.4f} ({comparison.low:+.4f}..{comparison.high:+.4f})"
    )
    final = work.fit_all(seed, int(np.median(epochs)))
    network = averaged(config, final.members)
    stored = onnx_bytes(network)
    _check_parity(
        stored, network, [work.inputs(final.scaling, i) for i in range(min(len(kept), 200))]
    )
    card = RankerCard(
        features=work.layout.names,
        scorers=work.layout.scorers,
        sizes=work.layout.sizes,
        groups=config.groups,
        scaling=final.scaling,
        moods=any(case.context.target is not None for case in kept),
        comparison=comparison,
        enabled=comparison.low > 0,
        epochs=final.epochs,
        sha256=hashlib.sha256(stored).hexdigest(),
    )
    return FittedRanker(stored, card.model_dump(mode="json"))


def layout_of(
    config: DeepRankerConfig, cases: Sequence[RankingCase], songs: SongFeatures
) -> FeatureLayout:
    """Take the scorers from the cases, by name, and the sizes from the songs."""
    scorers = tuple(sorted({name for case in cases for name in case.parts}))
    sizes = (songs.lyrics.shape[1], songs.tags.shape[1], songs.factors.shape[1])
    return FeatureLayout(scorers, sizes, config.groups)


@dataclass(frozen=True)
class _Work:
    """Cases with their sampled lists and one compiled network: what all folds share."""

    config: DeepRankerConfig
    layout: FeatureLayout
    cases: Sequence[RankingCase]
    songs: SongFeatures
    lists: Lists
    trainer: Trainer

    @classmethod
    def of(
        cls, config: DeepRankerConfig, cases: Sequence[RankingCase], songs: SongFeatures, seed: int
    ) -> _Work:
        layout = layout_of(config, cases, songs)
        lists = sample_lists(layout, cases, songs, config, seed)
        return cls(config, layout, cases, songs, lists, Trainer(config, len(layout.names)))

    def fit_stopped(self, inside: NDArray[np.bool_], seed: int) -> Fit:
        """Fit on four fifths of the users inside, keep the epoch best for the other fifth.

        Epoch 0, no correction at all, takes part.
        """
        rows = np.flatnonzero(inside)
        part = user_folds([self.cases[i] for i in rows.tolist()], _STOPPING, seed + 1000)
        lists, outer = self.lists.take(rows[part > 0]), rows[part == 0]
        scaling = fit_scaling(lists.rows)
        whole = [(self.cases[i], self.inputs(scaling, i)) for i in outer.tolist()]

        def reached(weights: Weights) -> float:
            values = [
                case_ndcg(case.blend + perceptron(weights, x), case.relevant, self.config.cutoff)
                for case, x in whole
            ]
            return float(np.mean(values)) if values else 0.0

        found = [
            self._train(lists, scaling, seed + member, self.config.epochs, reached)
            for member in range(self.config.members)
        ]
        return Fit(tuple(w for w, _ in found), scaling, int(np.median([e for _, e in found])))

    def fit_all(self, seed: int, epochs: int) -> Fit:
        """Fit on every case for a number of epochs."""
        scaling = fit_scaling(self.lists.rows)
        members = tuple(
            self._train(self.lists, scaling, seed + member, epochs, None)[0]
            for member in range(self.config.members)
        )
        return Fit(members, scaling, epochs)

    def scored(self, fit: Fit, rows: IntArray) -> tuple[list[float], list[float]]:
        """Return nDCG of cases by the hybrid alone and with the correction."""
        alone, better = [], []
        for row in rows.tolist():
            case, x = self.cases[row], self.inputs(fit.scaling, row)
            total = case.blend + np.mean([perceptron(w, x) for w in fit.members], axis=0)
            alone.append(case_ndcg(case.blend, case.relevant, self.config.cutoff))
            better.append(case_ndcg(total, case.relevant, self.config.cutoff))
        return alone, better

    def inputs(self, scaling: Scaling, row: int) -> FloatArray:
        """Return the scaled features of a whole case."""
        return scaled(case_features(self.layout, self.cases[row], self.songs), scaling)

    def _train(
        self,
        lists: Lists,
        scaling: Scaling,
        seed: int,
        epochs: int,
        reached: Callable[[Weights], float] | None,
    ) -> tuple[Weights, int]:
        """Run the epochs; with ``reached``, return the best one's weights and its number."""
        rng = np.random.default_rng((seed, 9))
        truth = np.stack([lists.share, lists.offset], axis=2)
        trainer = self.trainer
        trainer.restart(seed, best_temperature(lists))
        best, best_epoch = trainer.weights, 0
        best_value = reached(best) if reached else 0.0
        for epoch in range(1, epochs + 1):
            for rows in _batches(len(lists), self.config.batch_size, rng):
                x = scaled(lists.features[rows], scaling)
                trainer.step(x, lists.blend[rows], truth[rows])
            value = reached(trainer.weights) if reached else np.inf
            if reached is None or value > best_value:
                best, best_epoch, best_value = trainer.weights, epoch, value
            elif epoch - best_epoch >= self.config.patience:
                break
        return best, best_epoch


def _batches(count: int, size: int, rng: np.random.Generator) -> list[IntArray]:
    """Cut a random order into batches of one size; the last is filled up from the front."""
    order = rng.permutation(count).astype(np.int64)
    size = min(size, count)
    short = -count % size
    return np.split(np.concatenate([order, order[:short]]), (count + short) // size)


def _check_parity(stored: bytes, network: keras.Model, lists: Sequence[FloatArray]) -> None:
    """Hold ONNX against Keras on real lists.

    Raises:
        TrainingError: if a correction differs by 1e-3 standard deviations or more.
    """
    served = Network(stored)
    for x in lists:
        difference = float(np.abs(served(x) - corrected(network, x)).max())
        if difference >= _TOLERANCE:
            raise TrainingError(f"ONNX and Keras disagree on a list by {difference:.2e}")
