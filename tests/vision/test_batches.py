"""Batches: repeatable, whole, mixed and balanced as the recipe says."""

from __future__ import annotations

import numpy as np
import pytest

from data.datasets.fer2013 import FerSplit
from vision.batches import FaceBatches, blend, class_weights, draw_mixture
from vision.config import TrainingConfig

CONFIG = TrainingConfig(batch_size=14, epochs=10)


def batches(faces: FerSplit, config: TrainingConfig = CONFIG, epoch: int = 3) -> FaceBatches:
    targets = np.eye(7, dtype=np.float32)[faces.labels]
    return FaceBatches(faces.images, faces.labels, targets, config, epoch)


def test_batches_of_an_epoch_repeat_and_cover_every_picture_once(toy_faces: FerSplit) -> None:
    first, second = batches(toy_faces), batches(toy_faces)
    assert len(first) == 4
    assert np.concatenate([first[i][1] for i in range(4)]).sum(axis=0).tolist() == [8.0] * 7
    for i in range(4):
        for one, other in zip(first[i], second[i], strict=True):
            np.testing.assert_array_equal(one, other)
    assert (batches(toy_faces, epoch=4)[0][0] != first[0][0]).any()


def test_mixed_targets_are_still_distributions_and_most_of_each_is_its_own() -> None:
    rng = np.random.default_rng(0)
    x = rng.uniform(0, 255, (64, 8, 8, 1)).astype(np.float32)
    y = np.eye(7, dtype=np.float32)[rng.integers(0, 7, 64)]
    mixture = draw_mixture(64, 0.4, rng)
    mixed_x, mixed_y = blend(x, *mixture), blend(y, *mixture)
    np.testing.assert_allclose(mixed_y.sum(axis=1), 1, atol=1e-6)
    assert (mixed_y[y == 1] >= 0.5).all()
    assert (mixed_x != x).any()
    assert mixed_x.dtype == mixed_y.dtype == np.float32
    assert mixed_x.min() >= 0
    assert mixed_x.max() <= 255


def test_mixing_ends_before_the_run_does(toy_faces: FerSplit) -> None:
    config = CONFIG.model_copy(update={"mixup": 0.4, "mixup_until": 0.8})

    def softened(epoch: int) -> bool:
        return bool((batches(toy_faces, config, epoch)[0][1].max(axis=1) < 1).any())

    assert [softened(e) for e in (0, 7, 8, 9)] == [True, True, False, False]


def test_class_weights_even_the_classes_out() -> None:
    labels = np.array([0] * 6 + [1] * 3 + [2])
    weights = class_weights(labels)
    assert weights[labels].mean() == pytest.approx(1)
    assert (weights * np.bincount(labels)).tolist() == pytest.approx([10 / 3] * 3)


def test_balanced_batches_carry_weights_or_draw_evenly(toy_faces: FerSplit) -> None:
    rare = toy_faces.take(np.flatnonzero((toy_faces.labels != 1) | (np.arange(56) < 7)))
    weighted = batches(rare, CONFIG.model_copy(update={"balance": "class_weight"}))[0]
    assert len(weighted) == 3
    drawn = batches(rare.take(np.tile(np.arange(49), 20)), CONFIG.model_copy(
        update={"balance": "sampling"}
    ))  # fmt: skip
    counts = np.sum([drawn[i][1].sum(axis=0) for i in range(len(drawn))], axis=0)
    assert counts.min() > 0.7 * counts.max()
