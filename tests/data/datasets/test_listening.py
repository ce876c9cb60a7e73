from __future__ import annotations

from pathlib import Path

import pandas as pd
import pytest

from data.datasets.listening import read_hetrec, read_pairs, with_listeners
from data.errors import DatasetFormatError, DatasetNotFoundError

TABLE = "userID\tartistID\tweight\n2\t10\t5\n10\t9\t1\n2\t9\t7\n2\t10\t1\n"


def test_both_forms_of_hetrec_give_the_same_in_the_order_of_the_numbers(tmp_path: Path) -> None:
    (tmp_path / "user_artists.dat").write_text(TABLE, encoding="utf-8")
    found = read_hetrec(tmp_path)
    assert found.user_ids == ("2", "10")
    assert found.item_ids == ("9", "10")
    assert found.matrix().toarray().tolist() == [[7, 6], [1, 0]]
    frame = pd.read_csv(tmp_path / "user_artists.dat", sep="\t")
    (tmp_path / "user_artists.dat").unlink()
    frame.to_parquet(tmp_path / "user_artists.parquet")
    again = read_hetrec(tmp_path)
    assert again.item_ids == found.item_ids
    assert (again.matrix() != found.matrix()).nnz == 0


def test_any_table_of_pairs(tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_text("who,what\nb,x\na,x\nb,x\n", encoding="utf-8")
    found = read_pairs(tmp_path / "a.csv", "who", "what")
    assert (found.user_ids, found.item_ids) == (("a", "b"), ("x",))
    assert found.weight.tolist() == [1, 2]


def test_rare_items_go_and_who_has_no_other(tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_text("user,item\na,x\nb,x\nb,y\nc,y\nd,z\n", encoding="utf-8")
    found = with_listeners(read_pairs(tmp_path / "a.csv"), 2)
    assert (found.user_ids, found.item_ids) == (("a", "b", "c"), ("x", "y"))
    assert found.matrix().toarray().tolist() == [[1, 0], [1, 1], [0, 1]]


def test_wrong_tables_say_what_is_wrong(tmp_path: Path) -> None:
    with pytest.raises(DatasetNotFoundError, match=r"user_artists\.dat"):
        read_hetrec(tmp_path)
    with pytest.raises(DatasetNotFoundError, match="gone"):
        read_pairs(tmp_path / "gone.csv")
    (tmp_path / "a.csv").write_text("user,item,n\na,x,1\na,y,many\n", encoding="utf-8")
    with pytest.raises(DatasetFormatError, match="row 2 has no number in n"):
        read_pairs(tmp_path / "a.csv", weight="n")
    with pytest.raises(DatasetFormatError, match="lacks song"):
        read_pairs(tmp_path / "a.csv", item="song")
    (tmp_path / "b.csv").write_text("user,item\na,\n", encoding="utf-8")
    with pytest.raises(DatasetFormatError, match="no user or no item"):
        read_pairs(tmp_path / "b.csv")
