"""Networks of ``keras.applications`` as backbones: ImageNet architectures without their top.

Each is wrapped the same way: gray levels are enlarged to the side the backbone sees, repeated over
three channels, brought into the value range its ImageNet weights were trained in, and its averaged
features go through dropout into one dense layer.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import keras
from keras import layers

from data.errors import ArtifactError, ConfigError
from data.types import EMOTIONS
from vision.config import NetworkConfig
from vision.layers import FusedBatchNormalization

# Channel means in BGR order of the Caffe models (VGG, ResNet v1); the later TensorFlow models take
# [-1, 1]; EfficientNet takes the means and deviations of ImageNet's RGB channels in [0, 1].
_CAFFE_MEANS = (103.939, 116.779, 123.68)
_RGB_MEANS = (0.485, 0.456, 0.406)
_RGB_DEVIATIONS = (0.229, 0.224, 0.225)


@keras.saving.register_keras_serializable(package="attune")
class KeptBatchNormalization(layers.BatchNormalization):  # type: ignore[misc]
    """Batch normalisation by the stored statistics, in training too; gamma and beta are learned.

    ``backbone(x, training=False)`` does not do that: ``fit`` calls the graph with
    ``training=True``, which Keras 3.15 passes on to every layer over the stored argument.
    """

    def call(
        self,
        inputs: Any,
        training: bool | None = None,  # noqa: ARG002 - Keras' signature
        mask: Any = None,
    ) -> Any:
        """Normalise by the moving statistics, and leave them as they are."""
        return super().call(inputs, training=False, mask=mask)


@dataclass(frozen=True, slots=True)
class Architecture:
    """What must be known of one of Keras' architectures to use it as a backbone."""

    application: str
    least_side: int
    scale: float | tuple[float, ...]
    offset: float | tuple[float, ...]


_CAFFE = (1.0, tuple(-mean for mean in _CAFFE_MEANS))
_PLUS_MINUS_ONE = (1 / 127.5, -1.0)
_STANDARDISED = (
    tuple(1 / (255 * deviation) for deviation in _RGB_DEVIATIONS),
    tuple(-mean / deviation for mean, deviation in zip(_RGB_MEANS, _RGB_DEVIATIONS, strict=True)),
)
ARCHITECTURES = {
    "vgg16": Architecture("VGG16", 32, *_CAFFE),
    "resnet50": Architecture("ResNet50", 32, *_CAFFE),
    "mobilenet_v2": Architecture("MobileNetV2", 32, *_PLUS_MINUS_ONE),
    "inception_v3": Architecture("InceptionV3", 75, *_PLUS_MINUS_ONE),
    "xception": Architecture("Xception", 71, *_PLUS_MINUS_ONE),
    "efficientnet_b0": Architecture("EfficientNetB0", 32, *_STANDARDISED),
    "efficientnet_b7": Architecture("EfficientNetB7", 32, *_STANDARDISED),
}


def build_on_backbone(config: NetworkConfig) -> keras.Model:
    """Build one of :data:`ARCHITECTURES` with a new head; the backbone's layer is ``backbone``.

    Raises:
        ConfigError: if ``resize`` is smaller than the architecture takes.
        ArtifactError: if the weights cannot be downloaded, read, or belong to another network.
    """
    architecture = ARCHITECTURES[config.name]
    side = _seen_side(config, architecture)
    inputs = keras.Input((config.side, config.side, 1), name="gray")
    x = inputs
    if side != config.side:
        # Not the layer Resizing: its default ``training=True`` leaks into every later layer when
        # the model is called without ``training``, as it is for an export (Keras 3.15).
        x = keras.ops.image.resize(x, (side, side), interpolation="bilinear")
    x = layers.Concatenate(dtype="float32", name="rgb")([x, x, x])
    scale, offset = architecture.scale, architecture.offset
    x = layers.Rescaling(scale, offset, dtype="float32", name="preprocess")(x)
    x = _backbone(architecture, config, side)(x)
    x = layers.Dropout(config.dropout, name="dropout")(x)
    logits = layers.Dense(len(EMOTIONS), dtype="float32", name="logits")(x)
    return keras.Model(inputs, logits, name=config.name)


def _seen_side(config: NetworkConfig, architecture: Architecture) -> int:
    if config.resize is None:
        return max(config.side, architecture.least_side)
    if config.resize < architecture.least_side:
        raise ConfigError(
            f"network.resize is {config.resize}: {config.name} takes {architecture.least_side} "
            "pixels or more"
        )
    return config.resize


def _backbone(architecture: Architecture, config: NetworkConfig, side: int) -> keras.Model:
    build = getattr(keras.applications, architecture.application)
    shape = (side, side, 3)

    def make(weights: str | None) -> keras.Model:
        # Under its own name: EfficientNet's is part of the file's name that is downloaded.
        return build(include_top=False, weights=weights, input_shape=shape, pooling="avg")

    loaded = _with_weights(make, config)
    return _adapted(loaded, keep_statistics=config.norm_statistics == "keep")


def _with_weights(make: Callable[[str | None], keras.Model], config: NetworkConfig) -> keras.Model:
    if config.weights == "none":
        return make(None)
    if config.weights == "imagenet":
        try:
            return make("imagenet")
        except Exception as exc:  # Keras raises a bare Exception for a failed download
            raise ArtifactError(
                f"the ImageNet weights of {config.name} could not be had ({exc}): without a "
                "network, set network.weights to a file of its weights without top"
            ) from exc
    path = Path(config.weights).expanduser()
    if not path.is_file():
        raise ArtifactError(f"no weights file at {path}: see network.weights")
    model = make(None)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("error", UserWarning)  # Keras: some layers were left as they are
            model.load_weights(path)
    except (ValueError, OSError, KeyError, UserWarning) as exc:
        raise ArtifactError(
            f"{path} does not hold the weights of {config.name} without top: {exc}"
        ) from exc
    return model


def _adapted(model: keras.Model, *, keep_statistics: bool) -> keras.Model:
    """Copy ``model`` with our batch normalisation and without preprocessing of its own.

    EfficientNet scales its input by a ``Normalization`` layer, whose constants would become inputs
    of an exported ONNX graph, and by one layer more when the weights are ImageNet's. All of them
    give way to the one ``preprocess`` layer in front.
    """

    def copy(layer: layers.Layer) -> layers.Layer:
        if isinstance(layer, (layers.Rescaling, layers.Normalization)):
            return layers.Identity(name=layer.name)
        kind = type(layer)
        if kind is layers.BatchNormalization:
            kind = _normalisation(layer, keep_statistics=keep_statistics)
        return kind.from_config(layer.get_config())

    adapted = keras.models.clone_model(model, clone_function=copy)
    for old, new in zip(model.layers, adapted.layers, strict=True):
        if new.weights:
            new.set_weights(old.get_weights())
    return keras.Model(adapted.inputs[0], adapted.outputs[0], name="backbone")


def _normalisation(
    layer: layers.BatchNormalization, *, keep_statistics: bool
) -> type[layers.BatchNormalization]:
    if keep_statistics:
        return KeptBatchNormalization
    return FusedBatchNormalization if layer.scale and layer.center else layers.BatchNormalization
