"""Reader of listeners' tags of songs, from Parquet or csv.

A table with ``artist``, ``title`` and ``tags``: a list of words per song (Parquet), or one text
with the words separated by ``|``, ``;`` or ``,``. The tables of the Last.fm data set of the
Million Song Dataset and of the Cornell Yes.com playlists take this form in a line of pandas.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from data.datasets.lyrics import keyed_table
from data.datasets.tables import named_column
from data.text import fold

_SEPARATORS = re.compile(r"[|;,]")


@dataclass(frozen=True, slots=True)
class TagTable:
    """Songs with at least one tag.

    Attributes:
        keys: normalised ``artist|title``, distinct; tags of equal keys are put together.
        tags: folded (:func:`data.text.fold`) and distinct, in the order of the table.
    """

    keys: tuple[str, ...]
    tags: tuple[tuple[str, ...], ...]

    def __len__(self) -> int:
        return len(self.keys)


def read_tags(path: Path) -> TagTable:
    """Read the songs that have tags.

    Raises:
        DatasetNotFoundError: if there is no file at ``path``.
        DatasetFormatError: if it is not such a table.
    """
    frame = keyed_table(path)
    found: dict[str, dict[str, None]] = {}
    for key, value in zip(frame["_key"], frame[named_column(frame, ("tags",), path)], strict=True):
        if tags := fold_tags(_words(value)):
            found.setdefault(key, {}).update(dict.fromkeys(tags))
    return TagTable(tuple(found), tuple(map(tuple, found.values())))


def fold_tags(tags: Iterable[str]) -> tuple[str, ...]:
    """Return the distinct folded tags, in order, without empty ones."""
    return tuple(dict.fromkeys(filter(None, map(fold, tags))))


def _words(value: object) -> list[str]:
    if isinstance(value, str):
        return _SEPARATORS.split(value)
    if value is None or isinstance(value, float):  # NaN marks an empty cell
        return []
    return [str(word) for word in value] if isinstance(value, Iterable) else []
