"""How long it takes from the bytes of a photo to the apparent expression, stage by stage."""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Literal

from data.errors import BenchmarkError, ImageError
from vision.benchmark_process import Worker, measure_in_process, middle_and_tail
from vision.classifier import EmotionClassifier
from vision.config import ImageLimits
from vision.drawn_photo import drawn_photo, fitted_photo
from vision.faces import FaceFinder
from vision.images import decode_image, decode_photo
from vision.reader import ExpressionReader

STAGES = ("decode", "find", "crop", "classify", "whole")
_WARM = 3


@dataclass(frozen=True, slots=True)
class PhotoTask:
    """A photo that is read from bytes to answer, on cores of one's own.

    Attributes:
        photo: a file; empty for one that is drawn. Either is measured as a 1280 x 720 JPEG.
        measures: the stages one by one, or how many photos are read per second.
        repeats: photos read to time the stages.
        seconds: of reading, for the rate.
        threads: that read, for the rate; they share one reader.
        cores: where the process may run; empty for everywhere.
    """

    photo: str = ""
    measures: Literal["stages", "rate"] = "stages"
    repeats: int = 100
    seconds: float = 3.0
    threads: int = 1
    cores: tuple[int, ...] = ()


def photo_rows(photo: Path | None, repeats: int = 100, seconds: float = 3.0) -> dict[str, float]:
    """Return p50 and p99 of each stage on one core, ms, and photos per second.

    Rates are of one process on one core; where there is a second core, also of two processes, one
    on each, and of two threads of one process on both, which is how the service reads.

    Args:
        photo: a photo with a face; None draws one.
        repeats: photos read to time the stages.
        seconds: of each rate.

    Raises:
        BenchmarkError: if the photo cannot be read or no face is found in it.
    """
    name, cores = str(photo or ""), _cores()
    rows = measure_in_process(
        "PhotoTask", asdict(PhotoTask(name, repeats=repeats, cores=cores[:1]))
    )
    first, *others = (PhotoTask(name, "rate", seconds=seconds, cores=(core,)) for core in cores[:2])
    rows["images_per_s_one_core"] = _rate_of(first)
    if others:
        rows["images_per_s_two_processes"] = _rate_of(first, *others)
        both = PhotoTask(name, "rate", seconds=seconds, threads=2, cores=cores[:2])
        rows["images_per_s_two_threads"] = _rate_of(both)
    return {key: float(value) for key, value in rows.items()}


def run_photo(task: PhotoTask, wait: Callable[[], None] = lambda: None) -> dict[str, Any]:
    """Carry out ``task`` in this process.

    Args:
        task: what to measure.
        wait: called when all is warm; a rate is taken from its return on.
    """
    if task.cores and hasattr(os, "sched_setaffinity"):
        os.sched_setaffinity(0, task.cores)
    weights = Path(__file__).parent / "weights"
    classifier = EmotionClassifier.load(weights / "emotion.onnx", weights / "emotion.json")
    reader, data = ExpressionReader(FaceFinder(), classifier), _photo_bytes(task.photo)
    if reader.look(data) is None:
        raise BenchmarkError(f"no face is found in {task.photo}: give a photo with one")
    if task.measures == "rate":
        return {"images_per_s": _rate(reader, data, task, wait)}
    return _stage_figures(reader, data, task.repeats)


def _photo_bytes(photo: str) -> bytes:
    if not photo:
        return drawn_photo()
    try:
        return fitted_photo(decode_image(Path(photo).read_bytes(), ImageLimits()))
    except OSError as exc:
        raise BenchmarkError(f"{photo} cannot be read: {exc.strerror}") from exc
    except ImageError as exc:
        raise BenchmarkError(f"{photo}: {exc}") from exc


def _stage_figures(reader: ExpressionReader, data: bytes, repeats: int) -> dict[str, float]:
    """Time the stages and the whole by turns, so that both see the same machine."""
    laps: dict[str, list[float]] = {stage: [] for stage in STAGES}
    for i in range(_WARM + repeats):
        lap = _one_photo(reader, data)
        for stage in STAGES if i >= _WARM else ():
            laps[stage].append(lap[stage])
    rows = {}
    for stage in STAGES:
        rows[f"{stage}_p50_ms"], rows[f"{stage}_p99_ms"] = middle_and_tail(laps[stage])
    return rows


def _one_photo(reader: ExpressionReader, data: bytes) -> dict[str, float]:
    """Return how long each stage of reading one photo took, and then the whole, ms."""
    finder, clock = reader.finder, time.perf_counter
    times = [clock()]
    pixels = decode_photo(data, reader.limits, gray=not finder.in_colour).pixels
    times.append(clock())
    found = finder.find(pixels)
    times.append(clock())
    crop = finder.crop(pixels, found[0])
    times.append(clock())
    reader.classifier.probabilities(crop[None])
    times.append(clock())
    reader.read([data])
    times.append(clock())
    return {
        stage: (end - begin) * 1000
        for stage, begin, end in zip(STAGES, times, times[1:], strict=False)
    }


def _rate(
    reader: ExpressionReader, data: bytes, task: PhotoTask, wait: Callable[[], None]
) -> float:
    for _ in range(_WARM):
        reader.read([data])
    wait()
    begun = time.perf_counter()

    def read(_: int) -> int:
        done = 0
        while not done or time.perf_counter() - begun < task.seconds:
            reader.read([data])
            done += 1
        return done

    with ThreadPoolExecutor(task.threads) as pool:
        total = sum(pool.map(read, range(task.threads)))
    return total / (time.perf_counter() - begun)


def _rate_of(*tasks: PhotoTask) -> float:
    """Return photos per second of processes that begin together."""
    with ExitStack() as stack:
        workers = [stack.enter_context(Worker("PhotoTask", asdict(task))) for task in tasks]
        for worker in workers:
            worker.hear()  # it is warm
        for worker in workers:
            worker.tell({})
        return sum(float(worker.hear()["images_per_s"]) for worker in workers)


def _cores() -> tuple[int, ...]:
    if hasattr(os, "sched_getaffinity"):
        return tuple(sorted(os.sched_getaffinity(0)))
    return tuple(range(os.cpu_count() or 1))
