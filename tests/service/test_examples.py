"""The examples of the documentation and of README, run against the real service on the demo."""

from __future__ import annotations

import csv
import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from xml.etree import ElementTree

import pyarrow.parquet as pq
import pytest

from api.client import Client, ServiceError
from data.settings import Settings
from tests.api.pictures import jpeg
from tests.conftest import ROOT
from tests.service.running import Service, serving

EXAMPLES = ROOT / "docs" / "examples"
SPLIT = """
[[experiment]]
name = "bolder"
[[experiment.arms]]
name = "as-is"
[[experiment.arms]]
name = "diverse"
diversity = 0.4
"""


@pytest.fixture(scope="module")
def service(demo_settings: Settings, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    home = tmp_path_factory.mktemp("examples") / "home"
    shutil.copytree(demo_settings.home, home)
    experiments = home / "experiments.toml"
    experiments.write_text(SPLIT)
    with serving(home, experiments_file=experiments) as running:
        yield running


def run(*words: object, **settings: object) -> str:
    """Run an example; `attune` is the one that is tested."""
    environment = {k: v for k, v in os.environ.items() if not k.startswith("ATTUNE_")}
    environment |= {f"ATTUNE_{name.upper()}": str(value) for name, value in settings.items()}
    environment["PATH"] = f"{Path(sys.executable).parent}{os.pathsep}{environment['PATH']}"
    environment["PYTHONPATH"] = str(ROOT)
    done = subprocess.run(
        [str(word) for word in words],
        cwd=ROOT, env=environment, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def url(service: Service) -> str:
    return f"http://127.0.0.1:{service.port}"


def test_every_example_is_run_here() -> None:
    here = Path(__file__).read_text()
    files = {path.name for path in EXAMPLES.iterdir()} - {"README.md", "small.toml"}
    assert {name for name in files if f'"{name}"' not in here} == set()
    told = (EXAMPLES / "README.md").read_text()
    assert all(f"[{name}]({name})" in told for name in files)


def test_without_a_picture(service: Service) -> None:
    told = run(sys.executable, EXAMPLES / "recommend.py", url(service))
    assert len(re.findall(r"^  .+ - .+ \(.+\)$", told, re.M)) == 15
    assert "comes again: False" in told
    assert told.endswith("next page begins at rank 6\n")


def test_a_picture_without_a_face(service: Service, tmp_path: Path) -> None:
    (tmp_path / "noise.jpg").write_bytes(jpeg())
    picture = tmp_path / "noise.jpg"
    told = run(sys.executable, EXAMPLES / "selfie.py", picture, "--url", url(service))
    assert "happy from stated\n" in told
    assert len(told.splitlines()) == 7


@pytest.mark.shared
def test_a_picture_with_a_face(service: Service, shared: Path) -> None:
    picture = shared / "datasets" / "photos" / "happy.jpg"
    told = run(sys.executable, EXAMPLES / "selfie.py", picture, picture, "--url", url(service))
    assert told.startswith("happy from selfie")


@pytest.mark.parametrize("suffix", ["m3u8", "xspf", "jspf"])
def test_a_journey(service: Service, tmp_path: Path, suffix: str) -> None:
    target = tmp_path / f"journey.{suffix}"
    told = run(sys.executable, EXAMPLES / "journey.py", target, url(service)).splitlines()
    text = target.read_text(encoding="utf-8")
    counts = {
        "m3u8": lambda: text.count("#EXTINF:"),
        "xspf": lambda: len(
            list(ElementTree.fromstring(text).iter("{http://xspf.org/ns/0/}track"))
        ),
        "jspf": lambda: len(json.loads(text)["playlist"]["track"]),
    }
    assert counts[suffix]() == len(told) - 1 > 3
    assert told[-1].endswith(f" minutes in {target}")


def test_a_night(demo_settings: Settings, tmp_path: Path) -> None:
    home = tmp_path / "home"
    shutil.copytree(demo_settings.home, home)
    night = tmp_path / "night"
    run(EXAMPLES / "nightly.sh", night, home=home)
    (lists,) = night.glob("????-??-??/lists.parquet")
    assert pq.read_table(lists).num_rows == 360 * 50
    bundles = sorted((home / "bundles").iterdir())
    # The next night has a folder of its own; run again in the same one, nothing is left to do.
    run(EXAMPLES / "nightly.sh", night, home=home)
    assert sorted((home / "bundles").iterdir()) == bundles


def test_own_listens(tmp_path: Path) -> None:
    with (tmp_path / "songs.csv").open("w", newline="") as stream:
        rows = ((f"s{i}", f"Title {i}", f"Artist {i % 12}") for i in range(60))
        csv.writer(stream).writerows([("id", "title", "artist"), *rows])
    with (tmp_path / "listens.csv").open("w", newline="") as stream:
        events = (
            (f"u{u}", f"s{(7 * u + 2 * k) % 60 // 2 * 2 + u % 2}", "complete", 1_700_000_000 + k)
            for u in range(40) for k in range(12)
        )  # fmt: skip
        csv.writer(stream).writerows([("user", "song", "event", "at"), *events])
    files = (tmp_path / "songs.csv", tmp_path / "listens.csv")
    home = tmp_path / "home"
    told = run(EXAMPLES / "own_listens.sh", *files, "u1", tmp_path / "work", home=home)
    best = told.splitlines()[-5:]
    assert [line.split()[0] for line in best] == ["1.", "2.", "3.", "4.", "5."]
    # Listeners with odd numbers hear songs with odd numbers.
    assert all(int(line.split("Title ")[1].split()[0]) % 2 for line in best)


def test_an_experiment_is_read(service: Service) -> None:
    with Client(url(service)) as client:
        arms = [client.recommend(f"listener-{n}", n=1)["experiment"]["arm"] for n in range(20)]
        song = client.recommend("listener-0", n=1)["items"][0]["song"]["id"]
        client.feedback("listener-0", song, "like")
    arms.append(arms[0])
    told = run(sys.executable, EXAMPLES / "ab_reading.py", "bolder", url(service)).splitlines()
    counts = {arm: tuple(map(int, re.findall(r"\d+", rest)[:2])) for arm, rest in
              (line.split(": ") for line in told)}  # fmt: skip
    # Others may have asked before.
    assert set(counts) == {"as-is", "diverse"}
    assert all(counts[arm][0] >= arms.count(arm) for arm in counts)
    assert counts[arms[0]][1] >= 1


def test_the_example_of_readme(service: Service, capsys: pytest.CaptureFixture[str]) -> None:
    text = (ROOT / "README.md").read_text(encoding="utf-8")
    code = re.search(r"```python\n(from api\.client import .*?)```", text, re.S)
    assert code is not None
    exec(compile(code[1].replace("http://127.0.0.1:8000", url(service)), "README", "exec"), {})
    assert "#EXTM3U" in capsys.readouterr().out


def test_a_whole_life_by_the_client(service: Service) -> None:
    with Client(url(service)) as client:
        song = next(client.songs(q="swim lesson"))
        assert client.song(song["id"])["title"] == song["title"] == "Swim Lesson"
        assert len(list(client.songs(n=100))) == 432
        assert len(client.similar(song["id"], n=3)["items"]) == 3
        for number in range(60):
            client.feedback("life", song["id"], "play", at=1_700_000_000 + number)
        heard = list(client.history("life"))
        assert len(heard) == 60
        assert heard[0]["at"] > heard[-1]["at"]
        client.mute("life", song["artist"])
        assert client.muted_artists("life") == [song["artist"]]
        shown = client.recommend("life", n=100)["items"]
        assert song["artist"] not in {item["song"]["artist"] for item in shown}
        client.mute("life", song["artist"], muted=False)
        assert client.muted_artists("life") == []
        added = client.add_song("A Client's Song", "The Client", id="client-1", year=2026)
        assert (added["song"]["id"], client.song("client-1")["year"]) == ("client-1", 2026)
        assert len(client.export("life")["interactions"]) == 60
        client.erase("life")
        with pytest.raises(ServiceError) as raised:
            client.export("life")
        assert (raised.value.code, raised.value.status) == ("unknown_user", 404)
        assert raised.value.request_id
        with pytest.raises(ServiceError) as raised:
            client.emotion(jpeg())
        assert raised.value.code == "consent_required"
