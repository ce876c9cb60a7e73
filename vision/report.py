"""The evaluation of an expression network as files: Markdown, JSON and two plots."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeAlias

import numpy as np

from data.types import EMOTIONS, FloatArray
from vision.plots import plot_confusion, plot_mean_maps, plot_reliability, plot_risk_coverage

if TYPE_CHECKING:
    from vision.evaluation import Evaluation, Interval, Score


Maps: TypeAlias = Mapping[str, tuple[FloatArray, FloatArray]]


def write_report(
    evaluation: Evaluation, folder: Path, title: str, maps: Maps | None = None
) -> None:
    """Write ``report.md``, ``metrics.json`` and plots.

    Args:
        evaluation: what was measured.
        folder: made if absent.
        title: of the report.
        maps: mean occlusion maps of :func:`vision.explain.mean_maps`, drawn if given.
    """
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "metrics.json").write_text(
        json.dumps(_without_nan(asdict(evaluation)), indent=1), encoding="utf-8"
    )
    text = report_text(evaluation, title)
    if maps:
        plot_mean_maps(maps, folder / "heat_maps.png")
        text += _MAPS
    (folder / "report.md").write_text(text, encoding="utf-8")
    plot_risk_coverage(evaluation.accuracy_by_coverage, folder / "risk_coverage.png")
    plot_confusion(np.array(evaluation.confusion), folder / "confusion.png")
    plot_reliability(evaluation.reliability, folder / "reliability.png")


_MAPS = """
## What drove the answers

Mean occlusion maps over rightly read faces of each expression, on the mean of these faces: orange
where blurring costs the answer, purple where it helps.

![heat maps](heat_maps.png)
"""


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
        "- The surest answers: "
        + ", ".join(
            f"{share:.0%} of them {right:.1%} right" for share, right in e.accuracy_by_coverage
        )
        + " (risk and coverage).",
        "",
        "| true expression | pictures | recall |",
        "|---|---|---|",
        *(
            f"| {name} | {sum(row)} | {e.recall[name]:.1%} |"
            for name, row in zip(EMOTIONS, e.confusion, strict=True)
        ),
        "",
        "![confusion](confusion.png) ![reliability](reliability.png) ![risk](risk_coverage.png)",
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
