"""Offline evaluation: full ranking of held-out songs, every part and the hybrid side by side.

Data are split before anything is fitted; settings, blend and reranking are chosen on the
validation part; the test part is scored once, by models fitted anew on all that is not test.
"""

from __future__ import annotations

import importlib.util
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from data.interactions import Interactions
from data.types import FloatArray, IntArray
from recommender.candidates.listening import Listening
from recommender.catalogue import Catalogue
from recommender.config import RecommenderConfig
from recommender.dataset import TrainingData
from recommender.deep.fitting import fit_for
from recommender.deep.serving import open_ranker
from recommender.deep.two_tower import TwoTower
from recommender.fitting import fit_model, listening_of
from recommender.metrics import (
    Values,
    coverage,
    gini,
    intra_list_diversity,
    novelty_values,
    popularity_lift_values,
    ranking_values,
)
from recommender.model import RecommenderModel
from recommender.pipeline import RecommendationPipeline
from recommender.ranking import (
    Lists,
    Ranker,
    Scorers,
    TestCase,
    cases,
    histories,
    part_lists,
    ranker_lists,
    truth,
)
from recommender.scoring.hybrid import HybridScorer
from recommender.splits import Source, split_of
from recommender.stages import CandidateRanker, Context
from recommender.tuning import SHORT, tune_split

Report = Callable[[str], None]
#: The systems that are more than one part.
BLEND, DEEP, SERVED = "hybrid", "hybrid + deep", "reranked as served"
_NONE: IntArray = np.zeros(0, dtype=np.int64)
#: Users of a segment that costs a ranking of its own.
_SEGMENT_USERS = 500


@dataclass(frozen=True)
class SystemResult:
    """What one system reached.

    Attributes:
        values: metric -> float64 (cases,).
        whole: figures of all lists together, of the last cutoff.
    """

    values: Mapping[str, Values]
    whole: Mapping[str, float]


@dataclass(frozen=True)
class Evaluation:
    """Every system's result on the test cases, and how it came about.

    Attributes:
        systems: name -> result.
        short: history length -> system -> float64 (users,) nDCG at the last cutoff; full
            histories under 0.
        cold: system -> float64 (users,) nDCG among songs without a training event; chance too.
        warm: the same among songs with as many training listeners as the data were cut to; where
            that cut was made before the split, a song below it is known to be held out somewhere.
        setting: protocol and sizes, and what was chosen.
    """

    systems: Mapping[str, SystemResult]
    short: Mapping[int, Mapping[str, Values]]
    cold: Mapping[str, Values]
    warm: Mapping[str, Values]
    setting: Mapping[str, Any]


