"""Where the data set's frame sits around found faces, on real faces and the shipped network."""

from __future__ import annotations

from importlib.resources import files
from pathlib import Path

import numpy as np
import pytest

from data.datasets.fer2013 import read_fer2013
from vision.classifier import EmotionClassifier
from vision.framing import measure_framing
from vision.plots import plot_framing

WEIGHTS = Path(str(files("vision"))) / "weights"


@pytest.mark.shared
def test_the_best_framing_is_that_of_the_data_set(shared: Path) -> None:
    split = read_fer2013(shared / "datasets" / "fer2013", "PublicTest").take(np.arange(50))
    classifier = EmotionClassifier.load(WEIGHTS / "emotion.onnx", WEIGHTS / "emotion.json")
    frame, scores = measure_framing(classifier, split, (1.0, 1.6))
    assert frame.pictures == 50
    assert 25 < frame.found <= 50
    assert frame.side == pytest.approx(1, abs=0.1)
    assert (frame.right, frame.down) == pytest.approx((0, 0), abs=0.05)
    own = scores[0]
    assert own.margin == 0
    nll = {(s.margin, s.level_eyes): s.nll for s in scores[1:]}
    assert set(nll) == {(1.0, True), (1.6, True), (1.0, False), (1.6, False)}
    assert max(nll[1.0, True], nll[1.0, False]) < min(nll[1.6, True], nll[1.6, False])


def test_the_curve_is_drawn(tmp_path: Path) -> None:
    plot_framing([(1.0, 0.9), (1.2, 1.0)], [(1.0, 0.9), (1.2, 1.1)], 0.8, tmp_path / "f.png")
    assert (tmp_path / "f.png").read_bytes().startswith(b"\x89PNG")
