"""Readers of lyrics and of songs' mood labels, from Parquet or csv.

Lyrics: a table with ``artist``, ``title`` and ``lyrics`` (also ``text`` or ``lyric``), and where
there is one a ``bow_only`` column that marks bags of words.

Mood labels: the Deezer Mood Detection data set (Delbouys et al., *Music Mood Detection Based on
Audio and Lyrics with Deep Neural Nets*, ISMIR 2018), published as
``deezer/deezer_mood_detection_dataset`` on GitHub, whose ``train.csv``,
``validation.csv`` and ``test.csv`` hold ``artist_name``, ``track_name``,
``valence`` and ``arousal``, the last two standardised over the data set.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from data.datasets.tables import named_column, read_table
from data.errors import DatasetFormatError, DatasetNotFoundError
from data.text import song_key

if TYPE_CHECKING:
    import pandas as pd

_ARTIST = ("artist", "artist_name")
_TITLE = ("title", "track_name", "track", "song")
_LYRICS = ("lyrics", "text", "lyric")


@dataclass(frozen=True, slots=True)
class LyricTable:
    """Songs with their words.

    Attributes:
        keys: normalised ``artist|title``; the first of songs with equal keys is kept.
        artists: as written in the table.
        titles: as written in the table.
        lyrics: raw text.
    """

    keys: tuple[str, ...]
    artists: tuple[str, ...]
    titles: tuple[str, ...]
    lyrics: tuple[str, ...]

    def __len__(self) -> int:
        return len(self.keys)


@dataclass(frozen=True, slots=True)
class MoodLabels:
    """Songs with standardised mood labels.

    Attributes:
        keys: normalised ``artist|title``, distinct; the labels of equal keys are averaged.
        artists: normalised artist of each song, to split by.
        valence: float64 (n,), mean about 0 and standard deviation about 1.
        arousal: float64 (n,), likewise.
    """

    keys: tuple[str, ...]
    artists: tuple[str, ...]
    valence: NDArray[np.float64]
    arousal: NDArray[np.float64]

    def __len__(self) -> int:
        return len(self.keys)


def read_lyrics(path: Path) -> LyricTable:
    """Read the songs whose words are in order; bags of words and empty texts are left out.

    Raises:
        DatasetNotFoundError: if there is no file at ``path``.
        DatasetFormatError: if it is not such a table.
    """
    frame = read_table(path)
    text = named_column(frame, _LYRICS, path)
    keep = frame[text].map(lambda value: isinstance(value, str) and bool(value.strip()))
    if "bow_only" in frame:
        keep &= ~frame["bow_only"].fillna(False).astype(bool)
    frame = _add_keys(frame[keep], path).drop_duplicates("_key")
    return LyricTable(
        keys=tuple(frame["_key"]),
        artists=tuple(frame[named_column(frame, _ARTIST, path)].astype(str)),
        titles=tuple(frame[named_column(frame, _TITLE, path)].astype(str)),
        lyrics=tuple(frame[text]),
    )


def read_mood_labels(path: Path) -> MoodLabels:
    """Read mood labels from a file, or from the ``train`` and ``validation`` files of a folder.

    A folder's ``test`` file is left alone, so that what is trained here may be scored on it. Rows
    without a finite label are left out.

    Raises:
        DatasetNotFoundError: if there is nothing at ``path``.
        DatasetFormatError: if it is not such a table, or no row has a label.
    """
    import pandas as pd

    frame = pd.concat([read_table(file) for file in _label_files(path)], ignore_index=True)
    for name in ("valence", "arousal"):
        frame[name] = pd.to_numeric(frame[named_column(frame, (name,), path)], errors="coerce")
    frame = frame[np.isfinite(frame[["valence", "arousal"]]).all(axis=1)]
    if frame.empty:
        raise DatasetFormatError(f"{path}: no row has both a valence and an arousal")
    frame = _add_keys(frame, path)
    means = frame.groupby("_key", sort=False)[["valence", "arousal"]].mean()
    return MoodLabels(
        keys=tuple(means.index),
        artists=tuple(key.split("|", 1)[0] for key in means.index),
        valence=means["valence"].to_numpy(np.float64),
        arousal=means["arousal"].to_numpy(np.float64),
    )


@dataclass(frozen=True, slots=True)
class BinaryMoods:
    """Songs with words that were labelled happy or sad.

    Attributes:
        keys: normalised ``artist|title``.
        lyrics: raw text.
        happy: int64 (n,), 1 for happy, 0 for sad.
    """

    keys: tuple[str, ...]
    lyrics: tuple[str, ...]
    happy: NDArray[np.int64]


def read_binary_moods(path: Path) -> BinaryMoods:
    """Read lyrics with a column ``mood`` of "happy" and "sad"; other rows are left out.

    The musicmood data set (Raschka, 2016) has this form.

    Raises:
        DatasetNotFoundError: if there is no file at ``path``.
        DatasetFormatError: if it is not such a table, or has not both moods.
    """
    frame = keyed_table(path)
    text, mood = named_column(frame, _LYRICS, path), named_column(frame, ("mood", "label"), path)
    frame = frame[frame[text].map(lambda value: isinstance(value, str))]
    frame = frame[frame[mood].isin(["happy", "sad"])]
    happy = (frame[mood] == "happy").to_numpy(np.int64)
    if not 0 < happy.sum() < len(happy):
        raise DatasetFormatError(f"{path}: {mood} needs rows of both happy and sad")
    return BinaryMoods(tuple(frame["_key"]), tuple(frame[text]), happy)


def _label_files(path: Path) -> list[Path]:
    if not path.is_dir():
        return [path]
    wanted = ("train", "validation", "train_validation")
    files = [path / f"{n}{s}" for n in wanted for s in (".csv", ".parquet")]
    found = [file for file in files if file.is_file()]
    if not found:
        raise DatasetNotFoundError(f"{path} holds no train.csv, validation.csv or their Parquet")
    return found


def keyed_table(path: Path) -> pd.DataFrame:
    """Read a table of songs and add ``_key``, the normalised ``artist|title``.

    Raises:
        DatasetNotFoundError: if there is no file at ``path``.
        DatasetFormatError: if it cannot be read, or has no artist or title.
    """
    return _add_keys(read_table(path), path)


def _add_keys(frame: pd.DataFrame, path: Path) -> pd.DataFrame:
    artist, title = named_column(frame, _ARTIST, path), named_column(frame, _TITLE, path)
    pairs = zip(
        frame[artist].fillna("").astype(str), frame[title].fillna("").astype(str), strict=True
    )
    return frame.assign(_key=[song_key(a, t) for a, t in pairs])
