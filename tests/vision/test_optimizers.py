"""Learning rates and optimizers of a recipe."""

from __future__ import annotations

import keras
import numpy as np
import pytest

from vision.config import TrainingConfig
from vision.optimizers import build_optimizer, cosine, plateau_rate

CONFIG = TrainingConfig(learning_rate=0.1, weight_decay=0.0)


def losses(*values: float) -> list[dict[str, float]]:
    return [{"val_loss": v} for v in values]


def test_the_rate_falls_where_the_loss_stands_still() -> None:
    config = CONFIG.model_copy(update={"plateau_epochs": 2, "plateau_factor": 0.5})
    assert plateau_rate(config, []) == 0.1
    assert plateau_rate(config, losses(1.0, 0.9, 0.95)) == 0.1
    assert plateau_rate(config, losses(1.0, 0.9, 0.95, 0.91)) == 0.05
    assert plateau_rate(config, losses(1.0, 0.9, 0.95, 0.91, 0.8, 0.9)) == 0.05
    assert plateau_rate(config, losses(*[1.0] * 5)) == 0.025


def test_the_cosine_rises_then_falls_to_almost_nothing() -> None:
    schedule = cosine(CONFIG, steps=10, epochs=5)
    rates = [float(schedule(step)) for step in (0, 5, 10, 30, 50)]
    assert rates[0] == pytest.approx(0.1 / 25)
    assert rates[0] < rates[1] < rates[2] == pytest.approx(0.1)
    assert rates[2] > rates[3] > rates[4]
    assert rates[4] == pytest.approx(0.0001, rel=1e-2)


def stepped(config: TrainingConfig, depths: dict[str, int]) -> tuple[float, float]:
    """How far one step moves a variable at the top, and one below, of equal gradients."""
    top = keras.Variable(np.ones(3, dtype=np.float32), name="top")
    below = keras.Variable(np.ones(3, dtype=np.float32), name="below")
    optimizer = build_optimizer(config, 0.1, {below.path: depths["below"]})
    gradient = keras.ops.ones(3)
    optimizer.apply([gradient, gradient], [top, below])
    ends = [float(keras.ops.convert_to_numpy(v)[0]) for v in (top, below)]
    return 1 - ends[0], 1 - ends[1]


def test_lower_layers_take_smaller_steps() -> None:
    top, below = stepped(
        CONFIG.model_copy(update={"layer_decay": 0.5, "mode": "finetune"}), {"below": 2}
    )
    assert top == pytest.approx(0.1, rel=1e-3)
    assert below == pytest.approx(0.025, rel=1e-3)


def test_without_decay_all_layers_take_the_same() -> None:
    top, below = stepped(CONFIG, {"below": 2})
    assert top == pytest.approx(below)


@pytest.mark.parametrize("name", ["adamw", "sgd"])
def test_biases_and_norms_do_not_shrink_and_the_average_waits(name: str) -> None:
    config = CONFIG.model_copy(update={"optimizer": name, "weight_decay": 0.5, "ema": 0.5})
    kernel = keras.Variable(np.ones(2, dtype=np.float32), name="kernel")
    bias = keras.Variable(np.ones(2, dtype=np.float32), name="bias")
    optimizer = build_optimizer(config, 0.1, {})
    nothing = keras.ops.zeros(2)
    for _ in range(2):
        optimizer.apply([nothing, nothing], [kernel, bias])
    raw = keras.ops.convert_to_numpy(kernel)[0]
    assert raw < 0.95
    assert keras.ops.convert_to_numpy(bias)[0] == pytest.approx(1)
    optimizer.finalize_variable_values([kernel, bias])
    assert keras.ops.convert_to_numpy(kernel)[0] == raw
    optimizer.put_average([kernel, bias])
    assert raw < keras.ops.convert_to_numpy(kernel)[0] < 1
