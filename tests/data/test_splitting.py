from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from data.errors import SplitError
from data.interactions import Interactions
from data.splitting import (
    cold_rows,
    split_holdout,
    split_leave_one_out,
    split_time,
    split_users,
)


@st.composite
def tables(draw: st.DrawFn) -> Interactions:
    pairs = draw(st.sets(st.tuples(st.integers(0, 7), st.integers(0, 14)), max_size=60))
    ordered = sorted(pairs)
    weight = draw(st.lists(st.sampled_from([0.0, 1.0, 4.0]), min_size=len(ordered), max_size=60))
    rng = np.random.default_rng(len(ordered))
    # Coarse clocks make ties.
    ticks = draw(st.sampled_from([2, 10, 1000]))
    return Interactions(
        tuple(f"u{i}" for i in range(8)),
        tuple(f"s{i}" for i in range(15)),
        np.array([u for u, _ in ordered], dtype=np.int64),
        np.array([s for _, s in ordered], dtype=np.int64),
        np.array(weight[: len(ordered)], dtype=np.float32),
        np.floor(rng.random(len(ordered)) * ticks) + 1,
    )


def pairs(table: Interactions) -> list[tuple[int, int]]:
    return list(zip(table.user.tolist(), table.item.tolist(), strict=True))


def dense() -> Interactions:
    user, item = np.divmod(np.arange(10 * 20), 20)
    names = tuple(f"u{i}" for i in range(10)), tuple(f"s{i}" for i in range(20))
    weight = np.ones(200, dtype=np.float32)
    return Interactions(*names, user, item, weight, item.astype(np.float64))


@given(tables(), st.floats(0, 0.49), st.floats(0, 0.49), st.integers(0, 5))
def test_holdout_parts_are_disjoint_and_whole(
    table: Interactions, validation: float, test: float, seed: int
) -> None:
    split = split_holdout(table, validation=validation, test=test, seed=seed)
    parts = pairs(split.train) + pairs(split.validation) + pairs(split.test)
    assert sorted(parts) == pairs(table)
    held = np.concatenate([split.validation.weight, split.test.weight])
    assert (held > 0).all()
    likes = set(table.user[table.weight > 0].tolist())
    assert likes == set(split.train.user[split.train.weight > 0].tolist())
    again = split_holdout(table, validation=validation, test=test, seed=seed)
    assert pairs(again.test) == pairs(split.test)


@given(tables(), st.floats(0, 0.49), st.floats(0, 0.49), st.integers(0, 5))
def test_held_out_users_are_never_trained_on(
    table: Interactions, validation: float, test: float, seed: int
) -> None:
    split = split_users(table, validation=validation, test=test, seed=seed)
    parts = (
        split.train, split.validation_given, split.validation_held, split.test_given,
        split.test_held,
    )  # fmt: skip
    assert sorted(pair for part in parts for pair in pairs(part)) == pairs(table)
    users = [set(part.user.tolist()) for part in parts]
    assert not users[0] & (users[1] | users[3])
    assert not users[1] & users[3]
    # Whoever has something to be found was also told about, and the other way round.
    assert users[2] <= users[1]
    assert users[4] <= users[3]
    assert users[2] == set(split.validation_given.user[split.validation_given.weight > 0].tolist())


def test_shares_are_those_asked_for() -> None:
    split = split_holdout(dense(), validation=0.1, test=0.2, seed=1)
    assert np.bincount(split.test.user).tolist() == [4] * 10
    assert np.bincount(split.validation.user).tolist() == [2] * 10
    strong = split_users(dense(), validation=0.1, test=0.3, seed=1)
    assert len(set(strong.test_given.user.tolist())) == 3
    assert len(set(strong.validation_given.user.tolist())) == 1
    assert np.bincount(strong.test_held.user)[np.unique(strong.test_held.user)].tolist() == [10] * 3


def test_another_seed_is_another_split() -> None:
    one, two = (split_holdout(dense(), validation=0, test=0.5, seed=s).test for s in (1, 2))
    assert pairs(one) != pairs(two)


def test_by_time_the_latest_songs_are_held_out() -> None:
    split = split_holdout(dense(), validation=0.1, test=0.1, seed=1, by="time")
    assert sorted(set(split.test.item.tolist())) == [18, 19]
    assert sorted(set(split.validation.item.tolist())) == [16, 17]


def without_times(table: Interactions) -> Interactions:
    return replace(table, at=np.zeros(len(table)))


