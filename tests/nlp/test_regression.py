from __future__ import annotations

import numpy as np
import pytest
from sklearn.linear_model import Ridge

from nlp.regression import (
    artist_folds,
    choose,
    mean_grid,
    out_of_fold,
    pca_ridge_grid,
    pearson,
    r_squared,
    ridge,
    ridge_grid,
    score,
    tfidf_grid,
)

RNG = np.random.default_rng(3)
X = RNG.normal(size=(120, 6)).astype(np.float32)
Y = X @ np.array([2.0, -1, 0, 0, 0, 0]) + 5 + RNG.normal(size=120) * 0.1
ARTISTS = [f"artist {i // 4}" for i in range(120)]


def test_ridge_agrees_with_scikit_learn_at_every_penalty() -> None:
    weights, intercepts = ridge(X, Y, [0.1, 10.0])
    for i, alpha in enumerate((0.1, 10.0)):
        expected = Ridge(alpha=alpha).fit(X, Y)
        np.testing.assert_allclose(weights[i], expected.coef_, atol=1e-5)
        assert intercepts[i] == pytest.approx(expected.intercept_, abs=1e-5)


def test_scores_by_hand() -> None:
    y, p = np.array([1.0, 2, 3, 4]), np.array([1.0, 2, 3, 6])
    assert r_squared(y, p) == pytest.approx(1 - 4 / 5)
    assert pearson(y, 2 * y + 1) == pytest.approx(1)
    assert np.isnan(r_squared(np.ones(3), np.ones(3)))
    assert np.isnan(pearson(y, np.ones(4)))


def test_no_artist_is_on_both_sides_and_every_song_is_tested_once() -> None:
    tested: list[int] = []
    for train, test in artist_folds(ARTISTS, 5):
        assert not {ARTISTS[i] for i in train} & {ARTISTS[i] for i in test}
        tested += test.tolist()
    assert sorted(tested) == list(range(120))


def test_a_linear_signal_is_found_and_noise_is_not() -> None:
    for grid in (ridge_grid(X, [0.1, 1]), pca_ridge_grid(X, [2, 6], [0.1, 1], False)):
        assert r_squared(Y, out_of_fold(grid, Y, ARTISTS, 5)) > 0.98
    noise = np.random.default_rng(0).normal(size=120)
    assert r_squared(noise, out_of_fold(ridge_grid(X, [0.1, 1, 1e6]), noise, ARTISTS, 5)) < 0.05
    assert r_squared(Y, out_of_fold(mean_grid(), Y, ARTISTS, 5)) <= 0


def test_the_smaller_penalty_is_chosen_for_a_clean_signal() -> None:
    assert choose(ridge_grid(X, [0.01, 1e5]), Y, ARTISTS, np.arange(120), 5) == 0


def test_tfidf_finds_the_word_that_decides() -> None:
    texts = [("sun " if i % 2 else "rain ") + f"w{i % 7} filler" for i in range(120)]
    labels = np.array([1.0 if i % 2 else -1.0 for i in range(120)])
    found = out_of_fold(tfidf_grid(texts, 100, [0.01, 1]), labels, ARTISTS, 5)
    assert r_squared(labels, found) > 0.95


def test_interval_holds_the_score_and_repeats_with_the_seed() -> None:
    predicted = Y + np.random.default_rng(1).normal(size=120)
    a = score(Y, predicted, ARTISTS, bootstrap=200, seed=1)
    assert a.low < a.r2 < a.high
    assert a == score(Y, predicted, ARTISTS, bootstrap=200, seed=1)
    assert np.isnan(score(Y, predicted, ARTISTS, bootstrap=0, seed=1).low)
