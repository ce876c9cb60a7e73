"""How fast and how right expression networks are, ours and others', on the same faces.

Each contestant runs in a process of its own, so that import time, memory and threads are its own;
nothing is forked after TensorFlow is imported. ``python -m vision.benchmark`` is such a process:
a :class:`Task` as JSON on stdin, its measurements as JSON on stdout.
"""

from __future__ import annotations

import json
import math
import os
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass, field, replace
from itertools import repeat
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from data.datasets.fer2013 import Usage, read_fer2013
from data.errors import AttuneError, BenchmarkError
from vision import calibration as measure
from vision.contestants import Answer, open_contestant

_CLIENTS = (1, 2, 4, 16)
_FACES = 256  # of random pixels: what they show does not change how long they take
_WARM = 10


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

    ``p50_ms`` and ``p99_ms`` are of one face, ``faces_per_s`` by number of clients, ``ready_s``
    from the start of the process, with all imports, to the first answer; memory is that of speed
    alone, before any data set is read.
    """

    contestant: str
    ready_s: float
    p50_ms: float
    p99_ms: float
    faces_per_s: dict[str, float]
    resident_mb: float
    accuracy: float = math.nan
    interval: tuple[float, float] = (math.nan, math.nan)
    ece: float = math.nan
    note: str = ""


@dataclass(frozen=True, slots=True)
class PhotoTask:
    """A photo that is read from bytes to answer, on cores of one's own."""

    photo: str
    repeats: int = 100
    cores: tuple[int, ...] = field(default=())


