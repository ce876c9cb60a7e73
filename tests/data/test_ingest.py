from __future__ import annotations

import csv
import json
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from sqlalchemy import text

from data.db.repositories import InteractionRepository, SongRepository, UserRepository
from data.db.repositories.ingest_runs import IngestRunRepository
from data.db.session import Database
from data.errors import (
    DatabaseUnavailableError,
    DatasetFormatError,
    DatasetNotFoundError,
    InvalidParameterError,
)
from data.ingest import IngestReport, ingest_feedback, ingest_listens, ingest_songs, runs
from data.types import SongInput

SONGS: list[dict[str, Any]] = [
    {"id": "s1", "title": "One", "artist": "A", "year": 1999, "tags": ["x", "y"],
     "duration_ms": 201500, "lyrics": "la\nla", "valence": 0.5, "arousal": -0.5},
    {"id": None, "title": "Two (Live)", "artist": "The Bs", "year": None, "tags": None,
     "duration_ms": None, "lyrics": None, "valence": None, "arousal": None},
    {"id": "bad", "title": "Three", "artist": None, "year": 2000, "tags": [],
     "duration_ms": 1, "lyrics": None, "valence": None, "arousal": None},
]  # fmt: skip
RUNS = "SELECT kind, last_row, read, written, rejected FROM ingest_runs ORDER BY id"


def write(folder: Path, format: str, rows: list[dict[str, Any]]) -> Path:
    path = folder / f"rows.{format}"
    if format == "parquet":
        pq.write_table(pa.Table.from_pylist(rows), path)
    elif format == "jsonl":
        path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    else:
        with path.open("w", newline="") as stream:
            writer = csv.DictWriter(stream, rows[0].keys())
            writer.writeheader()
            for row in rows:
                flat = {k: ";".join(v) if isinstance(v, list) else v for k, v in row.items()}
                writer.writerow(flat)
    return path


def told(path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in path.read_text().splitlines()] if path.exists() else []


def dump(database: Database) -> dict[str, list[Any]]:
    """Everything that a run leaves behind, without clock times of writing."""
    with database.session() as session:
        songs = SongRepository(session)
        rows = [e for block in InteractionRepository(session).iter_events() for e in block]
        return {
            "songs": sorted(
                (s.id, s.title, s.artist, s.tags) for b in songs.iter_catalogue() for s in b
            ),
            "lyrics": sorted(row for block in songs.iter_lyrics() for row in block),
            "events": [(e.user_id, e.song_id, e.event, e.count, e.idempotency_key) for e in rows],
            "runs": [tuple(run) for run in session.execute(text(RUNS))],
        }


@pytest.mark.parametrize("format", ["csv", "jsonl", "parquet"])
def test_songs_of_every_format(database: Database, tmp_path: Path, format: str) -> None:
    path, rejects = write(tmp_path, format, SONGS), tmp_path / "out" / "rejects.jsonl"
    done = ingest_songs(database, [path], rejects=rejects)
    assert (done.read, done.written, done.rejected, done.skipped) == (3, 2, 1, 0)
    (reject,) = told(rejects)
    assert reject["reason"] == "artist is missing"
    # The lyrics of the first row take two physical lines of the csv.
    assert reject["line"] == {"csv": 5, "jsonl": 3, "parquet": 3}[format]
    assert reject["row"]["title"] == "Three"
    assert reject["file"] == str(path)
    with database.session() as session:
        songs = SongRepository(session)
        one, two = songs.get("s1"), songs.get("bs|two")
        assert one is not None
        assert two is not None
        assert (one.year, one.tags, one.duration_s, one.valence) == (1999, ("x", "y"), 201.5, 0.5)
        assert songs.lyrics("s1") == "la\nla"
        assert (two.title, two.year, two.tags) == ("Two (Live)", None, ())


BAD_SONGS: list[tuple[dict[str, Any], str]] = [
    ({"title": None}, "title is missing"),
    ({"title": "  "}, "title is missing"),
    ({"title": "a\0b"}, "title holds a NUL character"),
    ({"title": "\udcff"}, "title is not valid UTF-8"),
    ({"title": "x" * 513}, "title has 513 characters, at most 512"),
    ({"title": ["x"]}, "title must be text, got list"),
    ({"year": "19x9"}, "year is not a number: '19x9'"),
    ({"year": 1999.5}, "year must be a whole number"),
    ({"year": -4}, "year must be from 0 to 2200, got -4"),
    ({"year": 10**400}, "year is not a number"),
    ({"duration_s": -1}, "duration_s must be from 0"),
    ({"duration_s": "inf"}, "duration_s must be from 0"),
    ({"valence": 2, "arousal": 0}, "valence must be from -1 to 1, got 2"),
    ({"valence": 0.5}, "valence and arousal go together"),
    ({"tags": 7}, "tags must be a list"),
    ({"tags": ["a\0"]}, "tags holds a NUL"),
    ({"links": {"web": "javascript:alert(1)"}}, "links must be http"),
    ({"links": "{"}, "links is not a JSON object"),
    ({"links": "[1, 2]"}, "links must map services"),
    ({"lyrics": "a\0"}, "lyrics holds a NUL"),
]


