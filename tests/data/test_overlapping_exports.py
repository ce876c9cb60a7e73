"""Two exports of one account that tell of the same listens: each counts once."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from data.db.repositories import InteractionRepository, SongRepository
from data.db.session import Database
from data.ingest import IngestReport, ingest_listens
from data.types import EventRow, SongInput

TRACK = "0abcdefghijklmnopqrstu"


def extended(at: str, title: str = "One", **more: Any) -> dict[str, Any]:
    return {
        "ts": f"2024-05-01T{at}Z", "username": "31xspotify", "ms_played": 200_000,
        "master_metadata_track_name": title, "master_metadata_album_artist_name": "A",
        "spotify_track_uri": f"spotify:track:{TRACK}", "reason_end": "trackdone", **more,
    }  # fmt: skip


def short(at: str, title: str = "One", played: int = 200_000) -> dict[str, Any]:
    return {"endTime": f"2024-05-01 {at}", "artistName": "A", "trackName": title,
            "msPlayed": played}  # fmt: skip


SKIPPED: dict[str, Any] = {"ms_played": 4_000, "reason_end": "fwdbtn"}
LONG = [
    extended("12:03:00"),
    extended("12:07:21"),
    extended("12:07:30", **SKIPPED),
    extended("12:07:55", **SKIPPED),
    extended("12:12:59", "Two", ms_played=90_000, reason_end="endplay"),
]
BRIEF = [
    short("12:03"),
    short("12:07"),
    short("12:07", played=4_000),
    short("12:07", played=4_000),
    short("12:12", "Two", 90_000),
    short("12:13", "Two"),
    short("12:07", "Three"),
]
#: What both tell of as the longer one does, and what it does not have.
HEARD = [
    ("12:03:00", "complete", "a|one"),
    ("12:07:00", "play", "a|three"),
    ("12:07:21", "complete", "a|one"),
    ("12:07:30", "skip", "a|one"),
    ("12:07:55", "skip", "a|one"),
    ("12:12:59", "play", "a|two"),
    ("12:13:00", "play", "a|two"),
]


def ingest(
    database: Database, folder: Path, *parts: list[dict[str, Any]], user: str = "me"
) -> IngestReport:
    paths = []
    for number, rows in enumerate(parts):
        paths.append(folder / f"{number}.json")
        paths[-1].write_text(json.dumps(rows))
    rejects = folder / "r.jsonl"
    return ingest_listens(database, paths, format="spotify", rejects=rejects, user=user)


def heard(database: Database, user: str = "me") -> list[tuple[str, str, str]]:
    with database.session() as session:
        rows = InteractionRepository(session).recent(user)
    return sorted((f"{row.at:%H:%M:%S}", row.event, row.song_id) for row in rows)


@pytest.mark.parametrize("order", [(LONG, BRIEF), (BRIEF, LONG)])
@pytest.mark.parametrize("together", [True, False])
def test_both_histories_of_spotify_count_a_listen_once(
    database: Database, tmp_path: Path, order: tuple[Any, Any], together: bool
) -> None:
    for parts in [order] if together else [(part,) for part in order]:
        ingest(database, tmp_path, *parts)
    assert heard(database) == HEARD
    done = ingest(database, tmp_path, [*BRIEF, short("12:59")])
    assert (done.written, done.skipped) == (1, 7)


def test_both_in_one_file(database: Database, tmp_path: Path) -> None:
    done = ingest(database, tmp_path, [*BRIEF, *LONG])
    assert (done.written, done.skipped) == (7, 5)
    assert heard(database) == HEARD


def test_the_song_is_the_one_that_the_service_names(database: Database, tmp_path: Path) -> None:
    """The longer history tells the track, so it may be matched to another song."""
    ingest(database, tmp_path, [short("12:03")])
    link = {"spotify": f"https://open.spotify.com/track/{TRACK}"}
    with database.session() as session:
        SongRepository(session).upsert_many([SongInput("mine", "Uno", "B", links=link)])
    ingest(database, tmp_path, [extended("12:03:09")])
    assert heard(database) == [("12:03:09", "complete", "mine")]
    ingest(database, tmp_path, [short("12:03"), short("12:04")])
    assert heard(database) == [("12:03:09", "complete", "mine"), ("12:04:00", "play", "a|one")]


def test_others_and_what_was_not_imported_stay(database: Database, tmp_path: Path) -> None:
    ingest(database, tmp_path, [short("12:03")], user="you")
    at = datetime(2024, 5, 1, 12, 3, 20, tzinfo=UTC)
    with database.session() as session:
        InteractionRepository(session).add_many(
            [
                EventRow("me", "a|one", "like", at, None, 1, "a key of the listener's"),
                EventRow("me", "a|one", "play", at),
            ]
        )
    ingest(database, tmp_path, [short("12:03")])
    ingest(database, tmp_path, [extended("12:03:09")])
    assert heard(database, "you") == [("12:03:00", "play", "a|one")]
    assert [event for _, event, _ in heard(database)] == ["complete", "like", "play"]


def test_two_programs_for_lastfm(database: Database, tmp_path: Path) -> None:
    files = {
        "minutes.csv": "A,X,One,01 May 2024 12:03\nA,X,Two,01 May 2024 12:07\n",
        "seconds.csv": "uts,artist,album,track\n1714564992,A,X,One\n1714565301,A,X,Three\n",
    }
    for name, text in files.items():
        (tmp_path / name).write_text(text)
        ingest_listens(
            database, [tmp_path / name], format="lastfm", rejects=tmp_path / "r", user="me"
        )
    assert heard(database) == [
        ("12:03:12", "play", "a|one"), ("12:07:00", "play", "a|two"),
        ("12:08:21", "play", "a|three"),
    ]  # fmt: skip