def run_process(task: Task | PhotoTask) -> dict[str, Any]:
    """Run ``task`` in a fresh process and return what it measured.

    Raises:
        BenchmarkError: with the last line that the process wrote to stderr, if it failed.
    """
    kind = type(task).__name__
    if isinstance(task, Task):
        task = replace(task, started=time.time())
    done = subprocess.run(
        [sys.executable, "-m", "vision.benchmark"],
        input=json.dumps({"kind": kind, **asdict(task)}),
        env={**os.environ, "TF_CPP_MIN_LOG_LEVEL": "3", "TF_ENABLE_ONEDNN_OPTS": "1"},
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    if done.returncode:
        last = (done.stderr.strip() or "no message").splitlines()[-1]
        raise BenchmarkError(f"{kind} {getattr(task, 'contestant', 'photo')}: {last}")
    answer: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return answer


def run_contestant(task: Task) -> Measured:
    """Measure one contestant in this process."""
    answer, calibrate = open_contestant(task.contestant, task.model)
    faces = np.random.default_rng(0).integers(0, 256, (_FACES, 48, 48), dtype=np.uint8)
    answer(faces[:1])
    ready = time.time() - (task.started or time.time())
    laps = _laps(lambda i: answer(faces[i % len(faces)][None]), task.repeats)
    measured = Measured(
        task.contestant,
        ready,
        statistics.median(laps),
        statistics.quantiles(laps, n=100)[98],
        {str(n): _throughput(answer, faces, n, task.seconds) for n in _CLIENTS},
        _resident_mb(),
    )
    if not task.data or (not task.model and task.contestant.startswith("keras")):
        return measured
    split = read_fer2013(Path(task.data), task.usage)
    p, labels = calibrate(split.images), split.labels
    correct = p.argmax(axis=1) == labels
    interval = measure.bootstrap_interval(lambda r: float(correct[r].mean()), len(correct), seed=0)
    figures = asdict(measured) | {
        "accuracy": float(correct.mean()),
        "interval": interval,
        "ece": measure.expected_calibration_error(p, labels),
    }
    return Measured(**figures)


def run_photo(task: PhotoTask) -> dict[str, float]:
    """Measure the way from the bytes of a photo to its answer, ms, stage by stage."""
    if task.cores and hasattr(os, "sched_setaffinity"):
        os.sched_setaffinity(0, task.cores)
    from vision.classifier import EmotionClassifier
    from vision.faces import FaceFinder
    from vision.images import decode_photo
    from vision.reader import ExpressionReader

    weights = Path(__file__).parent / "weights"
    classifier = EmotionClassifier.load(weights / "emotion.onnx", weights / "emotion.json")
    reader = ExpressionReader(FaceFinder(), classifier)
    data = Path(task.photo).read_bytes()
    finder, limits = reader.finder, reader.limits
    pixels = decode_photo(data, limits, gray=not finder.in_colour).pixels
    found = finder.find(pixels)
    if not found:
        raise BenchmarkError(f"no face is found in {task.photo}: give a photo with one")
    crop = finder.crop(pixels, found[0])
    stages: dict[str, Callable[[int], Any]] = {
        "decode": lambda _: decode_photo(data, limits, gray=not finder.in_colour),
        "find": lambda _: finder.find(pixels),
        "crop": lambda _: finder.crop(pixels, found[0]),
        "classify": lambda _: classifier.probabilities(crop[None]),
        "whole": lambda _: reader.read([data]),
    }
    rows = {}
    for name, stage in stages.items():
        laps = _laps(stage, task.repeats)
        rows[f"{name}_p50_ms"] = statistics.median(laps)
        rows[f"{name}_p99_ms"] = statistics.quantiles(laps, n=100)[98]
    begun = time.perf_counter()
    for _ in repeat(None, task.repeats):
        reader.read([data])
    rows["images_per_s"] = task.repeats / (time.perf_counter() - begun)
    return rows


def photo_rows(photo: Path, repeats: int) -> dict[str, float]:
    """Return :func:`run_photo` on one core, and images/s of two processes on two cores."""
    cores = sorted(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else [0, 1]
    one = run_process(PhotoTask(str(photo), repeats, (cores[0],)))
    rows = {k: float(v) for k, v in one.items()}
    if len(cores) > 1:
        tasks = [PhotoTask(str(photo), 3 * repeats, (core,)) for core in cores[:2]]
        with ThreadPoolExecutor(2) as pool:
            both = list(pool.map(run_process, tasks))
        rows["images_per_s_two_cores"] = sum(float(b["images_per_s"]) for b in both)
    return rows


def table_text(rows: Sequence[Measured], usage: str) -> str:
    """Return the contestants as a Markdown table; speeds relative to ``keras_predict``."""
    base = next((r.p50_ms for r in rows if r.contestant == "keras_predict"), math.nan)
    lines = [
        f"| contestant | {usage} accuracy (95 %) | ECE | one face p50 / p99 ms | times faster than "
        "Keras predict | faces/s with 1 / 2 / 4 / 16 clients | memory MB | import to answer s |",
        "|---|---|---|---|---|---|---|---|",
    ]
    for r in rows:
        known = not math.isnan(r.accuracy)
        accuracy = f"{r.accuracy:.1%} ({r.interval[0]:.1%}–{r.interval[1]:.1%})" if known else "-"
        rates = " / ".join(f"{r.faces_per_s[str(n)]:,.0f}" for n in _CLIENTS)
        lines.append(
            f"| {r.contestant}{r.note} | {accuracy} | {f'{r.ece:.3f}' if known else '-'} | "
            f"{r.p50_ms:.2f} / {r.p99_ms:.2f} | {base / r.p50_ms:.1f} | {rates} | "
            f"{r.resident_mb:.0f} | {r.ready_s:.1f} |"
        )
    return "\n".join(lines)


def _laps(work: Callable[[int], Any], repeats: int) -> list[float]:
    """Time each of ``repeats`` calls, ms, after a few that warm up."""
    for i in range(_WARM):
        work(i)
    laps = []
    for i in range(repeats):
        begun = time.perf_counter()
        work(i)
        laps.append((time.perf_counter() - begun) * 1000)
    return laps


def _throughput(answer: Answer, faces: NDArray[np.uint8], clients: int, seconds: float) -> float:
    """Return faces per second of threads that ask for one face after the other."""
    begun = time.perf_counter()

    def ask(client: int) -> int:
        done = 0
        while time.perf_counter() - begun < seconds:
            answer(faces[(client + done * clients) % len(faces)][None])
            done += 1
        return done

    with ThreadPoolExecutor(clients) as pool:
        total = sum(pool.map(ask, range(clients)))
    return total / (time.perf_counter() - begun)


def _resident_mb() -> float:
    """Resident set of this process, MB; NaN where /proc is not to be had."""
    try:
        text = Path("/proc/self/status").read_text(encoding="ascii")
    except OSError:
        return math.nan
    line = next(x for x in text.splitlines() if x.startswith("VmRSS"))
    return int(line.split()[1]) / 1024


def main() -> None:
    """Read a task from stdin, measure, write the result to stdout."""
    values = json.load(sys.stdin)
    kind = values.pop("kind")
    try:
        if kind == "PhotoTask":
            result: Any = run_photo(PhotoTask(**values))
        else:
            result = asdict(run_contestant(Task(**values)))
    except AttuneError as exc:
        sys.exit(str(exc))
    sys.stdout.write(json.dumps(result) + "\n")


if __name__ == "__main__":
    main()
