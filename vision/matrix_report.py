"""The table of a matrix of experiments: Markdown, JSON and accuracy over operations."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from pydantic import Field

from data.config import FrozenConfig
from vision.config import TrainingConfig
from vision.evaluation import Score
from vision.matrix_config import Matrix, Row
from vision.plots import plot_accuracy_over_cost

_HEAD = (
    "experiment", "parameters", "MACs", "pictures seen", "epochs (best)", "minutes", "CPU minutes",
    "PublicTest", "PrivateTest", "PrivateTest, flip-averaged", "macro-F1", "ECE(15) before",
    "after",
)  # fmt: skip
_NOTES = """\
95 % bootstrap intervals. The epoch was chosen and the temperature fitted on PublicTest, which is
therefore no independent score; PrivateTest was scored once per row, after training. PublicTest and
PrivateTest are of one view; macro-F1 and ECE of the flip-averaged answers, ECE before and after
temperature scaling. MACs are multiply-accumulates of convolutions and dense layers for one picture.
Minutes are of training, with the validation of every epoch. A best epoch that is the last one says
that more epochs would have helped: read the row together with its budget.
"""


class ExperimentResult(FrozenConfig):
    """What a finished row gave; ``result.json`` of its folder.

    The temperatures of the scores were fitted on PublicTest, on which the epoch was chosen too;
    PrivateTest was scored once, afterwards.
    """

    name: str
    config: TrainingConfig
    weights_sha256: str | None = Field(description="of the file that a backbone started from")
    parameters: int
    macs: int = Field(description="multiply-accumulates for one picture")
    rows: int = Field(description="pictures trained on")
    pictures_seen: int = Field(description="over all epochs; those left over by batches are not")
    epochs: int = Field(description="that were run")
    best_epoch: int = Field(description="counted from 1; its weights are the ones scored")
    seconds: float = Field(description="wall-clock time of all epochs")
    cpu_seconds: float | None = Field(description="the same of all cores, where it was measured")
    public_single: Score
    public_flipped: Score
    private_single: Score
    private_flipped: Score
    private_deleaked_accuracy: float | None = Field(description="flip-averaged, without copies")
    private_confusion: tuple[tuple[int, ...], ...] = Field(description="flip-averaged, true first")
    versions: dict[str, str]


def write_table(matrix: Matrix, results: Mapping[str, ExperimentResult], folder: Path) -> None:
    """Write ``experiments.md``, ``experiments.json`` and ``experiments.png``.

    Args:
        matrix: all rows; one without a result is listed as not run.
        results: of the rows that are finished, by name.
        folder: where the files go.
    """
    _write(folder / "experiments.md", table_text(matrix, results))
    listed = [_listed(row, results.get(row.name)) for row in matrix.rows]
    text = json.dumps({"budget": matrix.budget, "experiments": listed}, indent=1)
    _write(folder / "experiments.json", text)
    points = [(r.name, r.macs, r.private_flipped.accuracy) for r in results.values()]
    plot_accuracy_over_cost(points, folder / "experiments.png")


def table_text(matrix: Matrix, results: Mapping[str, ExperimentResult]) -> str:
    """Return the table as Markdown, one part per study."""
    lines = ["# Experiments", "", matrix.budget, "", _NOTES]
    for study in dict.fromkeys(row.experiment.study for row in matrix.rows):
        members = [row for row in matrix.rows if row.experiment.study == study]
        lines += [f"## {study}", "", _cells(_HEAD), _cells(["---"] * len(_HEAD))]
        lines += [_line(row, results.get(row.name)) for row in members]
        lines += ["", *(_described(row, results.get(row.name)) for row in members), ""]
    lines += ["![accuracy over operations](experiments.png)", ""]
    return "\n".join(lines)


def _line(row: Row, result: ExperimentResult | None) -> str:
    if result is None:
        return _cells([row.name, *["not run"] * (len(_HEAD) - 1)])
    r, flipped = result, result.private_flipped
    return _cells(
        [
            row.name,
            f"{r.parameters:,}",
            f"{r.macs / 1e6:,.1f} M",
            f"{r.pictures_seen:,}",
            f"{r.epochs} ({r.best_epoch})",
            f"{r.seconds / 60:.1f}",
            "-" if r.cpu_seconds is None else f"{r.cpu_seconds / 60:.1f}",
            _percent(r.public_single.accuracy, r.public_single.accuracy_interval),
            _percent(r.private_single.accuracy, r.private_single.accuracy_interval),
            _percent(flipped.accuracy, flipped.accuracy_interval),
            _plain(flipped.macro_f1, flipped.macro_f1_interval),
            f"{flipped.ece_raw:.3f}",
            _plain(flipped.ece, flipped.ece_interval),
        ]
    )


def _described(row: Row, result: ExperimentResult | None) -> str:
    """One line: where the recipe starts, what it changes, what it may take."""
    e = row.experiment
    start = f"as {e.like}" if e.like else e.config or "a recipe of its own"
    changes = ", ".join(f"`{key} = {_value(value)}`" for key, value in e.set.items())
    text = f"- **{row.name}**: {start}{', ' if changes else ''}{changes}."
    if e.budget:
        text += f" Budget: {e.budget}"
    if result is not None and result.weights_sha256:
        name = Path(result.config.network.weights).name
        text += f" Started from {name} (sha256 {result.weights_sha256[:12]})."
    return text


def _value(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False)


def _listed(row: Row, result: ExperimentResult | None) -> dict[str, Any]:
    experiment = row.experiment.model_dump(mode="json", exclude_none=True)
    values = None if result is None else result.model_dump(mode="json")
    return experiment | {"result": values}


def _percent(value: float, interval: tuple[float, float]) -> str:
    return f"{value:.1%} ({interval[0]:.1%}–{interval[1]:.1%})"


def _plain(value: float, interval: tuple[float, float]) -> str:
    return f"{value:.3f} ({interval[0]:.3f}–{interval[1]:.3f})"


def _cells(values: Sequence[str]) -> str:
    return f"| {' | '.join(values)} |"


def _write(path: Path, text: str) -> None:
    partial = path.with_name(f"partial-{path.name}")
    partial.write_text(text, encoding="utf-8")
    os.replace(partial, path)
