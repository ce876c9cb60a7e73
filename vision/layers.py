"""Keras layers of our networks that Keras itself has only in a slower form."""

from __future__ import annotations

from typing import Any

import keras


@keras.saving.register_keras_serializable(package="attune")
class FusedBatchNormalization(keras.layers.BatchNormalization):  # type: ignore[misc]
    """Batch normalisation over channels last that trains through the backend's fused kernel.

    Same variables, same result as the base class (Ioffe & Szegedy, 2015) up to rounding. Keras
    computes moments and normalisation by single operations, which takes more than half of a
    training step on a CPU. In inference, and on other backends, the base class is used.

    Input and output: (n, height, width, channels) in the compute type of the policy.
    """

    def call(self, inputs: Any, training: bool | None = None, mask: Any = None) -> Any:
        """Normalise by the batch while training, by the moving statistics otherwise."""
        fused = _FUSED.get(keras.backend.backend())
        if fused is None or not training or not self.trainable or len(inputs.shape) != 4:
            return super().call(inputs, training=training, mask=mask)
        return fused(self, inputs)


def _tensorflow(layer: FusedBatchNormalization, inputs: Any) -> Any:
    import tensorflow as tf

    result = tf.raw_ops.FusedBatchNormV3(
        x=inputs,
        scale=tf.cast(layer.gamma.value, tf.float32),
        offset=tf.cast(layer.beta.value, tf.float32),
        mean=tf.zeros([0]),
        variance=tf.zeros([0]),
        epsilon=layer.epsilon,
        is_training=True,
    )
    keep = layer.momentum
    layer.moving_mean.assign(layer.moving_mean * keep + result.batch_mean * (1 - keep))
    layer.moving_variance.assign(layer.moving_variance * keep + result.batch_variance * (1 - keep))
    return result.y


def _torch(layer: FusedBatchNormalization, inputs: Any) -> Any:
    import torch

    normalised = torch.nn.functional.batch_norm(
        inputs.permute(0, 3, 1, 2),
        layer.moving_mean.value,
        layer.moving_variance.value,
        layer.gamma.value,
        layer.beta.value,
        training=True,
        momentum=1 - layer.momentum,
        eps=layer.epsilon,
    )
    return normalised.permute(0, 2, 3, 1)


_FUSED = {"tensorflow": _tensorflow, "torch": _torch}
