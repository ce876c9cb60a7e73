"""Factorisations: exact solves against dense formulas, folding in, and terms as listeners."""

from __future__ import annotations

from typing import ClassVar

import numpy as np
import pytest
from scipy.sparse import csr_matrix

from recommender.candidates.factors import (
    AlsConfig,
    BprConfig,
    FactorScorer,
    IalsConfig,
    IalsTermsConfig,
)
from recommender.candidates.ials_solver import Penalties, fit_factors, solve_rows
from recommender.candidates.listening import Listening, damped
from recommender.stages import Context
from tests.recommender import toys
from tests.recommender.candidates.contract import (
    EVEN,
    ODD,
    SMALL,
    ListeningContract,
    listener,
    listening_to,
    toy_listening,
)

#: Stored entries of any weight, one row without any.
WEIGHTED = csr_matrix(
    np.array([[2, 0.5, 0, 0], [1, 1, 3, 0], [0, 0, 0, 0], [0, 0.2, 0, 4]], np.float32)
)


class TestIals(ListeningContract):
    name = "ials"
    config: ClassVar[IalsConfig] = IalsConfig(
        embedding_size=2, regularization=0.01, unseen=0.1, epochs=10
    )
    slack = 5e-3  # the penalty goes with the length of the history


class TestIalsOfCounts(ListeningContract):
    name = "ials"
    config: ClassVar[IalsConfig] = IalsConfig(
        embedding_size=2, regularization=0.01, unseen=0.1, weighting="log", exponent=0.5
    )
    slack = 5e-3  # the penalty goes with the length of the history


class TestIalsTerms(ListeningContract):
    name = "ials_terms"
    config: ClassVar[IalsTermsConfig] = IalsTermsConfig(
        embedding_size=2, regularization=0.01, unseen=0.1, epochs=10
    )
    slack = 5e-3  # the penalty goes with the length of the history


class TestAls(ListeningContract):
    name = "als"
    config: ClassVar[AlsConfig] = AlsConfig(embedding_size=2, regularization=0.1, alpha=5)


class TestBpr(ListeningContract):
    name = "bpr"
    explains = False
    config: ClassVar[BprConfig] = BprConfig(embedding_size=4, learning_rate=0.1, epochs=200)


def dense_solution(row: np.ndarray, other: np.ndarray, penalties: Penalties) -> np.ndarray:
    """Minimise the loss of one row by its normal equations, every pair written out.

    sum over seen w (1 - u.v)^2 + a0 sum over all (u.v)^2 + reg (sum w + a0 m)^nu |u|^2
    """
    matrix = np.zeros((other.shape[1], other.shape[1]))
    pull = np.zeros(other.shape[1])
    for weight, factor in zip(row, other, strict=True):
        matrix += (weight + penalties.unseen) * np.outer(factor, factor)
        pull += weight * factor
    frequency = row.sum() + penalties.unseen * len(other)
    ridge = penalties.regularization * frequency**penalties.exponent
    return np.linalg.solve(matrix + ridge * np.eye(other.shape[1]), pull)


@pytest.mark.parametrize("exponent", [0.0, 0.5, 1.0])
def test_rows_are_solved_as_the_dense_normal_equations_are(exponent: float) -> None:
    other = np.random.default_rng(1).normal(size=(4, 3))
    penalties = Penalties(0.1, 0.2, exponent)
    found = solve_rows(WEIGHTED, other, penalties)
    for row, dense in zip(found, WEIGHTED.toarray().astype(float), strict=True):
        np.testing.assert_allclose(row, dense_solution(dense, other, penalties), atol=1e-12)
    assert not found[2].any()
    np.testing.assert_array_equal(
        solve_rows(WEIGHTED, other, penalties, penalties.gram(other)), found
    )


