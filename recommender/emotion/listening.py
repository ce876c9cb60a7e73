"""Scores without emotion: tuned scorers of who plays what, and their blend.

Every scorer is fitted with each of its settings, and the best by nDCG on the selection half is
kept. The blend is a conditional logit over the scorers' scores, raw and as logarithms, and the
logarithm of popularity, fitted on the same half.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_matrix

from data.types import FloatArray, IntArray
from recommender.candidates.factors import FactorScorer, IalsConfig
from recommender.candidates.listening import Listening, ListeningConfig, ListeningScorer
from recommender.emotion.blend import draw_choices, fit_blend
from recommender.emotion.config import PostsConfig
from recommender.emotion.protocol import Queries, mask_history, measure

Report = Callable[[str], None]
_BLOCK = 512
#: Below this share of a scorer's unit the logarithm of a score says no more.
_LEAST = 0.05
#: Quantile of the scores above 0 that is a scorer's unit.
_UNIT = 0.9


@dataclass(frozen=True)
class Trial:
    """One setting of one scorer and what it reached on the selection half."""

    name: str
    setting: ListeningConfig
    value: float


@dataclass(frozen=True)
class ListeningModel:
    """The kept scorers and their blend.

    Attributes:
        scorers: name -> scorer.
        units: name -> size of a large score.
        weights: float64 (1 + 2 * scorers,) of log popularity, then of each scorer's score and of
            its logarithm.
        popularity: float32 (songs,), logarithm of 1 + listeners.
        trials: every setting that was tried.
    """

    scorers: Mapping[str, ListeningScorer]
    units: Mapping[str, float]
    weights: NDArray[np.float64]
    popularity: FloatArray
    trials: tuple[Trial, ...]

    @property
    def factors(self) -> FactorScorer[IalsConfig]:
        """The scorer by factors."""
        scorer = self.scorers["ials"]
        assert isinstance(scorer, FactorScorer)
        return scorer

    def parts(self, rows: csr_matrix) -> FloatArray:
        """Return what is blended, float32 (1 + 2 * scorers, n, songs), of rows of histories."""
        shape = (rows.shape[0], len(self.popularity))
        found = [np.broadcast_to(self.popularity, shape)]
        for name, scorer in self.scorers.items():
            scaled = scorer.score_rows(rows) / np.float32(self.units[name])
            found += [scaled, np.log(np.maximum(scaled, 0) + np.float32(_LEAST))]
        return np.stack(found)

    def logits(self, rows: csr_matrix) -> FloatArray:
        """Return float32 (n, songs): logarithms of chances but for a constant per row."""
        found = np.empty((rows.shape[0], len(self.popularity)), dtype=np.float32)
        for start in range(0, rows.shape[0], _BLOCK):
            block = slice(start, start + _BLOCK)
            parts = self.parts(rows[block])
            found[block] = np.tensordot(self.weights.astype(np.float32), parts, 1)
        return found


def fit_listening(
    config: PostsConfig, history: csr_matrix, select: Queries, seed: int, report: Report
) -> ListeningModel:
    """Tune the scorers and fit their blend on the selection half."""
    none = np.zeros(0, dtype=np.int64)
    listening = Listening(history, none, none, np.zeros(0))
    kept: dict[str, ListeningScorer] = {}
    trials: list[Trial] = []
    for settings in (config.item_knn, config.rp3beta, config.ease, config.ials):
        tried = [_try(one, listening, select, config.cutoffs[0], seed) for one in settings]
        for _, trial in tried:
            report(f"{trial.name} {trial.value:.5f} {trial.setting.model_dump()}")
        trials += [trial for _, trial in tried]
        if tried:
            scorer, trial = max(tried, key=lambda one: one[1].value)
            kept[trial.name] = scorer
    popularity = np.log1p(history.getnnz(axis=0)).astype(np.float32)
    units = {name: _unit(one, history) for name, one in kept.items()}
    plain = ListeningModel(kept, units, np.zeros(1 + 2 * len(kept)), popularity, tuple(trials))
    choices = draw_choices(
        select, lambda block: plain.parts(_rows(history, select, block)), history,
        config.candidates, seed,
    )  # fmt: skip
    weights = fit_blend(choices, config.ridge)
    return ListeningModel(kept, units, weights, popularity, tuple(trials))


def scorer_values(
    scorer: ListeningScorer, history: csr_matrix, queries: Queries, cutoffs: Sequence[int]
) -> dict[str, NDArray[np.float64]]:
    """Measure one scorer's rankings, see :func:`~recommender.emotion.protocol.measure`."""

    def scores(block: IntArray) -> FloatArray:
        found = scorer.score_rows(_rows(history, queries, block))
        found[:, ~scorer.known] = 0
        mask_history(found, history, queries.users[queries.row[block]])
        return found

    return measure(queries, scores, cutoffs)


def popularity_values(
    history: csr_matrix, queries: Queries, cutoffs: Sequence[int]
) -> dict[str, NDArray[np.float64]]:
    """Measure rankings by the number of listeners."""
    listeners = history.getnnz(axis=0).astype(np.float32)

    def scores(block: IntArray) -> FloatArray:
        found = np.tile(listeners, (len(block), 1))
        mask_history(found, history, queries.users[queries.row[block]])
        return found

    return measure(queries, scores, cutoffs)


def _try(
    setting: ListeningConfig, listening: Listening, select: Queries, cutoff: int, seed: int
) -> tuple[ListeningScorer, Trial]:
    scorer = setting.fit(listening, seed)
    reached = scorer_values(scorer, listening.matrix, select, (cutoff,))[f"nDCG@{cutoff}"]
    return scorer, Trial(setting.name, setting, float(reached.mean()))


def _rows(history: csr_matrix, queries: Queries, block: IntArray) -> csr_matrix:
    return history[queries.users[queries.row[block]]]


def _unit(scorer: ListeningScorer, history: csr_matrix) -> float:
    """Return a large score of the first users."""
    scores = scorer.score_rows(history[:_BLOCK])
    above = scores[scores > 0]
    return float(np.quantile(above, _UNIT)) if len(above) else 1.0
