"""The benchmark: whole rows from real processes, and a table that says what is not known."""

from __future__ import annotations

import math
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from data.datasets.fer2013 import FerSplit, Usage, read_fer2013
from data.errors import BenchmarkError, MissingExtraError
from vision.benchmark import (
    LeftOut,
    Measured,
    Task,
    measure_all,
    run_contestant,
    run_process,
    tasks_of,
)
from vision.benchmark_photo import STAGES, PhotoTask, photo_rows, run_photo
from vision.benchmark_process import middle_and_tail, time_calls
from vision.benchmark_report import as_values, notes, photo_text, table_text, times_faster
from vision.config import ImageLimits
from vision.contestants import open_contestant
from vision.drawn_photo import drawn_photo, fitted_photo
from vision.faces import FaceFinder
from vision.images import decode_image

QUICK = Task("onnx", repeats=5, seconds=0.02)
RATES = {"1": 10.0, "2": 20.0, "4": 30.0, "16": 40.0}
OURS = Measured("onnx", 0.2, 0.3, 1.0, 2.0, RATES, 50.0, 60.0, 0.7, (0.69, 0.71), 0.02)
BASE = Measured("keras_predict", 3.0, 4.0, 40.0, 50.0, RATES | {"1": 2.0}, 500.0, 600.0)
PEER = replace(BASE, contestant="peer_predict", note="theirs", accuracy=0.6, interval=(0.5, 0.7))


def test_our_network_is_measured_in_a_process_of_its_own() -> None:
    row = run_process(QUICK)
    assert row.contestant == "onnx"
    assert 0 < row.p50_ms <= row.p99_ms
    assert set(row.faces_per_s) == {"1", "2", "4", "16"}
    assert min(row.faces_per_s.values()) > 0
    assert 0 < row.import_s < row.ready_s
    assert 20 < row.resident_mb <= row.peak_mb
    assert math.isnan(row.accuracy)


@pytest.mark.shared
def test_accuracy_is_of_the_split_asked_for(shared: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def first_faces(folder: Path, usage: Usage) -> FerSplit:
        return read_fer2013(folder, usage).take(np.arange(400))

    monkeypatch.setattr("vision.benchmark.read_fer2013", first_faces)
    data = str(shared / "datasets" / "fer2013")
    row = run_contestant(Task("onnx", data=data, repeats=5, seconds=0.02))
    assert row.interval[0] < row.accuracy < row.interval[1]
    assert 0.6 < row.accuracy < 0.8
    assert row.ece < 0.15


def test_what_cannot_be_measured_is_told_and_the_rest_goes_on() -> None:
    tasks = [(Task("peer_predict", model="gone.hdf5"), "gone"), (QUICK, "")]
    rows, left_out = measure_all(tasks)
    assert [row.contestant for row in rows] == ["onnx"]
    assert left_out[0].contestant == "peer_predict gone"
    assert "no peer's model at gone.hdf5" in left_out[0].why
    with pytest.raises(BenchmarkError, match="no contestant"):
        open_contestant("someone", "")


def test_without_keras_the_extra_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "keras", None)
    with pytest.raises(MissingExtraError, match=r"attune\[train\]"):
        open_contestant("keras_predict", "")


def test_peers_are_files_or_folders_of_files(tmp_path: Path) -> None:
    for name in ("b.hdf5", "a.keras", "LICENSE"):
        (tmp_path / name).touch()
    tasks = tasks_of(None, [tmp_path], None, "PublicTest", 5)
    names = [(task.contestant, peer) for task, peer in tasks]
    assert names == [
        ("onnx", ""), ("onnx_flipped", ""), ("keras_predict", ""), ("keras_function", ""),
        ("peer_predict", "a"), ("peer_function", "a"),
        ("peer_predict", "b"), ("peer_function", "b"),
    ]  # fmt: skip
    assert tasks_of(None, [tmp_path / "b.hdf5"], None, "PublicTest", 5)[-1][1] == "b"
    (tmp_path / "empty").mkdir()
    for path in (tmp_path / "gone", tmp_path / "empty"):
        with pytest.raises(BenchmarkError, match="give a file, or a folder"):
            tasks_of(None, [path], None, "PublicTest", 5)


def test_the_run_is_that_of_keras_alone(tmp_path: Path) -> None:
    models = {
        task.contestant: task.model for task, _ in tasks_of(tmp_path, [], None, "PublicTest", 5)
    }
    assert models == {
        "onnx": "", "onnx_flipped": "",
        "keras_predict": str(tmp_path), "keras_function": str(tmp_path),
    }  # fmt: skip


