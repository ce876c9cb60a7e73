"""Learning the blend: against a loss written out, and on choices whose weights are known."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pytest

from recommender.config import SIGNED, BlendConfig, MoodConfig
from recommender.metrics import ndcg_at_k
from recommender.scoring.hybrid import HybridScorer, hats, standardise
from recommender.scoring.learning import (
    CHANGE,
    SIZE,
    BlendCase,
    Stacked,
    Weights,
    alone,
    choose_blend,
    learn,
)
from tests.recommender.candidates.contract import listener

NAMES = ("popular", "ials", "noise")
LENGTHS = (0.0, 3.0, 30.0)
START = BlendConfig(lengths=LENGTHS, weights={}, missing={})


def choices(
    utilities: Sequence[tuple[int, tuple[float, float, float]]],
    users: int,
    seed: int = 0,
    unseen: float = 0.0,
    missing: float = 0.0,
) -> list[BlendCase]:
    """Simulate listeners who put on one of 25 songs by a conditional logit of known weights.

    Args:
        utilities: lengths of history, each with the weights of the three parts; in turn.
        users: how many.
        seed: of everything.
        unseen: share of songs that ``ials`` cannot score.
        missing: what such a song gets.
    """
    rng = np.random.default_rng(seed)
    found = []
    for user in range(users):
        length, weights = utilities[user % len(utilities)]
        parts = {name: rng.normal(size=25).astype(np.float32) for name in NAMES}
        parts["ials"][rng.random(25) < unseen] = np.nan
        score = sum(w * standardise(parts[n]) for n, w in zip(NAMES, weights, strict=True))
        score = score + missing * np.isnan(parts["ials"])
        chosen = int(np.argmax(score + rng.gumbel(size=25)))
        found.append(BlendCase(user, length, parts, np.arange(25) == chosen, 1))
    return found


def written_out(cases: Sequence[BlendCase], weights: Weights) -> float:
    """The penalised loss, case by case and song by song, as the module's docstring has it."""
    losses = []
    for case in cases:
        shares = hats(case.length, LENGTHS)
        score = np.zeros(len(case.relevant))
        for k, name in enumerate(NAMES):
            known = np.isfinite(case.parts[name])
            own = shares @ weights.by_length[k] + weights.coverage[k] * known.mean()
            score += own * standardise(case.parts[name])
            if known.any():
                score += weights.missing[k] * ~known
        chances = np.exp(score) / np.exp(score).sum()
        losses.append(-np.log(chances[case.relevant]).mean())
    steps = np.diff(weights.by_length, axis=1)
    penalty = SIZE * (weights.flat() ** 2).sum() + CHANGE * (steps**2).sum()
    return float(np.mean(losses) + penalty)


def slopes(cases: Sequence[BlendCase], weights: Weights) -> np.ndarray:
    """Finite differences of the loss in every weight."""
    flat = weights.flat()
    step = 1e-5 * np.eye(len(flat))

    def loss(values: np.ndarray) -> float:
        return written_out(cases, Weights.of(values, len(NAMES), len(LENGTHS)))

    return np.array([(loss(flat + one) - loss(flat - one)) / 2e-5 for one in step])


def test_what_is_learned_is_the_minimum_of_the_loss_written_out() -> None:
    """Nothing pulls on a weight by finite differences, and at the bound nothing pulls inside."""
    cases = choices([(0, (1, 0, 0)), (3, (0.6, 0.6, 0)), (9, (0, 1, -0.5))], 90, 1, 0.2, -0.5)
    found = learn(Stacked.of(cases, NAMES, LENGTHS))
    # Only the weight of popularity may be below 0, and what a song that is missing gets.
    bounded = np.repeat([False, True, True, True, True], 3)[:15]
    bounded[12:] = False
    assert found.flat()[bounded].min() >= 0
    pull = slopes(cases, found)
    at_bound = bounded & (found.flat() < 1e-6)
    assert at_bound.any()
    np.testing.assert_allclose(pull[~at_bound], 0, atol=3e-4)
    assert pull[at_bound].min() > -3e-4
    start = Weights(np.full((3, 3), 0.1), np.zeros(3), np.zeros(3))
    assert written_out(cases, found) < written_out(cases, start)


def test_known_weights_are_recovered() -> None:
    true = (1.0, 0.5, 0.0)
    cases = choices([(0, true), (3, true), (30, true)], 2400, 2, unseen=0.3, missing=-1.0)
    stacked = Stacked.of(cases, NAMES, LENGTHS)
    blend = learn(stacked).config(NAMES, START.model_copy(update={"weights": {}}))
    for length in (0, 3, 10, 30):
        found = HybridScorer(blend, MoodConfig()).weights(length, {"ials": 0.7, "popular": 1.0})
        assert found["popular"] == pytest.approx(1.0, abs=0.12)
        assert found["ials"] == pytest.approx(0.5, abs=0.12)
        assert found.get("noise", 0.0) < 0.06
    assert blend.missing["ials"] == pytest.approx(-1.0, abs=0.15)


def test_a_part_that_speaks_against_songs_gets_nothing() -> None:
    cases = choices([(3, (1.0, 0.0, -1.0))], 300)
    weights = learn(Stacked.of(cases, NAMES, LENGTHS))
    assert weights.by_length[2].max() == 0
    assert "noise" not in weights.config(NAMES, START).weights


def test_what_is_popular_for_newcomers_and_factors_for_who_plays_much() -> None:
    cases = choices([(0, (1.5, 0.0, 0.0)), (30, (0.0, 1.5, 0.0))], 900)
    blend, found = choose_blend(cases, START, k=5, seed=0)
    assert found["by length"] > found["constant"] > max(found[name] for name in NAMES)
    hybrid = HybridScorer(blend, MoodConfig())
    new, old = (hybrid.weights(length, dict.fromkeys(NAMES, 1.0)) for length in (0, 30))
    assert new["popular"] > 5 * new["ials"]
    assert old["ials"] > 5 * old["popular"]
    between = hybrid.weights(9, dict.fromkeys(NAMES, 1.0))
    assert new["ials"] < between["ials"] < old["ials"]


