"""Tables of public data sets as data frames: csv, tab-separated text or Parquet."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from data.errors import DatasetFormatError, DatasetNotFoundError

if TYPE_CHECKING:
    import pandas as pd

_TABS = (".dat", ".tsv")


def read_table(path: Path, *, plain: bool = False) -> pd.DataFrame:
    """Read a whole table by the ending of its name: ``.parquet``, ``.dat`` and ``.tsv``, else csv.

    Args:
        path: the file.
        plain: text as GroupLens writes it: quotes are letters, "NA" and "null" are words, and
            what is not UTF-8 is Latin-1.

    Raises:
        DatasetNotFoundError: if there is no file at ``path``.
        DatasetFormatError: if it cannot be read as such a table.
    """
    import pandas as pd
    import pyarrow as pa

    if not path.is_file():
        raise DatasetNotFoundError(f"no table at {path}: give a .csv, .dat, .tsv or .parquet file")
    try:
        if path.suffix.lower() == ".parquet":
            return pd.read_parquet(path)
        return _read_text(path, plain)
    except (pa.ArrowInvalid, pd.errors.ParserError, pd.errors.EmptyDataError, UnicodeError) as exc:
        raise DatasetFormatError(f"{path} is not a readable table: {exc}") from exc


def _read_text(path: Path, plain: bool) -> pd.DataFrame:
    import csv

    import pandas as pd

    separator = "\t" if path.suffix.lower() in _TABS else ","
    if not plain:
        return pd.read_csv(path, sep=separator, encoding="utf-8", low_memory=False)
    options = {"sep": separator, "quoting": csv.QUOTE_NONE, "na_filter": False}
    try:
        return pd.read_csv(path, encoding="utf-8", low_memory=False, **options)
    except UnicodeDecodeError:
        return pd.read_csv(path, encoding="latin-1", low_memory=False, **options)


def find_table(folder: Path, stem: str, endings: Iterable[str] = (".dat", ".parquet")) -> Path:
    """Return the first of ``stem`` with each ending that is in ``folder``.

    Raises:
        DatasetNotFoundError: if there is none.
    """
    names = [stem + ending for ending in endings]
    for name in names:
        if (folder / name).is_file():
            return folder / name
    raise DatasetNotFoundError(f"{folder} holds neither {' nor '.join(names)}")


def named_column(frame: pd.DataFrame, names: Iterable[str], path: Path) -> str:
    """Return the column that is called one of ``names``, in any case.

    Raises:
        DatasetFormatError: if there is none.
    """
    by_lower: Mapping[str, str] = {str(c).strip().lower(): str(c) for c in frame.columns}
    for name in names:
        if name in by_lower:
            return by_lower[name]
    raise DatasetFormatError(
        f"{path} needs a column {' or '.join(names)}; it has {sorted(by_lower)}"
    )


def need_columns(frame: pd.DataFrame, names: Iterable[str], path: Path) -> None:
    """Check that the table has all of these columns.

    Raises:
        DatasetFormatError: naming those it lacks.
    """
    missing = [name for name in names if name not in frame]
    if missing:
        raise DatasetFormatError(f"{path} lacks {', '.join(missing)}; it has {[*frame.columns]}")
