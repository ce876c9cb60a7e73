"""Splits of an evaluation: five parts of one whole, and what each way of splitting promises."""

from __future__ import annotations

import numpy as np
import pytest

from data.errors import SplitError
from data.interactions import Interactions
from recommender.config import SplitConfig
from recommender.splits import Split, split_of, without
from tests.recommender import toys

KINDS = ("random", "leave_one_out", "users", "time")


def pairs(some: Interactions) -> set[tuple[int, int]]:
    return set(zip(some.user.tolist(), some.item.tolist(), strict=True))


def split(kind: str, seed: int = 1) -> Split:
    return split_of(SplitConfig.model_validate({"kind": kind}), toys.interactions(), seed)


@pytest.mark.parametrize("kind", KINDS)
def test_nothing_that_is_to_be_found_is_known(kind: str) -> None:
    found = split(kind)
    whole = pairs(toys.interactions())
    assert pairs(found.test)
    assert pairs(found.validation)
    tuning = pairs(found.train) | pairs(found.validation_given)
    assert not tuning & (pairs(found.validation) | pairs(found.test))
    assert not (pairs(found.rest) | pairs(found.test_given)) & pairs(found.test)
    assert pairs(found.rest) | pairs(found.test_given) | pairs(found.test) == whole
    assert pairs(found.validation) <= pairs(found.rest)


@pytest.mark.parametrize("kind", KINDS)
def test_the_same_seed_gives_the_same_split(kind: str) -> None:
    assert pairs(split(kind).test) == pairs(split(kind).test)
    if kind in {"random", "users"}:
        assert pairs(split(kind).test) != pairs(split(kind, 2).test)


def test_held_out_users_are_never_trained_on() -> None:
    found = split("users")
    test, validation = set(found.test.user.tolist()), set(found.validation.user.tolist())
    assert not test & validation
    assert not (test | validation) & set(found.train.user.tolist())
    assert not test & set(found.rest.user.tolist())
    assert validation <= set(found.rest.user.tolist())
    assert set(found.test_given.user.tolist()) == test
    # Half of nine songs are given: five, as a half is rounded up.
    given = np.bincount(found.test_given.user)
    assert set(given[sorted(test)].tolist()) == {5}


def test_time_trains_on_nothing_of_the_future() -> None:
    found = split("time")
    assert found.train.at.max() < found.validation.at.min()
    assert found.rest.at.max() < found.test.at.min()


def test_leave_one_out_asks_for_the_last_song() -> None:
    found, whole = split("leave_one_out"), toys.interactions()
    assert found.test.user.tolist() == list(range(toys.USERS))
    for user in range(toys.USERS):
        last = whole.at[whole.user == user].max()
        assert found.test.at[found.test.user == user].tolist() == [last]


def test_splits_by_time_need_times() -> None:
    whole = toys.interactions()
    timeless = Interactions(
        whole.user_ids, whole.item_ids, whole.user, whole.item, whole.weight, 0 * whole.at
    )
    with pytest.raises(SplitError, match="times"):
        split_of(SplitConfig(kind="time"), timeless, 1)


def test_without_takes_pairs_away_not_users_or_songs() -> None:
    whole = toys.interactions()
    part = whole.take(np.arange(0, len(whole), 3))
    left = without(whole, part)
    assert pairs(left) == pairs(whole) - pairs(part)
    assert left.user_ids == whole.user_ids
