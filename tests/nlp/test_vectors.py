from __future__ import annotations

import hashlib
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from data.types import FloatArray
from nlp import vectors as vectors_module
from nlp.errors import VectorStoreError
from nlp.vectors import VectorStore

ROOT = Path(__file__).resolve().parents[2]


def key(name: object) -> str:
    return hashlib.sha256(str(name).encode()).hexdigest()


def rows(n: int, start: int = 0) -> FloatArray:
    return (np.arange(start, start + n)[:, None] + np.zeros((1, 4))).astype(np.float32)


def store(path: Path, **options: object) -> VectorStore:
    return VectorStore(path, dimension=4, **options)  # type: ignore[arg-type]


def test_unknown_keys_are_nan_and_known_ones_come_back(tmp_path: Path) -> None:
    s = store(tmp_path / "v.npz")
    assert np.isnan(s.get([key("a"), None])).all()
    assert s.get([]).shape == (0, 4)
    s.put([key("a"), key("b")], rows(2))
    found = s.get([key("b"), key("x"), None, key("a"), key("b")])
    assert found.dtype == np.float32
    np.testing.assert_array_equal(found[[0, 3, 4]], [[1] * 4, [0] * 4, [1] * 4])
    assert np.isnan(found[[1, 2]]).all()
    assert len(s) == 2
    assert s.missing([key("x"), key("a"), key("x")]) == [key("x")]


def test_the_last_write_of_a_key_wins_before_and_after_compaction(tmp_path: Path) -> None:
    s = store(tmp_path / "v.npz")
    keys = [key(i) for i in range(50)]
    s.put(keys, rows(50))
    s.compact()
    s.put([keys[7], key("new")], rows(2, start=500))
    for _ in range(2):
        again = store(tmp_path / "v.npz")
        assert len(again) == 51
        np.testing.assert_array_equal(
            again.get(keys)[:, 0], [500 if i == 7 else i for i in range(50)]
        )
        assert again.get([key("new")])[0, 0] == 501
        s.compact()
    assert not (tmp_path / "v.journal").exists()


def test_journal_is_folded_once_it_is_large(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(vectors_module, "_FOLD_AT", 10)
    s = store(tmp_path / "v.npz")
    for i in range(0, 60, 5):
        s.put([key(j) for j in range(i, i + 5)], rows(5, start=i))
    assert (tmp_path / "v.npz").stat().st_size > 40 * 8
    np.testing.assert_array_equal(s.get([key(i) for i in range(60)])[:, 0], range(60))


def test_rows_that_are_not_finite_are_not_written(tmp_path: Path) -> None:
    s = store(tmp_path / "v.npz")
    s.put([key("a"), key("b")], np.array([[np.nan] * 4, [2.0] * 4], np.float32))
    assert s.missing([key("a"), key("b")]) == [key("a")]


def test_a_torn_journal_keeps_what_was_whole_and_takes_more(tmp_path: Path) -> None:
    s = store(tmp_path / "v.npz")
    s.put([key(i) for i in range(3)], rows(3))
    journal = tmp_path / "v.journal"
    journal.write_bytes(journal.read_bytes()[:-5])
    again = store(tmp_path / "v.npz")
    assert again.missing([key(i) for i in range(3)]) == [key(2)]
    again.put([key(2)], rows(1, start=2))
    np.testing.assert_array_equal(
        store(tmp_path / "v.npz").get([key(i) for i in range(3)])[:, 0], [0, 1, 2]
    )


def test_a_damaged_record_is_passed_over(tmp_path: Path) -> None:
    s = store(tmp_path / "v.npz")
    s.put([key(i) for i in range(3)], rows(3))
    data = bytearray((tmp_path / "v.journal").read_bytes())
    data[len(data) // 3 + 33] ^= 0xFF
    (tmp_path / "v.journal").write_bytes(data)
    assert store(tmp_path / "v.npz").missing([key(i) for i in range(3)]) == [key(1)]


def test_killed_while_writing_loses_at_most_the_block_in_hand(tmp_path: Path) -> None:
    """A writer that dies between and inside writes leaves a store that reads and goes on."""
    script = (
        "import os, sys, numpy as np, hashlib\n"
        "from pathlib import Path\n"
        "from data import files\n"
        "from nlp.vectors import VectorStore\n"
        "s = VectorStore(Path(sys.argv[1]), dimension=4)\n"
        "key = lambda i: hashlib.sha256(str(i).encode()).hexdigest()\n"
        "rows = np.arange(8, dtype='f4')[:, None] + np.zeros((1, 4), 'f4')\n"
        "s.put([key(i) for i in range(8)], rows)\n"
        "files.os.replace = lambda a, b: os._exit(9)\n"
        "s.compact()\n"
    )
    path = tmp_path / "v.npz"
    done = subprocess.run(
        [sys.executable, "-c", script, str(path)],
        cwd=ROOT, check=False, env={**os.environ, "PYTHONPATH": str(ROOT)},
    )  # fmt: skip
    assert done.returncode == 9
    s = store(path)
    np.testing.assert_array_equal(s.get([key(i) for i in range(8)])[:, 0], range(8))
    s.compact()
    assert len(store(path)) == 8


def test_two_handles_see_each_others_writes(tmp_path: Path) -> None:
    a, b = store(tmp_path / "v.npz"), store(tmp_path / "v.npz")
    a.put([key("a")], rows(1, start=1))
    b.put([key("b")], rows(1, start=2))
    a.compact()
    np.testing.assert_array_equal(b.get([key("a"), key("b")])[:, 0], [1, 2])


def test_fallbacks_are_read_in_order_and_never_written(tmp_path: Path) -> None:
    first, second = store(tmp_path / "1.npz"), store(tmp_path / "2.npz")
    first.put([key("a")], rows(1, start=1))
    second.put([key("a"), key("b")], rows(2, start=10))
    s = store(tmp_path / "own.npz", fallbacks=[first, tmp_path / "2.npz"])
    np.testing.assert_array_equal(s.get([key("a"), key("b")])[:, 0], [1, 11])
    assert s.missing([key("b"), key("c")]) == [key("c")]
    s.put([key("b")], rows(1, start=5))
    assert s.get([key("b")])[0, 0] == 5
    assert len(s) == 1
    assert second.get([key("b")])[0, 0] == 11


def test_files_of_another_kind_are_refused(tmp_path: Path) -> None:
    (tmp_path / "junk.npz").write_bytes(b"not a zip")
    with pytest.raises(VectorStoreError, match=r"junk\.npz"):
        store(tmp_path / "junk.npz")
    store(tmp_path / "v.npz", model="one").put([key("a")], rows(1))
    with pytest.raises(VectorStoreError, match="'one'"):
        store(tmp_path / "v.npz", model="two")
    with pytest.raises(VectorStoreError, match="384"):
        VectorStore(tmp_path / "v.npz")


def test_wrong_shapes_and_keys_are_refused(tmp_path: Path) -> None:
    s = store(tmp_path / "v.npz")
    with pytest.raises(ValueError, match="vectors"):
        s.put([key("a")], rows(2))
    with pytest.raises(ValueError, match="64 hex"):
        s.put(["ab"], rows(1))
    assert len(s) == 0
