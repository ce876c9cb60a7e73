from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from api.cli.console import emit
from api.loadtest import matrix
from api.loadtest.matrix import LoadConfig
from api.loadtest.report import BEGIN, END
from api.loadtest.scenarios import Scenario
from tests.api.test_cli import Attune, attune  # noqa: F401 - a fixture
from tests.loadtest.test_report import found, level


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch) -> list[tuple[list[Path], LoadConfig]]:
    calls: list[tuple[list[Path], LoadConfig]] = []

    def measure(homes: list[Path], config: LoadConfig, report: object) -> dict[str, Any]:
        calls.append((homes, config))
        return found(level("attune", 450.0))

    monkeypatch.setattr(matrix, "run_matrix", measure)
    return calls


def test_options_become_a_plan(
    attune: Attune,  # noqa: F811
    asked: list[tuple[list[Path], LoadConfig]],
    tmp_path: Path,
) -> None:
    code, out, err = attune(
        "bench", "load", "--home", tmp_path / "a", "--home", tmp_path / "b", "--scenario", "selfie",
        "--scenario", "overload-selfie", "--clients", "1, 8", "--seconds", "2", "--workers", "2",
    )  # fmt: skip
    assert code == 0, err
    assert "| recommend | 4 | attune | 450.0 |" in out
    (homes, config), = asked  # fmt: skip
    assert homes == [tmp_path / "a", tmp_path / "b"]
    assert config.scenarios == (Scenario.selfie, Scenario.overload_selfie)
    assert (config.clients, config.seconds, config.workers) == ((1, 8), 2, 2)
    assert config.baseline is None


def test_json_is_what_the_report_reads(
    attune: Attune,  # noqa: F811
    asked: list[tuple[list[Path], LoadConfig]],
    tmp_path: Path,
) -> None:
    code, out, _ = attune("bench", "load", "--json")
    assert code == 0
    assert asked[0][1].scenarios == tuple(Scenario)
    file, document = tmp_path / "load.json", tmp_path / "doc.md"
    file.write_text(out)
    json.loads(out)
    document.write_text(f"{BEGIN}\n{END}\n")
    assert "| recommend | 4 | attune | 450.0 |" in attune("bench", "load", "--report", file)[1]
    assert attune("bench", "load", "--report", file, "--into", document)[0] == 0
    assert "| recommend | 4 | attune | 450.0 |" in document.read_text()
    assert len(asked) == 1


@pytest.mark.parametrize("clients", ["", "a", "0", "1,,2", "5000", "-1"])
def test_numbers_of_clients_are_checked(
    attune: Attune,  # noqa: F811
    clients: str,
) -> None:
    code, _, err = attune("bench", "load", "--clients", clients)
    assert code == 1
    assert "list of numbers like 1,4,16,64" in err


def test_a_baseline_that_cannot_run_is_told(
    attune: Attune,  # noqa: F811
    asked: list[tuple[list[Path], LoadConfig]],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    code, _, err = attune("bench", "load", "--baseline", "tests.baseline.obvious:app")
    assert code == 0
    assert "no baseline: keras is missing" in err
    assert asked[0][1].baseline is None


def test_bench_alone_is_that_of_the_service(
    attune: Attune,  # noqa: F811
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(
        "api.cli.bench._bench_service",
        lambda selfie, repeats, as_json: emit(f"{repeats} {as_json}"),
    )
    assert attune("bench")[1] == "200 False\n"
    assert attune("bench", "--repeats", "12", "--json")[1] == "12 True\n"
    assert attune("bench", "service", "--repeats", "13")[1] == "13 False\n"
    names = ("service", "vision", "lyrics", "training", "load", "catalogue", "reload")
    assert all(name in attune("bench", "--help")[1] for name in names)
