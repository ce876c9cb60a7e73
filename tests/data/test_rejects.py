"""The file of rows set aside: torn lines, and what goes with an erased user."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from data.db.repositories.ingest_runs import IngestRunRepository
from data.db.session import Database
from data.errors import StorageError
from data.ingest import forget_rejects, ingest_listens
from data.ingest.rejects import Reject, RejectsFile

TORN = '{"file": "a.csv", "row": {"user": "erika'


def lines(path: Path) -> list[int]:
    return [json.loads(text)["line"] for text in path.read_text().splitlines()]


def set_aside(path: Path, *rows: Any, user: str | None = None) -> RejectsFile:
    file = RejectsFile(path, "listens", Path("a.csv"), "0" * 64, user)
    file.append([Reject(line, "wrong", row) for line, row in enumerate(rows, start=1)])
    return file


def test_a_torn_line_costs_no_other_row(tmp_path: Path) -> None:
    path = tmp_path / "r.jsonl"
    path.write_text(TORN)
    file = set_aside(path, {"user": "a"}, {"user": "b"})
    assert path.read_text().startswith(f"{TORN}\n")
    file.forget_after(1)
    assert lines(path) == [1]


@pytest.mark.parametrize(("value", "named"), [(7.0, True), (" 7 ", True), ("77", False)])
def test_an_id_is_known_in_whatever_type_it_came(tmp_path: Path, value: Any, named: bool) -> None:
    set_aside(tmp_path / "r.jsonl", {"listener": value}, {"user": "another"})
    assert forget_rejects(tmp_path, "7") == named
    assert lines(tmp_path / "r.jsonl") == ([2] if named else [1, 2])


def test_what_was_set_aside_of_an_own_export_goes_with_its_owner(
    database: Database, tmp_path: Path
) -> None:
    """A podcast episode tells when somebody listened, and not who."""
    episode = {"ts": "2024-05-01T12:00:00Z", "episode_name": "Talk", "ms_played": 1}
    path, rejects = tmp_path / "endsong_0.json", tmp_path / "listens.jsonl"
    for user in ("erika", "bea"):
        path.write_text(json.dumps([episode]))
        ingest_listens(database, [path], format="spotify", rejects=rejects, user=user)
    assert lines(rejects) == [1, 1]
    assert forget_rejects(tmp_path, "erika") == 1
    assert [json.loads(text)["user"] for text in rejects.read_text().splitlines()] == ["bea"]


def test_the_runs_of_an_erased_user_are_forgotten(database: Database, tmp_path: Path) -> None:
    path = tmp_path / "a.jsonl"
    path.write_text(json.dumps({"title": "One", "artist": "A", "at": 1_700_000_000}))

    def run(user: str) -> tuple[int, int]:
        done = ingest_listens(database, [path], rejects=tmp_path / "r.jsonl", user=user)
        return done.written, done.skipped

    assert [run("erika"), run("bea"), run("erika")] == [(1, 0), (1, 0), (0, 1)]
    with database.session() as session:
        assert IngestRunRepository(session).forget("erika") == 1
        assert IngestRunRepository(session).forget("eri") == 0
    # Read again, although the event of before is still there.
    assert [run("erika"), run("bea")] == [(0, 1), (0, 1)]


def test_a_run_that_is_forgotten_meanwhile_ends_with_the_remedy(database: Database) -> None:
    with database.session() as session, pytest.raises(StorageError, match="start it again"):
        IngestRunRepository(session).advance(4711, 1, read=1, written=1, rejected=0)
