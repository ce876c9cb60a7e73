"""Optimizers and learning rates of a recipe."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import keras
import numpy as np

from vision.config import TrainingConfig

_FLOOR = 0.001  # cosine ends at this share of the peak


class _KeepsAverage:
    """Keeps Keras from putting averaged weights in place at the end of every ``fit``.

    A run calls ``fit`` once per epoch; the average is to be looked at between, not trained from.
    """

    def finalize_variable_values(self, var_list: Any) -> None:
        """Leave the weights as they are."""

    def put_average(self, variables: Sequence[Any]) -> None:
        """Overwrite ``variables``, those that are trained, with their moving averages."""
        super().finalize_variable_values(variables)  # type: ignore[misc]
        for variable in variables:  # on JAX both would now share a buffer that a step may free
            variable.assign(np.array(keras.ops.convert_to_numpy(variable)))


class AveragedSGD(_KeepsAverage, keras.optimizers.SGD):  # type: ignore[misc]
    """SGD whose averaged weights can be put in place when they are wanted."""


class LayerwiseAdamW(_KeepsAverage, keras.optimizers.AdamW):  # type: ignore[misc]
    """AdamW whose rate shrinks towards the input of a pretrained network.

    A variable of depth d (0 at the top) learns with ``learning_rate * decay**d``, as in ULMFiT
    (Howard & Ruder, 2018). Weight decay is not scaled.

    Args:
        depths: variable path -> depth; what is not named has depth 0.
        decay: share from one depth to the next.
    """

    def __init__(
        self, *args: Any, depths: Mapping[str, int] | None = None, decay: float = 1.0, **kwargs: Any
    ) -> None:
        super().__init__(*args, **kwargs)
        self._depths, self._decay = dict(depths or {}), decay

    def update_step(self, gradient: Any, variable: Any, learning_rate: Any) -> None:
        """Take AdamW's step at the variable's own rate."""
        own = self._trainable_variables[self._get_variable_index(variable)]
        share = self._decay ** self._depths.get(own.path, 0)
        super().update_step(gradient, variable, learning_rate * share)


def build_optimizer(
    config: TrainingConfig, rate: Any, depths: Mapping[str, int]
) -> keras.optimizers.Optimizer:
    """Build the recipe's optimizer; biases and batch normalisation are left out of weight decay.

    Args:
        config: the recipe.
        rate: a number or a Keras schedule.
        depths: variable path -> depth from the top, for layer-wise rates.
    """
    common: dict[str, Any] = {"weight_decay": config.weight_decay}
    if config.ema:
        common |= {"use_ema": True, "ema_momentum": config.ema}
    decay = config.layer_decay if config.mode == "finetune" else 1.0
    optimizer: keras.optimizers.Optimizer
    if config.optimizer == "sgd":
        nesterov = config.momentum > 0
        optimizer = AveragedSGD(rate, momentum=config.momentum, nesterov=nesterov, **common)
    else:
        optimizer = LayerwiseAdamW(rate, depths=depths, decay=decay, **common)
    optimizer.exclude_from_weight_decay(var_names=["bias", "gamma", "beta"])
    return optimizer


def cosine(config: TrainingConfig, steps: int, epochs: int) -> Any:
    """Return a cosine with linear warm-up over ``epochs`` of ``steps`` batches each."""
    warmup = int(config.warmup_epochs * steps)
    return keras.optimizers.schedules.CosineDecay(
        initial_learning_rate=config.learning_rate / 25 if warmup else config.learning_rate,
        decay_steps=max(1, epochs * steps - warmup),
        alpha=_FLOOR,
        warmup_target=config.learning_rate if warmup else None,
        warmup_steps=warmup,
    )


def plateau_rate(config: TrainingConfig, history: Sequence[Mapping[str, float]]) -> float:
    """Return the rate of the next epoch: cut wherever validation loss stood still for a while.

    Computed from the history alone, so that a resumed run goes on as the unbroken one would.
    """
    rate, best, waited = config.learning_rate, float("inf"), 0
    for row in history:
        if row["val_loss"] < best:
            best, waited = row["val_loss"], 0
            continue
        waited += 1
        if waited >= config.plateau_epochs:
            rate, waited = rate * config.plateau_factor, 0
    return rate
