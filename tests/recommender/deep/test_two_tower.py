"""Two groups of listeners who share no song: retrieval by id and by content."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.sparse import csr_matrix

from data.errors import TrainingError
from data.types import FloatArray
from recommender.deep.config import TwoTowerConfig
from recommender.deep.two_tower import TwoTower
from recommender.deep.two_tower_training import fit_two_tower
from recommender.stages import Context
from tests.recommender.candidates.contract import influence

SONGS, USERS, COLD = 20, 40, (18, 19)
CONFIG = TwoTowerConfig(
    embedding_size=8, hidden=(8,), user_hidden=4, epochs=40, batch_size=10, learning_rate=0.02,
    weight_decay=0.01,
)  # fmt: skip


def rows() -> csr_matrix:
    """User u has songs of its parity, two in three; songs 18 and 19 have no listener."""
    found = np.zeros((USERS, SONGS), np.float32)
    for user in range(USERS):
        own = np.arange(user % 2, 18, 2)
        found[user, own[(own // 2 + user // 2) % 3 > 0]] = 1
    return csr_matrix(found)


def content() -> FloatArray:
    return np.eye(2, dtype=np.float32)[np.arange(SONGS) % 2]


@pytest.fixture(scope="module")
def towers() -> TwoTower:
    return fit_two_tower(CONFIG, rows(), content(), seed=1)


def context(*songs: int) -> Context:
    return Context(np.array(songs, np.int64), np.ones(len(songs), np.float32))


def test_songs_of_the_own_group_come_first(towers: TwoTower) -> None:
    for parity in (0, 1):
        scores = towers(context(parity, parity + 2))
        warm = np.arange(18)
        own, other = scores[:18][warm % 2 == parity], scores[:18][warm % 2 != parity]
        assert own.min() > other.max()


def test_a_song_that_nobody_heard_is_placed_by_content(towers: TwoTower) -> None:
    for parity in (0, 1):
        scores = towers(context(parity, parity + 2))
        assert scores[COLD[parity]] > scores[COLD[1 - parity]]


def test_a_song_that_came_later_is_placed_likewise(towers: TwoTower) -> None:
    new = np.concatenate([np.eye(2, dtype=np.float32), np.zeros((1, 2), np.float32)])
    grown = towers.with_songs(new, np.array([20, 21, 22]), 23)
    scores = grown(context(0, 2))
    assert scores[20] > scores[21]
    assert np.isnan(scores[22])
    assert scores[20] == pytest.approx(scores[18], abs=1e-4)
    assert np.array_equal(scores[:20], towers(context(0, 2)))


def test_a_batch_scores_as_single_listeners_do(towers: TwoTower) -> None:
    batch = towers.score_rows(rows()[:3])
    for user in range(3):
        history = context(*rows()[user].indices.tolist())
        assert batch[user] == pytest.approx(towers(history), abs=1e-4)


def test_influence_is_what_the_score_loses_without_a_song(towers: TwoTower) -> None:
    history = context(0, 2, 5)
    found = influence(towers, history, 4)
    left = towers(context(0, 2))[4]
    assert found[2] == pytest.approx(towers(history)[4] - left, abs=1e-4)
    assert found[0] > found[2]


def test_nothing_known_nothing_scored(towers: TwoTower) -> None:
    assert np.isnan(towers(context())).all()
    assert np.isnan(towers.score_rows(csr_matrix((1, SONGS), dtype=np.float32))).all()
    assert towers.influences(context(), np.array([0])) is None
    assert towers.is_fitted


def test_same_seed_same_arrays_and_storage_keeps_them(towers: TwoTower) -> None:
    again = fit_two_tower(CONFIG, rows(), content(), seed=1)
    stored = TwoTower.from_arrays(CONFIG, towers.arrays())
    for name, array in towers.arrays().items():
        assert np.array_equal(array, again.arrays()[name]), name
        assert np.array_equal(array, stored.arrays()[name])


@pytest.mark.parametrize("hidden", [(), (4,)])
def test_without_content_ids_do_all(hidden: tuple[int, ...]) -> None:
    config = CONFIG.model_copy(update={"hidden": hidden, "user_hidden": 0, "id_dropout": 0.0})
    found = fit_two_tower(config, rows(), np.zeros((SONGS, 0), np.float32), seed=1)
    scores = found(context(0, 2))
    assert scores[4] > scores[5]
    assert np.isnan(scores[list(COLD)]).all()


def test_listeners_of_one_song_teach_nothing() -> None:
    one = csr_matrix(np.eye(3, dtype=np.float32))
    with pytest.raises(TrainingError, match="two songs"):
        fit_two_tower(CONFIG, one, np.zeros((3, 0), np.float32), seed=1)
