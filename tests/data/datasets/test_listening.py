from __future__ import annotations

from pathlib import Path

import pandas as pd
import pytest

from data.datasets.listening import (
    ListeningData,
    read_hetrec,
    read_listening,
    read_pairs,
    with_listeners,
)
from data.errors import DatasetFormatError, DatasetNotFoundError
from data.types import Song

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


def test_times_are_numbers_or_dates_and_the_last_counts(tmp_path: Path) -> None:
    text = "user,item,t,day\na,x,10,2020-01-02T00:00:00Z\na,x,30,1970-01-01\nb,x,20,1970-01-02\n"
    (tmp_path / "a.csv").write_text(text, encoding="utf-8")
    found = read_pairs(tmp_path / "a.csv", time="t")
    assert found.at.tolist() == [30, 20]
    assert found.weight.tolist() == [2, 1]
    assert found.has_times
    assert read_pairs(tmp_path / "a.csv", time="day").at.tolist() == [1577923200, 86400]
    assert not read_pairs(tmp_path / "a.csv").has_times


def test_a_time_that_is_none_is_named(tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_text("user,item,t\na,x,10\na,y,soon\n", encoding="utf-8")
    with pytest.raises(DatasetFormatError, match="row 2 has no time in t"):
        read_pairs(tmp_path / "a.csv", time="t")


def test_songs_of_a_table_are_in_the_order_of_the_items(tmp_path: Path) -> None:
    text = "user,item,title,artist\na,10,Ten,X\na,9,,\nb,10,Other,Y\n"
    (tmp_path / "a.csv").write_text(text, encoding="utf-8")
    found = read_listening(tmp_path / "a.csv")
    assert found.interactions.item_ids == ("9", "10")
    assert found.songs == (Song("9", "9", ""), Song("10", "Ten", "X"))
    bare = read_listening(tmp_path / "a.csv", artist="band")
    assert [song.artist for song in bare.songs] == ["", ""]
    assert [song.id for song in found.with_listeners(2).songs] == ["10"]


def test_songs_must_be_those_of_the_interactions(tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_text("user,item\na,x\n", encoding="utf-8")
    with pytest.raises(ValueError, match="in that order"):
        ListeningData(read_pairs(tmp_path / "a.csv"), (Song("y", "Y", "A"),))
