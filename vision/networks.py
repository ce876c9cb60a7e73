"""Keras builders, one per network. Preprocessing is inside the graph.

Input contract of every network: float32 (n, side, side, 1) gray levels in [0, 255].
Output: float32 (n, 7) logits in the order of ``data.types.EMOTIONS``.
"""

from __future__ import annotations

import keras
from keras import layers

from data.types import EMOTIONS
from vision.config import NetworkConfig


def build_network(config: NetworkConfig) -> keras.Model:
    """Build the network that ``config`` names, with fresh weights."""
    return _BUILDERS[config.name](config)


def _compact_vgg(config: NetworkConfig) -> keras.Model:
    """Blocks of Conv-BN-ReLU and max pooling, global average pooling, one dense layer.

    The plain form of VGG (Simonyan & Zisserman, 2015) with batch normalisation, at 48 pixels.
    """
    inputs = keras.Input((config.side, config.side, 1), name="gray")
    x = layers.Rescaling(1 / 64, offset=-2.0, name="rescale")(inputs)
    for block, width in enumerate(config.widths):
        for i in range(config.convolutions):
            name = f"block{block + 1}_conv{i + 1}"
            x = layers.Conv2D(width, 3, padding="same", use_bias=False, name=name)(x)
            x = layers.BatchNormalization(name=f"{name}_bn")(x)
            x = layers.ReLU(name=f"{name}_relu")(x)
        x = layers.MaxPooling2D(name=f"block{block + 1}_pool")(x)
    x = layers.GlobalAveragePooling2D(name="features")(x)
    x = layers.Dropout(config.dropout, name="dropout")(x)
    logits = layers.Dense(len(EMOTIONS), dtype="float32", name="logits")(x)
    return keras.Model(inputs, logits, name=config.name)


_BUILDERS = {"compact_vgg": _compact_vgg}
