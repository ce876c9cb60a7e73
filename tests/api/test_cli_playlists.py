"""``attune playlists`` with a way: journeys for many users, resumable."""

from __future__ import annotations

import json
from pathlib import Path

import pyarrow.parquet as pq
import pytest

from data.db.repositories import SongRepository
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


def test_lists_and_journeys_have_only_songs_asked_for(
    attune: Attune, demo_home: Path, tmp_path: Path
) -> None:
    wanted = ("--language", "EN-gb", "--year-from", 1990, "--year-to", 2005,
              "--exclude-artist", "JACINTA CASSAVA")  # fmt: skip
    answer = json.loads(attune("recommend", "ada-007", "--json", *wanted)[1])
    (tmp_path / "users.txt").write_text("ada-007\n")
    asked = ("playlists", "--users", tmp_path / "users.txt", *wanted)
    assert attune(*asked, "--out", tmp_path / "list.parquet")[0] == 0
    assert attune(*asked, "--to", "happy", "--out", tmp_path / "way.parquet")[0] == 0
    written = [
        pq.read_table(tmp_path / name).to_pylist() for name in ("list.parquet", "way.parquet")
    ]
    database = build_database(Settings(home=demo_home, _env_file=None))  # type: ignore[call-arg]
    with database.session() as session:
        for rows in (answer["items"], *written):
            songs = SongRepository(session).get_many([row["song"] for row in rows])
            assert len(songs) == len(rows) == 20
            assert {song.artist for song in songs.values()} == {row["artist"] for row in rows}
            assert "Jacinta Cassava" not in {song.artist for song in songs.values()}
            assert all(song.year and 1990 <= song.year <= 2005 for song in songs.values())
            assert {song.language for song in songs.values()} == {"en"}
    database.dispose()
    assert [row["song"] for row in written[0]] == [item["song"] for item in answer["items"]]


@pytest.mark.parametrize("verb", ["recommend", "playlists"])
@pytest.mark.parametrize(
    ("words", "told"),
    [
        (("--language", "english"), "language 'english' must be a language code"),
        (("--year-from", 2001, "--year-to", 2000), "year_to 2000 lies before year_from 2001"),
    ],
)
def test_wrong_conditions_are_told(
    attune: Attune, tmp_path: Path, verb: str, words: tuple[object, ...], told: str
) -> None:
    rest = ("ana",) if verb == "recommend" else ("--out", tmp_path / "x")
    code, out, err = attune(verb, *rest, *words)
    assert (code, out) == (1, "")
    assert told in err


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
