"""Arrays that processes share: the same values, read-only, never from a file that was changed."""

from __future__ import annotations

import os
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest
from numpy.testing import assert_array_equal
from scipy.sparse import csr_matrix, random

from data import mapped
from data.mapped import share_arrays, shared_bytes
from data.types import UserHistory
from recommender.bootstrap import build_pipeline
from recommender.engine import Engine
from recommender.query import Query
from tests.recommender import toys


class Part:
    """Looked into like an object of ours."""

    def __init__(self, values: np.ndarray, matrix: csr_matrix) -> None:
        self.values = values
        self.matrix = matrix
        self.by_name = {"again": values, "small": np.arange(3)}


@dataclass(frozen=True, slots=True)
class Frozen:
    parts: tuple[Part, ...]
    columns: np.ndarray


@pytest.fixture(autouse=True)
def _look_into_tests(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(mapped, "_OWN", (*mapped._OWN, "tests."))


def held() -> Frozen:
    rng = np.random.default_rng(7)
    values = rng.normal(size=(300, 40)).astype(np.float32)
    values[3, 5] = np.nan
    matrix = csr_matrix(random(200, 300, 0.2, random_state=1, dtype=np.float32))
    return Frozen((Part(values, matrix),), np.asfortranarray(rng.integers(0, 9, (90, 70))))


def files(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def test_values_stay_and_can_no_longer_be_changed(tmp_path: Path) -> None:
    mine, same = held(), held()
    total = share_arrays(mine, tmp_path, 1000)
    part, other = mine.parts[0], same.parts[0]
    assert_array_equal(part.values, other.values)
    assert_array_equal(part.matrix.toarray(), other.matrix.toarray())
    assert_array_equal(mine.columns, same.columns)
    assert mine.columns.flags.f_contiguous
    assert part.by_name["again"] is part.values
    assert part.values.ctypes.data % 64 == 0
    for array in (part.values, part.matrix.data, mine.columns):
        assert not array.flags.writeable
    assert part.by_name["small"].flags.writeable  # too small to matter
    stored = (part.values, part.matrix.data, part.matrix.indices, mine.columns)
    assert total == sum(array.nbytes for array in stored)


def test_the_second_process_maps_the_file_of_the_first(tmp_path: Path) -> None:
    first, second = held(), held()
    share_arrays(first, tmp_path, 1000)
    (file,) = tmp_path.iterdir()
    inode = file.stat().st_ino
    share_arrays(second, tmp_path, 1000)
    assert [path.stat().st_ino for path in tmp_path.iterdir()] == [inode]
    assert_array_equal(second.columns, first.columns)


@pytest.mark.parametrize("harm", ["change", "cut", "empty", "longer"])
def test_a_file_that_was_harmed_is_replaced(tmp_path: Path, harm: str) -> None:
    share_arrays(held(), tmp_path, 1000)
    (file,) = tmp_path.iterdir()
    whole = file.read_bytes()
    file.chmod(0o600)
    file.write_bytes(
        {
            "change": whole[:-200] + bytes([whole[-200] ^ 1]) + whole[-199:],
            "cut": whole[:-64],
            "empty": b"",
            "longer": whole + b"more",
        }[harm]
    )
    mine = held()
    share_arrays(mine, tmp_path, 1000)
    assert_array_equal(mine.parts[0].values, held().parts[0].values)
    assert_array_equal(mine.columns, held().columns)
    assert file.read_bytes() == whole
    assert files(tmp_path) == [file.name]


def test_a_file_goes_when_nobody_maps_it_any_more(tmp_path: Path) -> None:
    old, new = held(), held()
    new.parts[0].values[0, 0] += 1
    share_arrays(old, tmp_path, 1000)
    (tmp_path / ".left.partial").write_bytes(b"by one that was killed")
    (first,) = [name for name in files(tmp_path) if name.endswith(".arrays")]
    share_arrays(new, tmp_path, 1000)
    assert len(files(tmp_path)) == 2  # the old one is in use
    assert first in files(tmp_path)
    expected = held().columns
    assert_array_equal(old.columns, expected)
    del old
    share_arrays(held_with(2), tmp_path, 1000)
    assert first not in files(tmp_path)


def held_with(more: float) -> Frozen:
    found = held()
    found.parts[0].values[0, 0] += more
    return found


def test_processes_that_start_at_once_write_one_file(tmp_path: Path) -> None:
    code = (
        "import sys, pathlib\n"
        "from data.mapped import share_arrays\n"
        "from tests.recommender import toys\n"
        "model = toys.model()\n"
        "print(share_arrays(model, pathlib.Path(sys.argv[1]), 100) > 0, flush=True)\n"
        "sys.stdin.read()\n"
    )
    runs = [
        subprocess.Popen(
            [sys.executable, "-c", code, str(tmp_path)],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, env={**os.environ},
        )
        for _ in range(2)
    ]  # fmt: skip
    try:
        for run in runs:
            assert run.stdout is not None
            assert run.stdout.readline() == b"True\n"
        assert len(files(tmp_path)) == 1
    finally:
        for run in runs:
            run.communicate(timeout=60)


def test_where_nothing_can_be_written_the_arrays_stay_as_they_were(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("not a folder")
    mine = held()
    with pytest.raises(OSError, match="file"):
        share_arrays(mine, tmp_path / "file" / "arrays", 1000)
    mine.columns[0, 0] = 5
    assert mine.columns[0, 0] == 5


def test_a_model_answers_the_same_from_mapped_arrays(tmp_path: Path) -> None:
    plain, shared = (Engine(build_pipeline(toys.model())) for _ in range(2))
    share_arrays(shared, tmp_path, 1)
    assert shared_bytes(shared, 1)["private"] == 0
    query = Query("u", n=10)
    history = UserHistory("u", True, ("s00", "s04"), (1.0, 1.0))
    assert shared.recommend(query, history) == plain.recommend(query, history)
    fresh = toys.songs()[:2]
    vectors = np.full((2, 384), np.nan, dtype=np.float32)
    assert shared.with_songs(fresh, vectors).recommend(query, history).songs