@given(tables(), st.integers(0, 5), st.booleans())
def test_one_song_of_each_user_is_left_out(table: Interactions, seed: int, timed: bool) -> None:
    table = table if timed else without_times(table)
    split = split_leave_one_out(table, seed=seed)
    assert sorted(pairs(split.train) + pairs(split.validation) + pairs(split.test)) == pairs(table)
    assert (np.concatenate([split.validation.weight, split.test.weight]) > 0).all()
    liked = np.bincount(table.user[table.weight > 0], minlength=8)
    assert (np.bincount(split.test.user, minlength=8) == (liked >= 2)).all()
    assert (np.bincount(split.validation.user, minlength=8) == (liked >= 3)).all()
    for user in range(8):
        kept = split.train.at[(split.train.user == user) & (split.train.weight > 0)]
        second, last = (p.at[p.user == user] for p in (split.validation, split.test))
        times = [kept.max(initial=0), *second, *last]
        assert times == sorted(times)
    assert pairs(split_leave_one_out(table, seed=seed).test) == pairs(split.test)


def test_without_times_the_songs_left_out_are_drawn() -> None:
    one, two = (split_leave_one_out(without_times(dense()), seed=s) for s in (1, 2))
    assert pairs(one.test) != pairs(two.test)
    last = split_leave_one_out(dense(), seed=1)
    assert set(last.test.item.tolist()) == {19}
    assert set(last.validation.item.tolist()) == {18}


@given(tables(), st.floats(0, 0.45), st.floats(0.05, 0.45))
def test_nothing_is_known_of_the_future(
    table: Interactions, validation: float, test: float
) -> None:
    try:
        split = split_time(table, validation=validation, test=test)
    except SplitError:
        # Events of one moment, or too few of them, cannot be cut; others always can.
        tied = len(set(table.at.tolist())) < len(table)
        assert tied or len(table) * min(test, validation or test) < 2
        return
    parts = split.train, split.validation, split.test
    assert sorted(pair for part in parts for pair in pairs(part)) == pairs(table)
    assert split.train.at.max() < split.test.at.min()
    if validation > 0:
        assert split.train.at.max() < split.validation.at.min()
        assert split.validation.at.max() < split.test.at.min()
    assert len(split.test) >= int(len(table) * test)


def test_events_are_cut_at_two_moments() -> None:
    split = split_time(dense(), validation=0.1, test=0.25)
    assert sorted(set(split.test.item.tolist())) == [15, 16, 17, 18, 19]
    assert sorted(set(split.validation.item.tolist())) == [13, 14]
    assert cold_rows(split.train, split.test).item.all()
    assert not cold_rows(split.train, split.test).user.any()
    none = split_time(dense(), validation=0, test=0.5)
    assert len(none.validation) == 0
    assert len(none.test) == 100


def test_who_and_what_begin_after_the_cut_are_cold() -> None:
    table = Interactions(
        ("a", "b", "c"), ("x", "y", "z"), np.array([0, 1, 0, 2, 1]), np.array([0, 1, 2, 0, 0]),
        np.array([1, 0, 1, 1, 1], dtype=np.float32), np.array([1.0, 2.0, 3.0, 4.0, 5.0]),
    )  # fmt: skip
    split = split_time(table, validation=0, test=0.6)
    assert pairs(split.test) == [(0, 2), (2, 0), (1, 0)]
    cold = cold_rows(split.train, split.test)
    # b only skipped before the cut: nothing is known of b's taste.
    assert cold.user.tolist() == [False, True, True]
    assert cold.item.tolist() == [True, False, False]


def test_a_split_by_times_needs_times() -> None:
    table = without_times(dense())
    with pytest.raises(SplitError, match="split_leave_one_out"):
        split_time(table, validation=0.1, test=0.1)
    with pytest.raises(SplitError, match="by='random'"):
        split_holdout(table, validation=0.1, test=0.1, seed=1, by="time")
    with pytest.raises(SplitError, match="too few moments"):
        split_time(replace(table, at=np.ones(200)), validation=0.1, test=0.1)


@pytest.mark.parametrize(("validation", "test"), [(-0.1, 0.2), (0.5, 0.5), (0.2, 1.0)])
def test_impossible_shares_are_refused(validation: float, test: float) -> None:
    with pytest.raises(ValueError, match="shares"):
        split_holdout(dense(), validation=validation, test=test, seed=1)


def test_matrix_keeps_pairs_of_weight_zero() -> None:
    table = Interactions(
        ("a", "b"), ("x", "y", "z"), np.array([0, 1]), np.array([2, 0]),
        np.array([3.0, 0.0], dtype=np.float32), np.zeros(2),
    )  # fmt: skip
    matrix = table.matrix()
    assert matrix.shape == (2, 3)
    assert matrix.nnz == 2
    assert matrix.dtype == np.float32
    assert matrix.toarray().tolist() == [[0, 0, 3], [0, 0, 0]]
