from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from api.loadtest.report import BEGIN, END, fill, load_text
from api.loadtest.scenarios import Scenario, paths_of
from api.loadtest.servers import cpu_seconds, resident_mb, slope, tree
from data.errors import ConfigError


def level(system: str, rate: float, **values: Any) -> dict[str, Any]:
    times = {"p50": 1.0, "p95": 2.0, "p99": 3.25, "max": 4.0}
    usage = {"cpu": 0.9, "rss_before_mb": 100.0, "rss_after_mb": 110.0, "rss_most_mb": 111.0,
             "slope_mb_per_min": 0.25, "samples": []}  # fmt: skip
    return {
        "system": system, "scenario": "recommend", "clients": 4, "offered": None, "rate": rate,
        "requests": 10, "statuses": {"200": 9, "503": 1}, "unfit": 0, "not_sent": 0,
        "latency": times, "refused": None, "driver_cpu": 0.1, "usage": usage, **values,
    }  # fmt: skip


def found(*levels: dict[str, Any]) -> dict[str, Any]:
    return {
        "machine": {"cores": 2, "python": "3.11.7", "libraries": {"numpy": "2"},
                    "load_before": 0.1},
        "config": {"workers": 1, "seconds": 60.0},
        "photo_bytes": [170_000, 180_000],
        "ceiling": [level("trivial", 9000.0), level("trivial", 12_345.6, clients=16)],
        "homes": [{"songs": 50_000, "listeners": 5000, "parts": ["content", "ials"],
                   "levels": levels}],
    }  # fmt: skip


def test_every_level_is_a_row_with_its_ratio() -> None:
    text = load_text(found(level("attune", 450.0), level("obvious", 90.0)))
    assert (
        "| recommend | 4 | attune | 450.0 | 1.0 | 2.0 | 3.2 | 4.0 | 9 x 200, 1 x 503 |"
        " 0.90 | 100 / 110 | 5.00 x |"
    ) in text
    assert "| recommend | 4 | obvious | 90.0 |" in text
    assert "**50,000 songs, 5,000 listeners**" in text
    assert "12346 req/s at 16 clients" in text
    assert "pictures of 170 to 180 KB" in text


def test_overload_is_told_in_words_too() -> None:
    beyond = level(
        "attune", 400.0, scenario="overload", offered=1600.0, clients=512, unfit=2,
        refused={"p50": 5.0, "p95": 6.0, "p99": 7.0, "max": 8.0}, latency=None,
    )  # fmt: skip
    text = load_text(found(beyond))
    assert "| overload | 1600 req/s | attune | 400.0 | - | - | - | - |" in text
    assert "1600 req/s offered, 400.0 answered; refusals: p50 5, p99 7 ms; 2 answers" in text
    assert "+0.25 MB/min" in text


def test_a_document_is_filled_between_its_marks(tmp_path: Path) -> None:
    file = tmp_path / "performance.md"
    file.write_text(f"before\n{BEGIN}\nold\n{END}\nafter\n")
    fill(file, "new | table")
    fill(file, "newer | table")
    assert file.read_text() == f"before\n{BEGIN}\nnewer | table\n{END}\nafter\n"
    file.write_text("no marks")
    with pytest.raises(ConfigError, match="lacks the lines"):
        fill(file, "x")


def test_half_of_the_requests_state_a_mood_and_listeners_take_turns() -> None:
    users = [f"u/{number}" for number in range(30)]
    paths = paths_of(Scenario.recommend, users)
    assert sum("mood=" in path for path in paths) == len(paths) / 2
    assert all(path.startswith("/recommend?user=u/") for path in paths)
    assert len({path.partition("&")[0] for path in paths[:30]}) == 30
    # Who comes again asks something else.
    assert len({path for path in paths if path.startswith(f"{paths[0].partition('&')[0]}&")}) > 3
    selfies = paths_of(Scenario.overload_selfie, users)
    assert all(path.endswith("&consent=true") for path in selfies)
    assert paths_of(Scenario.recommend, users) == paths


def test_slope_of_memory_is_that_of_the_second_half() -> None:
    steep = [(float(t), 100.0 + 10 * t) for t in range(10)]
    flat = [(float(t), 200.0) for t in range(10, 20)]
    assert slope(steep + flat) == 0
    assert slope([(float(t), t / 60) for t in range(20)]) == pytest.approx(1.0)
    assert slope([(0.0, 1.0), (1.0, 2.0)]) is None


def test_a_process_is_watched_with_what_it_started() -> None:
    import os
    import subprocess
    import sys

    child = subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE)
    try:
        assert child.pid in tree(os.getpid())
        assert resident_mb(os.getpid()) > resident_mb(child.pid) > 1
        assert cpu_seconds(os.getpid()) > 0
    finally:
        child.communicate(b"\n")
    assert resident_mb(2**22 + 1) == 0
