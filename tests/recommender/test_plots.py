"""Plots are pictures, the same for the same figures, and bear gaps."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from PIL import Image

from recommender.metrics import Interval
from recommender.plots import (
    TradeOff,
    plot_accuracy_diversity,
    plot_segments,
    plot_systems,
    plot_trade_off,
)

LOW, HIGH = Interval(0.1, 0.08, 0.13), Interval(0.3, 0.28, 0.32)


def systems(path: Path) -> None:
    plot_systems({"a": LOW, "b": HIGH}, 20, path)


def scatter(path: Path) -> None:
    found: dict[str, tuple[Interval, Interval | float]] = {"a": (LOW, HIGH), "b": (HIGH, 0.5)}
    plot_accuracy_diversity(found, 20, path)


def segments(path: Path) -> None:
    plot_segments({"cold": {"a": LOW}, "warm": {"a": HIGH, "b": LOW}}, "nDCG@20", path)


def trade_off(path: Path) -> None:
    plot_trade_off([TradeOff(0, HIGH, HIGH), TradeOff(1, LOW, LOW)], 20, path)


@pytest.mark.parametrize("draw", [systems, scatter, segments, trade_off])
def test_the_same_figures_give_the_same_picture(
    draw: Callable[[Path], None], tmp_path: Path
) -> None:
    for name in "ab":
        draw(tmp_path / f"{name}.png")
    assert (tmp_path / "a.png").read_bytes() == (tmp_path / "b.png").read_bytes()
    with Image.open(tmp_path / "a.png") as picture:
        assert picture.width > 500
        darkest, brightest = picture.convert("L").getextrema()
    assert isinstance(darkest, int)
    assert darkest < 100
    assert brightest == 255
