"""``attune ingest listens`` of other services' exports: what the command tells and leaves."""

from __future__ import annotations

import csv
import json
from pathlib import Path

from tests.api.test_cli import Attune, attune

__all__ = ["attune"]


def streams(path: Path, *played: tuple[str, str]) -> Path:
    rows = [
        {
            "ts": f"2024-05-01T12:00:{second:02d}Z",
            "ms_played": 60_000,
            "master_metadata_album_artist_name": artist,
            "master_metadata_track_name": title,
        }
        for second, (artist, title) in enumerate(played)
    ]
    path.write_text(json.dumps(rows))
    return path


def test_what_was_matched_and_what_was_not(attune: Attune, tmp_path: Path) -> None:
    (tmp_path / "songs.csv").write_text("id,title,artist\ns1,One,The Band\n")
    assert attune("db", "upgrade")[0] == 0
    assert attune("ingest", "songs", tmp_path / "songs.csv")[0] == 0
    history = streams(
        tmp_path / "Streaming_History_Audio_1.json",
        ("Band", "One - Live"), ("New", "Two"), ("NEW", "two"), ("Else", "Three"),
    )  # fmt: skip
    ask = ("ingest", "listens", history, "--format", "spotify", "--user", "me")
    code, out, _ = attune(*ask, "--no-new-songs", "--json")
    told = json.loads(out)
    assert code == 0
    assert (told["read"], told["written"], told["rejected"]) == (4, 1, 3)
    assert told["matched"] == {"none": 3, "title": 1}
    assert told["most_frequent_unmatched"] == [
        {"artist": "New", "title": "Two", "listens": 2},
        {"artist": "Else", "title": "Three", "listens": 1},
    ]
    file = Path(told["unmatched"]["file"])
    with file.open(newline="") as stream:
        assert list(csv.reader(stream)) == [
            ["user", "artist", "title", "listens"],
            ["me", "New", "Two", "2"],
            ["me", "Else", "Three", "1"],
        ]
    code, out, _ = attune(*ask)
    assert code == 0
    assert "1 listens (by artist and title 1); none for 3 listens" in out
    assert "       2 New - Two\n" in out
    # Read once more, the file tells nothing new, and what was told stays.
    code, out, _ = attune(*ask, "--json")
    assert (code, json.loads(out)["matched"]) == (0, {})
    assert "me,New,Two,2" in file.read_text()
