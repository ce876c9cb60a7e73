"""Tables and plots of the studies on ratings."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import Any

from data.errors import MissingExtraError
from recommender.emotion.config import RatingsConfig
from recommender.emotion.ratings import RatingsResult
from recommender.metrics import Interval


def summarise_ratings(result: RatingsResult) -> dict[str, Any]:
    """Return every figure, ready for JSON."""
    return asdict(result)


def describe_ratings(name: str, result: RatingsResult, config: RatingsConfig) -> list[str]:
    """Return the section of the report."""
    lines = [
        f"## {name}",
        "",
        f"{result.users} users; {result.splits} splits, {result.scored:.0f} scored ratings each; "
        f"liked is a rating of {config.liked:g} or more. Means over splits, 95 % bootstrap over "
        f"users. Permuted: emotions of the scored ratings exchanged, mean of "
        f"{config.permutations}; permuted in training: fitted on exchanged emotions, mean of "
        f"{config.retrained}.",
        "",
        "| known | AUC | RMSE |",
        "|---|---|---|",
    ]
    for system, area in result.areas.items():
        lines.append(f"| {system} | {area} | {result.errors[system]} |")
    lines += ["", "| paired difference | AUC | RMSE (below 0 is better) |", "|---|---|---|"]
    for pair, difference in result.differences.items():
        error = result.error_differences[pair]
        lines.append(f"| {pair} | {_signed(difference)} | {_signed(error)} |")
    return [*lines, ""]


def plot_ratings(name: str, result: RatingsResult, path: Path) -> None:
    """Draw the AUC of every variant and control into a PNG.

    Raises:
        MissingExtraError: if matplotlib is not installed.
    """
    try:
        from matplotlib.figure import Figure
    except ModuleNotFoundError as exc:
        raise MissingExtraError("plots need matplotlib: pip install 'attune[train]'") from exc
    figure = Figure(figsize=(7, 0.4 * len(result.areas) + 1), layout="constrained")
    axes = figure.subplots()
    for row, (system, area) in enumerate(result.areas.items()):
        error = [[area.mean - area.low], [area.high - area.mean]]
        colour = "#D55E00" if "permuted" in system else "#0072B2"
        axes.errorbar(area.mean, row, xerr=error, marker="o", color=colour, capsize=3)
    axes.set_yticks(range(len(result.areas)), [*result.areas], fontsize=8)
    axes.invert_yaxis()
    axes.set_xlabel(f"{name}: AUC, 95 % over users")
    figure.savefig(path, dpi=120)


def _signed(value: Interval) -> str:
    return f"{value.mean:+.4f} ({value.low:+.4f}..{value.high:+.4f})"
