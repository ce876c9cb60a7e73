"""The comparison of reductions as files: Markdown, JSON and a plot."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any, BinaryIO

from data.errors import MissingExtraError
from data.files import replace_file, replace_text
from nlp.reduction_study import AXES, FULL, Comparison, ReductionConfig, Row

_BANDED = "PCA"
_STYLES = ("-", "-", "--", "-")  # truncated SVD lies on PCA in most panels
_HEAD = (
    "| method | dimensions | variance | overlap, cosine | overlap, distance | valence R² (95 %) "
    "| arousal R² (95 %) | MB | fit, s | query, ms |"
)


def write_reduction(out: Path, config: ReductionConfig, found: Comparison) -> None:
    """Write ``metrics.json``, ``report.md``, and where matplotlib is installed ``reduction.png``.

    Args:
        out: folder, made if absent.
        config: what was compared.
        found: what was measured.
    """
    replace_text(out / "metrics.json", json.dumps(asdict(found), indent=1))
    text = report_text(config, found)
    try:
        replace_file(out / "reduction.png", lambda stream: plot_reduction(stream, config, found))
        text += "\n![quality and speed by dimensions](reduction.png)\n"
    except MissingExtraError as exc:
        text += f"\nNo plot: {exc}.\n"
    replace_text(out / "report.md", text)


def report_text(config: ReductionConfig, found: Comparison) -> str:
    """Return the report as Markdown."""
    n = config.neighbours
    return "\n".join(
        [
            "# Reduction of lyric vectors",
            "",
            f"{found.songs} songs; {min(config.queries, found.songs)} of them looked up among all; "
            f"R² of ridge on {found.labelled} songs of {found.artists} artists with mood labels, "
            f"{config.folds} artist-disjoint folds, reducer and penalty from the training part "
            "alone, interval by bootstrap over artists.",
            "",
            "- variance: share that the best linear map from the reduced vectors gives back.",
            f"- overlap@{n}: share of a song's {n} nearest by cosine of whole vectors that are "
            f"among its {n} nearest by cosine, or by distance, of the reduced ones.",
            f"- query: median time to reduce one vector and find its {n} nearest; one thread.",
            "",
            _HEAD,
            "|---" * (_HEAD.count("|") - 1) + "|",
            *(_line(row) for row in found.rows),
            "",
            "Fewest principal components that keep a share of the variance: "
            + ", ".join(f"{share:.0%} {k}" for share, k in found.sizes.items())
            + ".",
            "",
            "| fit of principal components | s | MB beside the vectors | variance kept |",
            "|---|---|---|---|",
            *(
                f"| {name} | {cost.seconds:.2f} | {cost.megabytes:.1f} | {cost.kept:.3%} |"
                for name, cost in found.streamed.items()
            ),
            "",
        ]
    )


def _line(row: Row) -> str:
    moods = [row.mood[axis] for axis in AXES]
    return (
        f"| {row.method} | {row.dimensions} | {row.explained:.1%} | {row.by_cosine:.3f} "
        f"| {row.by_distance:.3f} | "
        + " | ".join(f"{m.r2:.3f} ({m.low:.3f} to {m.high:.3f})" for m in moods)
        + f" | {row.megabytes:.1f} | {row.fit_seconds:.2f} | {row.query_ms:.2f} |"
    )


def plot_reduction(stream: BinaryIO, config: ReductionConfig, found: Comparison) -> None:
    """Write a PNG of quality and speed against dimensions, one line per method.

    Raises:
        MissingExtraError: if matplotlib is not installed.
    """
    try:
        from matplotlib.figure import Figure
    except ImportError as exc:
        raise MissingExtraError("matplotlib is not installed: pip install 'attune[train]'") from exc
    figure: Any = Figure(figsize=(11, 6.6), layout="constrained")
    panels = figure.subplots(2, 3).ravel()
    full, *rest = found.rows
    for i, method in enumerate(dict.fromkeys(row.method for row in rest)):
        rows = [row for row in rest if row.method == method]
        _draw(panels, rows, method, _STYLES[i % len(_STYLES)])
    n = config.neighbours
    titles = (
        "variance given back",
        f"overlap@{n} by cosine",
        f"overlap@{n} by distance",
        f"valence R² (band: 95 % of {_BANDED})",
        f"arousal R² (band: 95 % of {_BANDED})",
        f"time of a top-{n} query, ms",
    )
    marks = (None, None, None, full.mood["valence"].r2, full.mood["arousal"].r2, full.query_ms)
    for panel, title, mark in zip(panels, titles, marks, strict=True):
        if mark is not None:
            panel.axhline(mark, color="0.4", linewidth=1, linestyle="--", label=FULL)
        panel.set_xscale("log", base=2)
        ticks = sorted({row.dimensions for row in rest})
        panel.set_xticks(ticks, [str(k) for k in ticks], fontsize=6)
        panel.set_xticks([], minor=True)
        panel.set(title=title, xlabel="dimensions")
    for panel in panels[:3]:
        panel.set_ylim(0, 1.03)
    panels[5].set_ylim(bottom=0)
    lines, names = panels[3].get_legend_handles_labels()
    figure.legend(lines, names, loc="outside lower center", ncols=len(names), fontsize=8)
    figure.savefig(stream, format="png", dpi=110)


def _draw(panels: Sequence[Any], rows: Sequence[Row], method: str, style: str) -> None:
    sizes = [row.dimensions for row in rows]
    marks = {"marker": "o", "markersize": 3, "linestyle": style, "label": method}
    panels[0].plot(sizes, [row.explained for row in rows], **marks)
    panels[1].plot(sizes, [row.by_cosine for row in rows], **marks)
    panels[2].plot(sizes, [row.by_distance for row in rows], **marks)
    for panel, axis in zip(panels[3:5], AXES, strict=True):
        scores = [row.mood[axis] for row in rows]
        (line,) = panel.plot(sizes, [s.r2 for s in scores], **marks)
        if method == _BANDED:  # the intervals of the others are as wide: they would hide the lines
            lows, highs = [s.low for s in scores], [s.high for s in scores]
            panel.fill_between(sizes, lows, highs, color=line.get_color(), alpha=0.12, linewidth=0)
    panels[5].plot(sizes, [row.query_ms for row in rows], **marks)
