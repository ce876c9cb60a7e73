"""Keeping another process running for as long as this one runs."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import structlog
from pydantic import SecretStr, TypeAdapter

from data.settings import Settings

_log = structlog.get_logger("attune.supervisor")
#: How long a process that was told to end may take, seconds.
_GRACE_S = 10.0


@dataclass(frozen=True, slots=True)
class Backoff:
    """How long to wait before a process that ended is started again, seconds.

    The wait doubles with every start, and is the first one again after a process that lasted.
    """

    first_s: float = 0.5
    longest_s: float = 60.0
    lasted_s: float = 60.0

    def after(self, waited_s: float, lived_s: float) -> float:
        """Return the next wait, after one of ``waited_s`` and a life of ``lived_s``."""
        if waited_s == 0 or lived_s >= self.lasted_s:
            return self.first_s
        return min(2 * waited_s, self.longest_s)


class Supervisor:
    """Runs a command, and again whenever it ends, until stopped.

    The process gets a pipe as standard input, which ends when this process does, even when that is
    killed: a process that reads it never outlives its supervisor.

    Args:
        command: what to run.
        environment: of the process.
        backoff: how long to wait before another start.
    """

    def __init__(
        self,
        command: Sequence[str],
        environment: Mapping[str, str] | None = None,
        backoff: Backoff | None = None,
    ) -> None:
        self._command = list(command)
        self._environment = None if environment is None else dict(environment)
        self._backoff = backoff or Backoff()
        self._stopping = threading.Event()
        self._lock = threading.Lock()
        self._process: subprocess.Popen[bytes] | None = None
        self._thread = threading.Thread(target=self._run, name="attune-supervisor", daemon=True)

    @property
    def pid(self) -> int | None:
        """Process id of the running process, or None between two."""
        with self._lock:
            process = self._process
        return None if process is None or process.poll() is not None else process.pid

    def start(self) -> None:
        """Start the process; returns at once."""
        self._thread.start()

    def stop(self) -> None:
        """Tell the process to end, wait for it, and kill it if it does not."""
        self._stopping.set()
        with self._lock:
            process = self._process
        if process is not None:
            process.terminate()
            try:
                process.wait(_GRACE_S)
            except subprocess.TimeoutExpired:
                process.kill()
        if self._thread.is_alive():
            self._thread.join(_GRACE_S)

    def _run(self) -> None:
        wait = 0.0
        while not self._stopping.wait(wait):
            started = time.monotonic()
            ended = self._lived()
            if not self._stopping.is_set():
                wait = self._backoff.after(wait, time.monotonic() - started)
                _log.warning("process_ended", status=ended, again_in_s=wait)

    def _lived(self) -> int | str | None:
        """Run the process once; its status, or why it could not start."""
        try:
            process = self._started()
        except OSError as exc:  # no memory for it, or no more processes, at the moment
            return exc.strerror
        if process is None:
            return None
        code = process.wait()
        if process.stdin is not None:
            process.stdin.close()
        return code

    def _started(self) -> subprocess.Popen[bytes] | None:
        with self._lock:
            if self._stopping.is_set():
                return None
            # A session of its own: an interrupt from the keyboard is for this process to pass on.
            self._process = subprocess.Popen(
                self._command,
                stdin=subprocess.PIPE,
                stdout=subprocess.DEVNULL,
                env=self._environment,
                start_new_session=True,
            )
            return self._process


def embedding_supervisor(settings: Settings, backoff: Backoff | None = None) -> Supervisor:
    """Return the supervisor of the embedding worker of these settings, not started yet."""
    command = [sys.executable, "-m", "api.embedding", "--supervised"]
    return Supervisor(command, worker_environment(settings), backoff)


def worker_environment(settings: Settings) -> dict[str, str]:
    """Return this environment with the settings in force, which a command line may have changed."""
    own = {f"ATTUNE_{name.upper()}" for name in Settings.model_fields}
    kept = {name: value for name, value in os.environ.items() if name.upper() not in own}
    given = {
        f"ATTUNE_{name.upper()}": _as_text(value) for name, value in settings if value is not None
    }
    # One thread of arithmetic: the other cores are for answers.
    return {**kept, **given, "OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"}


def _as_text(value: object) -> str:
    """Write a value as pydantic-settings reads it from the environment."""
    if isinstance(value, SecretStr):
        return value.get_secret_value()
    if isinstance(value, dict | list | tuple | set | frozenset):
        return TypeAdapter(Any).dump_json(value).decode("utf-8")
    return str(value)
