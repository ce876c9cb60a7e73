"""hetrec2011-lastfm-2k with its artists as songs, tagged by listeners.

The folder of GroupLens (https://grouplens.org/datasets/hetrec-2011/) as it is, or the same tables
as Parquet: ``user_artists``, ``artists``, ``tags`` and ``user_taggedartists``.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from data.datasets.listening import ListeningData, read_hetrec
from data.datasets.tables import find_table, need_columns, read_table
from data.interactions import Interactions
from data.types import Song

if TYPE_CHECKING:
    import pandas as pd


def read_hetrec_music(
    folder: Path, *, hidden: Iterable[Interactions] = (), least_people: int = 2
) -> ListeningData:
    """Read plays and artists; an artist's name stands for title and artist alike.

    Somebody who tagged an artist mostly listens to it as well, so that a tag tells of a listener.
    To evaluate, read once to split, and again with what is held out::

        split = split_holdout(read_hetrec_music(folder).interactions, ...)
        data = read_hetrec_music(folder, hidden=[split.validation, split.test])

    Args:
        folder: of the tables.
        hidden: held-out pairs, by the ids of users and artists; what these people said of these
            artists is left out.
        least_people: fewest people who gave a tag that is kept.

    Returns:
        songs with ``tags``, those given by the most people first, equals by name.

    Raises:
        DatasetNotFoundError: if a table is missing.
        DatasetFormatError: if one has not its columns.
    """
    interactions = read_hetrec(folder)
    names = _names(folder, "artists", "id", "name")
    tags = _most_given(_taggings(folder, hidden), least_people)
    return ListeningData(
        interactions,
        tuple(
            Song(id=i, title=names.get(i, i), artist=names.get(i, i), tags=tags.get(i, ()))
            for i in interactions.item_ids
        ),
    )


def _taggings(folder: Path, hidden: Iterable[Interactions]) -> pd.DataFrame:
    """Return who gave what to whom: text columns userID, artistID and tag, rows distinct."""
    import pandas as pd

    frame = _table(folder, "user_taggedartists", ("userID", "artistID", "tagID"))
    secret = {pair for part in hidden for pair in _id_pairs(part)}
    if secret:
        pairs = pd.MultiIndex.from_frame(frame[["userID", "artistID"]])
        frame = frame[~pairs.isin(secret)]
    names = _names(folder, "tags", "tagID", "tagValue")
    frame = frame.assign(tag=frame["tagID"].map(names))
    return frame[["userID", "artistID", "tag"]].dropna().drop_duplicates()


def _most_given(taggings: pd.DataFrame, least: int) -> dict[str, tuple[str, ...]]:
    """Return artist -> the tags that ``least`` people or more gave it."""
    counts = taggings.groupby(["artistID", "tag"]).size().rename("people").reset_index()
    counts = counts[counts["people"] >= least]
    counts = counts.sort_values(["artistID", "people", "tag"], ascending=[True, False, True])
    return {str(artist): tuple(tags) for artist, tags in counts.groupby("artistID")["tag"]}


def _names(folder: Path, stem: str, key: str, name: str) -> dict[str, str]:
    frame = _table(folder, stem, (key, name))
    named = {i: text.strip() for i, text in zip(frame[key], frame[name], strict=True)}
    return {i: text for i, text in named.items() if text}


def _table(folder: Path, stem: str, columns: Sequence[str]) -> pd.DataFrame:
    """Read these columns as text; a missing cell is empty."""
    path = find_table(folder, stem)
    frame = read_table(path, plain=True)
    need_columns(frame, columns, path)
    return frame[[*columns]].astype(object).where(frame[[*columns]].notna(), "").astype(str)


def _id_pairs(part: Interactions) -> list[tuple[str, str]]:
    rows = zip(part.user.tolist(), part.item.tolist(), strict=True)
    return [(part.user_ids[user], part.item_ids[item]) for user, item in rows]
