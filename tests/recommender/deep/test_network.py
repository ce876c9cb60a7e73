"""The network itself: where it starts, what it minimises, and three ways to run it."""

from __future__ import annotations

import numpy as np
import pytest
from keras import ops

from recommender.deep.batches import Lists, listwise_loss
from recommender.deep.network import (
    Trainer,
    averaged,
    corrected,
    listwise_softmax,
    onnx_bytes,
    perceptron,
)
from recommender.deep.ranker import Network
from tests.recommender.deep.toys import CONFIG

RNG = np.random.default_rng(0)


@pytest.fixture(scope="module")
def trainer() -> Trainer:
    return Trainer(CONFIG, 4)


def batch() -> tuple[np.ndarray, np.ndarray, np.ndarray]:  # type: ignore[type-arg]
    share = np.eye(6, dtype=np.float32)[:3]
    truth = np.stack([share, np.zeros((3, 6), np.float32)], axis=2)
    x = RNG.normal(size=(3, 6, 4)).astype(np.float32)
    return x, np.zeros((3, 6), np.float32), truth


def test_training_starts_at_the_hybrid(trainer: Trainer) -> None:
    trainer.restart(1, temperature=2.0)
    x, _, _ = batch()
    assert not perceptron(trainer.weights, x[0]).any()


def test_a_restart_forgets_everything(trainer: Trainer) -> None:
    x, blend, truth = batch()
    found = []
    for _ in range(2):
        trainer.restart(1, temperature=2.0)
        for _ in range(3):
            trainer.step(x, blend, truth)
        found.append(trainer.weights)
    assert all(np.array_equal(a, b) for a, b in zip(*found, strict=True))
    assert found[0][-1].any()


def test_keras_numpy_and_onnx_agree(trainer: Trainer) -> None:
    x, blend, truth = batch()
    members = []
    for seed in (1, 2):
        trainer.restart(seed, temperature=1.0)
        trainer.step(x, blend, truth)
        members.append(trainer.weights)
    network = averaged(CONFIG, members)
    served = Network(onnx_bytes(network))
    expected = np.mean([perceptron(w, x[0]) for w in members], axis=0)
    assert corrected(network, x[0]) == pytest.approx(expected, abs=1e-5)
    assert served(x[0]) == pytest.approx(expected, abs=1e-5)
    assert served(x[0, :1]) == pytest.approx(expected[:1], abs=1e-5)


def test_loss_is_that_of_the_lists() -> None:
    x, _, truth = batch()
    truth[..., 1] = RNG.normal(size=(3, 6))
    scores = RNG.normal(size=(3, 6)).astype(np.float32)
    expected = listwise_loss(scores, Lists(x, scores, truth[..., 0], truth[..., 1]))
    found = ops.convert_to_numpy(listwise_softmax(truth, scores))
    assert found.mean() == pytest.approx(expected, rel=1e-5)
