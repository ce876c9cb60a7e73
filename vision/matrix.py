"""Run a matrix of experiments: row by row, resumable between rows and within one.

``OUT/<row>/`` is a run folder of :mod:`vision.training` with ``result.json`` beside; after every
row ``OUT/experiments.md``, ``experiments.json`` and ``experiments.png`` are written anew.
"""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import keras
import numpy as np
from numpy.typing import NDArray
from pydantic import ValidationError

from data.artifacts import file_sha256
from data.datasets.fer2013 import FerSplit, read_fer2013
from data.errors import AttuneError, TrainingError
from data.types import FloatArray
from vision.alignment import align_split
from vision.calibration import fit_temperature
from vision.complexity import count_macs
from vision.config import TrainingConfig
from vision.evaluation import evaluate_network, leaked_rows
from vision.matrix_config import Row, read_matrix
from vision.matrix_report import ExperimentResult, write_table
from vision.runs import keras_logits, load_run
from vision.training import TrainedRun, train_network
from vision.views import Network, both_views

Progress = Callable[[str], None]
RESULT = "result.json"


@dataclass(frozen=True, slots=True)
class Faces:
    """The three splits of FER2013."""

    training: FerSplit
    validation: FerSplit
    test: FerSplit

    @classmethod
    def read(cls, path: Path) -> Faces:
        """Read all of it, so that what is missing is noticed before the first row is run."""
        return cls(
            read_fer2013(path, "Training"),
            read_fer2013(path, "PublicTest"),
            read_fer2013(path, "PrivateTest"),
        )

    def sha256(self) -> str:
        """Return the hash of all pictures and labels."""
        digest = hashlib.sha256()
        for split in (self.training, self.validation, self.test):
            digest.update(split.images.tobytes() + split.labels.tobytes())
        return digest.hexdigest()


def run_matrix(
    path: Path,
    data: Path,
    out: Path,
    *,
    only: Sequence[str] = (),
    weights: Mapping[str, Path] | None = None,
    report: Progress = lambda line: None,
) -> list[ExperimentResult]:
    """Run the rows of a matrix that are not finished yet, and write the table.

    Args:
        path: the matrix file, see :mod:`vision.matrix_config`.
        data: FER2013 in any of its published forms.
        out: folder of the run folders and of the table; made if absent.
        only: names of the rows to run; all if empty. The table has every row in any case.
        weights: network name -> file that stands in for its ``weights = "imagenet"``.
        report: called with lines of progress.

    Returns:
        The results of the rows that were asked for, in their order.

    Raises:
        ConfigError: if a row of the file is wrong, or a name in ``only`` is no row's.
        DatasetNotFoundError: if FER2013 is not at ``data``.
        TrainingError: if a row's folder was made by another recipe, ``out`` from other data, or a
            row cannot be run; it names the row.
    """
    matrix = read_matrix(path, weights)
    chosen = matrix.select(only)
    for row in chosen:
        _check_unchanged(row, out / row.name)
    faces = Faces.read(data)
    _claim(out, faces.sha256())
    results = []
    for number, row in enumerate(chosen, start=1):
        place = f"row {number} of {len(chosen)}, {row.name}"
        results.append(_finished_row(row, faces, out / row.name, place, report))
        write_table(matrix, _results(matrix.rows, out), out)
    return results


def _finished_row(
    row: Row, faces: Faces, folder: Path, place: str, report: Progress
) -> ExperimentResult:
    result = _read_result(folder)
    if result is not None:
        _tidy(folder)
        report(f"{place}: finished before")
        return result
    try:
        return run_row(row, faces, folder, report=lambda line: report(f"{place}: {line}"))
    except AttuneError as exc:
        raise TrainingError(f"{place}: {exc}") from exc
    finally:
        keras.backend.clear_session()  # else every row's graph stays in memory


def run_row(
    row: Row, faces: Faces, folder: Path, *, report: Progress = lambda line: None
) -> ExperimentResult:
    """Train, choose the epoch and fit the temperature on PublicTest, score PrivateTest once.

    A row that was stopped goes on from its last finished epoch.
    """
    begun = (folder / "config.toml").exists()
    run = train_network(
        row.config, faces.training, faces.validation, folder, resume=begun, report=report
    )
    report("scoring")
    result = _score(row, run, faces)
    _write_text(folder / RESULT, result.model_dump_json(indent=1))
    _tidy(folder)
    report(f"PrivateTest accuracy {result.private_flipped.accuracy:.4f}, flip-averaged")
    return result


