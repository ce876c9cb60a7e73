"""The fused batch normalisation does what Keras' own does."""

from __future__ import annotations

import keras
import numpy as np
import pytest

from vision.layers import FusedBatchNormalization

pytestmark = pytest.mark.usefixtures("keras_policy")


def twins(shape: tuple[int, ...]) -> list[keras.Layer]:
    layers = [keras.layers.BatchNormalization(), FusedBatchNormalization()]
    for layer in layers:
        layer.build(shape)
        layer.gamma.assign(np.linspace(0.5, 2, shape[-1]))
        layer.beta.assign(np.linspace(-1, 1, shape[-1]))
    return layers


def test_training_and_inference_agree_with_keras() -> None:
    x = np.random.default_rng(0).normal(3, 2, (16, 6, 6, 8)).astype(np.float32)
    plain, fused = twins(x.shape)
    for _ in range(3):
        one, other = (np.asarray(layer(x, training=True)) for layer in (plain, fused))
        np.testing.assert_allclose(one, other, atol=1e-4)
    np.testing.assert_allclose(plain.moving_mean, fused.moving_mean, atol=1e-5)
    # The fused kernel keeps the unbiased variance: n / (n - 1) larger, of 576 values here.
    np.testing.assert_allclose(plain.moving_variance, fused.moving_variance, rtol=3e-3)
    one, other = (np.asarray(layer(x, training=False)) for layer in (plain, fused))
    np.testing.assert_allclose(one, other, rtol=3e-3, atol=3e-3)


def test_a_frozen_layer_keeps_its_statistics() -> None:
    x = np.random.default_rng(0).normal(3, 2, (4, 6, 6, 8)).astype(np.float32)
    _, fused = twins(x.shape)
    fused.trainable = False
    fused(x, training=True)
    np.testing.assert_array_equal(np.asarray(fused.moving_mean), 0)


def test_vectors_are_normalised_too() -> None:
    x = np.random.default_rng(0).normal(3, 2, (64, 8)).astype(np.float32)
    plain, fused = twins(x.shape)
    np.testing.assert_allclose(
        np.asarray(plain(x, training=True)), np.asarray(fused(x, training=True)), atol=1e-4
    )
