from __future__ import annotations

from pathlib import Path

import pandas as pd
import pytest

from data.datasets.hetrec import read_hetrec_music
from data.errors import DatasetFormatError, DatasetNotFoundError
from data.splitting import split_holdout
from data.types import Song

TABLES = {
    "user_artists": "userID\tartistID\tweight\n2\t10\t5\n3\t9\t1\n2\t9\t7\n3\t10\t1\n",
    "artists": (
        'id\tname\turl\tpictureURL\n9\t"Weird Al\thttp://a\t\n10\tNULL\thttp://b\t\n11\tC\t\t\n'
    ),
    "tags": "tagID\ttagValue\n1\trock\n2\tcaf\u00e9\n3\tnull\n",
    "user_taggedartists": (
        "userID\tartistID\ttagID\tday\tmonth\tyear\n"
        "2\t10\t1\t1\t4\t2009\n2\t10\t1\t2\t4\t2009\n3\t10\t2\t1\t4\t2009\n"
        "4\t10\t2\t1\t4\t2009\n4\t10\t1\t1\t4\t2009\n4\t10\t3\t1\t4\t2009\n"
        "2\t9\t3\t1\t4\t2009\n5\t10\t2\t1\t4\t2009\n"
    ),
}


def write(folder: Path, encoding: str = "utf-8") -> Path:
    for name, text in TABLES.items():
        (folder / f"{name}.dat").write_text(text, encoding=encoding)
    return folder


@pytest.mark.parametrize("encoding", ["utf-8", "latin-1"])
def test_artists_are_songs_with_what_listeners_call_them(tmp_path: Path, encoding: str) -> None:
    found = read_hetrec_music(write(tmp_path, encoding))
    # Tagged "rock" by 2 and 4 (2 twice), "caf\u00e9" by 3, 4 and 5, "null" by 4 alone.
    assert found.songs == (
        Song("9", '"Weird Al', '"Weird Al'),
        Song("10", "NULL", "NULL", tags=("caf\u00e9", "rock")),
    )
    assert found.interactions.matrix().toarray().tolist() == [[7, 5], [1, 1]]
    every = read_hetrec_music(tmp_path, least_people=1)
    assert [song.tags for song in every.songs] == [("null",), ("caf\u00e9", "rock", "null")]


def test_parquet_tells_the_same(tmp_path: Path) -> None:
    (tmp_path / "text").mkdir()
    write(tmp_path / "text")
    for name in TABLES:
        options = {"sep": "\t", "quoting": 3, "na_filter": False}
        frame = pd.read_csv(tmp_path / "text" / f"{name}.dat", **options)
        frame.to_parquet(tmp_path / f"{name}.parquet")
    assert read_hetrec_music(tmp_path).songs == read_hetrec_music(tmp_path / "text").songs


def test_what_a_held_out_listener_said_is_left_out(tmp_path: Path) -> None:
    data = read_hetrec_music(write(tmp_path))
    pair = (data.interactions.user == 0) & (data.interactions.item == 1)
    found = read_hetrec_music(tmp_path, hidden=[data.interactions.take(pair)])
    # User 2 no longer calls artist 10 "rock": one person is too few.
    assert found.songs[1].tags == ("caf\u00e9",)
    none = read_hetrec_music(tmp_path, hidden=[data.interactions], least_people=1)
    assert [song.tags for song in none.songs] == [(), ("caf\u00e9", "null", "rock")]


def test_missing_tables_and_columns_are_named(tmp_path: Path) -> None:
    write(tmp_path)
    (tmp_path / "tags.dat").write_text("tag\tname\n1\trock\n", encoding="utf-8")
    with pytest.raises(DatasetFormatError, match="lacks tagID, tagValue"):
        read_hetrec_music(tmp_path)
    (tmp_path / "artists.dat").unlink()
    with pytest.raises(DatasetNotFoundError, match=r"neither artists\.dat nor artists\.parquet"):
        read_hetrec_music(tmp_path)


@pytest.mark.shared
def test_the_real_tables(shared: Path) -> None:
    folder = shared / "datasets" / "hetrec_lastfm2k"
    data = read_hetrec_music(folder)
    assert (len(data.interactions.user_ids), len(data.songs)) == (1892, 17632)
    split = split_holdout(data.interactions, validation=0.1, test=0.2, seed=42)
    cut = read_hetrec_music(folder, hidden=[split.validation, split.test])
    before, after = (sum(len(song.tags) for song in one.songs) for one in (data, cut))
    assert 0.5 * before < after < before
