"""Readers of public data on what people play in which situation and emotion.

- EmoMusicLJ: posts of LiveJournal with a song and the emotion that the writer chose for the post;
  ``EmoMusicLJ_UI_indexes_train.csv`` and other tables of ``user_id, song_id, emo_id``, and
  ``EmoMusicLJ_songs_audio_emo.npy``, the shares of nine moods in each song's sound (the categories
  of Emotify, Aljanaki, Wiering & Veltkamp, Information Processing & Management 52, 2016).
- SiTunes (Grigorev and others, CHIIR 2024): ratings of songs with weather, time, movement and the
  valence and arousal felt before listening; the paper's splits, files of RecBole.
- InCarMusic (Baltrunas and others, EC-Web 2011): ratings of songs imagined in a car in one
  situation, among them the driver's mood.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from data.datasets.tables import need_columns, read_table
from data.errors import DatasetFormatError, DatasetNotFoundError
from data.types import FloatArray, IntArray

if TYPE_CHECKING:
    import pandas as pd

_TRAIN = "EmoMusicLJ_UI_indexes_train.csv"
_VALIDATION = "EmoMusicLJ_UI5_index_validation.csv"
_SOUND = "EmoMusicLJ_songs_audio_emo.npy"
_FELT = ("emo_pre_valence", "emo_pre_arousal")
#: What SiTunes measured after listening, which no recommender can know, and what is no feature.
_NOT_KNOWN = ("emo_post_valence", "emo_post_arousal", "rating", "timestamp", "user_id", "item_id")
_DRIVER = "mood"
_SURROUNDINGS = (
    "DrivingStyle", "landscape", "naturalphenomena", "RoadType", "sleepiness",
    "trafficConditions", "weather",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Posts:
    """Distinct posts, sorted by user, song and emotion.

    Attributes:
        user: int64 (n,).
        song: int64 (n,).
        emotion: int64 (n,), the emotion that the user stated with the song.
    """

    user: IntArray
    song: IntArray
    emotion: IntArray

    def __len__(self) -> int:
        return len(self.user)

    def take(self, index: Any) -> Posts:
        """Return the posts chosen by positions or a mask."""
        return Posts(self.user[index], self.song[index], self.emotion[index])


@dataclass(frozen=True, slots=True)
class EmotionPosts:
    """EmoMusicLJ.

    Attributes:
        train: posts to learn from.
        validation: held-out posts, to select and to score on.
        test: posts of a table that was named beside, or None.
        sound: float32 (songs, 9), shares of moods that the sound suggests.
        users: how many there are.
        emotions: how many words there are.
    """

    train: Posts
    validation: Posts
    test: Posts | None
    sound: FloatArray
    users: int
    emotions: int

    @property
    def songs(self) -> int:
        """How many songs there are."""
        return len(self.sound)


@dataclass(frozen=True, slots=True)
class SituationRatings:
    """Ratings in situations; users and items are numbered from 0.

    Attributes:
        user: int64 (n,).
        item: int64 (n,).
        rating: float32 (n,).
        situation: float32 (n, s), what is known of the moment without the emotion; measurements
            on a scale of mean 0 and deviation 1, values of words as 0 and 1.
        emotion: float32 (n, e), rows of zeros where no emotion is known.
        has_emotion: bool (n,).
    """

    user: IntArray
    item: IntArray
    rating: FloatArray
    situation: FloatArray
    emotion: FloatArray
    has_emotion: Any

    def __len__(self) -> int:
        return len(self.user)

    def take(self, index: Any) -> SituationRatings:
        """Return the ratings chosen by positions or a mask."""
        return SituationRatings(
            self.user[index],
            self.item[index],
            self.rating[index],
            self.situation[index],
            self.emotion[index],
            self.has_emotion[index],
        )


@dataclass(frozen=True, slots=True)
class RatedItems:
    """Ratings and what is known of the items.

    Attributes:
        ratings: of every part after the other.
        features: float32 (items, f), standardised; NaN-free.
        splits: (train, validation, test) positions in ``ratings`` of each published split; empty
            where none is published.
        users: how many there are.
    """

    ratings: SituationRatings
    features: FloatArray
    splits: tuple[tuple[IntArray, IntArray, IntArray], ...]
    users: int


def read_emomusiclj(folder: Path, test: str | None = None) -> EmotionPosts:
    """Read the posts and the songs' sound.

    Args:
        folder: of the files.
        test: name of one more table in ``folder``.

    Raises:
        DatasetNotFoundError: if a file is missing.
        DatasetFormatError: if a table lacks a column, or a number in it is out of range.
    """
    sound = _sound(folder / _SOUND)
    names = [_TRAIN, _VALIDATION, *([] if test is None else [test])]
    parts = [read_posts(folder / name) for name in names]
    for part, name in zip(parts, names, strict=True):
        if len(part) and int(part.song.max()) >= len(sound):
            raise DatasetFormatError(
                f"{folder / name}: song {int(part.song.max())} has no row in {_SOUND} "
                f"({len(sound)} rows)"
            )
    users, emotions = (
        1 + max((int(getattr(part, side).max()) for part in parts if len(part)), default=-1)
        for side in ("user", "emotion")
    )
    return EmotionPosts(
        parts[0], parts[1], parts[2] if test is not None else None, sound, users, emotions
    )


def read_posts(path: Path) -> Posts:
    """Read one table of ``user_id, song_id, emo_id``; equal rows are one.

    Raises:
        DatasetNotFoundError: if there is no such file.
        DatasetFormatError: if it lacks a column, or holds anything but whole numbers from 0.
    """
    frame = read_table(path)
    columns = ["user_id", "song_id", "emo_id"]
    need_columns(frame, columns, path)
    values = frame[columns].to_numpy()
    if values.dtype.kind != "i" or (values < 0).any():
        raise DatasetFormatError(f"{path}: {', '.join(columns)} must be whole numbers from 0")
    distinct = np.unique(values.astype(np.int64), axis=0)
    return Posts(*(np.ascontiguousarray(column) for column in distinct.T))


def read_situnes(folder: Path) -> RatedItems:
    """Read stage 2 with the paper's splits, ``splits_paper/setting2-*``.

    Raises:
        DatasetNotFoundError: if there is no split.
        DatasetFormatError: if a table lacks a column.
    """
    settings = sorted((folder / "splits_paper").glob("setting2-*"))
    if not settings:
        raise DatasetNotFoundError(f"{folder} holds no splits_paper/setting2-*")
    tables = [[_inter(one, part) for part in ("train", "valid", "test")] for one in settings]
    items = _renamed(read_table_tabs(settings[0] / f"{settings[0].name}.item"))
    item_ids = {value: i for i, value in enumerate(sorted(items["item_id"].tolist()))}
    people = sorted({u for parts in tables for part in parts for u in part["user_id"].tolist()})
    user_ids = {value: i for i, value in enumerate(people)}
    rows, splits, start = [], [], 0
    for parts in tables:
        places = []
        for part in parts:
            rows.append(part)
            places.append(np.arange(start, start + len(part)))
            start += len(part)
        splits.append((places[0], places[1], places[2]))
    import pandas as pd

    every = pd.concat(rows, ignore_index=True)
    known = [c for c in every.columns if c not in _NOT_KNOWN and c not in _FELT]
    ratings = SituationRatings(
        np.array([user_ids[u] for u in every["user_id"].tolist()], dtype=np.int64),
        np.array([item_ids[i] for i in every["item_id"].tolist()], dtype=np.int64),
        every["rating"].to_numpy(np.float32),
        _standardised(every[known].to_numpy(np.float64)),
        every[[*_FELT]].to_numpy(np.float32),
        np.ones(len(every), dtype=np.bool_),
    )
    ordered = items.sort_values("item_id")
    words = ordered[["key", "general_genre_id"]].astype(str)
    numbers = ordered.drop(columns=["item_id", "key", "general_genre_id"]).astype(float)
    features = np.hstack([_standardised(numbers.to_numpy()), _one_hot(words)])
    return RatedItems(ratings, features, tuple(splits), len(people))


def read_incarmusic(folder: Path) -> RatedItems:
    """Read the ratings; a rating has at most one part of a situation, often none.

    The item features are the track's genre. No split is published.

    Raises:
        DatasetNotFoundError: if a table is missing.
        DatasetFormatError: if a table lacks a column.
    """
    path = folder / "ratings.parquet"
    frame, tracks = read_table(path), read_table(folder / "tracks.parquet")
    need_columns(frame, ["UserID", "ItemID", "Rating", _DRIVER, *_SURROUNDINGS], path)
    need_columns(tracks, ["id", "category_id"], folder / "tracks.parquet")
    item_ids = {value: i for i, value in enumerate(sorted(tracks["id"].tolist()))}
    user_ids = {value: i for i, value in enumerate(sorted(set(frame["UserID"].tolist())))}
    lost = sorted(set(frame["ItemID"].tolist()) - set(item_ids))
    if lost:
        raise DatasetFormatError(f"{path}: item {lost[0]} is not in tracks.parquet")
    ratings = SituationRatings(
        np.array([user_ids[u] for u in frame["UserID"].tolist()], dtype=np.int64),
        np.array([item_ids[i] for i in frame["ItemID"].tolist()], dtype=np.int64),
        frame["Rating"].to_numpy(np.float32),
        _one_hot(frame[[*_SURROUNDINGS]]),
        _one_hot(frame[[_DRIVER]]),
        frame[_DRIVER].notna().to_numpy(),
    )
    genres = tracks.sort_values("id")[["category_id"]].astype(str)
    return RatedItems(ratings, _one_hot(genres), (), len(user_ids))


def read_table_tabs(path: Path) -> pd.DataFrame:
    """Read a table of RecBole: tabs, and names with a type behind a colon.

    Raises:
        DatasetNotFoundError: if there is no such file.
        DatasetFormatError: if it is not such a table.
    """
    import pandas as pd

    if not path.is_file():
        raise DatasetNotFoundError(f"no table at {path}")
    try:
        return pd.read_csv(path, sep="\t", encoding="utf-8")
    except (pd.errors.ParserError, pd.errors.EmptyDataError, UnicodeError) as exc:
        raise DatasetFormatError(f"{path} is not a readable table: {exc}") from exc


def _inter(setting: Path, part: str) -> pd.DataFrame:
    path = setting / f"{setting.name}.{part}.inter"
    frame = _renamed(read_table_tabs(path))
    need_columns(frame, ["user_id", "item_id", "rating", *_FELT], path)
    return frame


def _renamed(frame: pd.DataFrame) -> pd.DataFrame:
    return frame.rename(columns=lambda name: str(name).partition(":")[0])


def _sound(path: Path) -> FloatArray:
    if not path.is_file():
        raise DatasetNotFoundError(f"no array at {path}")
    try:
        values = np.load(path, allow_pickle=False)
    except (ValueError, EOFError, OSError) as exc:
        raise DatasetFormatError(f"{path} is not a .npy array: {exc}") from exc
    if values.ndim != 2 or not np.isfinite(values).all():
        raise DatasetFormatError(f"{path} must hold numbers as (songs, moods)")
    return np.asarray(values, dtype=np.float32)


def _standardised(values: Any) -> FloatArray:
    filled = np.where(np.isfinite(values), values, np.nanmean(values, axis=0))
    deviation = filled.std(axis=0)
    centred = filled - filled.mean(axis=0)
    return np.asarray(centred / np.where(deviation > 0, deviation, 1), dtype=np.float32)


def _one_hot(frame: pd.DataFrame) -> FloatArray:
    """Return one column per value of each column, in the order of names; unknown is all zeros."""
    parts: list[Any] = []
    for name in frame.columns:
        values: Sequence[Any] = frame[name].tolist()
        known = sorted({v for v in values if isinstance(v, str)})
        parts.extend(np.array([v == one for v in values], dtype=np.float32) for one in known)
    return np.stack(parts, axis=1) if parts else np.zeros((len(frame), 0), np.float32)
