"""Shuffled, augmented, mixed batches: epoch e of seed s is the same whoever asks for it."""

from __future__ import annotations

from typing import Any

import keras
import numpy as np
from numpy.typing import NDArray

from data.types import FloatArray, IntArray
from vision.augmentation import augment, draw_views
from vision.config import TrainingConfig
from vision.device import device_inputs


class FaceBatches(keras.utils.PyDataset):  # type: ignore[misc]
    """One epoch of a training run.

    Yields float32 (b, side, side, 1) in [0, 255], or what :mod:`vision.device` makes them from,
    and float32 (b, 7) targets; with ``balance = "class_weight"`` float32 (b,) weights too.

    Args:
        images: uint8 (n, side, side).
        labels: int64 (n,), for balancing only.
        targets: float32 (n, 7).
        config: the recipe.
        epoch: counted from 0.
    """

    def __init__(
        self,
        images: NDArray[np.uint8],
        labels: IntArray,
        targets: FloatArray,
        config: TrainingConfig,
        epoch: int = 0,
    ) -> None:
        super().__init__(workers=2, use_multiprocessing=False, max_queue_size=8)
        self._images, self._targets, self._config, self.epoch = images, targets, config, epoch
        self._order = _order(labels, config, epoch)
        self._weights = class_weights(labels) if config.balance == "class_weight" else None
        self._labels = labels

    def __len__(self) -> int:
        return len(self._order) // self._config.batch_size or 1

    def __getitem__(self, index: int) -> tuple[Any, ...]:
        config, size = self._config, self._config.batch_size
        rows = self._order[index * size : (index + 1) * size]
        rng = np.random.default_rng((config.seed, self.epoch, index))
        if config.views_on == "device":
            views = draw_views(config.augmentation, len(rows), self._images.shape[1], rng)
            other, share = self._mixture(len(rows), rng)
            x: Any = device_inputs(rows, views, other, share)
        else:
            x = augment(self._images[rows], config.augmentation, rng)
            other, share = self._mixture(len(rows), rng)
            x = blend(x, other, share)
        y = blend(self._targets[rows], other, share)
        if self._weights is None:
            return x, y
        return x, y, self._weights[self._labels[rows]]

    def _mixture(
        self, n: int, rng: np.random.Generator
    ) -> tuple[NDArray[np.int64], NDArray[np.float32]]:
        config = self._config
        if config.mixup > 0 and self.epoch < config.mixup_until * config.epochs:
            return draw_mixture(n, config.mixup, rng)
        return np.arange(n), np.zeros(n, dtype=np.float32)


def draw_mixture(
    n: int, alpha: float, rng: np.random.Generator
) -> tuple[NDArray[np.int64], NDArray[np.float32]]:
    """Draw whom each of n pictures is blended with, and how much of the other (mixup).

    Zhang et al. (2018), with the share drawn per picture from Beta(alpha, alpha); it is at most
    one half, so that most of each is its own.
    """
    share = rng.beta(alpha, alpha, n).astype(np.float32)
    return rng.permutation(n), np.minimum(share, 1 - share)


def blend(
    values: NDArray[np.float32], other: NDArray[np.int64], share: NDArray[np.float32]
) -> NDArray[np.float32]:
    """Return ``(1 - share) * values + share * values[other]``, by rows."""
    a = share.reshape(-1, *[1] * (values.ndim - 1))
    return values * (1 - a) + values[other] * a


def class_weights(labels: IntArray) -> NDArray[np.float32]:
    """Return a weight per class, inverse to its frequency, with mean 1 over the pictures."""
    counts = np.bincount(labels)
    present = np.maximum(counts, 1)
    return np.asarray(len(labels) / (present * (counts > 0).sum()), dtype=np.float32)


def _order(labels: IntArray, config: TrainingConfig, epoch: int) -> IntArray:
    """Return the epoch's rows in order: a permutation, or drawn so that classes are equal."""
    rng = np.random.default_rng((config.seed, epoch))
    if config.balance != "sampling":
        return rng.permutation(len(labels))
    weight = 1 / np.bincount(labels)[labels]
    return rng.choice(len(labels), size=len(labels), p=weight / weight.sum())
