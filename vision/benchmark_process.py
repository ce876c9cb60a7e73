"""Processes of one's own for what is measured: a task as a line of JSON in, figures out.

A fresh interpreter is started for each; nothing is forked, which TensorFlow does not survive.
"""

from __future__ import annotations

import json
import math
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import numpy as np

from data.errors import BenchmarkError

#: Set by ``attune`` for its own process: others are to have the threads they have by themselves.
_NOT_PASSED_ON = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS")
_WARM = 10  # calls that are not timed


class Worker:
    """``python -m vision.benchmark`` with one task; a context manager that ends the process.

    Args:
        kind: name of the task's class.
        values: its fields.
    """

    def __init__(self, kind: str, values: dict[str, Any]) -> None:
        self._what = f"{kind} {values.get('contestant', '')}".strip()
        # TensorFlow writes to stderr at length; a pipe that nobody reads would stop it.
        self._stderr = tempfile.TemporaryFile(  # noqa: SIM115 (closed by __exit__)
            "w+", encoding="utf-8", errors="replace"
        )
        kept = {k: v for k, v in os.environ.items() if k not in _NOT_PASSED_ON}
        self._process = subprocess.Popen(
            [sys.executable, "-m", "vision.benchmark"],
            env={**kept, "TF_CPP_MIN_LOG_LEVEL": "3", "KERAS_BACKEND": "tensorflow"},
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=self._stderr, text=True,
        )  # fmt: skip
        self.tell({"kind": kind, **values})

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._process.kill()
        self._process.communicate()
        self._stderr.close()

    def tell(self, values: dict[str, Any]) -> None:
        """Send one line; a process that has ended already says so at :meth:`hear`."""
        assert self._process.stdin is not None
        try:
            self._process.stdin.write(json.dumps(values) + "\n")
            self._process.stdin.flush()
        except BrokenPipeError:
            return

    def hear(self) -> dict[str, Any]:
        """Wait for the next line and return it.

        Raises:
            BenchmarkError: if the process ended without one; with its last words.
        """
        assert self._process.stdout is not None
        line = self._process.stdout.readline()
        if line:
            answer: dict[str, Any] = json.loads(line)
            return answer
        code = self._process.wait()
        self._stderr.seek(0)
        said = self._stderr.read().strip().splitlines() or [f"it ended with status {code}"]
        raise BenchmarkError(f"{self._what}: {said[-1]}")


def measure_in_process(kind: str, values: dict[str, Any]) -> dict[str, Any]:
    """Run one task in a fresh process and return what it measured.

    Raises:
        BenchmarkError: if it failed.
    """
    with Worker(kind, values) as worker:
        return worker.hear()


def time_calls(work: Callable[[int], object], repeats: int, warm: int = _WARM) -> list[float]:
    """Time each of ``repeats`` calls, ms, after a few that warm up."""
    for i in range(warm):
        work(i)
    laps = []
    for i in range(repeats):
        begun = time.perf_counter()
        work(i)
        laps.append((time.perf_counter() - begun) * 1000)
    return laps


def middle_and_tail(laps: list[float]) -> tuple[float, float]:
    """Return the median and the 99th percentile."""
    p50, p99 = np.quantile(laps, (0.5, 0.99))
    return float(p50), float(p99)


def memory_mb() -> tuple[float, float]:
    """Return this process's resident memory and its peak, MB; NaN where /proc is not to be had."""
    try:
        lines = Path("/proc/self/status").read_text(encoding="ascii").splitlines()
    except OSError:
        return math.nan, math.nan
    sizes = {line.split(":")[0]: line.split()[1] for line in lines if line.startswith("Vm")}
    return int(sizes["VmRSS"]) / 1024, int(sizes["VmHWM"]) / 1024
