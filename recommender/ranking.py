"""Rank held-out songs for many users: the loop that tuning and evaluation share."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from typing import Protocol

import numpy as np
from scipy.sparse import csr_matrix

from data.interactions import Interactions
from data.types import FloatArray, IntArray
from recommender.catalogue import Catalogue
from recommender.metrics import ranking_values
from recommender.stages import Context, top_positions

_NONE: IntArray = np.zeros(0, dtype=np.int64)
_BLOCK = 64  # cases whose scores of all songs are in memory at a time


@dataclass(frozen=True)
class TestCase:
    """One user of a split: what is known, and what is to be found.

    Attributes:
        context: the history.
        relevant: positions to be found.
        user: number of the user.
        banned: int64, more positions that are neither shown nor to be found.
    """

    __test__ = False  # not a pytest class

    context: Context
    relevant: frozenset[int]
    user: int = 0
    banned: IntArray = field(default_factory=lambda: _NONE)

    @property
    def excluded(self) -> IntArray:
        """Positions that no list may hold."""
        return np.concatenate([self.context.songs, self.banned])

    def cut(self, length: int, rng: np.random.Generator) -> TestCase:
        """Return the case with ``length`` songs of the history, drawn, in their order."""
        songs, weights = self.context.songs, self.context.weights
        order = rng.permutation(len(songs))
        kept = np.sort(order[:length])
        context = replace(self.context, songs=songs[kept], weights=weights[kept])
        return replace(self, context=context, banned=songs[np.sort(order[length:])])


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
            found.append(TestCase(context, frozenset(int(i) for i in relevant), user))
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


class Scorers(Protocol):
    """Whatever scores many contexts at once."""

    def score_many(self, contexts: Sequence[Context]) -> FloatArray:
        """Return float32 (contexts, songs), NaN where it cannot score."""
        ...


#: From cases to ranked positions, int64 (cases, k), best first, -1 where a list is over.
Lists = Callable[[Sequence[TestCase]], IntArray]


def part_lists(scorer: Scorers, k: int, banned: IntArray = _NONE) -> Lists:
    """Rank the whole catalogue by one scorer, known songs and ``banned`` ones left out."""

    def lists(cases: Sequence[TestCase]) -> IntArray:
        blocks = [
            best_of(scorer.score_many([c.context for c in part]), part, k, banned)
            for part in _blocks(cases)
        ]
        return np.concatenate([np.zeros((0, k), dtype=np.int64), *blocks])

    return lists


def best_of(
    scores: FloatArray, cases: Sequence[TestCase], k: int, banned: IntArray = _NONE
) -> IntArray:
    """Return int64 (cases, k) positions by score, ties by position; -1 where a list is over."""
    found = np.full((len(cases), k), -1, dtype=np.int64)
    for row, (values, case) in enumerate(zip(scores, cases, strict=True)):
        own = values.copy()
        own[case.excluded] = np.nan
        own[banned] = np.nan
        top = top_positions(own, k)
        found[row, : len(top)] = top
    return found


def ranker_lists(rank: Ranker, k: int, banned: IntArray = _NONE) -> Lists:
    """Rank case by case."""

    def lists(cases: Sequence[TestCase]) -> IntArray:
        found = np.full((len(cases), k), -1, dtype=np.int64)
        for row, case in enumerate(cases):
            top = rank(case.context, np.concatenate([case.excluded, banned]))[:k]
            found[row, : len(top)] = top
        return found

    return lists


def truth(cases: Sequence[TestCase], songs: int) -> csr_matrix:
    """Return float32 (cases, songs), 1 for what is to be found."""
    return _rows([np.array(sorted(c.relevant), dtype=np.int64) for c in cases], songs)


def histories(cases: Sequence[TestCase], songs: int) -> csr_matrix:
    """Return float32 (cases, songs), 1 for what is known."""
    return _rows([np.sort(c.context.songs) for c in cases], songs)


def _rows(places: Sequence[IntArray], songs: int) -> csr_matrix:
    indptr = np.concatenate([[0], np.cumsum([len(p) for p in places])])
    indices = np.concatenate([_NONE, *places])
    ones = np.ones(len(indices), dtype=np.float32)
    return csr_matrix((ones, indices, indptr), shape=(len(places), songs))


def mean_ndcg(lists: Lists, cases: Sequence[TestCase], songs: int, k: int) -> float:
    """Return the mean nDCG@k over the cases."""
    values = ranking_values(lists(cases), truth(cases, songs), (k,))
    return float(np.nanmean(values[f"ndcg@{k}"]))


def _blocks(cases: Sequence[TestCase]) -> list[Sequence[TestCase]]:
    return [cases[i : i + _BLOCK] for i in range(0, len(cases), _BLOCK)]
