"""Numbers of several worker processes, some of which are killed."""

from __future__ import annotations

import fcntl
import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import pytest

from api.metrics_folder import VARIABLE, metrics_folder, reading
from data.settings import Settings
from tests.api.scrape import Scrape

#: Counts, then answers each line of its input with the numbers of all.
WORKER = """
import sys
from api import metrics
from api.exposition import exposition
metrics.FEEDBACK.labels("like").inc(3)
metrics.IN_FLIGHT.inc()
metrics.show_bundle(sys.argv[1])
metrics.observe_request("/recommend", "GET", 200, 0.004)
sys.stdout.write("ready\\n")
sys.stdout.flush()
for line in sys.stdin:
    text, _ = exposition()
    sys.stdout.write(text.decode() + "# end\\n")
    sys.stdout.flush()
"""
Worker = subprocess.Popen[str]


@contextmanager
def worker(bundle: str = "one") -> Iterator[Worker]:
    command = [sys.executable, "-c", WORKER, bundle]
    pipe = subprocess.PIPE
    with subprocess.Popen(command, stdin=pipe, stdout=pipe, text=True) as process:
        try:
            assert process.stdout is not None
            assert process.stdout.readline() == "ready\n"
            yield process
        finally:
            process.kill()


def asked(process: Worker) -> Scrape:
    assert process.stdin is not None
    assert process.stdout is not None
    process.stdin.write("\n")
    process.stdin.flush()
    return Scrape("".join(iter(process.stdout.readline, "# end\n")))


def files(folder: Path) -> set[str]:
    return {path.name for path in folder.glob("*.db")}


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return Settings(home=tmp_path, _env_file=None)  # type: ignore[call-arg]


def test_every_worker_tells_the_numbers_of_all(settings: Settings) -> None:
    with metrics_folder(settings) as folder, ExitStack() as stack:
        first, second = stack.enter_context(worker()), stack.enter_context(worker())
        for process in (first, second):
            seen = asked(process)
            assert seen.value("attune_feedback_total", event="like") == 6
            assert seen.value("attune_requests_in_flight") == 2
            assert seen.value("attune_bundle_info", version="one") == 2
            for bound, count in (("0.0025", 0), ("0.005", 2), ("+Inf", 2)):
                labels = {"route": "/recommend", "method": "GET", "status": "2xx", "le": bound}
                assert seen.value("attune_request_seconds_bucket", **labels) == count

        second.kill()
        second.wait()
        after = asked(first)
        assert after.value("attune_feedback_total", event="like") == 6, "counts never go down"
        assert after.value("attune_requests_in_flight") == 1, "what a dead worker held is free"
        assert after.value("attune_bundle_info", version="one") == 1
        assert not [name for name in files(folder) if name.endswith(f"_{second.pid}.db")]

        third = stack.enter_context(worker("two"))
        assert asked(third).value("attune_feedback_total", event="like") == 9
        third.kill()
        third.wait()
        last = asked(first)
        assert last.value("attune_feedback_total", event="like") == 9
        assert last.value("attune_bundle_info", version="two") == 0
        assert {name.rpartition("_")[2] for name in files(folder)} == {"0.db", f"{first.pid}.db"}


def test_the_folder_goes_with_the_service(
    settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv(VARIABLE, raising=False)
    with metrics_folder(settings) as folder:
        assert os.environ[VARIABLE] == str(folder)
        assert folder.parent == (settings.home / "run").resolve()
    assert VARIABLE not in os.environ
    assert not folder.exists()


def test_what_a_killed_service_left_is_removed_by_the_next(settings: Settings) -> None:
    left = settings.home / "run" / "metrics-killed"
    left.mkdir(parents=True)
    (left / "counter_1.db").touch()
    with metrics_folder(settings) as first, metrics_folder(settings) as second:
        assert not left.exists()
        assert first.exists(), "a service that runs beside keeps its own"
        assert first != second


def test_processes_that_run_keep_their_numbers(tmp_path: Path) -> None:
    (tmp_path / f"gauge_livesum_{os.getpid()}.db").touch()
    with reading(tmp_path):
        assert files(tmp_path) == {f"gauge_livesum_{os.getpid()}.db"}


def test_a_service_that_starts_meanwhile_waits(
    settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It would take a folder that is made and not locked yet for one that was left."""
    make, locked = tempfile.mkdtemp, []

    def made(prefix: str, dir: Path) -> str:
        handle = os.open(dir, os.O_RDONLY)
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            locked.append(dir)
        finally:
            os.close(handle)
        return make(prefix=prefix, dir=dir)

    monkeypatch.setattr("api.metrics_folder.tempfile.mkdtemp", made)
    with metrics_folder(settings):
        assert locked == [settings.home / "run"]
