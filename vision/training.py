"""Training of expression networks: one TOML in, one run folder out, resumable after a kill.

A run folder holds ``config.toml``, ``record.json`` (data fingerprint, versions, per-epoch history),
``progress.json`` (history of the finished epochs) with its ``checkpoint-N.npz``, and
``best.weights.h5``, chosen by accuracy on PublicTest; at the end pictures of the curves, the class
counts, the confusion on PublicTest and one face per class. PrivateTest is never read here.
"""

from __future__ import annotations

import hashlib
import json
import os
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import keras
import numpy as np

from data.datasets.fer2013 import FerSplit
from data.errors import TrainingError
from data.types import EMOTIONS
from vision.alignment import align_split
from vision.batches import FaceBatches
from vision.calibration import confusion_matrix, negative_log_likelihood, softmax
from vision.config import TrainingConfig
from vision.device import on_device
from vision.networks import build_network, rate_groups, set_trainable
from vision.optimizers import build_optimizer, cosine, plateau_rate
from vision.plots import (
    plot_class_counts,
    plot_confusion,
    plot_examples,
    plot_learning_curve,
)
from vision.runs import BEST, keras_logits, load_run
from vision.targets import soft_targets, training_rows

Progress = Callable[[str], None]
_EVERY_SECONDS = 20.0  # between two lines of progress within an epoch


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
    """Train by the recipe, or go on from the last finished epoch.

    Args:
        config: the whole recipe.
        training: fitted on; rows that are not ``usable`` are left out.
        validation: PublicTest; chooses the kept epoch.
        folder: the run folder; must be empty or absent unless ``resume``.
        resume: continue the run in ``folder``; its config must be the same.
        report: called with lines of progress.

    Raises:
        TrainingError: if the folder holds another run, or a different config is resumed.
    """
    _prepare_folder(folder, config, resume)
    training = training_rows(training, config.targets)
    if config.limit:
        training = training.take(np.arange(min(config.limit, len(training))))
    if config.align:
        report("levelling the eyes of every picture")
        training, validation = align_split(training), align_split(validation)
    teachers = tuple(keras_logits(load_run(Path(run))[0]) for run in config.targets.teachers)
    targets = soft_targets(training, config.targets, teachers)
    policy = keras.config.dtype_policy()
    keras.config.set_dtype_policy(config.precision)
    try:
        return _Run(config, training, targets, validation, folder, report).train()
    finally:
        keras.config.set_dtype_policy(policy)


