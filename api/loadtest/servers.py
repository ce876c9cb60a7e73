"""Starting what is measured, and watching its processor time and memory from outside."""

from __future__ import annotations

import http.client
import os
import socket
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO

from data.errors import BenchmarkError

#: A process rests if it used less than this share of a core for this long, seconds.
_RESTING, _PAUSE_S = 0.15, 0.3
_TICKS = os.sysconf("SC_CLK_TCK") if hasattr(os, "sysconf") else 100


@dataclass(frozen=True, slots=True)
class Server:
    """A server under measurement.

    Attributes:
        name: what it is called in the tables.
        port: on loopback.
        pid: of the process that was started; those it started are counted with it.
    """

    name: str
    port: int
    pid: int


@dataclass(frozen=True, slots=True)
class Usage:
    """What a server used over a time.

    Attributes:
        cpu: cores.
        rss_mb: resident memory at the start, at the end, and the most.
        slope_mb_per_min: of a line through the samples of the second half; None if too few.
        samples: (seconds, MB).
    """

    cpu: float
    rss_before_mb: float
    rss_after_mb: float
    rss_most_mb: float
    slope_mb_per_min: float | None
    samples: tuple[tuple[float, float], ...] = field(default=(), repr=False)


@contextmanager
def running(
    name: str, words: list[str], ready: str, environment: Mapping[str, str], wait_s: float = 120
) -> Iterator[Server]:
    """Run ``python WORDS`` with ``{port}`` filled in until the block ends.

    Raises:
        BenchmarkError: if ``ready`` does not answer 200 in time.
    """
    port = free_port()
    command = [sys.executable, *(word.format(port=port) for word in words)]
    with tempfile.TemporaryFile() as said:
        # Log lines are written as in production, only nobody reads them.
        process = subprocess.Popen(
            command, env={**os.environ, **environment}, stdout=said, stderr=said
        )
        try:
            _wait_until_ready(process, port, ready, wait_s, said)
            yield Server(name, port, process.pid)
        finally:
            _stop(process)


def _wait_until_ready(
    process: subprocess.Popen[bytes], port: int, path: str, wait_s: float, said: IO[bytes]
) -> None:
    end = time.perf_counter() + wait_s
    while not _is_ready(port, path):
        if process.poll() is not None or time.perf_counter() > end:
            said.seek(0)
            words = said.read().decode(errors="replace").strip().splitlines() or ["it said nothing"]
            command = " ".join(str(word) for word in process.args[1:])  # type: ignore[index]
            raise BenchmarkError(f"`python {command}` did not become ready: {words[-1]}")
        time.sleep(0.05)


def _stop(process: subprocess.Popen[bytes]) -> None:
    process.terminate()
    try:
        process.wait(20)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait(5)


def free_port() -> int:
    """Return a port that nobody listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def _is_ready(port: int, path: str) -> bool:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=10)
    try:
        connection.request("GET", path)
        answer = connection.getresponse()
        answer.read()
    except (OSError, http.client.HTTPException):
        return False
    else:
        return answer.status == 200
    finally:
        connection.close()


def settle(pid: int, most_s: float = 120) -> None:
    """Wait until a process tree rests: what clients gave up on is still worked on for a while."""
    end = time.perf_counter() + most_s
    before = cpu_seconds(pid)
    while time.perf_counter() < end:
        time.sleep(_PAUSE_S)
        now = cpu_seconds(pid)
        if now - before <= _RESTING * _PAUSE_S:
            return
        before = now


class Watch:
    """Samples a process tree every ``every_s`` from its making to :meth:`usage`."""

    def __init__(self, pid: int, every_s: float = 0.5) -> None:
        self._pid = pid
        self._every_s = every_s
        self._stop = threading.Event()
        self._samples: list[tuple[float, float]] = []
        self._begun = time.perf_counter()
        self._cpu = cpu_seconds(pid)
        self._take()
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()

    def usage(self) -> Usage:
        """Stop and return what was used since."""
        seconds = time.perf_counter() - self._begun
        used = cpu_seconds(self._pid) - self._cpu
        self._stop.set()
        self._thread.join()
        self._take()
        sizes = [size for _, size in self._samples]
        return Usage(
            round(used / seconds, 4), sizes[0], sizes[-1], max(sizes), slope(self._samples),
            tuple(self._samples),
        )  # fmt: skip

    def _run(self) -> None:
        while not self._stop.wait(self._every_s):
            self._take()

    def _take(self) -> None:
        self._samples.append((round(time.perf_counter() - self._begun, 1), resident_mb(self._pid)))


def slope(samples: list[tuple[float, float]]) -> float | None:
    """Return the least-squares slope of the second half of (seconds, MB), MB a minute."""
    late = samples[len(samples) // 2 :]
    if len(late) < 3:
        return None
    mean_t = sum(t for t, _ in late) / len(late)
    mean_y = sum(y for _, y in late) / len(late)
    spread = sum((t - mean_t) ** 2 for t, _ in late)
    if not spread:
        return None
    return round(60 * sum((t - mean_t) * (y - mean_y) for t, y in late) / spread, 2)


def tree(pid: int) -> list[int]:
    """Return a process and everything it started, by /proc; itself alone where there is none."""
    children: dict[int, list[int]] = {}
    for file in Path("/proc").glob("[0-9]*/stat"):
        try:
            columns = file.read_text(encoding="ascii", errors="replace").rpartition(")")[2].split()
        except OSError:
            continue
        children.setdefault(int(columns[1]), []).append(int(file.parent.name))
    found = [pid]
    for one in found:
        found += children.get(one, [])
    return found


def resident_mb(pid: int) -> float:
    """Return the resident memory of a process tree, MB; 0 where /proc is not to be had.

    Pages that several processes share are counted in each.
    """
    total = 0.0
    for one in tree(pid):
        try:
            text = Path(f"/proc/{one}/status").read_text(encoding="ascii")
        except OSError:
            continue
        total += sum(int(x.split()[1]) for x in text.splitlines() if x.startswith("VmRSS"))
    return round(total / 1024, 1)


def cpu_seconds(pid: int) -> float:
    """Return the processor time of a process tree, seconds."""
    total = 0
    for one in tree(pid):
        try:
            text = Path(f"/proc/{one}/stat").read_text(encoding="ascii", errors="replace")
        except OSError:
            continue
        columns = text.rpartition(")")[2].split()
        total += int(columns[11]) + int(columns[12])
    return total / _TICKS
