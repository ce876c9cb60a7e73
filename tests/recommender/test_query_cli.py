"""``attune recommend --query``: a text from the terminal."""

from __future__ import annotations

import json

import pytest

from api.cli.app import run
from data.settings import Settings


def attune(
    settings: Settings,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    *words: str,
) -> tuple[int, str, str]:
    monkeypatch.setenv("ATTUNE_HOME", str(settings.home))
    monkeypatch.delenv("ATTUNE_DATABASE_URL", raising=False)
    monkeypatch.setattr("sys.argv", ["attune", *words])
    with pytest.raises(SystemExit) as stop:
        run()
    captured = capsys.readouterr()
    return int(stop.value.code or 0), captured.out, captured.err


def test_a_text_is_answered_with_its_reasons(
    demo_settings: Settings, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    words = ("recommend", "ada-007", "--query", "rainy city, slow and warm", "-n", "5", "--json")
    code, out, _ = attune(demo_settings, monkeypatch, capsys, *words)
    assert code == 0
    items = json.loads(out)["items"]
    assert len(items) == 5
    assert all(item["reasons"][0]["kind"] == "text" for item in items)


@pytest.mark.parametrize(("text", "says"), [("", "no words"), ("x" * 501, "501 characters")])
def test_a_text_that_cannot_be_read_is_refused(
    demo_settings: Settings,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    text: str,
    says: str,
) -> None:
    code, out, err = attune(demo_settings, monkeypatch, capsys, "recommend", "x", "--query", text)
    assert code == 1
    assert out == ""
    assert says in err
