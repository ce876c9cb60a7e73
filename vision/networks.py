"""Keras builders, one per network, and which of its variables learn, and how fast.

Input contract of every network: float32 (n, side, side, 1) gray levels in [0, 255].
Output: float32 (n, 7) logits in the order of ``data.types.EMOTIONS``. Preprocessing is inside.
"""

from __future__ import annotations

import re
from typing import Any, Literal

import keras
from keras import layers

from data.types import EMOTIONS
from vision.backbones import ARCHITECTURES, build_on_backbone
from vision.config import NetworkConfig
from vision.layers import FusedBatchNormalization

# How the architectures name the layers of their blocks: block1_conv1 (ours, VGG16, Xception),
# conv2_block1_1_conv (ResNet50), block_1_expand (MobileNetV2), block1a_dwconv (EfficientNet),
# mixed0 (InceptionV3: the end of a block, a layer without variables).
_BLOCK = re.compile(
    r"(conv\d_block\d+|block_?\d+[a-z]?|mixed\d+|conv1|expanded_conv|Conv_1|stem|top|hidden\d*)"
    r"(?:_|$)"
)


def build_network(config: NetworkConfig) -> keras.Model:
    """Build the network that ``config`` names, in the precision of Keras' policy.

    Raises:
        ConfigError: if the architecture does not take the side that is asked for.
        ArtifactError: if a backbone's weights cannot be downloaded or read.
    """
    return _BUILDERS[config.name](config)


def set_trainable(model: keras.Model, part: Literal["head", "all"]) -> None:
    """Let the last dense layer alone, or every layer, learn. Compile the model anew afterwards.

    Batch normalisation that does not learn also stops following the batches: it normalises by its
    stored statistics and leaves them as they are.
    """
    for layer in _body(model):
        layer.trainable = part == "all"


def rate_groups(model: keras.Model) -> dict[str, int]:
    """Return how deep below the output each variable lies, for rates that fall with the depth.

    Returns:
        Path of the variable -> 0 for the head, 1 for the last block as the architecture names its
        blocks, and so on down to the stem.
    """
    blocks = _blocks(model)
    head = [layer for layer in model.layers if layer.name == "logits"]
    return {
        variable.path: depth
        for depth, members in enumerate([head, *reversed(blocks)])
        for layer in members
        for variable in layer.weights
    }


def _body(model: keras.Model) -> list[layers.Layer]:
    """The layers below the head, input first."""
    for layer in model.layers:
        if layer.name == "backbone":
            return list(layer.layers)
    return [layer for layer in model.layers if layer.name != "logits"]


def _blocks(model: keras.Model) -> list[list[layers.Layer]]:
    """Cut the body where a new block's name begins; unnamed layers stay with those before them."""
    blocks: list[list[layers.Layer]] = [[]]
    current = None
    for layer in _body(model):
        found = _BLOCK.match(layer.name)
        if found and found[1] != current:
            current = found[1]
            blocks.append([])
        blocks[-1].append(layer)
    return [block for block in blocks if any(layer.weights for layer in block)]


def _simple_nn(config: NetworkConfig) -> keras.Model:
    """Dense layers on the raw pixels: the floor that every convolution has to beat."""
    inputs = keras.Input((config.side, config.side, 1), name="gray")
    x = layers.Rescaling(1 / 64, offset=-2.0, name="rescale")(inputs)
    x = layers.Flatten(name="flatten")(x)
    for i, units in enumerate(config.widths):
        x = _dense(x, units, f"hidden{i + 1}", config)
    return _headed(inputs, x, config, dropout=False)


def _cnn(config: NetworkConfig) -> keras.Model:
    """The classic stack: Conv-BN-ReLU, pooling, dropout; then a hidden dense layer.

    As most public FER2013 notebooks have it; the hidden layer is as wide as the last block.
    """
    inputs = keras.Input((config.side, config.side, 1), name="gray")
    x = layers.Rescaling(1 / 64, offset=-2.0, name="rescale")(inputs)
    for block, width in enumerate(config.widths):
        x = _convolutions(x, width, block + 1, config)
        if config.block_dropout:
            x = layers.Dropout(config.block_dropout, name=f"block{block + 1}_dropout")(x)
    x = layers.Flatten(name="flatten")(x)
    x = _dense(x, config.widths[-1], "hidden", config)
    return _headed(inputs, x, config, dropout=False)


def _compact_vgg(config: NetworkConfig) -> keras.Model:
    """Blocks of Conv-BN-ReLU and max pooling, global average pooling, one dense layer.

    The plain form of VGG (Simonyan & Zisserman, 2015) with batch normalisation, at 48 pixels.
    """
    inputs = keras.Input((config.side, config.side, 1), name="gray")
    x = layers.Rescaling(1 / 64, offset=-2.0, name="rescale")(inputs)
    for block, width in enumerate(config.widths):
        x = _convolutions(x, width, block + 1, config)
    x = layers.GlobalAveragePooling2D(name="features")(x)
    return _headed(inputs, x, config)


def _convolutions(x: Any, width: int, block: int, config: NetworkConfig) -> Any:
    """Conv-BN-ReLU as often as ``config.convolutions`` says, then 2 x 2 max pooling."""
    for i in range(config.convolutions):
        name = f"block{block}_conv{i + 1}"
        bias = not config.batch_norm
        x = layers.Conv2D(width, 3, padding="same", use_bias=bias, name=name)(x)
        if config.batch_norm:
            x = FusedBatchNormalization(name=f"{name}_bn")(x)
        x = layers.ReLU(name=f"{name}_relu")(x)
    return layers.MaxPooling2D(name=f"block{block}_pool")(x)


def _dense(x: Any, units: int, name: str, config: NetworkConfig) -> Any:
    x = layers.Dense(units, use_bias=not config.batch_norm, name=name)(x)
    if config.batch_norm:
        x = layers.BatchNormalization(name=f"{name}_bn")(x)
    x = layers.ReLU(name=f"{name}_relu")(x)
    return layers.Dropout(config.dropout, name=f"{name}_dropout")(x)


def _headed(inputs: Any, x: Any, config: NetworkConfig, *, dropout: bool = True) -> keras.Model:
    if dropout:
        x = layers.Dropout(config.dropout, name="dropout")(x)
    logits = layers.Dense(len(EMOTIONS), dtype="float32", name="logits")(x)
    return keras.Model(inputs, logits, name=config.name)


_BUILDERS = {
    "simple_nn": _simple_nn,
    "cnn": _cnn,
    "compact_vgg": _compact_vgg,
    **dict.fromkeys(ARCHITECTURES, build_on_backbone),
}