def evaluate_recommender(
    config: RecommenderConfig,
    source: Source,
    report: Report = lambda line: None,
    seed: int | None = None,
) -> Evaluation:
    """Split, tune, fit, and score the test once.

    Args:
        config: everything but the data.
        source: reads the data; called with nothing to split, and again with what is held out, for
            descriptions of songs that say who listens to them.
        report: receives a line per step.
        seed: of the split; the configuration's where it is None.
    """
    chosen = config.seed if seed is None else seed
    whole = source(())
    split = split_of(config.split, whole.interactions, chosen)
    tuned = tune_split(config, source, split, chosen, report)
    late = source((split.test,))
    catalogue = Catalogue.from_songs(late.songs, late.moods)
    rest = listening_of(split.rest, catalogue, late.songs)
    model, _ = fit_model(tuned.config, late, catalogue, rest, config.seed)
    served = replace(model, config=tuned.served())

    def describe(hidden: Sequence[Interactions]) -> TrainingData:
        return source((*hidden, split.test))

    ranker, verdict = fit_for(config, served, describe, split.rest, report)
    found = cases(split.test_given, split.test, catalogue)
    rankers: dict[str, CandidateRanker] = {BLEND: HybridScorer.of(tuned.config)}
    if ranker is not None:
        stored = (ranker.onnx, ranker.card, ranker.components)
        rankers[DEEP] = open_ranker(*stored, model, rankers[BLEND])
    chosen_ranker = DEEP if ranker is not None and ranker.card["enabled"] else BLEND
    towers = _towers(config, rest, report)
    systems = systems_of(model, max(config.cutoffs), rankers, chosen_ranker, towers)
    setting = {
        "seed": config.seed,
        "split_seed": chosen,
        "split": config.split.model_dump(mode="json"),
        "source": config.source.model_dump(mode="json"),
        "users": len(found),
        "songs": len(model.catalogue),
        "songs_with_events": int((model.popularity.counts() > 0).sum()),
        "data": whole.fingerprint(),
        "cutoffs": list(config.cutoffs),
        "baseline": config.baseline,
        "served": chosen_ranker,
        "deep_ranker": verdict,
        "chosen": tuned.config.model_dump(mode="json"),
        "tuning": tuned.log,
    }
    k, users = max(config.cutoffs), len(whole.interactions.user_ids)
    results = {}
    for name, lists in systems.items():
        results[name] = measure(lists(found), found, model, users, config.cutoffs)
        report(f"{name}: nDCG@{k} {np.nanmean(results[name].values[f'ndcg@{k}']):.4f}")
    short = _short(systems, found, model, k, config.seed)
    listeners, least = model.popularity.counts(), config.source.least_listeners

    def without(banned: IntArray) -> dict[str, Lists]:
        return systems_of(model, k, rankers, chosen_ranker, towers, banned)

    cold = _among(without, listeners == 0, found, k, config.seed)
    warm = _among(without, listeners >= max(least, 1), found, k, config.seed)
    return Evaluation(results, short, cold, warm, setting)


def _towers(
    config: RecommenderConfig, listening: Listening, report: Report
) -> dict[str, TowerLists]:
    """Return the retrieval network, fitted; {} where it is not asked for."""
    if not config.deep.compare_towers or importlib.util.find_spec("keras") is None:
        return {}
    from recommender.deep.two_tower_training import fit_two_tower

    # By ids alone: content in the song tower lowered validation (docs/deep.md).
    content = np.zeros((listening.matrix.shape[1], 0), dtype=np.float32)
    towers = fit_two_tower(config.deep.two_tower, listening.matrix, content, config.seed, report)
    return {towers.name: TowerLists(towers)}


@dataclass(frozen=True)
class TowerLists:
    """The retrieval network as a scorer of many contexts."""

    towers: TwoTower

    def score_many(self, contexts: Sequence[Context]) -> FloatArray:
        """Return float32 (contexts, songs)."""
        return np.stack([self.towers(context) for context in contexts])


def systems_of(
    model: RecommenderModel,
    k: int,
    rankers: Mapping[str, CandidateRanker],
    served: str,
    more: Mapping[str, Scorers] | None = None,
    banned: IntArray = _NONE,
) -> dict[str, Lists]:
    """Return every system under test, by name.

    Args:
        model: with all parts that take part.
        k: length of lists.
        rankers: the hybrid, alone and corrected.
        served: which of them is served.
        more: other scorers.
        banned: int64 positions that no list may hold.
    """
    scorers: dict[str, Scorers] = {n: part for n, part in model.taste.items() if part.is_fitted}
    scorers |= more or {}
    parts = {name: part_lists(part, k, banned) for name, part in scorers.items()}
    pipelines = {name: RecommendationPipeline(model, ranker) for name, ranker in rankers.items()}

    def ranked(name: str) -> Ranker:
        def rank(context: Context, excluded: IntArray) -> IntArray:
            return pipelines[name].candidates(context, excluded, k).songs[:k]

        return rank

    def reranked(context: Context, excluded: IntArray) -> IntArray:
        pipeline = pipelines[served]
        return pipeline.reranked(pipeline.candidates(context, excluded, k), k).songs

    whole: dict[str, Ranker] = {name: ranked(name) for name in rankers}
    whole[SERVED] = reranked
    return parts | {name: ranker_lists(rank, k, banned) for name, rank in whole.items()}


