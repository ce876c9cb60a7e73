"""Models against formulas worked out another way, and on data with a known structure."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.sparse import csr_matrix

from recommender.linear.ials import fit_factors, solve_rows
from recommender.linear.models import (
    MODELS,
    Ease,
    ItemKnn,
    ItemToItem,
    ModelConfig,
    Rp3Beta,
    bm25,
    strongest,
)

SMALL = csr_matrix(
    np.array([[1, 1, 0, 0], [1, 1, 1, 0], [0, 0, 1, 1], [0, 1, 1, 1], [1, 0, 0, 0]], np.float32)
)


def two_tastes(users: int = 60, items: int = 30, seed: int = 0) -> csr_matrix:
    """Half of the users play mostly the first half of the items, the others the second."""
    rng = np.random.default_rng(seed)
    own = (np.arange(users)[:, None] % 2) == (np.arange(items)[None] >= items // 2)
    return csr_matrix((rng.random((users, items)) < np.where(own, 0.5, 0.03)).astype(np.float32))


@pytest.mark.parametrize("name", [name for name in MODELS if name != "popularity"])
def test_every_model_finds_the_two_tastes(name: str) -> None:
    train = two_tastes()
    fitted = MODELS[name]().fit(train, 7)
    scores = fitted.scores(np.arange(60))
    assert scores.shape == (60, 30)
    assert scores.dtype == np.float32
    scores[train.nonzero()] = np.nan
    own, other = np.nanmean(scores[::2, :15]), np.nanmean(scores[::2, 15:])
    assert own > other + 1e-6


@pytest.mark.parametrize("name", [*MODELS])
def test_the_same_seed_gives_the_same_scores(name: str) -> None:
    a, b = (MODELS[name]().fit(two_tastes(), 3).scores(np.arange(5)) for _ in "ab")
    np.testing.assert_array_equal(a, b)


def test_popularity_counts_users() -> None:
    scores = MODELS["popularity"]().fit(SMALL, 0).scores(np.array([0, 4]))
    assert scores.tolist() == [[3, 3, 3, 2]] * 2


def similarity(config: ModelConfig) -> np.ndarray:
    fitted = config.fit(SMALL, 0)
    assert isinstance(fitted, ItemToItem)
    found = fitted.similarity
    return np.asarray(found.toarray() if hasattr(found, "toarray") else found)


def test_cosine_by_hand() -> None:
    found = similarity(ItemKnn(neighbours=4))
    assert found[0, 1] == pytest.approx(2 / 3)
    assert found[2, 3] == pytest.approx(2 / np.sqrt(6))
    assert found[0, 0] == 0
    shrunk = similarity(ItemKnn(neighbours=4, shrink=3))
    assert shrunk[0, 1] == pytest.approx(2 / 6)


def test_ease_is_ridge_regression_without_oneself() -> None:
    """Column j of EASE is the ridge solution for item j from the others (Steck, 2019, eq. 8)."""
    found, x = similarity(Ease(regularization=2.0)), SMALL.toarray().astype(float)
    np.testing.assert_allclose(np.diag(found), 0)
    for j in range(4):
        rest = [i for i in range(4) if i != j]
        a = x[:, rest]
        expected = np.linalg.solve(a.T @ a + 2 * np.eye(3), a.T @ x[:, j])
        np.testing.assert_allclose(found[rest, j], expected, atol=1e-6)


def test_random_walk_by_hand() -> None:
    """From item 0 back to its users (1/3 each), on to their items, popularity divided out."""
    found = similarity(Rp3Beta(alpha=1.0, beta=0.5, neighbours=4))
    to_one = (1 / 3) * (1 / 2) + (1 / 3) * (1 / 3)
    assert found[0, 1] == pytest.approx(to_one / np.sqrt(3), rel=1e-6)
    assert found[0, 0] == 0


def test_only_the_strongest_of_each_column_stay() -> None:
    values = csr_matrix(np.array([[0, 3, 1], [2, 0, 1], [2, 5, 0]], np.float32))
    assert strongest(values, 1).toarray().tolist() == [[0, 0, 1], [2, 0, 0], [0, 5, 0]]


def test_bm25_damps_plays_and_busy_users() -> None:
    """Users are terms: one with few items tells more, and the hundredth play adds little."""
    plays = np.zeros((3, 8), np.float32)
    plays[0, :2], plays[1, 1:6], plays[2, 0] = (1, 100), 1, 1
    found = bm25(csr_matrix(plays)).toarray()
    assert found.shape == plays.shape
    assert found[0, 0] < found[0, 1] < 3 * found[0, 0]
    assert found[2, 0] > found[0, 0] > found[1, 1] > 0
    assert (found > 0).tolist() == (plays > 0).tolist()


def test_a_solved_row_is_the_minimum_of_the_loss() -> None:
    rng = np.random.default_rng(1)
    other = rng.normal(size=(4, 3))
    found = solve_rows(SMALL, other, 0.1, 0.2, 0.5)

    def loss(factor: np.ndarray, row: int) -> float:
        seen = SMALL[row].indices
        scale = 0.2 * (len(seen) + 0.1 * 4) ** 0.5
        told = other @ factor
        fit = float(((1 - told[seen]) ** 2).sum() + 0.1 * (told**2).sum())
        return float(fit + scale * (factor @ factor))

    for row in range(5):
        best = loss(found[row], row)
        for step in np.eye(3):
            assert best < loss(found[row] + 1e-3 * step, row)
            assert best < loss(found[row] - 1e-3 * step, row)


def test_who_has_nothing_gets_nothing() -> None:
    empty = csr_matrix((3, 4), dtype=np.float32)
    users, items = fit_factors(
        empty, size=2, unseen=0.1, regularization=0.1, exponent=1, epochs=2, seed=0
    )
    assert not users.any()
    assert not items.any()