def deceptive() -> list[BlendCase]:
    """``popular`` is always right by a little; ``ials`` by far, but for one listener in three."""
    found = []
    for user in range(3):
        good = np.linspace(1, 0.9, 20, dtype=np.float32)
        loud = np.zeros(20, dtype=np.float32)
        loud[0 if user else 7] = 1
        parts = {"popular": good, "ials": loud, "noise": np.full(20, np.nan, np.float32)}
        found.append(BlendCase(user, 3, parts, np.arange(20) == 0, 1))
    return found


def test_a_blend_that_loses_to_one_part_out_of_fold_is_not_taken() -> None:
    blend, found = choose_blend(deceptive(), START, k=5, seed=0)
    assert found["popular"] == 1
    assert max(found["by length"], found["constant"]) < 1
    assert [*blend.weights] == ["popular"]


@pytest.mark.parametrize("seed", range(6))
def test_what_is_taken_is_the_best_out_of_fold(seed: int) -> None:
    cases = choices([(0, (0.5, 0.0, 0.0)), (30, (0.2, 0.3, 0.0))], 12, seed)
    blend, found = choose_blend(cases, START, k=3, seed=seed)
    best = max(found, key=lambda way: found[way])
    if best in NAMES:
        assert blend.weights == {best: (1.0,) * 3}
    elif best == "constant":
        assert all(len(set(weights)) == 1 for weights in blend.weights.values())
    for part, weights in blend.weights.items():
        assert min(weights) >= 0 or part in SIGNED
    assert blend == choose_blend(cases, START, k=3, seed=seed)[0]


def test_one_part_alone_leaves_the_others_their_measure() -> None:
    """Songs that it cannot score come last, but do not press all others together.

    Else a spread of taste that means nothing would stand against the strength of the mood.
    """
    cases = [BlendCase(c.user, 3, {"ials": c.parts["popular"]}, c.relevant, 1) for c in deceptive()]
    blend = alone(0, 1, len(LENGTHS)).config(["ials"], START)
    assert choose_blend(cases, START, k=5, seed=0)[1]["ials"] == 1
    half = np.where(np.arange(40) % 2, np.nan, np.arange(40)).astype(np.float32)
    parts = {"ials": half, "popular": np.ones(40, np.float32)}
    found = HybridScorer(blend, MoodConfig())(listener(1), np.arange(40), parts).scores
    known = np.isfinite(half)
    assert found[~known].max() < found[known].min()
    assert found[known].std() > 0.3


def test_ndcg_counts_what_no_part_put_forward() -> None:
    """Two songs are to be found, and only one is a candidate."""
    relevant = np.array([False, True, False])
    parts = {n: np.array([3, 2, 1], np.float32) for n in NAMES}
    stacked = Stacked.of([BlendCase(0, 3, parts, relevant, 2)], NAMES, LENGTHS)
    found = stacked.ndcg(np.array([3.0, 2.0, 1.0]), 3)
    assert found[0] == pytest.approx(ndcg_at_k(np.array([0, 1, 2]), {1, 99}, 3))


def test_cases_can_be_taken_in_any_order() -> None:
    cases = choices([(0, (1, 0, 0)), (3, (0, 1, 0))], 6)
    cases[2] = BlendCase(2, 1, {n: v[:7] for n, v in cases[2].parts.items()}, np.arange(7) == 3, 1)
    whole, order = Stacked.of(cases, NAMES, LENGTHS), np.array([4, 2, 0])
    direct = Stacked.of([cases[i] for i in order], NAMES, LENGTHS)
    taken = whole.take(order)
    for field in ("z", "missing", "starts", "sizes", "shares", "coverage", "relevant", "totals"):
        np.testing.assert_array_equal(getattr(taken, field), getattr(direct, field))


def test_songs_that_no_part_puts_first_are_not_learned_from() -> None:
    """But one that is to be found counts as missed."""
    rng = np.random.default_rng(0)
    parts = {n: rng.normal(size=500).astype(np.float32) for n in NAMES}
    last = int(np.argmin(np.sum([*parts.values()], axis=0)))
    stacked = Stacked.of([BlendCase(0, 3, parts, np.arange(500) == last, 1)], NAMES, LENGTHS)
    assert 20 < stacked.sizes[0] < 130
    assert not stacked.relevant.any()
    assert stacked.ndcg(stacked.z[:, 0].astype(np.float64), 20).tolist() == [0]


def test_popularity_may_count_against_a_song_and_nothing_else_may() -> None:
    cases = choices([(3, (-0.7, 1.0, -0.7))], 1500)
    blend = learn(Stacked.of(cases, NAMES, LENGTHS)).config(NAMES, START)
    found = HybridScorer(blend, MoodConfig()).weights(3, dict.fromkeys(NAMES, 1.0))
    assert found["popular"] == pytest.approx(-0.7, abs=0.15)
    assert found.get("noise", 0.0) == 0


def test_a_listener_without_a_hit_teaches_nothing() -> None:
    cases = choices([(3, (1.0, 0.5, 0.0))], 60)
    missed = BlendCase(99, 3, cases[0].parts, np.zeros(25, np.bool_), 4)
    plain = learn(Stacked.of(cases, NAMES, LENGTHS))
    more = learn(Stacked.of([*cases, missed], NAMES, LENGTHS))
    np.testing.assert_allclose(more.flat(), plain.flat(), atol=1e-4)
