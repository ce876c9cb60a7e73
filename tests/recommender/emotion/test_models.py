"""Response, blend, personal history and AUC against values worked out another way."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.sparse import csr_matrix

from data.datasets.situations import Posts
from recommender.candidates.factors import FactorScorer, IalsConfig
from recommender.emotion.auc import count_pairs, draw_users
from recommender.emotion.blend import Choices, crossed_loss, draw_choices, fit_blend
from recommender.emotion.config import ResponseConfig
from recommender.emotion.personal import emotion_likeness, split_histories
from recommender.emotion.protocol import history_matrix, novel_queries
from recommender.emotion.response import describe_songs, fit_response, shrunk_lift


def planted(rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Posts of 6 emotions and 80 songs whose log lift is one direction of their features."""
    features = rng.normal(size=(80, 5))
    features -= features.mean(axis=0)
    lift = np.outer([1, 1, 0, 0, -1, -1], features[:, 0])
    chance = np.exp(lift) / np.exp(lift).sum(axis=1, keepdims=True)
    counts = np.stack([rng.multinomial(800, row) for row in chance]).astype(np.float64)
    return counts, features, lift


def test_the_planted_response_is_found_and_noise_is_held_down() -> None:
    rng = np.random.default_rng(0)
    counts, features, lift = planted(rng)
    found = fit_response(counts, features, ResponseConfig(penalty=5, last_penalty=5)).table()
    assert found.shape == (6, 80)
    assert np.corrcoef(found.ravel(), lift.ravel())[0, 1] > 0.95
    flat = rng.multinomial(4800, np.full(80 * 6, 1 / 480)).reshape(6, 80).astype(np.float64)
    noise = fit_response(flat, features, ResponseConfig(penalty=60, last_penalty=100)).table()
    assert noise.std() < 0.25 * found.std(), (noise.std(), found.std())


def test_sharing_directions_beats_none() -> None:
    """With few posts, the covariance brings the table nearer to the planted one."""
    rng = np.random.default_rng(1)
    counts, features, lift = planted(rng)
    few = np.stack([rng.multinomial(120, row / row.sum()) for row in counts]).astype(np.float64)
    errors = []
    for rounds in (0, 2):
        config = ResponseConfig(penalty=5, last_penalty=5, rounds=rounds)
        table = fit_response(few, features, config).table()
        errors.append(1 - np.corrcoef(table.ravel(), lift.ravel())[0, 1])
    assert errors[1] < errors[0]


def test_songs_are_described_as_asked() -> None:
    factors, sound = np.array([[3.0, 4], [0, 2], [0, 0]]), np.array([[1.0], [2], [3]])
    plays = np.array([1.0, 1, 2])
    both = describe_songs(factors, sound, plays, ResponseConfig(popularity=0, sound=1))
    assert both.shape == (3, 3)
    np.testing.assert_allclose(plays @ both, 0, atol=1e-12)
    np.testing.assert_allclose(both[0, :2] - both[2, :2], [0.6, 0.8])
    alone = ResponseConfig(factors=False, sound=0, popularity=2)
    only = describe_songs(factors, sound, plays, alone)
    np.testing.assert_allclose(only[2] - only[0], 2 * np.log(1.5))


def test_lift_by_hand() -> None:
    counts = np.array([[3.0, 1], [1, 3]])
    found = shrunk_lift(counts, 2.0)
    np.testing.assert_allclose(found[0], np.log([5 / 4, 3 / 4]), rtol=1e-6)


def test_the_gradient_is_that_of_the_loss() -> None:
    rng = np.random.default_rng(2)
    choices = Choices(
        rng.normal(size=(2, 7)).astype(np.float32),
        rng.normal(size=(2, 7, 5)).astype(np.float32),
        rng.random((7, 5)) < 0.8,
        np.arange(7),
        0.3,
    )
    at, step = np.array([0.4, -0.2]), 1e-2
    _, slope = choices.loss(at)
    for i, one in enumerate(np.eye(2) * step):
        near = (choices.loss(at + one)[0] - choices.loss(at - one)[0]) / (2 * step)
        assert slope[i] == pytest.approx(near, abs=1e-3)


def test_the_blend_finds_the_weights_that_made_the_choices() -> None:
    rng = np.random.default_rng(3)
    parts = rng.normal(size=(2, 3000, 200)).astype(np.float32)
    noise = rng.gumbel(size=(3000, 200))
    chosen = (1.5 * parts[0] + noise).argmax(axis=1)
    posts = Posts(np.arange(3000), chosen, np.zeros(3000, np.int64))
    history = csr_matrix((3000, 200), dtype=np.float32)
    queries = novel_queries(posts, history)
    for candidates in (200, 120):  # all songs, and a sample that stands for them
        choices = draw_choices(queries, lambda b: parts[:, b], history, candidates, 0)
        np.testing.assert_allclose(fit_blend(choices, 0.0), [1.5, 0], atol=0.1)
    assert crossed_loss(choices, 0.0, 0) < choices.loss(np.zeros(2))[0]


def test_a_history_taken_apart_adds_up_to_its_score() -> None:
    rng = np.random.default_rng(4)
    train = Posts(np.array([0, 0, 0, 1, 1]), np.array([1, 3, 4, 0, 4]), np.array([0, 1, 1, 0, 2]))
    history = history_matrix(train, 2, 6)
    scorer = FactorScorer(IalsConfig(embedding_size=3), rng.normal(size=(6, 3)).astype(np.float32))
    users = np.array([0, 1])
    whole = split_histories(scorer, history, train, users, np.ones((3, 3), np.float32))
    found = whole.scores(users, np.array([0, 2]))
    np.testing.assert_allclose(found, scorer.score_rows(history), rtol=1e-4, atol=1e-5)
    own = split_histories(scorer, history, train, users, np.eye(3, dtype=np.float32))
    parts = sum(own.scores(np.array([0]), np.array([e])) for e in range(3))
    np.testing.assert_allclose(parts, found[:1], rtol=1e-4, atol=1e-5)


def test_likeness_of_emotions() -> None:
    table = np.array([[1.0, 0, -1], [2, 0, -2], [-1, 0, 1]], dtype=np.float32)
    expected = [[1, 1, 0], [1, 1, 0], [0, 0, 1]]
    np.testing.assert_allclose(emotion_likeness(table, np.ones(3)), expected, atol=1e-6)


def test_the_area_is_that_of_scikit_learn_for_any_draw_of_users() -> None:
    from sklearn.metrics import roc_auc_score

    rng = np.random.default_rng(5)
    user, liked = rng.integers(0, 6, 80), rng.random(80) < 0.4
    scores = np.round(rng.normal(size=80) + liked, 1)
    counts = count_pairs(scores, liked, user, 6)
    assert counts.area(np.ones(6)) == pytest.approx(roc_auc_score(liked, scores))
    drawn = draw_users(6, 1, rng)[0]
    assert drawn.sum() == 6
    times = np.repeat(np.arange(80), drawn[user].astype(int))
    assert counts.area(drawn) == pytest.approx(roc_auc_score(liked[times], scores[times]))
