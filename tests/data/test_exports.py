from __future__ import annotations

import json
from pathlib import Path

import pytest

from data.db.repositories import InteractionRepository
from data.db.session import Database
from data.errors import DatasetFormatError
from data.ingest import ingest_listens


def events(database: Database) -> list[tuple[str, str, str, int]]:
    with database.session() as session:
        blocks = list(InteractionRepository(session).iter_events())
    rows = [row for block in blocks for row in block]
    return [(row.user_id, row.song_id, row.event, int(row.at.timestamp())) for row in rows]


LISTEN = {
    "listened_at": 1714564800,
    "user_name": "lb",
    "track_metadata": {
        "track_name": "One", "artist_name": "A", "release_name": "X",
        "additional_info": {"duration_ms": 200000},
    },
}  # fmt: skip


@pytest.mark.parametrize("form", ["lines", "array", "payload"])
def test_listenbrainz(database: Database, tmp_path: Path, form: str) -> None:
    items = [LISTEN, {"listened_at": 1}, {**LISTEN, "listened_at": 1714564860}]
    text = {
        "lines": "\n".join(json.dumps(item) for item in items),
        "array": json.dumps(items),
        "payload": json.dumps({"payload": {"listens": items}}),
    }[form]
    (tmp_path / "a.json").write_text(text)
    done = ingest_listens(
        database, [tmp_path / "a.json"], format="listenbrainz", rejects=tmp_path / "r", user="x"
    )
    assert (done.written, done.rejected) == (2, 1)
    assert events(database) == [
        ("x", "a|one", "play", 1714564800), ("x", "a|one", "play", 1714564860),
    ]  # fmt: skip
    assert json.loads((tmp_path / "r").read_text())["line"] == 2


def test_whose_an_export_is_says_the_operator_before_the_service(
    database: Database, tmp_path: Path
) -> None:
    (tmp_path / "a.jsonl").write_text(json.dumps(LISTEN))
    (tmp_path / "b.jsonl").write_text(json.dumps({**LISTEN, "listened_at": 1714564860}))
    for name, user in (("a", None), ("b", "me")):
        ingest_listens(
            database, [tmp_path / f"{name}.jsonl"],
            format="listenbrainz", rejects=tmp_path / "r", user=user,
        )  # fmt: skip
    assert [user for user, *_ in events(database)] == ["lb", "me"]


def test_spotify_tells_skips_from_plays(database: Database, tmp_path: Path) -> None:
    long = {
        "ts": "2024-05-01T12:00:00Z", "ms_played": 200000, "reason_end": "trackdone",
        "master_metadata_track_name": "One", "master_metadata_album_artist_name": "A",
        "master_metadata_album_album_name": "X", "skipped": False,
    }  # fmt: skip
    items = [
        long,
        {**long, "ts": "2024-05-01T12:10:00Z", "reason_end": "endplay"},
        {**long, "ts": "2024-05-01T12:20:00Z", "ms_played": 3000, "reason_end": "fwdbtn"},
        {**long, "master_metadata_track_name": None, "episode_name": "Talk"},
        {"endTime": "2024-05-01 12:30", "artistName": "A", "trackName": "Two", "msPlayed": 90000},
    ]
    (tmp_path / "a.json").write_text(json.dumps(items))
    done = ingest_listens(
        database, [tmp_path / "a.json"], format="spotify", rejects=tmp_path / "r", user="me"
    )
    assert (done.written, done.rejected) == (4, 1)
    assert events(database) == [
        ("me", "a|one", "complete", 1714564800),
        ("me", "a|one", "play", 1714565400),
        ("me", "a|one", "skip", 1714566000),
        ("me", "a|two", "play", 1714566600),
    ]


LASTFM = {
    "with_header.csv": (
        "uts,utc_time,artist,artist_mbid,album,album_mbid,track,track_mbid\n"
        '1714564800,"01 May 2024, 12:00",A,,X,,One,\n'
    ),
    "bare.csv": "A,X,One,01 May 2024 12:00\n",
    "lastfm_1k.tsv": "me\t2024-05-01T12:00:00Z\tmbid\tA\tmbid\tOne\n",
}


@pytest.mark.parametrize("name", LASTFM)
def test_lastfm(database: Database, tmp_path: Path, name: str) -> None:
    (tmp_path / name).write_text(LASTFM[name] + "short\n")
    done = ingest_listens(
        database, [tmp_path / name], format="lastfm", rejects=tmp_path / "r", user="me"
    )
    assert (done.written, done.rejected) == (1, 1)
    assert events(database) == [("me", "a|one", "play", 1714564800)]


def test_what_is_no_export_is_told(database: Database, tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_text("one,two\n")
    (tmp_path / "a.json").write_text('[{"cut": ')
    with pytest.raises(DatasetFormatError, match=r"no Last\.fm export"):
        ingest_listens(database, [tmp_path / "a.csv"], format="lastfm", rejects=tmp_path / "r")
    with pytest.raises(DatasetFormatError, match="not a whole JSON array"):
        ingest_listens(database, [tmp_path / "a.json"], format="spotify", rejects=tmp_path / "r")
