from __future__ import annotations

import json
from pathlib import Path

import pandas as pd
import pytest

from data.datasets.playlists import read_playlists
from data.errors import DatasetFormatError, DatasetNotFoundError
from data.types import Song

TRACKS = [
    (7, "Hey Jude", "The Beatles", "1", 431_000),
    (7, "Yesterday", "The Beatles", "Help!", 125_000),
    (7, "Hey Jude - Remastered 2015", "Beatles", "Past Masters", 429_000),
    (7, "Blue", "Joni Mitchell", None, 0),
    (12, "Yesterday", "The Beatles", "Help!", 125_000),
    (12, "Hey Jude", "The Beatles", "1", 431_000),
]
NAMES = ["pid", "track_name", "artist_name", "album_name", "duration_ms"]


def table() -> pd.DataFrame:
    return pd.DataFrame(TRACKS, columns=NAMES)


def test_a_playlist_is_a_listener_and_its_order_is_kept(tmp_path: Path) -> None:
    table().to_csv(tmp_path / "a.csv", index=False)
    found = read_playlists(tmp_path / "a.csv")
    assert found.interactions.user_ids == ("7", "12")
    jude, blue = "beatles|hey jude", "joni mitchell|blue"
    assert found.interactions.item_ids == (jude, "beatles|yesterday", blue)
    assert found.interactions.item.tolist() == [0, 1, 2, 0, 1]
    assert found.interactions.at.tolist() == [1, 2, 4, 2, 1]
    assert found.interactions.weight.tolist() == [1] * 5
    assert found.songs[0] == Song(jude, "Hey Jude", "The Beatles", album="1", duration_s=431)
    assert found.songs[2] == Song(blue, "Blue", "Joni Mitchell")


def test_ids_of_the_table_are_taken(tmp_path: Path) -> None:
    table().assign(key=["b", "a", "b", "c", "a", "b"]).to_parquet(tmp_path / "a.parquet")
    found = read_playlists(tmp_path / "a.parquet")
    assert [song.title for song in found.songs] == ["Yesterday", "Hey Jude", "Blue"]
    assert found.interactions.item_ids == ("a", "b", "c")


def test_slices_tell_the_same_as_the_table(tmp_path: Path) -> None:
    table().to_csv(tmp_path / "a.csv", index=False)
    for pid in (7, 12):
        rows = [dict(zip(NAMES[1:], row[1:], strict=True)) for row in TRACKS if row[0] == pid]
        slice_ = {"playlists": [{"pid": pid, "name": "n", "tracks": rows}]}
        (tmp_path / f"mpd.slice.{pid}.json").write_text(json.dumps(slice_), encoding="utf-8")
    found, expected = read_playlists(tmp_path), read_playlists(tmp_path / "a.csv")
    assert found.songs == expected.songs
    assert found.interactions.at.tolist() == expected.interactions.at.tolist()
    assert len(read_playlists(tmp_path / "mpd.slice.7.json").interactions) == 3


def test_what_are_no_playlists_is_said(tmp_path: Path) -> None:
    with pytest.raises(DatasetNotFoundError, match=r"no mpd\.slice"):
        read_playlists(tmp_path)
    with pytest.raises(DatasetNotFoundError, match=r"no slice .*gone\.json"):
        read_playlists(tmp_path / "gone.json")
    (tmp_path / "a.json").write_text('{"playlists": [{"pid": 1}]}', encoding="utf-8")
    with pytest.raises(DatasetFormatError, match="tracks"):
        read_playlists(tmp_path / "a.json")
    (tmp_path / "a.csv").write_text("pid,track_name\n1,x\n", encoding="utf-8")
    with pytest.raises(DatasetFormatError, match="lacks artist_name"):
        read_playlists(tmp_path / "a.csv")


@pytest.mark.shared
def test_the_real_playlists(shared: Path) -> None:
    found = read_playlists(shared / "datasets" / "mpd_sample" / "playlists.parquet")
    assert len(found.interactions.user_ids) == 500
    # 396 of the rows name a song, by its key, that the playlist has already.
    assert len(found.interactions) == 21_761 - 396
    assert all(song.duration_s for song in found.songs)
