"""The loop that tuning and evaluation share: who is asked what, and what a list may hold."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from data.types import FloatArray
from recommender.candidates.popularity import PopularityScorer
from recommender.catalogue import Catalogue
from recommender.ranking import (
    TestCase,
    best_of,
    cases,
    histories,
    mean_ndcg,
    part_lists,
    ranker_lists,
    truth,
)
from recommender.stages import Context
from recommender.tuning import SHORT, tuning_cases, with_short
from tests.recommender import toys
from tests.recommender.candidates.contract import listener

CATALOGUE = Catalogue.from_songs(toys.songs())
NAN = np.nan


def asked(*songs: int, find: tuple[int, ...] = (), banned: tuple[int, ...] = ()) -> TestCase:
    return TestCase(listener(*songs), frozenset(find), 0, np.array(banned, dtype=np.int64))


def test_contexts_are_oldest_first() -> None:
    data = toys.interactions()
    forth = cases(data, data, CATALOGUE)
    back = cases(replace(data, at=-data.at), data, CATALOGUE)
    assert len(forth) == toys.USERS
    for a, b in zip(forth, back, strict=True):
        assert list(a.context.songs) == list(b.context.songs[::-1])
        assert a.relevant == b.relevant == set(a.context.songs.tolist())


def test_only_who_has_something_to_find_is_asked_and_skips_are_nothing() -> None:
    data = toys.interactions()
    known, hidden = data.take(data.item < 12), data.take(data.item >= 12)
    some = hidden.take(hidden.user >= 28)
    weight = some.weight.copy()
    weight[some.user == 28] = 0
    found = cases(known, replace(some, weight=weight), CATALOGUE)
    assert [case.user for case in found] == [29]
    assert found[0].relevant == set(hidden.item[hidden.user == 29].tolist())
    assert set(found[0].context.songs.tolist()) == set(known.item[known.user == 29].tolist())


def test_songs_that_the_catalogue_lacks_are_passed_over() -> None:
    half = Catalogue.from_songs(toys.songs()[:12])
    found = cases(toys.interactions(), toys.interactions(), half)
    assert max(int(case.context.songs.max()) for case in found) < 12
    assert max(max(case.relevant) for case in found) < 12


def test_a_cut_history_keeps_its_order_and_hides_the_rest() -> None:
    case = asked(5, 3, 9, 1, 7, find=(2,))
    short = case.cut(2, np.random.default_rng(0))
    assert len(short.context.songs) == 2
    places = [[5, 3, 9, 1, 7].index(s) for s in short.context.songs.tolist()]
    assert places == sorted(places)
    assert set(short.excluded.tolist()) == {5, 3, 9, 1, 7}
    assert short.relevant == case.relevant
    assert len(set(short.banned.tolist()) | set(short.context.songs.tolist())) == 5


def test_lists_are_by_score_then_position_and_end_where_nothing_can_be_scored() -> None:
    scores = np.array([[1, 5, 5, NAN, 2, 9]] * 2, dtype=np.float32)
    found = best_of(scores, [asked(5), asked(5, banned=(1,))], 4)
    assert found.tolist() == [[1, 2, 4, 0], [2, 4, 0, -1]]
    assert best_of(scores[:1], [asked()], 2, np.array([5, 2])).tolist() == [[1, 4]]


def test_many_cases_are_ranked_as_one_is() -> None:
    """More than fit into a block."""

    class OwnSong(PopularityScorer):
        def score_many(self, contexts: object) -> FloatArray:
            assert isinstance(contexts, list)
            return np.stack([np.eye(9, dtype=np.float32)[(c.songs[0] + 1) % 9] for c in contexts])

    many = [asked(i % 9) for i in range(150)]
    lists = part_lists(OwnSong(np.zeros(9, np.float32)), 1)
    assert lists(many).ravel().tolist() == [(i + 1) % 9 for i in range(150)]
    assert lists(many[:1]).tolist() == lists(many)[:1].tolist()
    assert lists([]).shape == (0, 1)


def test_a_ranker_is_told_what_to_leave_out() -> None:
    told: list[list[int]] = []

    def rank(context: Context, excluded: np.ndarray) -> np.ndarray:
        told.append(excluded.tolist())
        return np.setdiff1d(np.arange(4), excluded)

    lists = ranker_lists(rank, 3, np.array([0]))
    assert lists([asked(2, banned=(1,)), asked()]).tolist() == [[3, -1, -1], [1, 2, 3]]
    assert told == [[2, 1, 0], [0]]


def test_truth_and_histories_are_rows() -> None:
    some = [asked(3, 1, find=(2, 0)), asked(find=(3,))]
    assert truth(some, 4).toarray().tolist() == [[1, 0, 1, 0], [0, 0, 0, 1]]
    assert histories(some, 4).toarray().tolist() == [[0, 1, 0, 1], [0, 0, 0, 0]]


def test_mean_ndcg_by_hand() -> None:
    """Found at places 1 and 3 of two to be found; nothing found."""
    popular = PopularityScorer(np.array([4, 3, 2, 1, 0], dtype=np.float32))
    some = [asked(find=(0, 2)), asked(find=(4,))]
    ideal = 1 + 1 / np.log2(3)
    assert mean_ndcg(part_lists(popular, 3), some, 5, 3) == pytest.approx((1.5 / ideal) / 2)


def test_tuning_asks_a_seeded_choice_of_users() -> None:
    data = toys.interactions()
    first, second = (tuning_cases(data, data, CATALOGUE, 10, 3) for _ in range(2))
    users = [case.user for case in first]
    assert users == [case.user for case in second] == sorted(users)
    assert len(users) == 10
    assert users != [case.user for case in tuning_cases(data, data, CATALOGUE, 10, 4)]
    assert len(tuning_cases(data, data, CATALOGUE, 999, 3)) == toys.USERS


def test_every_longer_history_is_also_tuned_on_short() -> None:
    some = [asked(1), asked(*range(9))]
    found = with_short(some, 0)
    assert found[:2] == some
    assert len(found) == 3
    assert len(found[2].context.songs) in SHORT
    assert [c.context.songs.tolist() for c in with_short(some, 0)] == [
        c.context.songs.tolist() for c in found
    ]
