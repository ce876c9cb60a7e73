"""Training of expression networks: one TOML in, one run folder out, resumable after a kill.

A run folder holds ``config.toml``, ``record.json`` (data fingerprint, versions, per-epoch history),
``checkpoint.keras`` with ``progress.json`` (the last finished epoch) and ``best.keras``, chosen by
accuracy on PublicTest, and at the end ``learning_curve.png``. PrivateTest is never read here.
"""

from __future__ import annotations

import hashlib
import json
import os
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import keras
import numpy as np
from numpy.typing import NDArray

from data.datasets.fer2013 import FerSplit
from data.errors import TrainingError
from data.types import EMOTIONS
from vision.augmentation import augment
from vision.config import TrainingConfig
from vision.networks import build_network
from vision.plots import plot_learning_curve

Progress = Callable[[str], None]


class FaceBatches(keras.utils.PyDataset):  # type: ignore[misc]
    """Shuffled, augmented batches; epoch e of seed s is the same whoever asks for it.

    Yields float32 (b, side, side, 1) in [0, 255] and float32 (b, 7) one-hot labels.
    """

    def __init__(self, split: FerSplit, config: TrainingConfig, epoch: int = 0) -> None:
        super().__init__(workers=2, use_multiprocessing=False, max_queue_size=8)
        self._images, self._labels = split.images, split.labels
        self._config = config
        self.epoch = epoch

    def __len__(self) -> int:
        return len(self._labels) // self._config.batch_size or 1

    def __getitem__(self, index: int) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        seed, size = self._config.seed, self._config.batch_size
        order = np.random.default_rng((seed, self.epoch)).permutation(len(self._labels))
        rows = order[index * size : (index + 1) * size]
        rng = np.random.default_rng((seed, self.epoch, index))
        x = augment(self._images[rows], self._config.augmentation, rng)
        return x, np.eye(len(EMOTIONS), dtype=np.float32)[self._labels[rows]]


@dataclass(frozen=True, slots=True)
class TrainedRun:
    """What a finished run leaves: where, and its history (one dict per epoch)."""

    folder: Path
    history: list[dict[str, float]]
    best_accuracy: float


def train_network(
    config: TrainingConfig,
    training: FerSplit,
    validation: FerSplit,
    folder: Path,
    *,
    resume: bool = False,
    report: Progress = lambda line: None,
) -> TrainedRun:
    """Train from scratch, or go on from the last finished epoch.

    Args:
        config: the whole recipe.
        training: fitted on; rows that are not ``usable`` are left out.
        validation: PublicTest; chooses the kept epoch.
        folder: the run folder; must be empty or absent unless ``resume``.
        resume: continue the run in ``folder``; its config must be the same.
        report: called with one line of progress per epoch.

    Raises:
        TrainingError: if the folder holds another run, or a different config is resumed.
    """
    _prepare_folder(folder, config, resume)
    training = training.take(training.usable)
    if config.limit:
        training = training.take(np.arange(min(config.limit, len(training))))
    policy = keras.config.dtype_policy()
    keras.config.set_dtype_policy(config.precision)
    try:
        return _train(config, training, validation, folder, report)
    finally:
        keras.config.set_dtype_policy(policy)


