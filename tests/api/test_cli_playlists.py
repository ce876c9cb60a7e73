"""``attune playlists`` with a way: journeys for many users, resumable."""

from __future__ import annotations

import json
from pathlib import Path

import pyarrow.parquet as pq
import pytest

from data.settings import Settings
from recommender.bootstrap import build_database, build_engine
from recommender.journeys.answering import answer_playlist, song_durations
from recommender.journeys.query import journey_query
from tests.api.test_cli import Attune, attune, demo_home

__all__ = ["attune", "demo_home"]


def test_journeys_equal_single_ones_on_the_demo(
    attune: Attune, demo_home: Path, tmp_path: Path
) -> None:
    settings = Settings(home=demo_home, _env_file=None)  # type: ignore[call-arg]
    engine, database = build_engine(settings), build_database(settings)
    users = ["ada-007", "stranger"]
    (tmp_path / "users.txt").write_text("\n".join(users))
    asked = ("playlists", "--users", tmp_path / "users.txt", "--from", "sad", "--to", "0.5,0.4",
             "--length", 12, "--out", tmp_path / "ways")  # fmt: skip
    code, out, _ = attune(*asked)
    assert code == 0
    assert "24 rows for 2 users" in out
    rows = pq.read_table(tmp_path / "ways" / "part-00000.parquet").to_pylist()
    for user in users:
        query = journey_query(user, "sad", "0.5,0.4", length=12, explain=False)
        single = answer_playlist(engine, database, query).answer
        assert [r["song"] for r in rows if r["user"] == user] == [s.song_id for s in single.songs]
    assert "1 parts kept" in attune(*asked)[1]
    manifest = json.loads((tmp_path / "ways" / "batch.json").read_text())
    assert manifest["journey"]["end"] == {"valence": 0.5, "arousal": 0.4}
    database.dispose()


def test_minutes_are_filled(attune: Attune, demo_home: Path, tmp_path: Path) -> None:
    (tmp_path / "users.txt").write_text("ada-007\n")
    target = tmp_path / "hour.parquet"
    asked = ("playlists", "--users", tmp_path / "users.txt", "--from", "angry", "--strategy",
             "calm", "--minutes", 60, "--out", target)  # fmt: skip
    assert attune(*asked)[0] == 0
    rows = pq.read_table(target).to_pylist()
    database = build_database(Settings(home=demo_home, _env_file=None))  # type: ignore[call-arg]
    seconds = song_durations(database)([row["song"] for row in rows])
    database.dispose()
    assert len(seconds) == len(rows)
    assert sum(seconds.values()) == pytest.approx(3600, abs=30)


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (("--from", "blurple"), "from: mood 'blurple'"),
        (("--mood", "sad", "--to", "happy"), "not both"),
        (("--minutes", "30"), "--minutes needs a journey"),
        (("--to", "happy", "--minutes", "30", "--length", "5"), "not both"),
    ],
)
def test_what_does_not_go_together_is_told(
    attune: Attune, tmp_path: Path, words: tuple[str, ...], told: str
) -> None:
    code, out, err = attune("playlists", *words, "--out", tmp_path / "x")
    assert (code, out) == (1, "")
    assert told in err
