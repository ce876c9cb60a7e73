"""Splits of interactions for training and evaluation; the same seed gives the same split.

Only pairs with a positive weight are right answers: a skipped song is never held out, but for
:func:`split_time`, where what comes after the cut may not be trained on whatever it says.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from data.errors import SplitError
from data.interactions import Interactions
from data.types import IntArray


@dataclass(frozen=True, slots=True)
class HoldoutSplit:
    """Disjoint parts whose union is the whole; all three number users and items alike."""

    train: Interactions
    validation: Interactions
    test: Interactions


@dataclass(frozen=True, slots=True)
class UserSplit:
    """Strong generalisation: the model never saw the held-out users.

    ``*_given`` is what it is told of them, ``*_held`` what it has to find.
    """

    train: Interactions
    validation_given: Interactions
    validation_held: Interactions
    test_given: Interactions
    test_held: Interactions


@dataclass(frozen=True, slots=True)
class ColdRows:
    """Which held-out rows are of users or items that nothing is known of.

    Attributes:
        user: bool (n,), True where the row's user has no known pair of positive weight.
        item: bool (n,), likewise for the row's item.
    """

    user: NDArray[np.bool_]
    item: NDArray[np.bool_]


def split_holdout(
    interactions: Interactions,
    *,
    validation: float,
    test: float,
    seed: int,
    by: Literal["random", "time"] = "random",
) -> HoldoutSplit:
    """Hold out a share of every user's songs.

    A user with k songs gives round(k * test) of them to test and round(k * validation) to
    validation, but keeps at least one for training.

    Args:
        interactions: the whole.
        validation: share for validation, in [0, 1).
        test: share for test, in [0, 1); ``validation + test`` < 1.
        seed: of the choice, and of the order of songs heard at one time.
        by: ``time`` takes each user's latest songs for test, those before them for validation.

    Raises:
        ValueError: if a share is out of range.
        SplitError: if ``by`` is ``time`` and no times are known.
    """
    _check(validation, test)
    if by == "time":
        _need_times(interactions, "by='random'")
    rows, place, size = _ranked(interactions, seed, by)
    held_test = np.minimum(_round(size * test), size - 1)
    held_validation = np.minimum(_round(size * validation), size - 1 - held_test)
    return _held(interactions, rows, place, held_test, held_validation)


def split_leave_one_out(interactions: Interactions, *, seed: int) -> HoldoutSplit:
    """Hold out one song of every user for test and another for validation.

    The last one is the test and the one before it the validation where times are known, else they
    are drawn. The first claim is training's, the second test's: a user with one song gives none,
    with two only a test song.

    Args:
        interactions: the whole.
        seed: of the draw, or of the order of songs heard at one time.
    """
    by: Literal["random", "time"] = "time" if interactions.has_times else "random"
    rows, place, size = _ranked(interactions, seed, by)
    held_test = np.minimum(1, size - 1)
    return _held(interactions, rows, place, held_test, np.minimum(1, size - 1 - held_test))


def split_time(interactions: Interactions, *, validation: float, test: float) -> HoldoutSplit:
    """Cut all events at two moments: train before the first, test from the second on.

    Nothing of the future is ever trained on (Meng et al., *Exploring Data Splitting Strategies*,
    RecSys 2020): a held-out user's taste is what all knew of it then. Users and items that begin
    after the cut are in the parts too; :func:`cold_rows` tells them apart. Pairs of weight 0 are
    cut like the others, so that a part may hold some; they are no right answers.

    Args:
        interactions: the whole; ``at`` has to be one clock for all users.
        validation: share of the events, in [0, 1).
        test: share of the events, in (0, 1); events of one moment stay together, in the later
            part, so that the shares may come out larger.

    Raises:
        ValueError: if a share is out of range.
        SplitError: if no times are known, or a part that is asked for would be empty.
    """
    _check(validation, test)
    _need_times(interactions, "split_holdout or split_leave_one_out")
    ordered, count = np.sort(interactions.at), len(interactions)
    cuts = [_cut(ordered, count - int(count * s + 0.5)) for s in (validation + test, test)]
    part = np.searchsorted(cuts, interactions.at, side="right")
    wanted = np.array([True, validation > 0, test > 0])
    if (np.bincount(part, minlength=3)[wanted] == 0).any():
        raise SplitError(
            f"too few moments to cut at shares {validation} and {test}: give other shares, or "
            "use split_holdout"
        )
    return HoldoutSplit(*(interactions.take(part == p) for p in range(3)))


def cold_rows(known: Interactions, held: Interactions) -> ColdRows:
    """Tell which rows of ``held`` are of users or items without a positive pair in ``known``."""
    liked = known.weight > 0
    return ColdRows(~np.isin(held.user, known.user[liked]), ~np.isin(held.item, known.item[liked]))


def split_users(
    interactions: Interactions,
    *,
    validation: float,
    test: float,
    seed: int,
    given: float = 0.5,
) -> UserSplit:
    """Hold out whole users; a share of each one's songs is given, the rest is to be found.

    Only users with at least two songs of positive weight are held out: of fewer, nothing could
    be both given and found.

    Args:
        interactions: the whole.
        validation: share of those users for validation.
        test: share of those users for test.
        seed: of the choice of users and of songs.
        given: share of a held-out user's songs that is given; at least one on either side.

    Raises:
        ValueError: if a share is out of range.
    """
    _check(validation, test)
    if not 0 < given < 1:
        raise ValueError(f"given must lie strictly between 0 and 1, got {given}")
    rows, place, size = _ranked(interactions, seed, "random")
    group = _user_groups(interactions, validation, test, seed)[interactions.user]
    held = np.zeros(len(interactions), dtype=np.bool_)
    held[rows[place >= np.clip(_round(size * given), 1, size - 1)]] = True
    return UserSplit(
        interactions.take(group == 0),
        interactions.take((group == 1) & ~held),
        interactions.take((group == 1) & held),
        interactions.take((group == 2) & ~held),
        interactions.take((group == 2) & held),
    )


def _held(
    interactions: Interactions,
    rows: IntArray,
    place: IntArray,
    test: IntArray,
    validation: IntArray,
) -> HoldoutSplit:
    """Give the first ``test`` of each user's ranked rows to test, the next to validation."""
    part = np.zeros(len(interactions), dtype=np.int8)
    part[rows[place < test + validation]] = 1
    part[rows[place < test]] = 2
    return HoldoutSplit(*(interactions.take(part == p) for p in range(3)))