def test_a_solved_row_is_the_minimum_of_the_loss() -> None:
    other = np.random.default_rng(1).normal(size=(4, 3))
    found = solve_rows(csr_matrix(SMALL), other, Penalties(0.1, 0.2, 0.5))

    def loss(factor: np.ndarray, row: int) -> float:
        told = other @ factor
        fit = float(SMALL[row] @ (1 - told) ** 2 + 0.1 * (told**2).sum())
        return float(fit + 0.2 * (SMALL[row].sum() + 0.4) ** 0.5 * (factor @ factor))

    for row in range(5):
        best = loss(found[row], row)
        for step in np.eye(3):
            assert best < loss(found[row] + 1e-3 * step, row)
            assert best < loss(found[row] - 1e-3 * step, row)


def test_who_has_nothing_gets_nothing() -> None:
    empty = csr_matrix((3, 4), dtype=np.float32)
    items = fit_factors(empty, size=2, unseen=0.1, regularization=0.1, exponent=1, epochs=2, seed=0)
    assert not items.any()


def test_songs_are_solved_from_the_very_factors_that_folding_in_gives() -> None:
    """At convergence songs and listeners are each other's solutions: no factors are lost."""
    config = TestIals.config.model_copy(update={"epochs": 300})
    matrix = toy_listening().matrix
    scorer = config.fit(toy_listening(), 3)
    contexts = [listener(*row.indices.tolist()) for row in matrix]
    users = scorer.users(scorer.rows(contexts)).astype(np.float64)
    dense = matrix.toarray().astype(float)
    for user in range(0, toys.USERS, 7):
        trained = dense_solution(dense[user], scorer.factors.astype(float), config.penalties)
        np.testing.assert_allclose(users[user], trained, rtol=1e-5, atol=1e-6)
    for song in range(toys.SONGS):
        solved = dense_solution(dense[:, song], users, config.penalties)
        np.testing.assert_allclose(scorer.factors[song], solved, rtol=1e-3, atol=1e-4)


def test_going_on_from_factors_at_hand_is_going_on() -> None:
    """Five epochs and five more are ten; a song that is new among the factors is drawn."""
    short = TestIals.config.model_copy(update={"epochs": 5})
    first = short.fit(toy_listening(), 3)
    again = short.fit(toy_listening(), 4, start=first.factors)
    at_once = TestIals.config.fit(toy_listening(), 3)
    np.testing.assert_allclose(again.factors, at_once.factors, rtol=1e-3, atol=1e-5)
    start = first.factors.copy()
    start[5] = 0
    assert short.fit(toy_listening(), 4, start=start).factors[5].any()


def test_als_folds_in_as_implicit_does() -> None:
    from implicit.cpu.als import AlternatingLeastSquares

    scorer = TestAls.config.fit(toy_listening(), 3)
    peer = AlternatingLeastSquares(
        factors=2, regularization=0.1, alpha=5, iterations=1, num_threads=1, use_cg=False
    )
    peer.item_factors = scorer.factors
    row = csr_matrix((np.ones(4), ([0] * 4, [0, 2, 4, 6])), (1, toys.SONGS), np.float32)
    user = np.asarray(peer.recalculate_user(0, row)).ravel()
    expected = peer.item_factors @ user
    found = scorer(listener(0, 2, 4, 6))
    np.testing.assert_allclose(found, expected, rtol=1e-3, atol=1e-4)


def test_als_and_ials_agree_where_their_losses_do() -> None:
    """With one penalty for all, no weight on popularity and alpha = 1 / a0, only scale differs."""
    matrix = damped(toy_listening().matrix, "binary")
    factors = np.random.default_rng(0).normal(size=(toys.SONGS, 3)).astype(np.float32)
    als = AlsConfig(embedding_size=3, regularization=2.0, alpha=11.0)
    # c - 1 = 10 on what is seen and 1 on all: iALS with w = 10 and a0 = 1, b = 11/10 of its own.
    ials = IalsConfig(embedding_size=3, regularization=2.0, unseen=1.0, exponent=0.0)
    ours = FactorScorer(als, factors).users(matrix[:4])
    theirs = FactorScorer(ials, factors).users(10 * matrix[:4])
    np.testing.assert_allclose(ours, 1.1 * theirs, rtol=1e-5)