def measure(
    top: IntArray,
    found: Sequence[TestCase],
    model: RecommenderModel,
    users: int,
    cutoffs: Sequence[int],
) -> SystemResult:
    """Measure lists.

    Args:
        top: int64 (cases, k), -1 where a list is over.
        found: the cases.
        model: what ranked.
        users: of the training.
        cutoffs: the k.
    """
    songs, k = len(model.catalogue), max(cutoffs)
    listeners = model.popularity.counts()
    values = ranking_values(top, truth(found, songs), cutoffs)
    head = top[:, :k]
    values[f"novelty@{k}"] = novelty_values(head, listeners, users)
    values[f"popularity_lift@{k}"] = popularity_lift_values(
        head, histories(found, songs), listeners
    )
    values[f"diversity@{k}"] = np.array(
        [intra_list_diversity(model.content.pairwise(row[row >= 0])) for row in head]
    )
    shown = [row[row >= 0] for row in head]
    return SystemResult(values, {"coverage": coverage(shown, songs), "gini": gini(shown, songs)})


def _chosen(found: Sequence[TestCase], seed: int) -> list[TestCase]:
    order = np.random.default_rng((seed, 8)).permutation(len(found))[:_SEGMENT_USERS]
    return [found[i] for i in sorted(order.tolist())]


def _short(
    systems: Mapping[str, Lists],
    found: Sequence[TestCase],
    model: RecommenderModel,
    k: int,
    seed: int,
) -> dict[int, dict[str, Values]]:
    """Rank again with histories cut to a few songs; the same users at every length.

    {} where nobody has played enough.
    """
    long = [c for c in _chosen(found, seed) if len(c.context.songs) > max(SHORT)]
    if not long:
        return {}
    table: dict[int, dict[str, Values]] = {}
    for length in (*SHORT, 0):
        rng = np.random.default_rng((seed, 9, length))
        cut = [case.cut(length, rng) if length else case for case in long]
        known = truth(cut, len(model.catalogue))
        table[length] = {
            name: ranking_values(lists(cut), known, (k,))[f"ndcg@{k}"]
            for name, lists in systems.items()
        }
    return table


def _among(
    systems: Callable[[IntArray], dict[str, Lists]],
    keep: NDArray[np.bool_],
    found: Sequence[TestCase],
    k: int,
    seed: int,
) -> dict[str, Values]:
    """Rank some songs among themselves, nDCG@k; {} where none of them is to be found.

    Args:
        systems: from songs that no list may hold to the systems.
        keep: bool (songs,), which songs.
        found: cases; of what is to be found, only these songs count.
        k: length of lists.
        seed: of the choice of users, and of chance.
    """
    cut = [replace(c, relevant=frozenset(i for i in c.relevant if keep[i])) for c in found]
    asked = _chosen([c for c in cut if c.relevant], seed)
    if not asked:
        return {}
    banned = np.flatnonzero(~keep).astype(np.int64)
    rows = truth(asked, len(keep))
    lists = {name: one for name, one in systems(banned).items() if name != SERVED}
    lists["chance"] = ranker_lists(_at_random(len(keep), k, seed), k, banned)
    return {n: ranking_values(one(asked), rows, (k,))[f"ndcg@{k}"] for n, one in lists.items()}


def _at_random(songs: int, k: int, seed: int) -> Ranker:
    rng = np.random.default_rng((seed, 10))

    def rank(context: Context, excluded: IntArray) -> IntArray:  # noqa: ARG001
        left = np.setdiff1d(np.arange(songs), excluded)
        return rng.permutation(left)[:k].astype(np.int64)

    return rank
