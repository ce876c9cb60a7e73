"""Spotify's Million Playlist Dataset: a playlist stands for a listener.

Chen, Lamere, Schedl & Zamani, *RecSys Challenge 2018*. Read from the challenge's own slices
(``mpd.slice.*.json``), or from a table with one row per track, in the order of the playlists.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

from data.datasets.listening import ListeningData, pairs_of
from data.datasets.tables import need_columns, read_table
from data.errors import DatasetFormatError, DatasetNotFoundError
from data.text import song_key
from data.types import Song

if TYPE_CHECKING:
    import pandas as pd

_COLUMNS = ("pid", "track_name", "artist_name", "album_name", "duration_ms")


def read_playlists(path: Path) -> ListeningData:
    """Read playlists; editions of one recording are one song (:func:`data.text.song_key`).

    Args:
        path: a table (csv or Parquet) with ``pid``, ``track_name``, ``artist_name``,
            ``album_name``, ``duration_ms`` and maybe ``key``, the songs' ids; a slice of the data
            set (``.json``); or a folder of slices.

    Returns:
        every song of a playlist once, weight 1; ``at`` is its first place in the playlist, from
        1. Places are no clock: they order one playlist and cannot be compared between two. Title,
        album and duration are those of the song's first row.

    Raises:
        DatasetNotFoundError: if there is nothing at ``path``.
        DatasetFormatError: if it is not such a table or slice.
    """
    frame = _frame(path)
    need_columns(frame, _COLUMNS, path)
    frame = frame.assign(
        track_name=_text(frame["track_name"]),
        artist_name=_text(frame["artist_name"]),
        album_name=_text(frame["album_name"]),
        place=frame.groupby("pid").cumcount() + 1.0,
    )
    if "key" not in frame:
        pairs = zip(frame["artist_name"], frame["track_name"], strict=True)
        frame["key"] = [song_key(artist, track) for artist, track in pairs]
    once = frame.drop_duplicates(["pid", "key"])
    interactions = pairs_of(once, path, "pid", "key", None, "place")
    first = once.drop_duplicates("key").set_index("key")
    rows = first.loc[list(interactions.item_ids)].itertuples()
    return ListeningData(interactions, tuple(_song(row) for row in rows))


def _song(row: Any) -> Song:
    length = float(row.duration_ms) / 1000
    return Song(
        id=row.Index,
        title=row.track_name,
        artist=row.artist_name,
        album=row.album_name or None,
        duration_s=length if length > 0 else None,
    )


def _text(column: pd.Series) -> pd.Series:
    return column.astype(object).where(column.notna(), "").astype(str)


def _frame(path: Path) -> pd.DataFrame:
    if path.is_dir():
        files = sorted(path.glob("mpd.slice.*.json"))
        if not files:
            raise DatasetNotFoundError(f"{path} holds no mpd.slice.*.json: give that folder")
        return _slices(files)
    return _slices([path]) if path.suffix.lower() == ".json" else read_table(path)


def _slices(files: list[Path]) -> pd.DataFrame:
    import pandas as pd

    rows = []
    for file in files:
        if not file.is_file():
            raise DatasetNotFoundError(f"there is no slice {file}")
        try:
            playlists = json.loads(file.read_text("utf-8"))["playlists"]
            rows += [{"pid": one["pid"], **track} for one in playlists for track in one["tracks"]]
        except (ValueError, KeyError, TypeError) as exc:
            raise DatasetFormatError(f"{file} is no slice of playlists with tracks: {exc}") from exc
    return pd.DataFrame(rows, columns=[*_COLUMNS])
