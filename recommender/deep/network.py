"""The correcting network in Keras, and its way to ONNX. Only training imports this."""

from __future__ import annotations

import tempfile
import warnings
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import keras
import numpy as np
import onnx
from keras import ops

from data.types import FloatArray
from recommender.deep.config import DeepRankerConfig

#: Kernel and bias of each hidden layer, then the kernel of the last.
Weights = list[FloatArray]


class Residual(keras.layers.Layer):  # type: ignore[misc]
    """``temperature * blend + correction``; the temperature is learned."""

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.log_temperature = self.add_weight(
            shape=(), initializer="zeros", name="log_temperature"
        )

    def call(self, inputs: tuple[Any, Any]) -> Any:
        """Add blend (b, L) and correction (b, L, 1)."""
        blend, correction = inputs
        return ops.exp(self.log_temperature) * blend + correction[..., 0]


def build_correction(config: DeepRankerConfig, width: int, name: str) -> keras.Model:
    """Build the perceptron (b, L, width) -> (b, L, 1); the last layer starts at zero."""
    inputs = keras.Input((None, width), name="features")
    x = inputs
    for i, size in enumerate(config.hidden):
        x = keras.layers.Dense(size, activation="relu", name=f"{name}_dense_{i}")(x)
        x = keras.layers.Dropout(config.dropout, name=f"{name}_dropout_{i}")(x)
    last = keras.layers.Dense(1, kernel_initializer="zeros", use_bias=False, name=f"{name}_last")
    return keras.Model(inputs, last(x), name=name)


class Trainer:
    """One compiled network that is trained anew for every fold: compiling takes longer.

    Args:
        config: the network and its optimiser.
        width: number of features.
    """

    def __init__(self, config: DeepRankerConfig, width: int) -> None:
        keras.utils.clear_session()
        keras.utils.set_random_seed(0)  # every number that matters is set by `restart`
        self._correction = build_correction(config, width, "correction")
        self._residual = Residual(name="residual")
        features, blend = keras.Input((None, width)), keras.Input((None,))
        scores = self._residual((blend, self._correction(features)))
        self._model = keras.Model([features, blend], scores)
        optimizer = keras.optimizers.AdamW(
            config.learning_rate, weight_decay=config.weight_decay, clipnorm=1.0
        )
        optimizer.exclude_from_weight_decay(var_names=["bias", "log_temperature"])
        self._model.compile(optimizer=optimizer, loss=listwise_softmax, jit_compile=False)
        optimizer.build(self._model.trainable_variables)
        every = [*self._model.variables, *optimizer.variables]
        self._start = [(v, ops.convert_to_numpy(v).copy()) for v in every]

    def restart(self, seed: int, temperature: float) -> None:
        """Draw new weights (Glorot & Bengio, 2010), forget the optimiser's state."""
        for variable, value in self._start:
            variable.assign(value)
        rng = np.random.default_rng((seed, 11))
        weights = self._correction.get_weights()
        for i in range(0, len(weights) - 1, 2):
            limit = float(np.sqrt(6 / sum(weights[i].shape)))
            weights[i] = rng.uniform(-limit, limit, weights[i].shape).astype(np.float32)
        self._correction.set_weights(weights)
        self._residual.log_temperature.assign(np.float32(np.log(temperature)))
        for layer in self._correction.layers:
            if isinstance(layer, keras.layers.Dropout) and layer.rate:
                layer.seed_generator.state.assign(rng.integers(1 << 30, size=2).astype(np.uint32))

    def step(self, features: FloatArray, blend: FloatArray, truth: FloatArray) -> None:
        """Learn from a batch: (b, L, f), (b, L), and (b, L, 2) as :func:`listwise_softmax` has."""
        self._model.train_on_batch([features, blend], truth)

    @property
    def weights(self) -> Weights:
        """The correction's weights, scaled so that it counts in units of the blend."""
        temperature = np.exp(ops.convert_to_numpy(self._residual.log_temperature))
        found = self._correction.get_weights()
        return [*found[:-1], found[-1] / temperature]


def listwise_softmax(truth: Any, scores: Any) -> Any:
    """Softmax cross-entropy of lists; ``truth`` (b, L, 2) holds shares and offsets."""
    logs = ops.log_softmax(scores + truth[..., 1], axis=-1)
    return -ops.sum(truth[..., 0] * logs, axis=-1)


def perceptron(weights: Weights, features: FloatArray) -> FloatArray:
    """Run the network of :func:`build_correction` in numpy, on scaled features (c, f).

    Lists differ in length, and Keras is slow at one list of a new length after the other.

    Returns:
        float32 (c,).
    """
    x = features
    for kernel, bias in zip(weights[:-1:2], weights[1::2], strict=True):
        x = np.maximum(x @ kernel + bias, 0)
    return np.asarray((x @ weights[-1])[:, 0], dtype=np.float32)


def averaged(config: DeepRankerConfig, members: Sequence[Weights]) -> keras.Model:
    """Return one network (b, L, f) -> (b, L, 1) that is the mean of several."""
    models = []
    for i, weights in enumerate(members):
        model = build_correction(config, weights[0].shape[0], f"member_{i}")
        model.set_weights(weights)
        models.append(model)
    if len(models) == 1:
        return models[0]
    inputs = keras.Input(models[0].input_shape[1:], name="features")
    mean = keras.layers.Average(name="mean")([model(inputs) for model in models])
    return keras.Model(inputs, mean, name="averaged")


def corrected(correction: keras.Model, features: FloatArray) -> FloatArray:
    """Return the float32 (c,) correction of scaled features (c, f) by Keras itself."""
    found = correction(features[None], training=False)
    return np.asarray(ops.convert_to_numpy(found)[0, :, 0], dtype=np.float32)


def onnx_bytes(correction: keras.Model) -> bytes:
    """Export, rename every inner tensor in order, and return the file: same weights, same bytes."""
    with tempfile.TemporaryDirectory() as folder, warnings.catch_warnings():
        warnings.filterwarnings("ignore", message=r".*np\.object.*", category=FutureWarning)
        path = Path(folder) / "ranker.onnx"
        correction(np.zeros((1, 2, correction.input_shape[-1]), dtype=np.float32))
        correction.export(path, format="onnx", verbose=False)
        graph = onnx.load(path)
    _rename(graph)
    graph.producer_name, graph.producer_version = "attune", ""
    graph.doc_string = "features of candidates (1, c, f) -> correction of their scores (1, c, 1)"
    onnx.checker.check_model(graph)
    return bytes(graph.SerializeToString(deterministic=True))


def _rename(model: onnx.ModelProto) -> None:
    """Number tensors and nodes; the names that the exporter gives count across one process."""
    graph = model.graph
    kept = {tensor.name: tensor.name for tensor in (*graph.input, *graph.output)}
    for i, node in enumerate(graph.node):
        node.name, node.doc_string = f"node_{i}", ""
        for tensors in (node.input, node.output):
            tensors[:] = [kept.setdefault(t, f"tensor_{len(kept)}") if t else "" for t in tensors]
    for constant in graph.initializer:
        constant.name = kept.setdefault(constant.name, f"tensor_{len(kept)}")
    ordered = sorted(graph.initializer, key=lambda tensor: tensor.name)
    del graph.initializer[:]
    graph.initializer.extend(ordered)
    del graph.value_info[:]
    axes = ("lists", "candidates")
    for tensor in (*graph.input, *graph.output):
        for size, name in zip(tensor.type.tensor_type.shape.dim, axes, strict=False):
            size.dim_param = name
    graph.name, graph.doc_string = "ranker", ""
