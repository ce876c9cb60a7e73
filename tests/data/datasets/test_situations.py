from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from data.datasets.situations import (
    read_emomusiclj,
    read_incarmusic,
    read_posts,
    read_situnes,
)
from data.errors import DatasetFormatError, DatasetNotFoundError
from tests.recommender.emotion.toys import write_incarmusic, write_situnes

HEAD = "user_id,song_id,emo_id\n"


def write(folder: Path, train: str, validation: str, songs: int = 3) -> None:
    (folder / "EmoMusicLJ_UI_indexes_train.csv").write_text(HEAD + train, encoding="utf-8")
    path = folder / "EmoMusicLJ_UI5_index_validation.csv"
    path.write_text(HEAD + validation, encoding="utf-8")
    np.save(folder / "EmoMusicLJ_songs_audio_emo.npy", np.ones((songs, 9), np.float32))


def test_posts_are_distinct_and_sorted(tmp_path: Path) -> None:
    write(tmp_path, "1,2,0\n0,1,5\n1,2,0\n1,0,0\n", "4,1,2\n")
    (tmp_path / "more.csv").write_text(HEAD + "7,0,1\n", encoding="utf-8")
    found = read_emomusiclj(tmp_path)
    assert found.train.user.tolist() == [0, 1, 1]
    assert found.train.song.tolist() == [1, 0, 2]
    assert found.train.emotion.tolist() == [5, 0, 0]
    assert (found.users, found.songs, found.emotions, found.test) == (5, 3, 6, None)
    more = read_emomusiclj(tmp_path, "more.csv")
    assert more.test is not None
    assert (more.users, more.test.user.tolist()) == (8, [7])


def test_wrong_posts_say_what_is_wrong(tmp_path: Path) -> None:
    with pytest.raises(DatasetNotFoundError, match="songs_audio"):
        read_emomusiclj(tmp_path)
    write(tmp_path, "1,2,0\n", "4,3,2\n")
    with pytest.raises(DatasetFormatError, match="song 3 has no row"):
        read_emomusiclj(tmp_path)
    for rows in ("1,-2,0\n", "1,a,0\n", "1,,0\n"):
        write(tmp_path, rows, "")
        with pytest.raises(DatasetFormatError, match="whole numbers"):
            read_posts(tmp_path / "EmoMusicLJ_UI_indexes_train.csv")
    (tmp_path / "a.csv").write_text("user_id,song_id\n1,2\n", encoding="utf-8")
    with pytest.raises(DatasetFormatError, match="lacks emo_id"):
        read_posts(tmp_path / "a.csv")
    (tmp_path / "EmoMusicLJ_songs_audio_emo.npy").write_bytes(b"no array")
    with pytest.raises(DatasetFormatError, match=r"not a \.npy"):
        read_emomusiclj(tmp_path)


def test_situnes_keeps_the_published_splits_and_no_rating_after(tmp_path: Path) -> None:
    write_situnes(tmp_path)
    found = read_situnes(tmp_path)
    assert [[len(part) for part in split] for split in found.splits] == [[300, 80, 120]] * 2
    assert len(found.ratings) == 1000
    assert found.users == 8
    assert found.ratings.situation.shape == (1000, 1)  # the morning, and nothing felt afterwards
    assert found.ratings.emotion.shape == (1000, 2)
    assert found.features.shape == (10, 4)
    np.testing.assert_array_equal(
        np.sort(np.concatenate([*map(np.concatenate, found.splits)])), np.arange(1000)
    )
    with pytest.raises(DatasetNotFoundError, match="splits_paper"):
        read_situnes(tmp_path / "gone")


def test_incarmusic_marks_which_moods_are_known(tmp_path: Path) -> None:
    write_incarmusic(tmp_path / "a")
    found = read_incarmusic(tmp_path / "a")
    assert len(found.ratings) == 300
    assert found.ratings.emotion.shape == (300, 2)
    np.testing.assert_array_equal(found.ratings.emotion.sum(axis=1) > 0, found.ratings.has_emotion)
    assert found.features.sum(axis=1).tolist() == [1] * 10
    assert found.splits == ()


@pytest.mark.shared
def test_the_real_data_have_their_published_sizes(shared: Path) -> None:
    posts = read_emomusiclj(shared / "datasets" / "emomusiclj")
    assert (posts.users, posts.songs, posts.emotions) == (15_233, 6_180, 132)
    assert len(posts.train) == 122_891  # of 123,793 rows; equal ones are one
    situnes = read_situnes(shared / "datasets" / "situnes")
    assert (situnes.users, len(situnes.splits)) == (30, 10)
    driving = read_incarmusic(shared / "datasets" / "incarmusic")
    assert (driving.users, len(driving.ratings), len(driving.features)) == (42, 4_012, 139)
    assert int(driving.ratings.has_emotion.sum()) == 406
