"""Rank held-out songs for many users: the loop that tuning and evaluation share."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np

from data.interactions import Interactions
from data.types import FloatArray, IntArray
from recommender.catalogue import Catalogue
from recommender.metrics import Values, ndcg_at_k, recall_at_k
from recommender.stages import Context, top_positions


@dataclass(frozen=True)
class TestCase:
    """One user of a split: what is known, and what is to be found."""

    __test__ = False  # not a pytest class

    context: Context
    relevant: frozenset[int]


#: From a context and the positions to leave out to ranked positions, best first.
Ranker = Callable[[Context, IntArray], IntArray]


def cases(known: Interactions, hidden: Interactions, catalogue: Catalogue) -> list[TestCase]:
    """Pair each user's known songs, oldest first, with the hidden ones.

    Only positive weights count, and songs that the catalogue lacks are passed over. Users with
    nothing hidden are left out.

    Args:
        known: what the model may use of a user.
        hidden: what it has to find; numbers users as ``known`` does.
        catalogue: gives the positions.
    """
    known_rows, hidden_rows = _by_user(known, catalogue), _by_user(hidden, catalogue)
    found = []
    for user, (relevant, _) in enumerate(hidden_rows):
        if len(relevant):
            context = Context(*known_rows[user])
            found.append(TestCase(context, frozenset(int(i) for i in relevant)))
    return found


def _by_user(interactions: Interactions, catalogue: Catalogue) -> list[tuple[IntArray, FloatArray]]:
    """Return, per user, positions int64 and weights float32 of the songs liked, oldest first."""
    positions = catalogue.columns(interactions.item_ids)[interactions.item]
    keep = (interactions.weight > 0) & (positions >= 0)
    order = np.lexsort((interactions.at[keep], interactions.user[keep]))
    users = interactions.user[keep][order]
    cuts = np.searchsorted(users, np.arange(1, len(interactions.user_ids)))
    songs = np.split(positions[keep][order], cuts)
    weights = np.split(interactions.weight[keep][order], cuts)
    return list(zip(songs, weights, strict=True))


def part_ranker(score: Callable[[Context], FloatArray], k: int) -> Ranker:
    """Rank the whole catalogue by one scorer."""

    def rank(context: Context, excluded: IntArray) -> IntArray:
        scores = score(context).copy()
        scores[excluded] = np.nan
        return top_positions(scores, k)

    return rank


@dataclass(frozen=True)
class Outcome:
    """Per-user values of one system over the same cases."""

    recall: Values
    ndcg: Values
    lists: list[IntArray]


def run_cases(ranker: Ranker, tests: list[TestCase], k: int) -> Outcome:
    """Rank every case, the known songs left out, and measure at ``k``."""
    lists = [ranker(case.context, case.context.songs) for case in tests]
    pairs: Iterator[tuple[IntArray, frozenset[int]]] = zip(
        lists, (c.relevant for c in tests), strict=True
    )
    values = np.array(
        [(recall_at_k(r, rel, k), ndcg_at_k(r, rel, k)) for r, rel in pairs], dtype=np.float64
    ).reshape(-1, 2)
    return Outcome(values[:, 0], values[:, 1], lists)