def _need_times(interactions: Interactions, instead: str) -> None:
    if not interactions.has_times:
        raise SplitError(
            f"the data tell no times, so they cannot be split by them: name the column of times, "
            f"or use {instead}"
        )


def _cut(ordered: NDArray[np.float64], place: int) -> float:
    return float(ordered[place]) if place < len(ordered) else float("inf")


def _check(validation: float, test: float) -> None:
    if not (0 <= validation < 1 and 0 <= test < 1 and validation + test < 1):
        raise ValueError(f"shares must be in [0, 1) and sum below 1: {validation}, {test}")


def _round(values: NDArray[np.floating[Any]]) -> IntArray:
    rounded: IntArray = np.floor(values + 0.5).astype(np.int64)
    return rounded


def _ranked(
    interactions: Interactions, seed: int, by: Literal["random", "time"]
) -> tuple[IntArray, IntArray, IntArray]:
    """Shuffle the positive rows within their users.

    Returns:
        rows int64 (m,): row numbers, grouped by user; place int64 (m,): 0-based place among the
        user's rows; size int64 (m,): number of the user's rows.
    """
    positive = np.flatnonzero(interactions.weight > 0)
    chance = np.random.default_rng(seed).random(len(interactions))[positive]
    user = interactions.user[positive]
    latest = -interactions.at[positive] if by == "time" else np.zeros(len(positive))
    rows = positive[np.lexsort((chance, latest, user))]
    counts = np.bincount(interactions.user[rows], minlength=len(interactions.user_ids))
    size = counts[interactions.user[rows]]
    starts = np.cumsum(counts) - counts
    place = np.arange(len(rows)) - starts[interactions.user[rows]]
    return rows, place.astype(np.int64), size.astype(np.int64)


def _user_groups(interactions: Interactions, validation: float, test: float, seed: int) -> IntArray:
    """Return 0 (train), 1 (validation) or 2 (test) for every user, int64 (users,)."""
    liked = interactions.user[interactions.weight > 0]
    counts = np.bincount(liked, minlength=len(interactions.user_ids))
    eligible = np.flatnonzero(counts >= 2)
    # Another stream than that of the songs, so that the two choices are independent.
    shuffled = np.random.default_rng([seed, 1]).permutation(eligible)
    n_test, n_validation = (int(len(eligible) * share + 0.5) for share in (test, validation))
    groups = np.zeros(len(interactions.user_ids), dtype=np.int64)
    groups[shuffled[:n_test]] = 2
    groups[shuffled[n_test : n_test + n_validation]] = 1
    return groups
