from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from data.datasets.lyrics import read_lyrics, read_mood_labels
from data.errors import DatasetFormatError, DatasetNotFoundError

LYRICS = pd.DataFrame(
    {
        "artist": ["The A", "the a", "B", "C", "D"],
        "title": ["Song", "Song (Live)", "Bag", "Empty", None],
        "bow_only": [False, False, True, False, False],
        "lyrics": ["la 🎉", "other", "word word", " ", "text"],
    }
)


@pytest.mark.parametrize("suffix", [".csv", ".parquet"])
def test_lyrics_in_order_once_per_song(tmp_path: Path, suffix: str) -> None:
    path = tmp_path / f"lyrics{suffix}"
    LYRICS.to_csv(path) if suffix == ".csv" else LYRICS.to_parquet(path)
    table = read_lyrics(path)
    assert table.keys == ("a|song", "d|")
    assert table.lyrics == ("la 🎉", "text")
    assert table.artists == ("The A", "D")


def test_labels_of_equal_songs_are_averaged_and_holes_left_out(tmp_path: Path) -> None:
    frame = pd.DataFrame(
        {
            "artist_name": ["A", "A", "B", "C"],
            "track_name": ["X", "X", "Y", "Z"],
            "valence": ["1", "0", "-0.5", "oops"],
            "arousal": [0.5, 0.5, 1.0, 2.0],
        }
    )
    frame.iloc[:2].to_csv(tmp_path / "train.csv", index=False)
    frame.iloc[2:].to_parquet(tmp_path / "validation.parquet")
    frame.to_csv(tmp_path / "test.csv", index=False)
    labels = read_mood_labels(tmp_path)
    assert labels.keys == ("a|x", "b|y")
    assert labels.artists == ("a", "b")
    np.testing.assert_array_equal(labels.valence, [0.5, -0.5])
    np.testing.assert_array_equal(labels.arousal, [0.5, 1.0])


def test_wrong_files_say_what_is_wrong(tmp_path: Path) -> None:
    with pytest.raises(DatasetNotFoundError, match=r"none\.csv"):
        read_lyrics(tmp_path / "none.csv")
    with pytest.raises(DatasetNotFoundError, match=r"train\.csv"):
        read_mood_labels(tmp_path)
    (tmp_path / "a.csv").write_text("artist,title\nA,B\n", encoding="utf-8")
    with pytest.raises(DatasetFormatError, match="lyrics or text or lyric"):
        read_lyrics(tmp_path / "a.csv")
    (tmp_path / "b.parquet").write_bytes(b"nothing")
    with pytest.raises(DatasetFormatError, match=r"b\.parquet"):
        read_lyrics(tmp_path / "b.parquet")
    (tmp_path / "c.csv").write_text(
        "artist_name,track_name,valence,arousal\nA,B,,1\n", encoding="utf-8"
    )
    with pytest.raises(DatasetFormatError, match="no row"):
        read_mood_labels(tmp_path / "c.csv")


@pytest.mark.shared
def test_the_real_tables_are_read(shared: Path) -> None:
    lyrics = read_lyrics(shared / "datasets" / "lyrics" / "lyrics.parquet")
    labels = read_mood_labels(shared / "datasets" / "deezer_mood" / "train_validation.parquet")
    assert len(lyrics) > 13_000
    assert len(labels) > 15_000
    assert len(set(lyrics.keys) & set(labels.keys)) > 1_100
    assert abs(labels.valence.mean()) < 0.2
