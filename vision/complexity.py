"""How large a network is: parameters, and multiply-accumulate operations for one picture."""

from __future__ import annotations

import math
from dataclasses import dataclass

import keras
from keras import layers

from data.errors import TrainingError


@dataclass(frozen=True, slots=True)
class Complexity:
    """Size of a network; ``macs`` are multiply-accumulates for one picture, about 2 FLOPs each."""

    parameters: int
    trainable: int
    macs: int


def measure_complexity(model: keras.Model) -> Complexity:
    """Return parameters, those that can learn at present, and multiply-accumulates."""
    trainable = sum(math.prod(variable.shape) for variable in model.trainable_variables)
    return Complexity(int(model.count_params()), int(trainable), count_macs(model))


def count_macs(model: keras.Model) -> int:
    """Return the multiply-accumulates of convolutions and dense layers for one picture.

    As in the papers, the rest (normalisation, activations, pooling, scaling, additions) is not
    counted. A convolution applies each of its kernel's numbers once per output position, a dense
    layer once per vector.

    Raises:
        TrainingError: if a layer has a kernel of a kind that is not known here.
    """
    return sum(_layer_macs(layer) for layer in model.layers)


def _layer_macs(layer: layers.Layer) -> int:
    if isinstance(layer, keras.Model):
        return count_macs(layer)
    sizes = _kernel_sizes(layer)
    if not sizes:
        return 0
    *positions, _channels = layer.output.shape[1:]
    return int(math.prod(positions)) * sum(sizes)


def _kernel_sizes(layer: layers.Layer) -> list[int]:
    """How many numbers each kernel has; that of a grouped convolution has fewer input channels."""
    kernels = [v for v in layer.weights if v.name.endswith("kernel")]
    known = (layers.Conv2D, layers.DepthwiseConv2D, layers.SeparableConv2D, layers.Dense)
    if kernels and not isinstance(layer, known):
        raise TrainingError(f"{layer.name}: operations of {type(layer).__name__} cannot be counted")
    return [math.prod(kernel.shape) for kernel in kernels]