def _train(
    config: TrainingConfig, training: FerSplit, validation: FerSplit, folder: Path, report: Progress
) -> TrainedRun:
    keras.utils.set_random_seed(config.seed)
    done, history = _read_progress(folder)
    model = _compile(config, max(1, len(training) // config.batch_size))
    if done:
        _restore(model, folder / "checkpoint.keras")
    best = max((h["val_accuracy"] for h in history), default=-1.0)
    for epoch in range(done, config.epochs):
        row = _one_epoch(model, config, training, validation, epoch)
        history.append(row)
        if row["val_accuracy"] > best:
            best = row["val_accuracy"]
            _save(model, folder / "best.keras")
        _save(model, folder / "checkpoint.keras")
        _write_json(folder / "progress.json", {"epochs": epoch + 1, "history": history})
        report(" ".join(f"{k} {v:.4f}" for k, v in row.items()))
    _write_json(folder / "record.json", _record(config, training, model, history))
    plot_learning_curve(history, folder / "learning_curve.png")
    return TrainedRun(folder, history, best)


def _one_epoch(
    model: keras.Model, config: TrainingConfig, training: FerSplit, validation: FerSplit, epoch: int
) -> dict[str, float]:
    started = time.perf_counter()
    _seed_dropout(model, config.seed, epoch)
    fit = model.fit(FaceBatches(training, config, epoch), verbose=0, shuffle=False)
    valid_x = validation.images[..., None].astype(np.float32)
    logits = model.predict(valid_x, batch_size=256, verbose=0)
    return {
        "epoch": float(epoch + 1),
        "loss": float(fit.history["loss"][-1]),
        "accuracy": float(fit.history["accuracy"][-1]),
        "val_accuracy": float((logits.argmax(axis=1) == validation.labels).mean()),
        "seconds": time.perf_counter() - started,
    }


def _restore(model: keras.Model, checkpoint: Path) -> None:
    """Take weights and optimizer state over from a checkpoint.

    The loaded model is not trained on itself: Keras does not save which variables are left out of
    weight decay, so a resumed run would decay biases and batch normalisation.
    """
    saved = keras.models.load_model(checkpoint)
    model.set_weights(saved.get_weights())
    model.optimizer.build(model.trainable_variables)
    pairs = zip(model.optimizer.variables, saved.optimizer.variables, strict=True)
    for variable, value in pairs:
        variable.assign(value)


def _seed_dropout(model: keras.Model, seed: int, epoch: int) -> None:
    """Start the masks of an epoch from (seed, epoch), so that a resumed run draws the same."""
    for layer in model.layers:
        generator = getattr(layer, "seed_generator", None)
        if generator is not None:
            generator.state.assign(np.array([seed % 2**31, epoch], dtype=np.uint32))


def _compile(config: TrainingConfig, steps: int) -> keras.Model:
    model = build_network(config.network)
    warmup = int(config.warmup_epochs * steps)
    schedule = keras.optimizers.schedules.CosineDecay(
        initial_learning_rate=config.learning_rate / 25 if warmup else config.learning_rate,
        decay_steps=max(1, config.epochs * steps - warmup),
        alpha=0.001,
        warmup_target=config.learning_rate if warmup else None,
        warmup_steps=warmup,
    )
    optimizer = keras.optimizers.AdamW(schedule, weight_decay=config.weight_decay)
    optimizer.exclude_from_weight_decay(var_names=["bias", "gamma", "beta"])
    model.compile(
        optimizer,
        keras.losses.CategoricalCrossentropy(
            from_logits=True, label_smoothing=config.label_smoothing
        ),
        metrics=["accuracy"],
        jit_compile=False,
    )
    return model


def _prepare_folder(folder: Path, config: TrainingConfig, resume: bool) -> None:
    text, path = config.to_toml(), folder / "config.toml"
    if not resume:
        if folder.exists() and any(folder.iterdir()):
            raise TrainingError(f"{folder} already holds a run: add --resume, or choose another")
        folder.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
    elif not path.exists():
        raise TrainingError(f"{folder} holds no run to resume")
    elif TrainingConfig.from_toml(path) != config:
        raise TrainingError(f"{folder} was started with another configuration; see {path}")


def _read_progress(folder: Path) -> tuple[int, list[dict[str, float]]]:
    path = folder / "progress.json"
    if not path.exists():
        return 0, []
    progress = json.loads(path.read_text(encoding="utf-8"))
    return int(progress["epochs"]), list(progress["history"])


def _save(model: keras.Model, path: Path) -> None:
    """Write next to ``path`` and rename, so that a kill never leaves half a file."""
    partial = path.with_name(f"partial-{path.name}")
    model.save(partial)
    os.replace(partial, path)


def _write_json(path: Path, value: dict[str, Any]) -> None:
    partial = path.with_name(f"partial-{path.name}")
    partial.write_text(json.dumps(value, indent=1), encoding="utf-8")
    os.replace(partial, path)


def _record(
    config: TrainingConfig, training: FerSplit, model: keras.Model, history: list[dict[str, float]]
) -> dict[str, Any]:
    return {
        "kind": "vision",
        "config": config.model_dump(mode="json"),
        "data": {
            "rows": len(training),
            "sha256": hashlib.sha256(
                training.images.tobytes() + training.labels.tobytes()
            ).hexdigest(),
            "class_counts": np.bincount(training.labels, minlength=len(EMOTIONS)).tolist(),
        },
        "parameters": int(model.count_params()),
        "versions": {"keras": keras.__version__, "backend": keras.backend.backend()},
        "history": history,
    }
