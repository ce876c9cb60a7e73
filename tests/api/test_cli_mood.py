"""``attune mood`` on real text, by the encoder that ships."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner

from api.cli.app import app
from data.errors import AttuneError, InvalidParameterError
from data.types import EMOTIONS

HAPPY = "We dance in the sunshine, laughing all day\nEverybody sing, it is a wonderful morning"
SAD = "I cry alone in the cold dark night\nYou are gone and my broken heart is dying"


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("ATTUNE_HOME", str(tmp_path / "home"))
    return tmp_path


def read(text: str, folder: Path, *options: str) -> dict[str, object]:
    path = folder / "lyric.txt"
    path.write_text(text, encoding="utf-8")
    result = CliRunner().invoke(app, ["mood", str(path), "--json", *options])
    assert result.exit_code == 0, result.output
    found: dict[str, object] = json.loads(result.stdout)
    return found


def test_a_happy_and_a_sad_lyric_part(home: Path) -> None:
    happy, sad = read(HAPPY, home), read(SAD, home)
    assert float(str(happy["valence"])) > float(str(sad["valence"])) + 0.3
    emotions = sad["emotions"]
    assert isinstance(emotions, dict)
    assert list(emotions) == list(EMOTIONS)
    assert sum(emotions.values()) == pytest.approx(1, abs=0.01)
    lines = sad["lines"]
    assert isinstance(lines, list)
    assert {one["line"] for one in lines} <= set(SAD.split("\n"))


def test_tags_count_and_make_it_surer(home: Path) -> None:
    plain = read(SAD, home)
    tagged = read(SAD, home, "--tag", "Happy", "--tag", "party", "--tag", "upbeat")
    assert float(str(tagged["valence"])) > float(str(plain["valence"]))
    deviations = [one["deviation"] for one in (plain, tagged)]
    assert isinstance(deviations[0], dict)
    assert isinstance(deviations[1], dict)
    assert deviations[1]["valence"] < deviations[0]["valence"]


def test_tables_for_people(home: Path) -> None:
    (home / "a.txt").write_text(HAPPY, encoding="utf-8")
    result = CliRunner().invoke(app, ["mood", str(home / "a.txt"), "--lines", "1"])
    assert result.stdout.startswith("valence +")
    assert "quadrants: " in result.stdout
    assert len(result.stdout.splitlines()) == 4


@pytest.mark.parametrize(
    ("content", "error", "words"),
    [
        (b"", InvalidParameterError, "has no words"),
        (b"[Chorus]\n\n", InvalidParameterError, "has no words"),
        (b"x" * 1_000_001, InvalidParameterError, "larger than 1000000 bytes"),
        (None, AttuneError, "cannot be read"),
    ],
)
def test_what_cannot_be_read(
    home: Path, content: bytes | None, error: type[AttuneError], words: str
) -> None:
    path = home / "odd.txt"
    if content is not None:
        path.write_bytes(content)
    result = CliRunner().invoke(app, ["mood", str(path)])
    assert isinstance(result.exception, error)
    assert words in str(result.exception)


@pytest.mark.parametrize(
    "content", [b"\xff\xfe\x00bad bytes in a song of rain", "שלום עולם 🎉 love".encode(), b"rain"]
)
def test_odd_text_gets_a_sane_answer(home: Path, content: bytes) -> None:
    path = home / "odd.txt"
    path.write_bytes(content)
    result = CliRunner().invoke(app, ["mood", str(path), "--json"])
    if result.exit_code:
        assert "no words that can be read" in str(result.exception)
    else:
        assert -1 < json.loads(result.stdout)["valence"] < 1
