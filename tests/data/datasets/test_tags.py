from __future__ import annotations

from pathlib import Path

import pandas as pd
import pytest

from data.datasets.tags import fold_tags, read_tags
from data.errors import DatasetFormatError, DatasetNotFoundError


def test_lists_and_texts_of_tags_are_folded_and_put_together(tmp_path: Path) -> None:
    frame = pd.DataFrame(
        {
            "artist": ["The A", "a", "B", "C", "D"],
            "title": ["Song", "Song (Live)", "Other", "None", "Empty"],
            "tags": [["Hip-Hop", "SAD", "sad"], ["Live", "sad"], ["Rock"], None, []],
        }
    )
    frame.to_parquet(tmp_path / "tags.parquet")
    table = read_tags(tmp_path / "tags.parquet")
    assert table.keys == ("a|song", "b|other")
    assert table.tags == (("hip hop", "sad", "live"), ("rock",))
    assert len(table) == 2

    frame["tags"] = ["Hip-Hop|SAD;sad", "Live, sad", "Rock", None, ""]
    frame.to_csv(tmp_path / "tags.csv", index=False)
    assert read_tags(tmp_path / "tags.csv") == table


def test_what_is_no_table_of_tags(tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_text("artist,title\nA,B\n", encoding="utf-8")
    with pytest.raises(DatasetFormatError, match="needs a column tags"):
        read_tags(tmp_path / "a.csv")
    with pytest.raises(DatasetNotFoundError, match="gone"):
        read_tags(tmp_path / "gone.csv")


def test_folding_keeps_order_and_drops_empty_tags() -> None:
    assert fold_tags(["Indie", "", " ", "indie", "R&B"]) == ("indie", "r and b")
