from __future__ import annotations

import json
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from data.errors import DatasetFormatError, DatasetNotFoundError, RowError
from data.frames import BrokenRow, iter_records, iter_rows


def write(path: Path, text: str | bytes) -> Path:
    path.write_bytes(text.encode() if isinstance(text, str) else text)
    return path


def test_csv_tells_the_physical_line_where_a_row_starts(tmp_path: Path) -> None:
    path = write(tmp_path / "a.csv", '\ufeffid,text\n1,"two\nlines"\n\n2,x\n')
    assert list(iter_rows(path)) == [
        (2, {"id": "1", "text": "two\nlines"}),
        (5, {"id": "2", "text": "x"}),
    ]


def test_csv_sets_a_row_of_wrong_width_aside(tmp_path: Path) -> None:
    path = write(tmp_path / "a.csv", "id,text\n1\n2,x\n3,y,z\n")
    rows = list(iter_records(path))
    assert [(line, type(row)) for line, row in rows] == [(2, BrokenRow), (3, dict), (4, BrokenRow)]
    with pytest.raises(RowError, match="line 2: 1 fields, the header has 2"):
        list(iter_rows(path))


@pytest.mark.parametrize("tail", ["", '4,"ok"\n', '4,"a""b"\n5,c\n'])
def test_an_unclosed_quote_costs_one_line_only(tmp_path: Path, tail: str) -> None:
    path = write(tmp_path / "a.csv", 'id,text\n1,a\n2,"never closed\n3,c\n' + tail)
    rows = dict(iter_records(path))
    assert isinstance(rows[3], BrokenRow)
    assert rows[3].raw == '2,"never closed'
    good = [row["id"] for row in rows.values() if not isinstance(row, BrokenRow)]
    assert good == ["1", *[t[0] for t in ("3,", *tail.splitlines())]]


def test_jsonl_goes_on_after_broken_lines(tmp_path: Path) -> None:
    path = write(tmp_path / "a.jsonl", '{"id": 1}\n\n{"id": \n[1]\n{"id": 2}')
    rows = list(iter_records(path))
    assert [line for line, _ in rows] == [1, 3, 4, 5]
    assert [isinstance(row, BrokenRow) for _, row in rows] == [False, True, True, False]


def test_columns_are_renamed_in_every_format(tmp_path: Path) -> None:
    pq.write_table(pa.table({"key": ["k"], "id": [7], "x": [1.5]}), tmp_path / "a.parquet")
    csv = write(tmp_path / "a.csv", "key,id,x\nk,7,1.5\n")
    jsonl = write(tmp_path / "a.jsonl", json.dumps({"key": "k", "id": 7, "x": 1.5}))
    for path, x in ((tmp_path / "a.parquet", 1.5), (csv, "1.5"), (jsonl, 1.5)):
        (row,) = (row for _, row in iter_rows(path, columns={"id": "key"}))
        assert row == {"id": "k", "x": x}
        (only,) = (row for _, row in iter_records(path, None, {"id": "key"}, only=["id"]))
        assert only == {"id": "k"}


def test_parquet_counts_data_rows_across_batches(tmp_path: Path) -> None:
    pq.write_table(pa.table({"n": list(range(2500))}), tmp_path / "a.parquet", row_group_size=700)
    rows = list(iter_rows(tmp_path / "a.parquet"))
    assert len(rows) == 2500
    assert all(row == {"n": line - 1} for line, row in rows)


def test_what_is_wrong_with_a_file_is_told(tmp_path: Path) -> None:
    with pytest.raises(DatasetNotFoundError, match=r"nowhere\.csv"):
        list(iter_rows(tmp_path / "nowhere.csv"))
    with pytest.raises(DatasetFormatError, match="not one of csv, jsonl, parquet"):
        list(iter_rows(write(tmp_path / "a.xlsx", "x")))
    with pytest.raises(DatasetFormatError, match="not a readable Parquet"):
        list(iter_rows(write(tmp_path / "a.parquet", "x")))
    with pytest.raises(DatasetFormatError, match=r"no column \['key'\]; it has \['id'\]"):
        list(iter_rows(write(tmp_path / "b.csv", "id\n1\n"), columns={"id": "key"}))
    with pytest.raises(DatasetFormatError, match="name every column once"):
        list(iter_rows(write(tmp_path / "c.csv", "id,id\n1,2\n")))
    with pytest.raises(DatasetFormatError, match="name every column once"):
        list(iter_rows(write(tmp_path / "d.csv", "")))
