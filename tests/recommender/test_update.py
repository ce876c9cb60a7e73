"""The nightly training: settings and factors of the model in force, all events, no tuning."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from data.errors import TrainingError
from recommender.candidates.factors import FactorScorer
from recommender.training import update_recommender
from tests.recommender import toys


def factors(model: object) -> np.ndarray:
    (scorer,) = model.listening  # type: ignore[attr-defined]
    assert isinstance(scorer, FactorScorer)
    return scorer.factors


def test_settings_stay_and_factors_hardly_move_where_nothing_is_new() -> None:
    old = toys.model()
    new = update_recommender(old, toys.training_data(), seed=9).model
    assert new.config == old.config
    moved = np.linalg.norm(factors(new) - factors(old)) / np.linalg.norm(factors(old))
    assert moved < 0.05


def test_a_song_that_came_with_its_listeners_gets_factors() -> None:
    data, late = toys.training_data(), replace(toys.songs()[0], id="late")
    events = data.interactions
    fans = np.arange(0, toys.USERS, 2)
    more = replace(
        events,
        item_ids=(*events.item_ids, "late"),
        user=np.concatenate([events.user, fans]),
        item=np.concatenate([events.item, np.full(len(fans), len(events.item_ids))]),
        weight=np.concatenate([events.weight, np.ones(len(fans), dtype=np.float32)]),
        at=np.concatenate([events.at, np.full(len(fans), 1e6)]),
    )
    lyrics = np.concatenate([data.lyrics, data.lyrics[:1]])
    grown = replace(data, songs=(*data.songs, late), lyrics=lyrics, interactions=more)
    model = update_recommender(toys.model(), grown, seed=9).model
    near = model.listening_neighbours(model.catalogue.positions["late"])
    even = near[: toys.SONGS : 2].mean()
    assert even > 0.9 > near[1 : toys.SONGS : 2].mean()


def test_nothing_played_is_told() -> None:
    data = toys.training_data()
    silent = replace(data, interactions=data.interactions.take(np.zeros(0, dtype=np.int64)))
    with pytest.raises(TrainingError, match="no positive event"):
        update_recommender(toys.model(), silent, seed=1)
