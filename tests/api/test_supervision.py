"""A supervised process is there for as long as its supervisor, and not longer."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path

import psutil
import pytest

from api.supervision import Backoff, Supervisor, embedding_supervisor, worker_environment
from data.settings import Settings
from tests.waiting import eventually

#: Notes its process id, then lives until its standard input ends.
_CHILD = "import os, sys; open(sys.argv[1], 'a').write(f'{os.getpid()}\\n'); sys.stdin.read()"
#: Starts such a child and lives until it is killed.
_PARENT = """
import sys
from api.supervision import Supervisor
Supervisor([sys.executable, "-c", sys.argv[1], sys.argv[2]]).start()
sys.stdin.read()
"""
AT_ONCE = Backoff(first_s=0.01, longest_s=0.02)


def pids(file: Path) -> list[int]:
    lines = file.read_text().split("\n") if file.exists() else [""]
    return [int(line) for line in lines[:-1]]


def is_alive(pid: int) -> bool:
    try:
        return bool(psutil.Process(pid).status() != psutil.STATUS_ZOMBIE)
    except psutil.NoSuchProcess:
        return False


def nth_pid(file: Path, n: int) -> int:
    """Wait for the ``n``-th process, counted from 1."""
    eventually(lambda: len(pids(file)) >= n)
    return pids(file)[n - 1]


def runs(supervisor: Supervisor, pid: int) -> bool:
    return supervisor.pid == pid


@contextmanager
def supervised(command: list[str]) -> Iterator[Supervisor]:
    supervisor = Supervisor(command, backoff=AT_ONCE)
    supervisor.start()
    try:
        yield supervisor
    finally:
        supervisor.stop()


def test_a_killed_process_comes_back(tmp_path: Path) -> None:
    file = tmp_path / "pids"
    with supervised([sys.executable, "-c", _CHILD, str(file)]) as supervisor:
        for life in (1, 2, 3):
            pid = nth_pid(file, life)
            assert eventually(partial(runs, supervisor, pid))
            os.kill(pid, signal.SIGKILL)
        last = nth_pid(file, 4)
    assert len(set(pids(file))) == 4
    assert supervisor.pid is None
    assert not is_alive(last)


def test_a_process_that_will_not_start_is_tried_again_and_again(tmp_path: Path) -> None:
    file = tmp_path / "pids"
    failing = _CHILD.replace("sys.stdin.read()", "sys.exit(3)")
    with supervised([sys.executable, "-c", failing, str(file)]):
        assert eventually(lambda: len(pids(file)) >= 3)


def test_a_process_that_cannot_be_made_at_the_moment_is_tried_again(tmp_path: Path) -> None:
    program, file = tmp_path / "late", tmp_path / "pids"
    with supervised([str(program), "-c", _CHILD, str(file)]) as supervisor:
        assert supervisor.pid is None
        program.symlink_to(sys.executable)
        assert eventually(partial(runs, supervisor, nth_pid(file, 1)))


def test_stopping_before_anything_ran() -> None:
    supervisor = Supervisor([sys.executable, "-c", "pass"])
    supervisor.stop()
    assert supervisor.pid is None


def test_waits_double_and_begin_anew_after_a_long_life() -> None:
    backoff = Backoff(first_s=1, longest_s=5, lasted_s=60)
    waits = [0.0]
    for _ in range(4):
        waits.append(backoff.after(waits[-1], lived_s=2))
    assert waits == [0, 1, 2, 4, 5]
    assert backoff.after(5, lived_s=60) == 1


def test_a_child_does_not_outlive_a_killed_parent(tmp_path: Path) -> None:
    file = tmp_path / "pids"
    command = [sys.executable, "-c", _PARENT, _CHILD, str(file)]
    with subprocess.Popen(command, stdin=subprocess.PIPE) as parent:
        child = nth_pid(file, 1)
        assert is_alive(child)
        parent.kill()
        parent.wait()
    assert eventually(lambda: not is_alive(child))


def test_the_worker_gets_the_settings_in_force(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ATTUNE_HOME", "elsewhere")
    monkeypatch.setenv("ATTUNE_DATABASE_URL", "postgresql://elsewhere")
    settings = Settings(home=tmp_path, database_url=None, watch_seconds=2.5, embed_worker=False)
    environment = worker_environment(settings)
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    monkeypatch.delenv("ATTUNE_DATABASE_URL")
    assert "ATTUNE_DATABASE_URL" not in environment
    assert Settings(_env_file=None) == settings  # type: ignore[call-arg]


def test_the_worker_ends_with_its_supervisor(tmp_path: Path) -> None:
    from recommender.bootstrap import build_database

    settings = Settings(home=tmp_path, database_url=None, _env_file=None)  # type: ignore[call-arg]
    database = build_database(settings)
    database.upgrade()
    database.dispose()
    supervisor = embedding_supervisor(settings, AT_ONCE)
    supervisor.start()
    lock = tmp_path / "cache" / "embedding.lock"
    assert eventually(lock.exists)
    pid = supervisor.pid
    assert pid is not None
    supervisor.stop()
    assert not is_alive(pid)


def test_the_worker_needs_no_torch() -> None:
    heavy = ("tensorflow", "keras", "torch", "sentence_transformers", "pandas", "sklearn")
    code = (
        "import sys, api.embedding, recommender.bootstrap; from api.lyrics import open_encoder;"
        "from data.settings import Settings; open_encoder(Settings()).encode(['rain']);"
        f"print([name for name in {heavy!r} if name in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
