"""``attune doctor``: each thing is broken in turn, and the doctor has to name it and its remedy."""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import socket
import sqlite3
import tempfile
from collections import namedtuple
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread

import pytest
from typer.testing import CliRunner

from api.cli.app import app, run
from api.doctor import environment
from api.doctor.checks import checks_of, examine
from api.doctor.findings import Check, Finding, ok, run_checks
from api.doctor.models import SHIPPED, check_shipped, shipped_digests
from data.artifacts import current_bundle, file_sha256
from data.db.repositories import ApiKeyRepository, SongRepository
from data.db.session import Database
from data.settings import Settings
from data.types import SongInput
from tests.conftest import ROOT

NAMES = [
    "python", "packages", "extras", "settings", "home", "disk", "database", "bundle", "experiments",
    "models", "expression", "encoder", "port", "traces", "keys", "lyrics",
]  # fmt: skip


@pytest.fixture(scope="module")
def well(demo_settings: Settings, tmp_path_factory: pytest.TempPathFactory) -> Path:
    home = tmp_path_factory.mktemp("doctor") / "home"
    shutil.copytree(demo_settings.home, home)
    return home


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A home of its own, and an environment that says so and nothing else."""
    for name in [name for name in os.environ if name.startswith(("ATTUNE_", "OTEL_"))]:
        monkeypatch.delenv(name)
    monkeypatch.chdir(tmp_path)  # no .env from here
    monkeypatch.setenv("ATTUNE_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("ATTUNE_PORT", str(free_port()))
    return tmp_path / "home"


@pytest.fixture
def whole(home: Path, well: Path) -> Path:
    shutil.copytree(well, home)
    return home


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def settings() -> Settings:
    return Settings()


def found(name: str) -> Finding:
    """The one finding of that name; the checks before it are not asked again for each test."""
    return {one.name: one for one in examine()}[name]


def test_a_whole_installation(whole: Path) -> None:
    findings = examine()
    assert [one.name for one in findings] == NAMES
    assert {one.name: one.detail for one in findings if one.status != "ok"} == {}
    assert not any(one.remedy for one in findings)


def test_the_command(whole: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ATTUNE_WORKRES", "2")
    (whole / "bundles" / "current").unlink()
    said = CliRunner().invoke(app, ["doctor"])
    assert said.exit_code == 1
    assert "did you mean ATTUNE_WORKERS?" in said.stdout
    assert "attune publish" in said.stdout
    assert "1 found something wrong, 1 something to look at" in said.stdout
    answer = json.loads(CliRunner().invoke(app, ["doctor", "--json"]).stdout)
    assert answer["ok"] is False
    wrong = [one["name"] for one in answer["checks"] if one["status"] == "wrong"]
    assert wrong == ["bundle"]
    assert [one["name"] for one in answer["checks"]] == NAMES


def test_nothing_is_there_yet_and_nothing_is_made(home: Path) -> None:
    findings = {one.name: one for one in examine()}
    assert {n for n, one in findings.items() if one.status == "wrong"} == {
        "home", "database", "bundle",
    }  # fmt: skip
    assert "attune demo" in str(findings["home"].remedy)
    assert "attune db upgrade" in str(findings["database"].remedy)
    assert not home.exists()


def test_settings_that_cannot_be_read(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ATTUNE_WORKERS", "many-private")
    last = examine()[-1]
    assert (last.name, last.status) == ("settings", "wrong")
    assert "ATTUNE_WORKERS" in last.detail
    assert "private" not in last.detail


def test_misspelt_settings_in_a_file(home: Path, tmp_path: Path) -> None:
    (tmp_path / ".env").write_text("ATTUNE_HOEM=x\nATTUNE_QWXZ=1\nOTHER=1\n")
    one = environment.check_variables(environment.given_variables())
    assert one.status == "warning"
    assert "ATTUNE_HOEM (in .env) is unknown" in one.detail
    assert "did you mean ATTUNE_HOME?" in str(one.remedy)
    assert "ATTUNE_QWXZ: see .env.example" in str(one.remedy)
    assert "OTHER" not in one.detail


def test_a_home_that_cannot_be_written(home: Path) -> None:
    home.parent.mkdir(exist_ok=True)
    home.write_text("a file")
    assert environment.check_home(settings()).status == "wrong"
    assert "no folder" in environment.check_home(settings()).detail


def test_a_home_of_somebody_else(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    home.mkdir()

    def refused(**_: object) -> None:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(tempfile, "TemporaryFile", refused)  # root may write anywhere
    one = environment.check_home(settings())
    assert one.status == "wrong"
    assert "chown" in str(one.remedy)


@pytest.mark.parametrize(
    ("free", "status"), [(5_000_000, "wrong"), (500_000_000, "warning"), (5_000_000_000, "ok")]
)
def test_free_space(home: Path, monkeypatch: pytest.MonkeyPatch, free: int, status: str) -> None:
    usage = namedtuple("usage", "total used free")
    monkeypatch.setattr(shutil, "disk_usage", lambda _: usage(0, 0, free))
    assert environment.check_disk(settings()).status == status


def test_a_database_that_is_away(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    url = "postgresql+psycopg://attune:secret-private@127.0.0.1:9/attune"
    monkeypatch.setenv("ATTUNE_DATABASE_URL", url)
    one = found("database")
    assert one.status == "wrong"
    assert "start the database" in str(one.remedy)
    assert "private" not in one.detail


def test_a_database_without_migrations(whole: Path) -> None:
    with contextlib.closing(sqlite3.connect(whole / "attune.db")) as rows:
        rows.execute("UPDATE alembic_version SET version_num = '0001'")
        rows.commit()
    one = found("database")
    assert (one.status, one.remedy) == ("wrong", "attune db upgrade")


def test_a_bundle_that_was_changed(whole: Path) -> None:
    bundle = current_bundle(whole / "bundles")
    with (bundle.path / "recommender.npz").open("r+b") as stream:
        stream.seek(1000)
        stream.write(b"changed")
    one = models_of("bundle")
    assert one.status == "wrong"
    assert "was changed" in one.detail
    assert "bundles/current" in str(one.remedy)


def models_of(name: str) -> Finding:
    """One check of a model, as `examine` asks it."""
    from api.doctor.checks import checks_of

    (check,) = [one for one in checks_of(settings()) if one.name == name]
    (finding,) = run_checks([check])
    return finding


def test_experiments(whole: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    version = current_bundle(whole / "bundles").version
    file = tmp_path / "experiments.toml"
    monkeypatch.setenv("ATTUNE_EXPERIMENTS_FILE", str(file))
    start = "[[experiment]]\nname = 'x'\n[[experiment.arms]]\nname = 'a'\n"

    def told(text: str) -> Finding:
        file.write_text(text)
        return {one.name: one for one in run_checks(checks_of(settings()))}["experiments"]

    assert told(f"{start}bundle = '{version}'").detail == "1 with 1 arms, all bundles verify"
    for text, said in (
        (f"{start}colour = 'red'", "colour"),
        (f"{start}bundle = 'nothing'", "not published"),
    ):
        one = told(text)
        assert (one.status, said in one.detail) == ("wrong", True)
        assert "unset ATTUNE_EXPERIMENTS_FILE" in str(one.remedy)
    (whole / "bundles" / version / "mood.json").write_text("{}")
    one = told(f"{start}bundle = '{version}'")
    assert (one.status, "was changed" in one.detail) == ("wrong", True)


def test_a_model_that_ships_and_was_changed(tmp_path: Path) -> None:
    network = tmp_path / "emotion.onnx"
    network.write_bytes(b"whole")
    digests = {network: file_sha256(network), tmp_path / "mood.npz": "0" * 64}
    network.write_bytes(b"changed")
    one = check_shipped(digests)
    assert one.status == "wrong"
    assert one.detail == "mood.npz is missing; emotion.onnx was changed"
    assert "pip install" in str(one.remedy)


def test_digests_of_what_ships_are_of_what_ships() -> None:
    """After training: `sha256sum data/datasets/demo/*.npz ... > api/doctor/shipped.sha256`."""
    kinds = ("*.npz", "*.onnx", "*.json")
    folders = [ROOT / "vision/weights", ROOT / "nlp/weights", ROOT / "data/datasets/demo"]
    there = {path for folder in folders for kind in kinds for path in folder.glob(kind)}
    assert {path.resolve() for path in shipped_digests()} == there
    assert check_shipped().status == "ok", f"bring {SHIPPED.name} up to date"


def test_an_expression_network_that_does_not_answer(
    whole: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    bundle = current_bundle(whole / "bundles")
    (bundle.path / "emotion.onnx").write_bytes(b"no network")
    one = models_of("expression")
    assert one.status == "wrong"
    assert "install attune again" in str(one.remedy)


def test_an_encoder_that_is_not_there(whole: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ATTUNE_ENCODER_FOLDER", str(whole / "nowhere"))
    one = models_of("encoder")
    assert one.status == "warning"
    assert "attune embed --export" in str(one.remedy)


def test_an_encoder_that_is_broken(whole: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (whole / "encoder").mkdir()
    (whole / "encoder" / "encoder.json").write_text("{")
    monkeypatch.setenv("ATTUNE_ENCODER_FOLDER", str(whole / "encoder"))
    one = models_of("encoder")
    assert one.status == "wrong"
    assert "ATTUNE_ENCODER_FOLDER" in str(one.remedy)


def test_a_port_that_is_taken(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with socket.create_server(("127.0.0.1", 0)) as other:
        monkeypatch.setattr(environment, "_TIMEOUT_S", 0.2)
        monkeypatch.setenv("ATTUNE_PORT", str(other.getsockname()[1]))
        one = environment.check_port(settings())
    assert one.status == "wrong"
    assert "ATTUNE_PORT" in str(one.remedy)


class Live(BaseHTTPRequestHandler):
    """Answers as the service does."""

    def do_GET(self) -> None:
        self.send_response(200)
        self.end_headers()
        self.wfile.write(b'{"status":"live"}')

    def log_message(self, format: str, *args: object) -> None:
        pass


@pytest.fixture
def live() -> Iterator[int]:
    server = ThreadingHTTPServer(("127.0.0.1", 0), Live)
    thread = Thread(target=server.serve_forever)
    thread.start()
    yield server.server_address[1]
    server.shutdown()
    thread.join()
    server.server_close()


def test_a_port_that_attune_has(home: Path, live: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ATTUNE_PORT", str(live))
    one = environment.check_port(settings())
    assert one.status == "ok"
    assert "already" in one.detail


def test_an_address_that_is_not_here(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ATTUNE_HOST", "192.0.2.1")
    monkeypatch.setattr(environment, "_TIMEOUT_S", 0.05)
    assert environment.check_port(settings()).status == "wrong"


def test_an_address_for_all_without_keys(whole: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from api.doctor.storage import check_keys

    monkeypatch.setenv("ATTUNE_HOST", "0.0.0.0")
    one = check_keys(settings())
    assert one.status == "wrong"
    assert "attune keys create" in str(one.remedy)
    with Database(settings().sqlalchemy_url).session() as session:
        key = ApiKeyRepository(session).create("one", ["admin"])
    one = check_keys(settings())
    assert (one.status, one.detail) == ("ok", "1 active")
    assert key not in one.detail


def test_lyrics_that_wait(whole: Path) -> None:
    from api.doctor.storage import check_lyrics

    database = Database(settings().sqlalchemy_url)
    with database.session() as session:
        new = SongInput("new", "New", "Ada", lyrics="walking by the river in the evening rain")
        SongRepository(session).upsert_many([new])
    database.dispose()
    one = check_lyrics(settings())
    assert (one.status, one.detail) == ("warning", "1 wait for a vector and no worker runs")
    assert "attune worker" in str(one.remedy)
    fcntl = pytest.importorskip("fcntl")
    (whole / "cache").mkdir(exist_ok=True)
    with (whole / "cache" / "embedding.lock").open("w") as stream:
        fcntl.flock(stream, fcntl.LOCK_EX)
        one = check_lyrics(settings())
    assert (one.status, one.detail) == ("ok", "1 wait for a vector; a worker is at it")


def test_traces_without_the_extra(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ATTUNE_OTEL_ENDPOINT", "http://127.0.0.1:1")
    assert environment.check_traces(settings()).status == "ok"
    monkeypatch.setattr(environment, "_is_there", lambda module: False)
    one = environment.check_traces(settings())
    assert one.status == "warning"
    assert "attune[otel]" in str(one.remedy)
    assert "not installed" in environment.check_extras().detail


def test_packages_of_another_version(monkeypatch: pytest.MonkeyPatch) -> None:
    needed = ["numpy>=99", "no-such-thing>=1", "torch>=99; extra == 'train'"]
    monkeypatch.setattr(environment, "requires", lambda name: needed)
    one = environment.check_packages()
    assert one.status == "wrong"
    assert "needed is >=99" in one.detail
    assert "no-such-thing is missing" in one.detail
    assert "torch" not in one.detail


def test_one_broken_check_hides_no_other() -> None:
    def broken() -> Finding:
        raise ZeroDivisionError("division by zero")

    first, second = run_checks(
        [Check("a", broken, "mend a"), Check("b", lambda: ok("b", "well"), "mend b")]
    )
    assert (first.status, first.detail, first.remedy) == (
        "wrong", "ZeroDivisionError: division by zero", "mend a",
    )  # fmt: skip
    assert second.status == "ok"


def test_other_verbs_say_which_setting_cannot_be_read(
    home: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("ATTUNE_PORT", "zoe-private")
    monkeypatch.setattr("sys.argv", ["attune", "keys", "list"])
    with pytest.raises(SystemExit) as stop:
        run()
    assert stop.value.code == 1
    said = capsys.readouterr().err
    assert said.startswith("error: ATTUNE_PORT: ")
    assert "private" not in said
