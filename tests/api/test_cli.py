"""The command ``attune``: output, exit status and errors, on the demo and on small files."""

from __future__ import annotations

import json
import shutil
import sys
from collections.abc import Callable
from datetime import datetime, timedelta
from pathlib import Path

import pyarrow.parquet as pq
import pytest

from api.cli.app import run
from data.settings import Settings
from recommender.answering import answer_query
from recommender.bootstrap import build_database, build_engine
from recommender.mood import parse_mood
from recommender.query import Query
from vision.benchmark import LeftOut, Measured
from vision.benchmark_photo import STAGES

Attune = Callable[..., tuple[int, str, str]]


@pytest.fixture
def attune(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> Attune:
    """Run the command in an empty home; returns exit status, stdout, stderr."""
    monkeypatch.setenv("ATTUNE_HOME", str(tmp_path / "home"))
    monkeypatch.delenv("ATTUNE_DATABASE_URL", raising=False)

    def call(*words: object) -> tuple[int, str, str]:
        monkeypatch.setattr("sys.argv", ["attune", *map(str, words)])
        with pytest.raises(SystemExit) as stop:
            run()
        captured = capsys.readouterr()
        code = stop.value.code
        return (code if isinstance(code, int) else int(code is not None)), *captured

    return call


@pytest.fixture
def demo_home(demo_settings: Settings, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """A copy of the demo's home, in force for the command."""
    home = tmp_path / "demo"
    shutil.copytree(demo_settings.home, home)
    monkeypatch.setenv("ATTUNE_HOME", str(home))
    return home


def test_help_names_every_verb_of_the_contract(attune: Attune) -> None:
    code, out, _ = attune("--help")
    assert code == 0
    for verb in (
        "demo", "serve", "ingest", "train", "publish", "evaluate", "recommend", "emotion",
        "playlists", "db", "keys", "users", "bench", "worker",
    ):  # fmt: skip
        assert f" {verb} " in out


@pytest.mark.parametrize(
    "words",
    [
        ["recommend", "ana\udcff"],
        ["recommend", "ana", "--query", "rain\udcff"],
        ["experiments", "assign", "ana", "ben\udcff"],
        ["keys", "create", "shop", "--user", "ana\udcff"],
        ["users", "erase", "ana\udcff"],
        ["ingest", "listens", "gone.zip", "--user", "ana\udcff"],
    ],
)
def test_bytes_that_are_no_text_are_wrong_usage(attune: Attune, words: list[str]) -> None:
    code, out, err = attune(*words)
    assert (code, out) == (2, "")
    assert "is not valid UTF-8" in err


def test_wrong_usage_is_exit_two(attune: Attune) -> None:
    assert attune("ingest", "sounds", "x.csv")[0] == 2
    assert attune("recommend", "u", "-n", "0")[0] == 2


def test_an_error_is_one_line_that_says_what_to_do(attune: Attune) -> None:
    code, out, err = attune("train", "recommender", "--config", "nowhere.toml")
    assert (code, out) == (1, "")
    assert err.strip() == "error: no configuration file at nowhere.toml"
    code, _, err = attune("recommend", "u")
    assert code == 1
    assert "attune db upgrade" in err


def test_ingest_train_publish_recommend_playlists(
    attune: Attune, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    songs = ["id,title,artist,genre,year"]
    songs += [f"s{i},Title {i},Artist {i % 5},g{i % 2},20{i % 20:02d}" for i in range(30)]
    songs.append("s99,,Nobody,g0,2000")
    (tmp_path / "songs.csv").write_text("\n".join(songs))
    listens = [
        {"listener": f"u{u}", "song": f"s{i}"} for u in range(12) for i in range(u % 2, 30, 2)
        if (u + i) % 5
    ]  # fmt: skip
    (tmp_path / "l.jsonl").write_text("\n".join(map(json.dumps, listens)))

    code, out, _ = attune("ingest", "songs", tmp_path / "songs.csv", "--json")
    report = json.loads(out)
    assert code == 0
    assert (report["read"], report["written"], report["rejected"]) == (31, 30, 1)
    reject = json.loads(Path(report["rejects"]).read_text().splitlines()[0])
    assert reject["line"] == 32
    code, out, _ = attune("ingest", "listens", tmp_path / "l.jsonl", "--column", "user=listener")
    assert code == 0
    assert f"{len(listens)} rows read, {len(listens)} written" in out

    # Before anything is published the database's popular songs answer.
    code, out, _ = attune("recommend", "u0", "--json", "-n", 3)
    assert json.loads(out)["fallback"] == "no_model"

    config = tmp_path / "c.toml"
    config.write_text("seed = 3\ntrials = 1\ncutoff = 5\n[pipeline.content]\nlyrics_size = 8\n")
    code, out, _ = attune("train", "recommender", "--config", config, "--out", tmp_path / "run")
    assert code == 0
    assert attune("train", "recommender", "--config", config, "--out", tmp_path / "run")[0] == 1
    code, version, _ = attune("publish", tmp_path / "run")
    assert code == 0
    code, out, _ = attune("recommend", "u0", "--json", "-n", 5)
    answer = json.loads(out)
    assert answer["fallback"] is None
    assert answer["model_version"] == version.strip()
    heard = {x["song"] for x in listens if x["listener"] == "u0"}
    assert not heard & {i["song"] for i in answer["items"]}

    code, out, _ = attune(
        "evaluate", "recommender", "--config", config, "--out", tmp_path / "report"
    )
    assert code == 0
    assert "| hybrid |" in Path(out.strip()).read_text()

    (tmp_path / "users.txt").write_text("u0\nu1\nstranger\n")
    target = tmp_path / "lists.parquet"
    code, out, _ = attune(
        "playlists", "--users", tmp_path / "users.txt", "--mood", "calm", "--length", 4,
        "--out", target,
    )  # fmt: skip
    assert code == 0
    assert "12 rows for 3 users" in out
    assert set(pq.read_table(target)["user"].to_pylist()) == {"u0", "u1", "stranger"}


def test_playlists_equal_recommend_on_the_demo(
    attune: Attune, demo_home: Path, tmp_path: Path
) -> None:
    target = tmp_path / "all.parquet"
    assert attune("playlists", "--mood", "sad", "--strategy", "lift", "--out", target)[0] == 0
    rows = pq.read_table(target).to_pylist()
    settings = Settings(home=demo_home, _env_file=None)
    engine, database = build_engine(settings), build_database(settings)
    users = sorted({r["user"] for r in rows})
    assert len(users) >= 300
    for user in users[::40]:
        query = Query(user, stated=parse_mood("sad"), strategy="lift")
        single = answer_query(engine, database, query).recommendation
        assert [r["song"] for r in rows if r["user"] == user] == [s.song_id for s in single.songs]
    database.dispose()


def test_keys_and_users(attune: Attune, demo_home: Path) -> None:
    key = attune("keys", "create", "shop", "--scope", "recommend")[1].strip()
    assert key.startswith("att_")
    listed = json.loads(attune("keys", "list", "--json")[1])
    assert (listed["name"], listed["scopes"], listed["active"]) == ("shop", ["recommend"], True)
    assert key not in json.dumps(listed)
    assert attune("keys", "revoke", listed["id"])[0] == 0
    assert json.loads(attune("keys", "list", "--json")[1])["active"] is False
    assert attune("keys", "revoke", listed["id"])[0] == 1
    assert attune("keys", "create", "guest", "--expires", "30")[0] == 0
    guest = json.loads(attune("keys", "list", "--json")[1].splitlines()[-1])
    days = datetime.fromisoformat(guest["ends_at"]) - datetime.fromisoformat(guest["created_at"])
    assert (guest["active"], round(days / timedelta(days=1))) == (True, 30)
    shown = attune("keys", "list")[1].splitlines()
    assert "  ended  " in shown[0]
    assert f"  until {guest['ends_at'][:10]}  " in shown[1]

    settings = Settings(home=demo_home, _env_file=None)
    database = build_database(settings)
    with database.session() as session:
        from data.db.repositories import UserRepository

        user = UserRepository(session).ids()[0]
    database.dispose()
    assert user in attune("users", "export", user)[1]
    rejects = demo_home / "rejects" / "listens.jsonl"
    rejects.parent.mkdir()
    lines = [json.dumps({"line": i, "row": {"user": u}}) for i, u in enumerate([user, "other"])]
    rejects.write_text("\n".join(lines) + "\n")
    assert attune("users", "erase", user)[0] == 0
    assert rejects.read_text() == lines[1] + "\n"
    assert attune("users", "export", user)[0] == 1
    assert attune("users", "expire")[0] == attune("db", "compact")[0] == 0
    assert json.loads(attune("recommend", user, "--json")[1])["fallback"] == "cold_user"


def test_emotion_of_files_that_are_no_faces(attune: Attune, tmp_path: Path) -> None:
    (tmp_path / "note.jpg").write_text("not a picture")
    code, out, _ = attune("emotion", tmp_path / "note.jpg", tmp_path / "gone.png", "--json")
    rows = [json.loads(line) for line in out.splitlines()]
    assert code == 1
    assert [r["error"] for r in rows] == ["unsupported_image", "unreadable_file"]
    assert all(r["label"] is None for r in rows)


@pytest.mark.shared
def test_emotion_of_a_photo(attune: Attune, shared: Path) -> None:
    photos = shared / "datasets" / "photos"
    code, out, _ = attune("emotion", photos / "happy.jpg", "--json")
    row = json.loads(out)
    assert code == 0
    assert row["label"] == "happy"
    assert sum(row["probabilities"].values()) == pytest.approx(1, abs=1e-5)
    assert row["faces"] == 1
    assert attune("emotion", photos / "no_face_1.jpg", "--json")[0] == 1


@pytest.mark.shared
def test_emotion_explained(attune: Attune, shared: Path, tmp_path: Path) -> None:
    photos = shared / "datasets" / "photos"
    out_file = tmp_path / "map.png"
    code, out, _ = attune("emotion", photos / "happy.jpg", "--json", "--explain", out_file)
    assert code == 0
    assert json.loads(out)["explanation"] == str(out_file)
    assert out_file.read_bytes().startswith(b"\x89PNG")
    code, _, err = attune("emotion", photos / "happy.jpg", "--explain", out_file)
    assert code == 1
    assert "there already" in err
    folder = tmp_path / "maps"
    two = photos / "happy.jpg", photos / "no_face_1.jpg"
    assert attune("emotion", *two, "--explain", folder)[0] == 1
    assert [p.name for p in folder.iterdir()] == ["happy.png"]
    code, _, err = attune("emotion", *two, "--explain", tmp_path / "one.png")
    assert code == 1
    assert "folder" in err


@pytest.mark.shared
def test_recommend_with_a_selfie(attune: Attune, demo_home: Path, shared: Path) -> None:
    photo = shared / "datasets" / "photos" / "happy.jpg"
    code, out, _ = attune("recommend", "ada-007", "--selfie", photo)
    assert code == 0
    assert out.startswith("apparent expression: happy")
    assert len(out.splitlines()) >= 21


def test_erasing_a_user_known_by_a_key_alone_takes_the_key(attune: Attune, demo_home: Path) -> None:
    attune("keys", "create", "phone", "--user", "ghost")
    exported = json.loads(attune("users", "export", "ghost")[1])
    assert (exported["known"], exported["api_keys"][0]["name"]) == (False, "phone")
    assert attune("users", "erase", "ghost")[0] == 0
    assert attune("keys", "list")[1] == ""


def test_listening_exports_and_feedback_are_read(attune: Attune, tmp_path: Path) -> None:
    listens = [
        {"user_name": "kim", "listened_at": 1_700_000_000 + i,
         "track_metadata": {"track_name": f"T{i}", "artist_name": "A"}}
        for i in range(3)
    ]  # fmt: skip
    (tmp_path / "lb.jsonl").write_text("\n".join(map(json.dumps, listens)))
    code, out, _ = attune("ingest", "listens", tmp_path / "lb.jsonl", "--format", "listenbrainz")
    assert code == 0
    assert out.startswith("3 rows read, 3 written")
    (tmp_path / "f.csv").write_text("user,song,event\nkim,a|t0,dislike\nkim,a|t1,applaud\n")
    code, out, _ = attune("ingest", "feedback", tmp_path / "f.csv")
    assert out.startswith("2 rows read, 1 written, 1 rejected")
    answer = json.loads(attune("recommend", "kim", "--json")[1])
    assert "a|t0" not in {i["song"] for i in answer["items"]}


def test_training_without_the_extra_names_it(
    attune: Attune, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("vision.experiment", "vision.export", "vision.training", "vision.networks"):
        monkeypatch.delitem(sys.modules, name, raising=False)
    monkeypatch.setitem(sys.modules, "keras", None)
    (tmp_path / "c.toml").write_text("epochs = 1\n")
    code, _, err = attune("train", "vision", "--config", tmp_path / "c.toml", "--data", tmp_path)
    assert code == 1
    assert "attune[train]" in err


def test_options_of_another_kind_are_refused(attune: Attune, tmp_path: Path) -> None:
    config = tmp_path / "c.toml"
    config.write_text("seed = 1\n")
    train = ("train", "recommender", "--config", config)
    assert "--resume is for vision" in attune(*train, "--resume", "--out", tmp_path / "r")[2]
    mood = ("train", "mood", "--config", config, "--data", tmp_path)
    assert "--mood is for" in attune(*mood, "--mood", tmp_path)[2]
    (tmp_path / "record.json").write_text("{}")
    assert "already holds a finished run" in attune(*mood, "--out", tmp_path)[2]


def test_the_demo_does_not_touch_a_home_of_ones_own(attune: Attune, tmp_path: Path) -> None:
    (tmp_path / "s.csv").write_text("id,title,artist\nx,X,Y\n")
    attune("ingest", "songs", tmp_path / "s.csv")
    code, _, err = attune("demo", "--no-serve")
    assert code == 1
    assert "ATTUNE_HOME" in err


def test_the_demo_is_built_once_and_again_when_its_database_is_gone(
    attune: Attune, demo_home: Path, quick_demo: None
) -> None:
    assert "published" not in attune("demo", "--no-serve")[2]
    for file in demo_home.glob("attune.db*"):
        file.unlink()
    code, _, err = attune("demo", "--no-serve")
    assert code == 0
    assert "published bundle" in err


def test_options_of_training_that_do_not_go_together(attune: Attune, tmp_path: Path) -> None:
    matrix = ("--matrix", tmp_path / "m.toml", "--data", tmp_path)
    for command, words in (
        (("train", "vision", "--data", tmp_path), "--config FILE is needed"),
        (("train", "mood", *matrix), "--matrix is for vision"),
        (("train", "vision", *matrix, "--config", tmp_path / "c.toml"), "not both"),
        (("train", "vision", *matrix, "--resume"), "always goes on"),
        (("train", "vision", *matrix, "--weights", "file.h5"), "NETWORK=FILE"),
        (("train", "vision", *matrix), "no configuration file"),
    ):
        code, _, err = attune(*command)
        assert code == 1, command
        assert words in err, command


def test_bench_refuses_what_it_does_not_know(attune: Attune, tmp_path: Path) -> None:
    code, _, err = attune("bench", "vision", "--usage", "Everything")
    assert code == 1
    assert "PublicTest" in err
    code, _, err = attune("bench", "vision", "--peers", tmp_path / "gone")
    assert code == 1
    assert "no Keras network at" in err
    assert attune("bench", "everything")[0] == 2


def test_bench_of_vision(attune: Attune, monkeypatch: pytest.MonkeyPatch) -> None:
    rates = {"1": 10.0, "2": 20.0, "4": 30.0, "16": 40.0}
    row = Measured("onnx", 0.2, 0.3, 1.0, 2.0, rates, 50.0, 60.0)
    lost = LeftOut("keras_predict", "needs Keras: pip install 'attune[train]'")
    photo = {f"{stage}_{point}_ms": 5.0 for stage in STAGES for point in ("p50", "p99")}
    monkeypatch.setattr("vision.benchmark.measure_all", lambda tasks, report: ([row], [lost]))
    monkeypatch.setattr(
        "vision.benchmark_photo.photo_rows", lambda file, n: photo | {"images_per_s_one_core": 60.0}
    )
    code, out, _ = attune("bench", "vision")
    assert code == 0
    for words in ("| onnx | - | - | 1.00 / 2.00 |", "pip install 'attune[train]'", "| 60.0 |"):
        assert words in out
    values = json.loads(attune("bench", "vision", "--json")[1])
    assert values["contestants"][0]["accuracy"] is None
    assert values["left_out"][0]["contestant"] == "keras_predict"
    assert values["photo"]["whole_p50_ms"] == 5.0