def test_the_table_compares_with_keras_predict() -> None:
    first, second = table_text([OURS, BASE], "PublicTest").splitlines()[2:]
    assert "70.0% (69.0%–71.0%) | 0.020 | 1.00 / 2.00 | 40.0 / 5.0 |" in first
    assert "| 50 / 60 | 0.2 / 0.3 |" in first
    assert "| - | - | 40.00 / 50.00 | 1.0 / 1.0 |" in second
    assert times_faster(OURS, [OURS]) == (None, None)
    assert "| - / - |" in table_text([OURS], "PublicTest")


def test_json_has_null_for_what_is_not_known() -> None:
    values = as_values([OURS, BASE], [LeftOut("peer_predict x", "gone")])
    ours, base = values["contestants"]
    assert (ours["accuracy"], ours["times_by_p50"], ours["times_by_rate"]) == (0.7, 40.0, 5.0)
    assert (base["accuracy"], base["interval"], base["ece"]) == (None, None, None)
    assert values["left_out"] == [{"contestant": "peer_predict x", "why": "gone"}]


def test_the_notes_say_what_flatters_whom_and_what_is_missing() -> None:
    left = [LeftOut("keras_predict", "needs Keras")]
    bare = " ".join(notes([OURS], left, "PublicTest", data=False, run=False))
    for words in ("left out: keras_predict (needs Keras)", "--data", "--peers"):
        assert words in bare
    assert "random weights" not in bare
    assert "random weights" in " ".join(notes([OURS, BASE], [], "PublicTest", data=True, run=False))
    private = " ".join(notes([OURS, BASE, PEER], [], "PrivateTest", data=True, run=True))
    assert "chosen on PrivateTest, which flatters them" in private
    assert "--peers" not in private
    public = " ".join(notes([OURS, BASE, PEER], [], "PublicTest", data=True, run=True))
    assert "which flatters us" in public


def test_laps_leave_out_the_warm_up() -> None:
    calls: list[int] = []
    laps = time_calls(calls.append, 5, warm=3)
    assert calls == [0, 1, 2, 0, 1, 2, 3, 4]
    assert len(laps) == 5
    assert middle_and_tail([3.0, 1.0, 2.0]) == pytest.approx((2.0, 2.98))


def test_the_drawn_photo_shows_one_face_where_it_was_drawn() -> None:
    picture = decode_image(drawn_photo(), ImageLimits())
    assert picture.shape == (720, 1280, 3)
    assert drawn_photo() == drawn_photo()
    [face] = FaceFinder().find(picture)
    assert face.square.x == pytest.approx(640, abs=30)
    assert 200 < face.square.size < 450


def test_a_fitted_photo_is_whole_and_of_720_lines() -> None:
    upright = np.zeros((100, 50, 3), dtype=np.uint8)
    upright[:, :, 0] = 200
    picture = decode_image(fitted_photo(upright), ImageLimits())
    assert picture.shape == (720, 1280, 3)
    assert np.abs(picture[..., 0].astype(int) - 200).max() < 10


def test_a_photo_is_measured_stage_by_stage() -> None:
    rows = photo_rows(None, repeats=3, seconds=0.05)
    for stage in STAGES:
        assert 0 < rows[f"{stage}_p50_ms"] <= rows[f"{stage}_p99_ms"]
    assert rows["images_per_s_one_core"] > 0
    text = photo_text(rows, "drawn")
    assert "1280 x 720 JPEG (drawn)" in text
    assert "| one process, one core |" in text


@pytest.mark.shared
def test_a_photo_of_ones_own(shared: Path) -> None:
    photos = shared / "datasets" / "photos"
    rows = run_photo(PhotoTask(str(photos / "happy.jpg"), repeats=2))
    assert set(rows) == {f"{stage}_{point}_ms" for stage in STAGES for point in ("p50", "p99")}
    with pytest.raises(BenchmarkError, match="no face is found"):
        run_photo(PhotoTask(str(photos / "no_face_1.jpg")))


def test_a_photo_that_cannot_be_read(tmp_path: Path) -> None:
    with pytest.raises(BenchmarkError, match=r"PhotoTask: .*gone\.jpg cannot be read"):
        photo_rows(tmp_path / "gone.jpg", repeats=3)
    (tmp_path / "text.jpg").write_text("no picture")
    with pytest.raises(BenchmarkError, match="not JPEG, PNG or WebP"):
        run_photo(PhotoTask(str(tmp_path / "text.jpg")))
