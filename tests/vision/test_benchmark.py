"""The benchmark: whole rows from real processes, and a table that says what is not known."""

from __future__ import annotations

import math
from pathlib import Path

import pytest

from data.errors import BenchmarkError
from vision.benchmark import Measured, Task, photo_rows, run_contestant, run_process, table_text
from vision.contestants import open_contestant

QUICK = Task("onnx", repeats=5, seconds=0.02)


def test_our_network_is_measured_in_a_process_of_its_own() -> None:
    row = Measured(**run_process(QUICK))
    assert row.contestant == "onnx"
    assert 0 < row.p50_ms <= row.p99_ms
    assert set(row.faces_per_s) == {"1", "2", "4", "16"}
    assert min(row.faces_per_s.values()) > 0
    assert row.ready_s > 0
    assert row.resident_mb > 20
    assert math.isnan(row.accuracy)


@pytest.mark.shared
def test_accuracy_is_of_the_split_asked_for(shared: Path) -> None:
    data = str(shared / "datasets" / "fer2013")
    row = run_contestant(Task("onnx", data=data, repeats=5, seconds=0.02))
    assert row.interval[0] < row.accuracy < row.interval[1]
    assert 0.6 < row.accuracy < 0.8
    assert row.ece < 0.1


def test_what_cannot_be_measured_is_told() -> None:
    with pytest.raises(BenchmarkError, match="no peer's model"):
        run_process(Task("peer_predict", model="gone.hdf5"))
    with pytest.raises(BenchmarkError, match="no contestant"):
        open_contestant("someone", "")


def test_the_table_compares_with_keras_predict() -> None:
    rates = {"1": 10.0, "2": 20.0, "4": 30.0, "16": 40.0}
    rows = [
        Measured("onnx", 0.2, 1.0, 2.0, rates, 50.0, 0.7, (0.69, 0.71), 0.02),
        Measured("keras_predict", 3.0, 40.0, 50.0, rates, 500.0),
    ]
    first, second = table_text(rows, "PublicTest").splitlines()[2:]
    assert "70.0% (69.0%–71.0%) | 0.020 | 1.00 / 2.00 | 40.0 |" in first
    assert "| - | - | 40.00 / 50.00 | 1.0 |" in second


@pytest.mark.shared
def test_a_photo_is_measured_stage_by_stage(shared: Path) -> None:
    rows = photo_rows(shared / "datasets" / "photos" / "happy.jpg", repeats=3)
    for stage in ("decode", "find", "crop", "classify", "whole"):
        assert 0 < rows[f"{stage}_p50_ms"] <= rows[f"{stage}_p99_ms"]
    assert rows["whole_p50_ms"] > rows["find_p50_ms"]
    assert rows["images_per_s"] > 0
    with pytest.raises(BenchmarkError, match="no face"):
        photo_rows(shared / "datasets" / "photos" / "no_face_1.jpg", repeats=3)