@pytest.mark.parametrize(("wrong", "reason"), BAD_SONGS)
def test_each_wrong_value_is_named(
    database: Database, tmp_path: Path, wrong: dict[str, Any], reason: str
) -> None:
    good = {"id": "g", "title": "Good", "artist": "A"}
    bad = {"id": "b", "title": "Bad", "artist": "A", **wrong}
    path = write(tmp_path, "jsonl", [good, bad, {**good, "id": "h"}])
    done = ingest_songs(database, [path], rejects=tmp_path / "rejects.jsonl")
    assert (done.written, done.rejected) == (2, 1)
    (reject,) = told(tmp_path / "rejects.jsonl")
    assert reject["line"] == 2
    assert reason in reject["reason"]
    assert reject["row"] == bad


def test_bytes_that_are_no_utf8_cost_one_row(database: Database, tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    path.write_bytes("title,artist\nOkay,Á\n".encode() + b"caf\xe9,B\nFine,C\n")
    done = ingest_songs(database, [path], rejects=tmp_path / "r.jsonl")
    assert (done.written, done.rejected) == (2, 1)
    (reject,) = told(tmp_path / "r.jsonl")
    assert (reject["line"], reject["row"]["title"]) == (3, "caf\udce9")


LISTENS: list[dict[str, Any]] = [
    {"user": "u", "song": "s1", "event": None, "at": "2024-05-01T12:00:00Z", "count": None},
    {"user": "u", "song": "s1", "event": "LIKE", "at": "1714564800", "count": 1},
    {"user": "v", "song": "s1", "event": "play", "at": "1714564800123", "count": 3},
    {"user": "v", "song": "s1", "event": "play", "at": None, "count": 1},
    {"user": "v", "song": "nope", "event": "play", "at": None, "count": 1},
    {"user": None, "song": "s1", "event": "play", "at": None, "count": 1},
    {"user": "v", "song": "s1", "event": "hum", "at": None, "count": 1},
    {"user": "v", "song": "s1", "event": "play", "at": "yesterday", "count": 1},
    {"user": "v", "song": "s1", "event": "play", "at": None, "count": 0},
    {"user": "v", "song": None, "event": "play", "at": None, "count": 1},
]


def with_song(database: Database, name: str = "s1") -> None:
    with database.session() as session:
        SongRepository(session).upsert_many([SongInput(name, "One", "A")])


@pytest.mark.parametrize("format", ["csv", "jsonl", "parquet"])
def test_listens_of_every_format(database: Database, tmp_path: Path, format: str) -> None:
    with_song(database)
    rejects = tmp_path / "r.jsonl"
    done = ingest_listens(database, [write(tmp_path, format, LISTENS)], rejects=rejects)
    assert (done.read, done.written, done.rejected) == (10, 4, 6)
    reasons = [(r["line"] - (format == "csv"), r["reason"].split(":")[0]) for r in told(rejects)]
    assert [line for line, _ in reasons] == [5, 6, 7, 8, 9, 10]
    assert "no song 'nope'" in reasons[0][1]
    assert [reason for _, reason in reasons[1:]] == [
        "user is missing",
        "event must be one of play, complete, skip, like, dislike, save, got 'hum'",
        "at is no ISO 8601 or unix time",
        "count must be from 1 to 1e+09, got " + ("'0'" if format == "csv" else "0"),
        "song is missing, and so is title or artist to make it from",
    ]
    with database.session() as session:
        events = [e for block in InteractionRepository(session).iter_events() for e in block]
    assert [(e.user_id, e.event, e.count) for e in events] == [
        ("u", "play", 1), ("u", "like", 1), ("v", "play", 3), ("v", "play", 1),
    ]  # fmt: skip
    assert events[0].at == datetime(2024, 5, 1, 12, tzinfo=UTC)
    assert events[1].at == events[0].at
    assert events[2].at == datetime(2024, 5, 1, 12, 0, 0, 123000, tzinfo=UTC)


def test_an_unknown_song_is_made_from_artist_and_title(database: Database, tmp_path: Path) -> None:
    with_song(database, "own-id")
    rows = [
        {"user": 7, "title": "One - Live", "artist": "a", "album": "X"},
        {"user": 7, "title": "New Song", "artist": "The Band", "duration_ms": 61000},
        {"user": 7.0, "title": "New Song", "artist": "Band"},
        {"user": 7, "song": "given", "title": "Other", "artist": "Band"},
    ]
    done = ingest_listens(database, [write(tmp_path, "jsonl", rows)], rejects=tmp_path / "r")
    assert (done.written, done.rejected) == (4, 0)
    with database.session() as session:
        history = InteractionRepository(session).history("7")
        # The first is a recording of the song that the catalogue has under its own id.
        assert history.song_ids == ("own-id", "band|new song", "given")
        assert history.weights == (1.0, 2.0, 1.0)
        made = SongRepository(session).get("band|new song")
        assert made is not None
        assert (made.title, made.artist, made.duration_s) == ("New Song", "The Band", 61.0)


def test_feedback_must_name_its_event(database: Database, tmp_path: Path) -> None:
    with_song(database)
    rows = [{"user": "u", "song": "s1", "event": "like"}, {"user": "u", "song": "s1"}]
    done = ingest_feedback(database, [write(tmp_path, "jsonl", rows)], rejects=tmp_path / "r")
    assert (done.written, done.rejected) == (1, 1)
    assert told(tmp_path / "r")[0]["reason"] == "event is missing"


Ingest = Callable[..., IngestReport]


def many(tmp_path: Path) -> tuple[Path, Path]:
    songs = [{"id": f"s{i}", "title": f"T{i}", "artist": f"A{i % 7}"} for i in range(50)]
    songs[13]["title"] = songs[37]["title"] = ""
    (tmp_path / "songs").mkdir()
    (tmp_path / "listens").mkdir()
    listens = [
        {"user": f"u{i % 5}", "song": f"s{i % 50}", "title": f"T{i}", "artist": "A"}
        for i in range(60)
    ]
    listens[5]["user"] = listens[44]["user"] = ""
    return (
        write(tmp_path / "songs", "csv", songs),
        write(tmp_path / "listens", "jsonl", listens),
    )


class Killed(BaseException):
    """Stands for a kill: no handler of ours catches it."""


@pytest.mark.parametrize("torn", [False, True])
@pytest.mark.parametrize("moment", range(1, 12))
def test_killed_anywhere_and_run_again_ends_the_same(
    database: Database, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, moment: int, torn: bool
) -> None:
    """Die in the n-th block, its rejects written (whole or in part) and its rows not committed."""
    songs, listens = many(tmp_path)
    monkeypatch.setattr(runs, "BLOCK", 10)
    rejects = tmp_path / "rejects.jsonl"
    blocks = iter(range(1, 100))
    original = IngestRunRepository.advance

    def dying_advance(self: Any, *args: Any, **options: Any) -> None:
        original(self, *args, **options)
        if next(blocks) == moment:
            if torn and moment in (2, 4, 6, 10):
                rejects.write_bytes(rejects.read_bytes()[:-20])
            raise Killed

    def run() -> None:
        ingest_songs(database, [songs], rejects=rejects)
        ingest_listens(database, [listens], rejects=rejects)

    with monkeypatch.context() as patch:
        patch.setattr(IngestRunRepository, "advance", dying_advance)
        with pytest.raises(Killed):
            run()
    run()
    got = dump(database)
    # The two rejected songs come back with their listens, which tell artist and title.
    assert len(got["songs"]) == 50
    assert len(set(got["events"])) == len(got["events"]) == 58
    assert got["runs"] == [("songs", 51, 50, 48, 2), ("listens", 60, 60, 58, 2)]
    assert [(r["kind"], r["line"]) for r in told(rejects)] == [
        ("songs", 15), ("songs", 39), ("listens", 6), ("listens", 45),
    ]  # fmt: skip


def test_nothing_is_doubled(database: Database, tmp_path: Path) -> None:
    songs, listens = many(tmp_path)
    rejects = tmp_path / "rejects.jsonl"
    ingest_songs(database, [songs], rejects=rejects)
    ingest_listens(database, [listens], rejects=rejects)
    before = dump(database)
    again = ingest_listens(database, [listens], rejects=rejects)
    assert (again.read, again.written, again.skipped) == (60, 0, 60)
    forced = ingest_listens(database, [listens], rejects=rejects, resume=False)
    assert (forced.read, forced.written, forced.rejected, forced.skipped) == (60, 0, 2, 58)
    assert dump(database) == before
    assert len(told(rejects)) == 4


def test_a_longer_export_adds_only_what_is_new(database: Database, tmp_path: Path) -> None:
    with_song(database)
    rows = [{"user": "u", "song": "s1", "at": 1_700_000_000 + i} for i in range(5)]
    for name, part in (("old", rows[:3]), ("new", rows)):
        (tmp_path / name).mkdir()
        path = write(tmp_path / name, "jsonl", part)
        done = ingest_listens(database, [path], rejects=tmp_path / "r")
    assert (done.written, done.skipped) == (2, 3)


def test_equal_rows_without_a_time_are_separate_plays(database: Database, tmp_path: Path) -> None:
    with_song(database)
    rows = [
        {"user": "u", "song": "s1", "at": at} for at in (None, None, "2024-05-01", "2024-05-01")
    ]
    done = ingest_listens(database, [write(tmp_path, "jsonl", rows)], rejects=tmp_path / "r")
    assert done.written == 4


def test_another_mapping_is_another_run(database: Database, tmp_path: Path) -> None:
    path = write(tmp_path, "jsonl", [{"key": "k", "title": "T", "artist": "A"}])
    ingest_songs(database, [path], rejects=tmp_path / "r")
    done = ingest_songs(database, [path], columns={"id": "key"}, rejects=tmp_path / "r")
    assert done.written == 1
    with database.session() as session:
        assert SongRepository(session).get("k") is not None


@pytest.mark.parametrize(
    ("format", "told"),
    [(None, "songs have no column 'titel'; name one of id, title, artist"), ("spotify", "own")],
)
def test_a_mapping_that_maps_nothing_is_told(
    database: Database, tmp_path: Path, format: str | None, told: str
) -> None:
    path = write(tmp_path, "jsonl", SONGS)
    columns = {"titel": "title", "artist": "artist"}
    with pytest.raises(InvalidParameterError, match=told):
        ingest_songs(database, [path], format=format, columns=columns, rejects=tmp_path / "r")
    assert dump(database)["runs"] == []


def test_a_missing_file_is_told_before_anything_is_read(database: Database, tmp_path: Path) -> None:
    path = write(tmp_path, "jsonl", SONGS)
    with pytest.raises(DatasetNotFoundError, match="nowhere"):
        ingest_songs(database, [path, tmp_path / "nowhere.csv"], rejects=tmp_path / "r")
    with pytest.raises(DatasetFormatError, match="not one of"):
        ingest_songs(database, [path], format="spotify", rejects=tmp_path / "r")
    assert dump(database)["runs"] == []


def test_a_database_that_goes_away_can_be_resumed(
    database: Database, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    songs, _ = many(tmp_path)
    monkeypatch.setattr(runs, "BLOCK", 10)
    blocks: list[int] = []
    original = runs._Job._block

    def flaky(self: Any, *args: Any) -> IngestReport:
        blocks.append(1)
        if len(blocks) == 3:
            raise DatabaseUnavailableError("gone")
        return original(self, *args)

    monkeypatch.setattr(runs._Job, "_block", flaky)
    with pytest.raises(DatabaseUnavailableError):
        ingest_songs(database, [songs], rejects=tmp_path / "r")
    done = ingest_songs(database, [songs], rejects=tmp_path / "r")
    assert (done.read, done.skipped, done.written + done.rejected) == (50, 20, 30)


def test_progress_is_told(
    database: Database, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    songs, _ = many(tmp_path)
    monkeypatch.setattr(runs, "BLOCK", 10)
    monkeypatch.setattr(runs, "PROGRESS_EVERY", 20)
    lines: list[str] = []
    ingest_songs(database, [songs], rejects=tmp_path / "r", report=lines.append)
    assert len(lines) == 3
    assert lines[-1] == "rows.csv: 50 rows read, 48 written, 2 rejected, 0 known before"


def test_reports_add_up() -> None:
    assert IngestReport(3, 2, 1, 0, 1.5) + IngestReport(1, 0, 0, 1, 0.5) == IngestReport(
        4, 2, 1, 1, 2.0
    )


@pytest.mark.shared
def test_real_playlists(database: Database, shared: Path, tmp_path: Path) -> None:
    done = ingest_listens(
        database,
        [shared / "datasets/mpd_sample/playlists.parquet"],
        columns={
            "user": "pid", "title": "track_name", "artist": "artist_name", "album": "album_name",
        },
        rejects=tmp_path / "r",
    )  # fmt: skip
    assert (done.read, done.written, done.rejected) == (21761, 21761, 0)
    with database.session() as session:
        assert UserRepository(session).count() == 500