def test_folding_in_a_listener_of_bpr_maximises_its_loss() -> None:
    scorer = TestBpr.config.fit(toy_listening(), 3)
    seen = [0, 2, 4, 6]
    user = scorer.users(scorer.rows([listener(*seen)]))[0].astype(float)
    gaps = (scorer.factors[seen] - scorer.factors.mean(axis=0)).astype(float)
    penalty = TestBpr.config.regularization * len(seen)

    def loss(own: np.ndarray) -> float:
        margins = gaps @ np.append(own, 1.0)
        return float(np.log1p(np.exp(-margins)).sum() + penalty / 2 * own @ own)

    assert user[-1] == 1
    best = loss(user[:-1])
    for step in np.eye(len(user) - 1):
        assert best < loss(user[:-1] + 0.05 * step)
        assert best < loss(user[:-1] - 0.05 * step)


def test_neighbours_are_cosines_of_factors() -> None:
    factors = np.array([[1, 0], [3, 3], [0, -2], [0, 0]], np.float32)
    scorer = FactorScorer(IalsConfig(embedding_size=2), factors)
    np.testing.assert_allclose(scorer.neighbours(0)[:3], [1, np.sqrt(0.5), 0], atol=1e-6)
    assert np.isnan(scorer.neighbours(0)[3])
    assert np.isnan(scorer.neighbours(3)).all()


def silenced(songs: list[int]) -> Listening:
    """The checkerboard with some songs that nobody plays yet; all keep their tags."""
    found = toy_listening()
    matrix = found.matrix.tolil()
    matrix[:, songs] = 0
    keep = ~np.isin(found.song, songs)
    parts = (found.user[keep], found.song[keep], found.age[keep])
    return Listening(csr_matrix(matrix), *parts, found.terms)


def test_terms_place_a_song_without_listeners_among_its_tag_mates() -> None:
    cold = [4, 7, 10, 13, 20, 23]
    terms = TestIalsTerms.config.fit(silenced(cold), 3)
    plain = TestIals.config.fit(silenced(cold), 3)
    assert not plain.known[cold].any()
    assert terms.known.all()
    folk, metal = terms(listener(0, 2, 6, 8)), terms(listener(1, 3, 5, 9))
    for song in cold:
        own, other = (folk, metal) if song % 2 == 0 else (metal, folk)
        # Chance is the mean of all songs: above it for who plays its kind, below for who does not.
        assert own[song] > own.mean()
        assert other[song] < other.mean()
        mates, others = (EVEN, ODD) if song % 2 == 0 else (ODD, EVEN)
        near = terms.neighbours(song)
        assert near[sorted(mates)].min() > near[sorted(others)].max() + 0.5


def test_terms_weigh_as_the_settings_say_and_need_three_songs() -> None:
    """A term is one more row; two songs of one artist say nothing about who plays them."""
    rows = TestIalsTerms.config.model_copy(update={"side": 0.3}).seen(toy_listening()).toarray()
    assert rows.shape == (toys.USERS + 2, toys.SONGS)  # folk and metal, not the artists
    np.testing.assert_allclose(rows[toys.USERS :].max(axis=1), 0.3)
    assert {tuple(np.flatnonzero(row)) for row in rows[toys.USERS :]} == {
        tuple(sorted(EVEN)),
        tuple(sorted(ODD)),
    }
    bare = listening_to(SMALL)
    assert TestIalsTerms.config.seen(bare).shape == SMALL.shape


def test_the_newest_song_counts_in_the_very_next_answer() -> None:
    """A listener of one group who turns to the other: no training in between."""
    scorer = TestIals.config.fit(toy_listening(), 3)
    before = scorer(listener(0, 2))
    after = scorer(listener(0, 2, 1, 3, 5, 7))
    assert before[9] < before[8]
    assert after[9] > after[8]
    assert after[9] > before[9]


def test_more_weight_pulls_harder_only_where_weights_count() -> None:
    heavy = Context(np.array([0, 1]), np.array([1, 31], np.float32))
    for config, counts in ((TestIals.config, False), (TestIalsOfCounts.config, True)):
        scorer = config.fit(toy_listening(), 3)
        metal, folk = scorer(heavy)[3], scorer(heavy)[2]
        assert (metal > folk + 0.1) == counts
