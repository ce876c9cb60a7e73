"""Splits of an evaluation: what may be known when tuning, what in the end, what is to be found."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from data.splitting import split_holdout, split_leave_one_out, split_time, split_users

if TYPE_CHECKING:
    from data.interactions import Interactions
    from recommender.config import SplitConfig
    from recommender.dataset import TrainingData

#: From what is held out to all events, with songs that tell nothing of it.
Source = Callable[[Sequence["Interactions"]], "TrainingData"]


@dataclass(frozen=True)
class Split:
    """Parts of one whole, all numbering users and songs alike.

    Attributes:
        train: what parts are fitted on when tuning.
        validation_given: what is told of the users tuned on.
        validation: what has to be found for them.
        rest: what parts are fitted on in the end.
        test_given: what is told of the test users.
        test: what has to be found for them.
    """

    train: Interactions
    validation_given: Interactions
    validation: Interactions
    rest: Interactions
    test_given: Interactions
    test: Interactions


def split_of(shares: SplitConfig, interactions: Interactions, seed: int) -> Split:
    """Split as the configuration says.

    Raises:
        SplitError: if the events have no times and a split by time is asked for.
    """
    validation, test = shares.validation, shares.test
    if shares.kind == "users":
        users = split_users(
            interactions, validation=validation, test=test, seed=seed, given=shares.given
        )
        return Split(
            users.train,
            users.validation_given,
            users.validation_held,
            without(without(interactions, users.test_held), users.test_given),
            users.test_given,
            users.test_held,
        )
    if shares.kind == "leave_one_out":
        held = split_leave_one_out(interactions, seed=seed)
    elif shares.kind == "time":
        held = split_time(interactions, validation=validation, test=test)
    else:
        held = split_holdout(interactions, validation=validation, test=test, seed=seed)
    rest = without(interactions, held.test)
    return Split(held.train, held.train, held.validation, rest, rest, held.test)


def without(whole: Interactions, part: Interactions) -> Interactions:
    """Return the pairs of ``whole`` that are not in ``part``, which numbers users alike."""
    size = len(whole.item_ids)
    gone = np.isin(whole.user * size + whole.item, part.user * size + part.item)
    return whole.take(~gone)
