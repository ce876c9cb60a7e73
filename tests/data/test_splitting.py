from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from data.interactions import Interactions
from data.splitting import split_holdout, split_users


@st.composite
def tables(draw: st.DrawFn) -> Interactions:
    pairs = draw(st.sets(st.tuples(st.integers(0, 7), st.integers(0, 14)), max_size=60))
    ordered = sorted(pairs)
    weight = draw(st.lists(st.sampled_from([0.0, 1.0, 4.0]), min_size=len(ordered), max_size=60))
    rng = np.random.default_rng(len(ordered))
    return Interactions(
        tuple(f"u{i}" for i in range(8)),
        tuple(f"s{i}" for i in range(15)),
        np.array([u for u, _ in ordered], dtype=np.int64),
        np.array([s for _, s in ordered], dtype=np.int64),
        np.array(weight[: len(ordered)], dtype=np.float32),
        rng.random(len(ordered)),
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
