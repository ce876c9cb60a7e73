"""Readers of public listening data: who played what how often, without a database.

hetrec2011-lastfm-2k (Cantador, Brusilovsky & Kuflik, HetRec 2011): ``user_artists.dat`` of
GroupLens, tab-separated with ``userID``, ``artistID`` and ``weight`` (play counts), or the same as
Parquet.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from data.errors import DatasetFormatError, DatasetNotFoundError
from data.interactions import Interactions

if TYPE_CHECKING:
    import pandas as pd

_HETREC = ("user_artists.dat", "user_artists.parquet")


def read_hetrec(folder: Path) -> Interactions:
    """Read the plays of artists; weights are play counts, times are not known (0).

    Raises:
        DatasetNotFoundError: if neither form of the file is in ``folder``.
        DatasetFormatError: if it has not the columns, or not numbers in them.
    """
    found = [folder / name for name in _HETREC if (folder / name).is_file()]
    if not found:
        raise DatasetNotFoundError(f"{folder} holds neither {' nor '.join(_HETREC)}")
    return _pairs(_table(found[0]), ("userID", "artistID", "weight"), found[0])


def read_pairs(
    path: Path, user: str = "user", item: str = "item", weight: str | None = None
) -> Interactions:
    """Read any table of pairs, csv or Parquet; weights of equal pairs are summed.

    Args:
        path: ``.csv``, ``.dat`` or ``.tsv`` (tab-separated), or ``.parquet``.
        user: column of user ids.
        item: column of item ids.
        weight: column of weights; None counts every row as 1.

    Raises:
        DatasetNotFoundError: if there is no file at ``path``.
        DatasetFormatError: if it has not the columns, or a weight is no number.
    """
    return _pairs(_table(path), (user, item, weight), path)


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


def _table(path: Path) -> pd.DataFrame:
    import pandas as pd
    import pyarrow as pa

    if not path.is_file():
        raise DatasetNotFoundError(f"no table at {path}: give a .csv, .dat, .tsv or .parquet file")
    try:
        if path.suffix == ".parquet":
            return pd.read_parquet(path)
        separator = "," if path.suffix == ".csv" else "\t"
        return pd.read_csv(path, sep=separator, low_memory=False)
    except (pa.ArrowInvalid, pd.errors.ParserError, pd.errors.EmptyDataError, UnicodeError) as exc:
        raise DatasetFormatError(f"{path} is not a readable table: {exc}") from exc


def _pairs(frame: pd.DataFrame, names: tuple[str, str, str | None], path: Path) -> Interactions:
    import pandas as pd

    user, item, weight = names
    missing = [name for name in names if name is not None and name not in frame]
    if missing:
        raise DatasetFormatError(f"{path} lacks {', '.join(missing)}; it has {[*frame.columns]}")
    amounts = pd.Series(1.0, frame.index) if weight is None else frame[weight]
    numbers = pd.to_numeric(amounts, errors="coerce")
    if not np.isfinite(numbers).all():
        row = int(np.flatnonzero(~np.isfinite(numbers))[0])
        raise DatasetFormatError(f"{path}: row {row + 1} has no number in {weight}")
    pairs = pd.DataFrame({"user": frame[user], "item": frame[item], "weight": numbers})
    if pairs[["user", "item"]].isna().to_numpy().any():
        raise DatasetFormatError(f"{path}: a row has no {user} or no {item}")
    total = pairs.groupby(["user", "item"], sort=True, as_index=False)["weight"].sum()
    users, user_numbers = _numbered(total["user"].tolist())
    items, item_numbers = _numbered(total["item"].tolist())
    return Interactions(
        users,
        items,
        user_numbers,
        item_numbers,
        total["weight"].to_numpy(np.float32),
        np.zeros(len(total)),
    )


def _numbered(
    values: Sequence[object],
) -> tuple[tuple[str, ...], np.ndarray[tuple[int], np.dtype[np.int64]]]:
    order = {value: i for i, value in enumerate(dict.fromkeys(sorted(values, key=_order)))}
    numbers = np.array([order[value] for value in values], dtype=np.int64)
    return tuple(str(value) for value in order), numbers


def _order(value: object) -> tuple[int, float, str]:
    """Numbers by value and before words, so that the order does not depend on the file's."""
    if isinstance(value, int | float):
        return 0, float(value), ""
    return 1, 0.0, str(value)
