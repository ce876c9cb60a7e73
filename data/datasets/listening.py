"""Readers of public listening data: who played what how often, without a database.

hetrec2011-lastfm-2k (Cantador, Brusilovsky & Kuflik, HetRec 2011): ``user_artists.dat`` of
GroupLens, tab-separated with ``userID``, ``artistID`` and ``weight`` (play counts), or the same as
Parquet; with the artists' names and tags: :mod:`data.datasets.hetrec`. Any other table of pairs:
:func:`read_pairs`, or :func:`read_listening` for the songs too.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from data.datasets.tables import find_table, need_columns, read_table
from data.errors import DatasetFormatError
from data.interactions import Interactions
from data.types import IntArray, Song

if TYPE_CHECKING:
    import pandas as pd


@dataclass(frozen=True, slots=True)
class ListeningData:
    """Who heard what, and what the songs are.

    Attributes:
        interactions: of all users.
        songs: one for every ``interactions.item_ids``, in its order.
    """

    interactions: Interactions
    songs: tuple[Song, ...]

    def __post_init__(self) -> None:
        if tuple(song.id for song in self.songs) != self.interactions.item_ids:
            raise ValueError("songs must be those of interactions.item_ids, in that order")

    def with_listeners(self, least: int) -> ListeningData:
        """Keep the songs of ``least`` users or more; see :func:`with_listeners`."""
        kept, by_id = with_listeners(self.interactions, least), {s.id: s for s in self.songs}
        return ListeningData(kept, tuple(by_id[item] for item in kept.item_ids))


def read_hetrec(folder: Path) -> Interactions:
    """Read the plays of artists; weights are play counts, times are not known (0).

    Raises:
        DatasetNotFoundError: if neither form of the file is in ``folder``.
        DatasetFormatError: if it has not the columns, or not numbers in them.
    """
    return read_pairs(find_table(folder, "user_artists"), "userID", "artistID", "weight")


def read_pairs(
    path: Path,
    user: str = "user",
    item: str = "item",
    weight: str | None = None,
    time: str | None = None,
) -> Interactions:
    """Read any table of pairs, csv or Parquet; weights of equal pairs are summed.

    Args:
        path: ``.csv``, ``.dat`` or ``.tsv`` (tab-separated), or ``.parquet``.
        user: column of user ids.
        item: column of item ids.
        weight: column of weights; None counts every row as 1.
        time: column of times, numbers (seconds since 1970) or ISO 8601; the last of equal pairs
            counts. None where none are known.

    Raises:
        DatasetNotFoundError: if there is no file at ``path``.
        DatasetFormatError: if it has not the columns, a weight is no number, or a time no time.
    """
    return pairs_of(read_table(path), path, user, item, weight, time)


def read_listening(
    path: Path,
    user: str = "user",
    item: str = "item",
    weight: str | None = None,
    time: str | None = None,
    *,
    title: str = "title",
    artist: str = "artist",
) -> ListeningData:
    """Read any table of pairs with the songs in it; see :func:`read_pairs`.

    Args:
        path: the table.
        user: column of user ids.
        item: column of item ids.
        weight: column of weights, or None.
        time: column of times, or None.
        title: column of titles; an item without one is called by its id.
        artist: column of artists; "" where there is none.
    """
    frame = read_table(path)
    interactions = pairs_of(frame, path, user, item, weight, time)
    first = frame.drop_duplicates(item)
    first = first.set_axis(first[item].astype(str)).reindex(columns=[title, artist])
    names = first.astype(object).where(first.notna(), "")
    return ListeningData(
        interactions,
        tuple(
            Song(id=i, title=str(names.at[i, title]) or i, artist=str(names.at[i, artist]))
            for i in interactions.item_ids
        ),
    )


def with_listeners(interactions: Interactions, least: int) -> Interactions:
    """Keep the items of ``least`` users or more, and the users who then have any; renumber both."""
    listeners = np.bincount(interactions.item, minlength=len(interactions.item_ids))
    kept = interactions.take(listeners[interactions.item] >= least)
    users, user = np.unique(kept.user, return_inverse=True)
    items, item = np.unique(kept.item, return_inverse=True)
    return Interactions(
        tuple(kept.user_ids[i] for i in users.tolist()),
        tuple(kept.item_ids[i] for i in items.tolist()),
        user.astype(np.int64),
        item.astype(np.int64),
        kept.weight,
        kept.at,
    )


def pairs_of(
    frame: pd.DataFrame, path: Path, user: str, item: str, weight: str | None, time: str | None
) -> Interactions:
    """Return a table's rows as interactions; see :func:`read_pairs`.

    Users and items are numbered in the order of their ids (numbers by value), whatever the order
    of the file.

    Raises:
        DatasetFormatError: as :func:`read_pairs`.
    """
    import pandas as pd

    need_columns(frame, [name for name in (user, item, weight, time) if name is not None], path)
    if frame[[user, item]].isna().to_numpy().any():
        raise DatasetFormatError(f"{path}: a row has no {user} or no {item}")
    pairs = pd.DataFrame({"user": frame[user], "item": frame[item], "weight": 1.0, "at": 0.0})
    if weight is not None:
        pairs["weight"] = _all_known(pd.to_numeric(frame[weight], errors="coerce"), weight, path)
    if time is not None:
        pairs["at"] = _all_known(_seconds(frame[time]), time, path, "time")
    total = pairs.groupby(["user", "item"], sort=True, as_index=False).agg(
        {"weight": "sum", "at": "max"}
    )
    users, user_numbers = _numbered(total["user"].tolist())
    items, item_numbers = _numbered(total["item"].tolist())
    return Interactions(
        users,
        items,
        user_numbers,
        item_numbers,
        total["weight"].to_numpy(np.float32),
        total["at"].to_numpy(np.float64),
    )


def _seconds(times: pd.Series) -> pd.Series:
    import pandas as pd

    numbers = pd.to_numeric(times, errors="coerce")
    if numbers.notna().any():
        return numbers
    read = pd.to_datetime(times, errors="coerce", utc=True, format="ISO8601")
    return (read - pd.Timestamp(0, tz="UTC")) / pd.Timedelta(seconds=1)


def _all_known(
    numbers: pd.Series, column: str, path: Path, what: str = "number"
) -> NDArray[np.float64]:
    found = np.asarray(numbers, dtype=np.float64)
    if not np.isfinite(found).all():
        row = int(np.flatnonzero(~np.isfinite(found))[0])
        raise DatasetFormatError(f"{path}: row {row + 1} has no {what} in {column}")
    return found


def _numbered(values: Sequence[object]) -> tuple[tuple[str, ...], IntArray]:
    order = {value: i for i, value in enumerate(dict.fromkeys(sorted(values, key=_order)))}
    numbers = np.array([order[value] for value in values], dtype=np.int64)
    return tuple(str(value) for value in order), numbers


def _order(value: object) -> tuple[int, float, str]:
    """Numbers by value and before words, so that the order does not depend on the file's."""
    if isinstance(value, int | float):
        return 0, float(value), ""
    return 1, 0.0, str(value)