def _score(row: Row, run: TrainedRun, faces: Faces) -> ExperimentResult:
    model, config = load_run(run.folder)
    network = remembered(keras_logits(model))
    validation, test = faces.validation, faces.test
    if config.align:
        validation, test = align_split(validation), align_split(test)
    single, flipped = both_views(network, validation.images)
    temperatures = (
        fit_temperature(single, validation.labels),
        fit_temperature(flipped, validation.labels),
    )
    public = evaluate_network(network, validation, temperatures=temperatures)
    private = evaluate_network(network, test, temperatures=temperatures)
    fresh = ~leaked_rows(faces.test, faces.training)  # by the pictures as they were, not levelled
    right = both_views(network, test.images)[1].argmax(axis=1) == test.labels
    trained_on = int(json.loads((run.folder / "record.json").read_text("utf-8"))["data"]["rows"])
    accuracies = [epoch["val_accuracy"] for epoch in run.history]
    return ExperimentResult(
        name=row.name,
        config=config,
        weights_sha256=_weights_sha256(config),
        parameters=int(model.count_params()),
        macs=count_macs(model),
        rows=trained_on,
        pictures_seen=len(run.history) * _pictures_per_epoch(trained_on, config.batch_size),
        epochs=len(run.history),
        best_epoch=int(np.argmax(accuracies)) + 1,
        seconds=sum(epoch["seconds"] for epoch in run.history),
        cpu_seconds=_cpu_seconds(run.history),
        public_single=public.single,
        public_flipped=public.flipped,
        private_single=private.single,
        private_flipped=private.flipped,
        private_deleaked_accuracy=float(right[fresh].mean()) if fresh.any() else None,
        private_confusion=private.confusion,
        versions={"keras": keras.__version__, "backend": keras.backend.backend()},
    )


def remembered(network: Network) -> Network:
    """Return ``network`` that is asked about the same pictures once only: it may be slow."""
    known: dict[bytes, FloatArray] = {}

    def run(images: NDArray[np.uint8]) -> FloatArray:
        key = hashlib.sha256(images.tobytes()).digest()
        if key not in known:
            known[key] = network(images)
        return known[key]

    return run


def _weights_sha256(config: TrainingConfig) -> str | None:
    path = Path(config.network.weights)
    return file_sha256(path) if path.is_file() else None


def _pictures_per_epoch(rows: int, batch_size: int) -> int:
    return rows // batch_size * batch_size or rows


def _cpu_seconds(history: Sequence[dict[str, float]]) -> float | None:
    if not all("cpu_seconds" in epoch for epoch in history):
        return None
    return sum(epoch["cpu_seconds"] for epoch in history)


def _results(rows: Sequence[Row], out: Path) -> dict[str, ExperimentResult]:
    """Return what is finished by the present recipes; other results are nobody's."""
    found = {row.name: _read_result(out / row.name) for row in rows}
    return {
        row.name: result
        for row in rows
        if (result := found[row.name]) is not None and _same(result.config, row.config)
    }


def _read_result(folder: Path) -> ExperimentResult | None:
    path = folder / RESULT
    if not path.exists():
        return None
    try:
        return ExperimentResult.model_validate_json(path.read_bytes())
    except ValidationError as exc:
        raise TrainingError(f"{path} is no result of this version: remove {folder}") from exc


def _check_unchanged(row: Row, folder: Path) -> None:
    """Raise if the folder was made by another recipe.

    A finished row is also kept where its backbone's weights came from another place: ``imagenet``
    and a file that stood in for it are one row. The result tells the file's hash.
    """
    result, begun = _read_result(folder), folder / "config.toml"
    if result is not None:
        same, made = _same(result.config, row.config), result.config
    elif begun.exists():
        made = TrainingConfig.from_toml(begun)
        same = made == row.config
    else:
        return
    if not same:
        raise TrainingError(
            f"row {row.name} was made by another recipe ({_difference(made, row.config)}): remove "
            f"{folder} to run it anew, or name the other rows by --only"
        )


def _same(one: TrainingConfig, other: TrainingConfig) -> bool:
    return _any_weights(one) == _any_weights(other)


def _any_weights(config: TrainingConfig) -> TrainingConfig:
    if config.network.weights == "none":
        return config
    network = config.network.model_copy(update={"weights": "imagenet"})
    return config.model_copy(update={"network": network})


def _difference(made: TrainingConfig, wanted: TrainingConfig) -> str:
    before, now = _flat(made.model_dump(mode="json")), _flat(wanted.model_dump(mode="json"))
    return ", ".join(f"{k} was {before[k]}, is {now[k]}" for k in now if before[k] != now[k])


def _flat(values: dict[str, object], prefix: str = "") -> dict[str, object]:
    flat: dict[str, object] = {}
    for key, value in values.items():
        flat |= (
            _flat(value, f"{prefix}{key}.") if isinstance(value, dict) else {prefix + key: value}
        )
    return flat


def _claim(out: Path, sha256: str) -> None:
    """Write which data ``out`` is about, or raise if it is about others."""
    out.mkdir(parents=True, exist_ok=True)
    path = out / "data.json"
    if not path.exists():
        _write_text(path, json.dumps({"sha256": sha256}))
    elif json.loads(path.read_text("utf-8"))["sha256"] != sha256:
        raise TrainingError(f"the rows in {out} learned from other data: choose another --out")


def _tidy(folder: Path) -> None:
    """Remove what only an unfinished run needs; the history is in ``record.json`` too."""
    for pattern in ("checkpoint-*", "partial-*", "progress.json"):
        for path in folder.glob(pattern):
            path.unlink()


def _write_text(path: Path, text: str) -> None:
    partial = path.with_name(f"partial-{path.name}")
    partial.write_text(text, encoding="utf-8")
    os.replace(partial, path)
