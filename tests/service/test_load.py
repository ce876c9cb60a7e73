"""The load generator against the real service, for a moment; long runs are `attune bench load`."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from api.loadtest.matrix import ATTUNE, COMPUTING, LoadConfig, run_matrix
from api.loadtest.report import load_text
from api.loadtest.scenarios import Scenario
from data.errors import ConfigError
from data.settings import Settings
from tests.api.test_cli import Attune, attune, demo_home  # noqa: F401 - fixtures


@pytest.fixture(scope="module")
def found(demo_settings: Settings) -> dict[str, Any]:
    config = LoadConfig(clients=(4,), seconds=0.3, connections=64, ceiling_s=0.2, warm_s=0)
    return run_matrix([demo_settings.home], config, lambda line: None)


def levels(found: dict[str, Any], scenario: Scenario) -> list[dict[str, Any]]:
    (home,) = found["homes"]
    return [level for level in home["levels"] if level["scenario"] == scenario.value]


def test_every_answer_is_songs(found: dict[str, Any]) -> None:
    for scenario in (Scenario.recommend, Scenario.selfie):
        for level in levels(found, scenario):
            assert set(level["statuses"]) == {"200"}, level
            assert level["unfit"] == 0
            assert level["requests"] >= 4
    asked = [(level["system"], level["clients"]) for level in levels(found, Scenario.recommend)]
    assert asked == [(ATTUNE, 4), (COMPUTING, 4)]


def test_beyond_capacity_there_is_nothing_but_200_and_503(found: dict[str, Any]) -> None:
    beyond = levels(found, Scenario.overload) + levels(found, Scenario.overload_selfie)
    assert len(beyond) == 3
    for level in beyond:
        assert set(level["statuses"]) <= {"200", "503"}, level
        assert level["unfit"] == 0, "a 503 came without Retry-After"
        assert level["offered"] >= level["rate"]


def test_the_result_is_json_and_a_table(found: dict[str, Any]) -> None:
    text = load_text(json.loads(json.dumps(found, allow_nan=False)))
    assert "| recommend | 4 | attune |" in text
    assert "overload-selfie, attune:" in text
    (home,) = found["homes"]
    assert {"content", "ials", "item_knn", "popular"} <= set(home["parts"])


def test_a_home_without_a_bundle_is_named(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="holds no bundle"):
        run_matrix([tmp_path], LoadConfig(seconds=0.1, ceiling_s=0), lambda line: None)


def test_the_bench_of_single_requests(
    attune: Attune,  # noqa: F811
    demo_home: Path,  # noqa: F811
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("ATTUNE_HOST", "0.0.0.0")  # as in an image; there are no keys
    code, out, err = attune("bench", "--repeats", "10", "--json")
    assert code == 0, err
    rows = json.loads(out)
    for name in ("health (baseline)", "recommend"):
        assert 0 < rows[f"{name}: p50, ms"] <= rows[f"{name}: p99, ms"]
    assert rows["ready after, s"] > 0
    assert rows["resident memory, MB"] > 50
    assert rows["batch, users/s"] > 0


def test_the_bench_of_reloads_changes_nothing_of_the_home(
    attune: Attune,  # noqa: F811
    demo_home: Path,  # noqa: F811
) -> None:
    before = sorted((demo_home / "bundles").iterdir())
    code, out, err = attune(
        "bench", "reload", "--reloads", "2", "--clients", "1", "--seconds", "1", "--json"
    )
    assert code == 0, err
    found = json.loads(out)
    assert len(found["reload_s"]) == 2
    assert set(found["during"]["statuses"]) == {"200"}
    assert sorted((demo_home / "bundles").iterdir()) == before
