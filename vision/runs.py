"""A run folder read back: the best epoch's network and its recipe."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import keras
import numpy as np
from numpy.typing import NDArray

from data.errors import TrainingError
from data.types import FloatArray
from vision.config import TrainingConfig
from vision.networks import build_network

BEST = "best.weights.h5"


def load_run(run: Path) -> tuple[keras.Model, TrainingConfig]:
    """Return the best epoch's network in plain float32, and the run's configuration.

    A network trained in mixed precision keeps float32 weights, so a fresh float32 network takes
    them over; so it does on another Keras backend than the run's.

    Raises:
        TrainingError: if no epoch of the run is finished.
    """
    if not (run / BEST).exists():
        raise TrainingError(f"{run} holds no {BEST}: train it for at least one epoch")
    config = TrainingConfig.from_toml(run / "config.toml")
    policy = keras.config.dtype_policy()
    keras.config.set_dtype_policy("float32")
    try:
        model = build_network(config.network.model_copy(update={"weights": "none"}))
    finally:
        keras.config.set_dtype_policy(policy)
    model.load_weights(run / BEST)
    return model, config


def keras_logits(model: keras.Model, batch_size: int = 256) -> Callable[..., FloatArray]:
    """Return uint8 (n, side, side) -> float32 (n, 7) logits by Keras."""

    def run(crops: NDArray[np.uint8]) -> FloatArray:
        x = crops[..., None].astype(np.float32)
        return np.asarray(model.predict(x, batch_size=batch_size, verbose=0), dtype=np.float32)

    return run