class _Run:
    """One run in progress: the model, what it learns from, and the epochs that are done."""

    def __init__(
        self,
        config: TrainingConfig,
        training: FerSplit,
        targets: Any,
        validation: FerSplit,
        folder: Path,
        report: Progress,
    ) -> None:
        keras.utils.set_random_seed(config.seed)
        self.config, self.folder, self.report = config, folder, report
        self.training, self.targets, self.validation = training, targets, validation
        self.history = _read_progress(folder)
        self.network = build_network(config.network)
        self.groups = rate_groups(self.network)
        self.model = self.network  # what is compiled and fitted
        if config.views_on == "device":
            views = config.augmentation
            self.model = on_device(self.network, training.images, views, config.seed)

    def train(self) -> TrainedRun:
        config, history = self.config, self.history
        if history:
            self._restore(len(history))
        for epoch in range(len(history), config.epochs):
            if _stands_still(config, history):
                break
            self._prepare(epoch)
            history.append(self._one_epoch(epoch))
            self._keep(epoch)
            self.report(" ".join(f"{k} {v:.4f}" for k, v in history[-1].items()))
        _write_json(self.folder / "record.json", self._record())
        self._draw()
        return TrainedRun(self.folder, history, max(h["val_accuracy"] for h in history))

    def _draw(self) -> None:
        """Draw the curves, and the kept epoch's answers on PublicTest."""
        folder, faces = self.folder, self.validation
        plot_learning_curve(self.history, folder / "learning_curve.png")
        labels = {"Training": self.training.labels, "PublicTest": faces.labels}
        counts = {
            name: np.bincount(y, minlength=len(EMOTIONS)).tolist() for name, y in labels.items()
        }
        plot_class_counts(counts, folder / "class_counts.png")
        _bare(self.network).load_weights(folder / BEST)
        answers = keras_logits(self.network)(faces.images).argmax(axis=1)
        plot_confusion(confusion_matrix(answers, faces.labels), folder / "confusion.png")
        first = [int(np.argmax(faces.labels == label)) for label in np.unique(faces.labels)]
        titles = [f"{EMOTIONS[faces.labels[i]]}\nread as {EMOTIONS[answers[i]]}" for i in first]
        plot_examples(faces.images[first], titles, folder / "classes.png")

    def _prepare(self, epoch: int) -> None:
        """Compile for the epoch's phase if it has just begun, and set its learning rate."""
        config = self.config
        if not getattr(self.model, "optimizer", None) or epoch == _head_epochs(config):
            self._compile(epoch)
        if epoch >= _head_epochs(config) and config.schedule != "cosine":
            later = self.history[_head_epochs(config) :]
            rate = config.learning_rate
            if config.schedule == "plateau":
                rate = plateau_rate(config, later)
            self.model.optimizer.learning_rate = rate

    def _compile(self, epoch: int) -> None:
        config, head = self.config, _head_epochs(self.config)
        in_head = epoch < head
        set_trainable(self.network, "head" if in_head else "all")
        rate: Any = config.head_learning_rate if in_head else config.learning_rate
        if not in_head and config.schedule == "cosine":
            rate = cosine(config, self._steps, config.epochs - head)
        self.model.compile(
            build_optimizer(config, rate, self.groups),
            _loss(config, self.training),
            metrics=[keras.metrics.CategoricalAccuracy(name="accuracy")],
            jit_compile=config.views_on == "device" and keras.backend.backend() != "tensorflow",
        )
        self.model.optimizer.build(self.model.trainable_variables)
        if keras.backend.backend() == "jax":  # else fit takes a batch to build by, and drops it
            self.model.test_on_batch(*self._batches(epoch)[0][:2])

    @property
    def _steps(self) -> int:
        return max(1, len(self.training) // self.config.batch_size)

    def _batches(self, epoch: int) -> FaceBatches:
        training = self.training
        return FaceBatches(training.images, training.labels, self.targets, self.config, epoch)

    def _one_epoch(self, epoch: int) -> dict[str, float]:
        wall, cpu = time.perf_counter(), time.process_time()
        _seed_dropout(self.model, self.config.seed, epoch)
        data = self._batches(epoch)
        lines = _StepLines(epoch, self.config.epochs, len(data), self.report)
        fit = self.model.fit(data, verbose=0, shuffle=False, callbacks=[lines])
        with averaged_weights(self.model, self.config):
            logits = keras_logits(self.network)(self.validation.images)
            accuracy = float((logits.argmax(axis=1) == self.validation.labels).mean())
            if accuracy > max((h["val_accuracy"] for h in self.history), default=-1.0):
                _save_weights(self.network, self.folder / BEST)
        return {
            "epoch": float(epoch + 1),
            "loss": float(fit.history["loss"][-1]),
            "accuracy": float(fit.history["accuracy"][-1]),
            "val_loss": negative_log_likelihood(softmax(logits), self.validation.labels),
            "val_accuracy": accuracy,
            "seconds": time.perf_counter() - wall,
            "cpu_seconds": time.process_time() - cpu,
        }

    def _keep(self, epoch: int) -> None:
        """Write the checkpoint, then name it in ``progress.json``: a kill between harms nothing."""
        path = self.folder / f"checkpoint-{epoch + 1}.npz"
        values = [*self.network.variables, *self.model.optimizer.variables]
        partial = path.with_name(f"partial-{path.name}")
        with partial.open("wb") as file:
            np.savez(file, *(keras.ops.convert_to_numpy(v) for v in values))
        os.replace(partial, path)
        _write_json(self.folder / "progress.json", {"history": self.history})
        (self.folder / f"checkpoint-{epoch}.npz").unlink(missing_ok=True)

    def _restore(self, done: int) -> None:
        """Take weights over, and the optimizer's state unless the next epoch starts a phase."""
        self._compile(done - 1)
        values = [*self.network.variables, *self.model.optimizer.variables]
        with np.load(self.folder / f"checkpoint-{done}.npz") as saved:
            for variable, name in zip(values, saved.files, strict=True):
                variable.assign(saved[name])

    def _record(self) -> dict[str, Any]:
        training = self.training
        pixels = hashlib.sha256(training.images.tobytes() + self.targets.tobytes())
        counts = np.bincount(training.labels, minlength=len(EMOTIONS))
        return {
            "kind": "vision",
            "config": self.config.model_dump(mode="json"),
            "data": {
                "rows": len(training),
                "sha256": pixels.hexdigest(),
                "class_counts": counts.tolist(),
            },
            "parameters": int(self.network.count_params()),
            "versions": {"keras": keras.__version__, "backend": keras.backend.backend()},
            "history": self.history,
        }


class _StepLines(keras.callbacks.Callback):  # type: ignore[misc]
    """A line of progress now and then within an epoch, with the time that is left."""

    def __init__(self, epoch: int, epochs: int, steps: int, report: Progress) -> None:
        super().__init__()
        self._epoch, self._epochs, self._steps, self._report = epoch, epochs, steps, report
        self._begun = self._said = time.perf_counter()

    def on_train_batch_end(self, batch: int, logs: Mapping[str, float] | None = None) -> None:
        now = time.perf_counter()
        if now - self._said < _EVERY_SECONDS:
            return
        self._said = now
        share = (batch + 1) / self._steps
        bar = "#" * round(20 * share)
        left = (now - self._begun) * (1 / share - 1)
        self._report(
            f"epoch {self._epoch + 1}/{self._epochs} [{bar:20s}] {batch + 1}/{self._steps} "
            f"loss {(logs or {}).get('loss', float('nan')):.4f}, {left:.0f} s left"
        )


class averaged_weights:  # noqa: N801 - a context manager, used as a verb
    """Within the block the model has its averaged weights, if the recipe averages any."""

    def __init__(self, model: keras.Model, config: TrainingConfig) -> None:
        self._model, self._on = model, config.ema > 0

    def __enter__(self) -> None:
        if self._on:
            self._raw = [  # copies: on JAX the next step may free what a view looks at
                np.array(keras.ops.convert_to_numpy(v)) for v in self._model.trainable_variables
            ]
            self._model.optimizer.put_average(self._model.trainable_variables)

    def __exit__(self, *error: object) -> None:
        if self._on:
            for variable, value in zip(self._model.trainable_variables, self._raw, strict=True):
                variable.assign(value)


def _head_epochs(config: TrainingConfig) -> int:
    """Return how many epochs train the new layers alone."""
    return {"scratch": 0, "finetune": config.head_epochs, "frozen": config.epochs}[config.mode]


def _loss(config: TrainingConfig, training: FerSplit) -> Any:
    """Return cross-entropy of logits; with logit adjustment (Menon et al., 2021) if asked for."""
    entropy = keras.losses.CategoricalCrossentropy(from_logits=True)
    if config.balance != "logit_adjustment":
        return entropy
    counts = np.bincount(training.labels, minlength=len(EMOTIONS))
    prior = np.log(np.maximum(counts, 1) / counts.sum()).astype(np.float32)
    return lambda y, logits: entropy(y, logits + prior)


def _stands_still(config: TrainingConfig, history: list[dict[str, float]]) -> bool:
    """Tell whether validation accuracy has not risen for ``patience`` epochs."""
    if config.patience is None or not history:
        return False
    accuracies = [h["val_accuracy"] for h in history]
    return len(history) - 1 - accuracies.index(max(accuracies)) >= config.patience


def _seed_dropout(model: keras.Model, seed: int, epoch: int) -> None:
    """Start the masks of an epoch from (seed, epoch), so that a resumed run draws the same."""
    for layer in _every_layer(model):
        generator = getattr(layer, "seed_generator", None)
        if generator is not None:
            generator.state.assign(np.array([seed % 2**31, epoch], dtype=np.uint32))


def _every_layer(model: keras.Model) -> Iterator[keras.layers.Layer]:
    for layer in model.layers:
        yield layer
        if isinstance(layer, keras.Model):
            yield from _every_layer(layer)


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


def _read_progress(folder: Path) -> list[dict[str, float]]:
    path = folder / "progress.json"
    if not path.exists():
        return []
    return list(json.loads(path.read_text(encoding="utf-8"))["history"])


def _save_weights(model: keras.Model, path: Path) -> None:
    """Write next to ``path`` and rename, so that a kill never leaves half a file."""
    partial = path.with_name(f"partial-{path.name}")
    _bare(model).save_weights(partial, overwrite=True)
    os.replace(partial, path)


def _bare(model: keras.Model) -> keras.Model:
    """Return the same layers without the optimizer, whose state has no place beside the weights."""
    return keras.Model(model.inputs, model.outputs)


def _write_json(path: Path, value: dict[str, Any]) -> None:
    partial = path.with_name(f"partial-{path.name}")
    partial.write_text(json.dumps(value, indent=1), encoding="utf-8")
    os.replace(partial, path)
