"""How fast and how right expression networks are, ours and others', on the same faces.

Each contestant runs in a process of its own (:mod:`vision.benchmark_process`), so that import
time, memory and threads are its own. ``python -m vision.benchmark`` is such a process.
"""

from __future__ import annotations

import json
import math
import os
import sys
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from data.datasets.fer2013 import Usage, read_fer2013
from data.errors import AttuneError, BenchmarkError
from vision import calibration as measure
from vision.benchmark_photo import PhotoTask, run_photo
from vision.benchmark_process import (
    measure_in_process,
    memory_mb,
    middle_and_tail,
    time_calls,
)
from vision.contestants import CONTESTANTS, Answer, open_contestant

#: Threads that ask one shared network for one face after the other.
CLIENTS = (1, 2, 4, 16)
_FACES = 256  # of random pixels: what they show does not change how long they take


@dataclass(frozen=True, slots=True)
class Task:
    """What one process is to measure.

    Attributes:
        contestant: a name of :data:`vision.contestants.CONTESTANTS`.
        model: file or run folder with its weights; empty for random ones.
        data: FER2013, or empty.
        usage: the split that accuracy is taken on.
        repeats: single faces that are timed.
        seconds: of each throughput measurement.
        started: when the process was asked for, seconds since 1970.
    """

    contestant: str
    model: str = ""
    data: str = ""
    usage: Usage = "PublicTest"
    repeats: int = 200
    seconds: float = 1.0
    started: float = 0.0


@dataclass(frozen=True, slots=True)
class Measured:
    """What a contestant showed; NaN accuracy where it has no trained weights or there is no data.

    ``p50_ms`` and ``p99_ms`` are of one face, ``faces_per_s`` by number of clients. ``import_s``
    is from the start of the process until its libraries and weights are loaded, ``ready_s`` until
    its first answer. Memory is that of speed alone, before any data set is read: ``resident_mb``
    after single faces, ``peak_mb`` after all clients.
    """

    contestant: str
    import_s: float
    ready_s: float
    p50_ms: float
    p99_ms: float
    faces_per_s: dict[str, float]
    resident_mb: float
    peak_mb: float
    accuracy: float = math.nan
    interval: tuple[float, float] = (math.nan, math.nan)
    ece: float = math.nan
    note: str = ""


@dataclass(frozen=True, slots=True)
class LeftOut:
    """A contestant that could not be measured here, and why."""

    contestant: str
    why: str


def tasks_of(
    run: Path | None, peers: Sequence[Path], data: Path | None, usage: Usage, repeats: int
) -> list[tuple[Task, str]]:
    """Return the tasks of a whole table, each with the name of its peer or nothing.

    Args:
        run: Keras run of the network in use, as a rival by Keras; None builds a random one.
        peers: Keras files of published networks, or folders of such files.
        data: FER2013, for accuracy; None measures speed alone.
        usage: the split of ``data``.
        repeats: single faces timed.

    Raises:
        BenchmarkError: if a peer is not there.
    """
    rest = {"data": str(data or ""), "usage": usage, "repeats": repeats}
    ours = [name for name in CONTESTANTS if not name.startswith("peer")]
    theirs = [name for name in CONTESTANTS if name.startswith("peer")]
    own = [
        (Task(name, str(run or "") if name.startswith("keras") else "", **rest), "")  # type: ignore[arg-type]
        for name in ours
    ]
    return own + [
        (Task(name, str(path), **rest), path.stem)  # type: ignore[arg-type]
        for path in _files(peers)
        for name in theirs
    ]


def _files(peers: Sequence[Path]) -> list[Path]:
    files: list[Path] = []
    for path in peers:
        found = [path]
        if path.is_dir():
            found = sorted(p for p in path.iterdir() if p.suffix in {".hdf5", ".h5", ".keras"})
        if not found or not found[0].is_file():
            raise BenchmarkError(f"no Keras network at {path}: give a file, or a folder of them")
        files += found
    return files


def measure_all(
    tasks: Sequence[tuple[Task, str]], report: Callable[[str], None] = lambda line: None
) -> tuple[list[Measured], list[LeftOut]]:
    """Measure one task after the other, each in a fresh process, and tell those that failed."""
    rows, left_out = [], []
    for task, peer in tasks:
        name = f"{task.contestant} {peer}".strip()
        report(f"measuring {name}")
        try:
            rows.append(replace(run_process(task), note=peer))
        except BenchmarkError as exc:
            left_out.append(LeftOut(name, str(exc)))
    return rows, left_out


def run_process(task: Task) -> Measured:
    """Run ``task`` in a fresh process.

    Raises:
        BenchmarkError: with the last line that the process wrote to stderr, if it failed.
    """
    values = measure_in_process("Task", asdict(replace(task, started=time.time())))
    return Measured(**values | {"interval": tuple(values["interval"])})


def run_contestant(task: Task) -> Measured:
    """Measure one contestant in this process."""
    started = task.started or time.time()
    answer, calibrate = open_contestant(task.contestant, task.model)
    loaded = time.time() - started
    faces = np.random.default_rng(0).integers(0, 256, (_FACES, 48, 48), dtype=np.uint8)
    answer(faces[:1])
    ready = time.time() - started
    laps = time_calls(lambda i: answer(faces[i % len(faces)][None]), task.repeats)
    resident, _ = memory_mb()
    rates = {str(n): _throughput(answer, faces, n, task.seconds) for n in CLIENTS}
    p50, p99 = middle_and_tail(laps)
    _, peak = memory_mb()
    measured = Measured(task.contestant, loaded, ready, p50, p99, rates, resident, peak)
    if not task.data or (not task.model and task.contestant.startswith("keras")):
        return measured
    return _scored(measured, calibrate, task)


def _scored(measured: Measured, calibrate: Answer, task: Task) -> Measured:
    split = read_fer2013(Path(task.data), task.usage)
    p, labels = calibrate(split.images), split.labels
    correct = p.argmax(axis=1) == labels
    return replace(
        measured,
        accuracy=float(correct.mean()),
        interval=measure.bootstrap_interval(
            lambda rows: float(correct[rows].mean()), len(correct), seed=0
        ),
        ece=measure.expected_calibration_error(p, labels),
    )


def _throughput(answer: Answer, faces: NDArray[np.uint8], clients: int, seconds: float) -> float:
    """Return faces per second of threads that ask for one face after the other."""
    begun = time.perf_counter()

    def ask(client: int) -> int:
        done = 0
        while not done or time.perf_counter() - begun < seconds:
            answer(faces[(client + done * clients) % len(faces)][None])
            done += 1
        return done

    with ThreadPoolExecutor(clients) as pool:
        total = sum(pool.map(ask, range(clients)))
    return total / (time.perf_counter() - begun)


def main() -> None:
    """Read a task from stdin, measure, write the result to stdout."""
    # Libraries that print must not come between: what they write goes to stderr.
    stdout = os.fdopen(os.dup(1), "w", encoding="utf-8")
    os.dup2(2, 1)

    def tell(values: dict[str, Any]) -> None:
        stdout.write(json.dumps(values) + "\n")
        stdout.flush()

    def wait() -> None:
        tell({"ready": True})
        sys.stdin.readline()

    values = json.loads(sys.stdin.readline())
    try:
        if values.pop("kind") == "PhotoTask":
            tell(run_photo(PhotoTask(**values | {"cores": tuple(values["cores"])}), wait))
        else:
            tell(asdict(run_contestant(Task(**values))))
    except AttuneError as exc:
        sys.exit(str(exc).replace("\n", " "))


if __name__ == "__main__":
    main()
