"""Rank held-out songs for many users: the loop that tuning and evaluation share."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np
from scipy.sparse import csr_matrix

from data.types import FloatArray, IntArray
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


def cases(known: csr_matrix, hidden: csr_matrix, users: IntArray | None = None) -> list[TestCase]:
    """Pair each user's known songs with the hidden ones; users with nothing hidden are left out.

    Args:
        known: sparse float32 (users, songs) positive weights to build contexts from.
        hidden: sparse float32 (users, songs), its nonzeros are relevant.
        users: rows to take; all by default.
    """
    rows = np.arange(known.shape[0]) if users is None else users
    found = []
    for row in rows:
        relevant = hidden.indices[hidden.indptr[row] : hidden.indptr[row + 1]]
        if len(relevant):
            part = slice(known.indptr[row], known.indptr[row + 1])
            context = Context(known.indices[part].astype(np.int64), known.data[part])
            found.append(TestCase(context, frozenset(int(i) for i in relevant)))
    return found


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
