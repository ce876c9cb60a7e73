"""How strong a mood may be: as strong as a small loss of taste allows, on held-out songs.

A strength that is right for hundreds of songs is far too strong for a hundred thousand, where the
mood has many more songs to choose from. So it is tuned for each catalogue, like the spreading of
artists: the most that costs at most a share of nDCG. The moods stated are drawn at random, for
nobody said how they felt when the held-out songs were put on; real wishes cost less.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from data.moods import EMOTION_MOODS, MOOD_WORDS
from data.types import FloatArray, IntArray
from recommender.candidates.mood import MoodScorer
from recommender.config import MoodConfig
from recommender.metrics import ndcg_at_k
from recommender.moment import ordered, whole_pages
from recommender.pipeline import RecommendationPipeline
from recommender.query import MoodTarget
from recommender.ranking import TestCase
from recommender.scoring.hybrid import standardise
from recommender.stages import Context, ItemList

#: Strengths tried, from none to the strongest that the demo's listeners bear.
STRENGTHS = (0.0, 0.1, 0.15, 0.2, 0.25, 0.3, 0.4, 0.5, 0.65, 0.8, 1.0, 1.2, 1.5)
_NONE, _NO_WEIGHTS = np.zeros(0, dtype=np.int64), np.zeros(0, dtype=np.float32)


def mood_list(
    taste: FloatArray, moods: FloatArray, target: MoodTarget, config: MoodConfig, among: int, k: int
) -> IntArray:
    """Return the first ``k`` rows as they are served, but for spreading artists, int64.

    Args:
        taste: float32 (c,) scores of the candidates without the mood.
        moods: float32 (c, 2), NaN where unknown.
        target: where to aim, how strongly.
        config: strength and order.
        among: how many songs a page is chosen from; see :func:`recommender.moment.ordered`.
        k: how many.
    """
    fit = MoodScorer(moods)(Context(_NONE, _NO_WEIGHTS, target))
    mood = np.asarray(config.strength * target.pull * standardise(fit), dtype=np.float32)
    scores = np.asarray(taste + mood, dtype=np.float32)
    best = np.argsort(-scores, kind="stable")[: whole_pages(k)].astype(np.int64)
    items = ItemList(np.arange(len(taste), dtype=np.int64), scores, {"mood": mood})
    return ordered(items.take(best), config, among).songs[:k]


def tune_strength(
    pipeline: RecommendationPipeline, tests: Sequence[TestCase], k: int, budget: float, seed: int
) -> tuple[float, dict[str, float]]:
    """Return the greatest strength that costs at most a share ``budget`` of nDCG, and what it does.

    Strengths are tried from below, and the first that costs more ends the search.

    Args:
        pipeline: with the blend that was chosen.
        tests: held-out songs of users.
        k: songs of a list.
        budget: share of nDCG, in [0, 1).
        seed: of the moods.
    """
    config, catalogue = pipeline.model.config.mood, pipeline.model.catalogue
    if not tests or not pipeline.model.mood.is_fitted:
        return config.strength, {}
    among = min(len(catalogue), pipeline.model.config.candidates)
    places = [*EMOTION_MOODS.values(), *MOOD_WORDS.values()]
    drawn = np.random.default_rng((seed, 13)).integers(len(places), size=len(tests))
    totals = np.zeros((len(STRENGTHS), 2))
    for case, number in zip(tests, drawn.tolist(), strict=True):
        context = Context(case.context.songs, case.context.weights)
        items = pipeline.candidates(context, case.context.songs, at_least=1)
        moods, place = catalogue.moods[items.songs], places[number]
        target = MoodTarget(place, place, "match", 1.0)
        gaps = _gaps(moods, np.array([place.valence, place.arousal]))
        for row, strength in enumerate(STRENGTHS):
            setting = config.model_copy(update={"strength": strength})
            rows = mood_list(items.scores, moods, target, setting, among, k)
            totals[row] += ndcg_at_k(items.songs[rows], case.relevant, k), gaps[rows].mean()
    allowed = totals[:, 0] >= (1 - budget) * totals[0, 0]
    best = int(np.argmin(allowed)) - 1 if not allowed.all() else len(STRENGTHS) - 1
    loss, nearer = 1 - totals[best] / np.maximum(totals[0], 1e-12)
    return STRENGTHS[best], {"ndcg_lost": float(loss), "distance_saved": float(nearer)}


def _gaps(moods: FloatArray, place: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return distances; a song without a mood is as far away as the others on average."""
    gaps = np.linalg.norm(moods - place, axis=1).astype(np.float64)
    known = np.isfinite(gaps)
    return np.where(known, gaps, gaps[known].mean() if known.any() else 0.0)
