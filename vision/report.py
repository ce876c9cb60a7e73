"""The evaluation of an expression network as files: Markdown, JSON and two plots."""

from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from data.types import EMOTIONS
from vision.plots import plot_confusion, plot_reliability

if TYPE_CHECKING:
    from vision.evaluation import Evaluation, Interval, Score


def write_report(evaluation: Evaluation, folder: Path, title: str) -> None:
    """Write ``report.md``, ``metrics.json``, ``confusion.png`` and ``reliability.png``."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "metrics.json").write_text(
        json.dumps(_without_nan(asdict(evaluation)), indent=1), encoding="utf-8"
    )
    (folder / "report.md").write_text(report_text(evaluation, title), encoding="utf-8")
    plot_confusion(np.array(evaluation.confusion), folder / "confusion.png")
    plot_reliability(evaluation.reliability, folder / "reliability.png")


def _without_nan(value: Any) -> Any:
    """Replace NaN, which is not JSON, by None."""
    if isinstance(value, dict):
        return {k: _without_nan(v) for k, v in value.items()}
    if isinstance(value, list | tuple):
        return [_without_nan(v) for v in value]
    return None if isinstance(value, float) and np.isnan(value) else value


def report_text(evaluation: Evaluation, title: str) -> str:
    """Return the report as Markdown."""
    e, best = evaluation, evaluation.best
    lines = [
        f"# {title}",
        "",
        f"{e.rows} pictures; 95 % bootstrap intervals; served view: {e.served}.",
        "",
        "| view | accuracy | macro-F1 | ECE(15) before | after | NLL | Brier | temperature |",
        "|---|---|---|---|---|---|---|---|",
        _row("single", e.single),
        _row("flip-averaged", e.flipped),
        "",
    ]
    if e.deleaked_accuracy is not None and e.deleaked_interval is not None:
        lines.append(
            f"- Without the {e.rows - (e.deleaked_rows or 0)} that have a copy in Training: "
            f"{_with_interval(e.deleaked_accuracy, e.deleaked_interval)} on {e.deleaked_rows}."
        )
    if e.ferplus_accuracy is not None:
        lines.append(
            f"- Against the FER+ majority: {e.ferplus_accuracy:.1%} on the {e.ferplus_rows} "
            "pictures whose voters agree on one of the seven."
        )
    lines += [
        f"- Confidence of at least {e.threshold:.3f}: {e.coverage:.1%} of answers, "
        f"{e.certain_accuracy:.1%} of them right; the others are called uncertain "
        f"({best.accuracy:.1%} right over all).",
        "",
        "| true expression | pictures | recall |",
        "|---|---|---|",
        *(
            f"| {name} | {sum(row)} | {e.recall[name]:.1%} |"
            for name, row in zip(EMOTIONS, e.confusion, strict=True)
        ),
        "",
        "![confusion](confusion.png) ![reliability](reliability.png)",
        "",
    ]
    return "\n".join(lines)


def _row(name: str, s: Score) -> str:
    return (
        f"| {name} | {_with_interval(s.accuracy, s.accuracy_interval)} | "
        f"{_with_interval(s.macro_f1, s.macro_f1_interval)} | {s.ece_raw:.4f} | {s.ece:.4f} | "
        f"{s.nll:.4f} | {s.brier:.4f} | {s.temperature:.3f} |"
    )


def _with_interval(value: float, interval: Interval) -> str:
    return f"{value:.2%} ({interval[0]:.2%}–{interval[1]:.2%})"
