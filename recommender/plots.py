"""Plots of evaluations; matplotlib comes with the extra and is loaded when a plot is drawn."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from data.errors import MissingExtraError

if TYPE_CHECKING:
    from recommender.evaluation import SystemScore


def plot_systems(table: Mapping[str, SystemScore], cutoff: int, path: Path) -> None:
    """Draw nDCG of every system with its interval into a PNG.

    Raises:
        MissingExtraError: if matplotlib is not installed.
    """
    try:
        from matplotlib.figure import Figure
    except ModuleNotFoundError as exc:
        raise MissingExtraError("plots need matplotlib: pip install 'attune[train]'") from exc
    figure = Figure(figsize=(7, 0.6 * len(table) + 1.2), layout="constrained")
    axes = figure.subplots()
    for row, (name, score) in enumerate(table.items()):
        error = [[score.ndcg.mean - score.ndcg.low], [score.ndcg.high - score.ndcg.mean]]
        axes.barh(row, score.ndcg.mean, xerr=error, color="#1d5c4b", ecolor="#b23a1e", capsize=4)
        axes.text(0, row - 0.42, name, va="bottom", fontsize=8)
    axes.set_yticks([])
    axes.invert_yaxis()
    axes.set_xlabel(f"nDCG@{cutoff}, 95 % interval over users")
    figure.savefig(path, dpi=120)
