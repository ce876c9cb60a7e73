"""What the service counts and times, for Prometheus; ``docs/operations.md`` has the table.

No label ever holds what a caller sent: routes are templates, and methods, moods and events come
from lists. Numbers outlive an application: they are of the process.
"""

from __future__ import annotations

import os
import time
from contextlib import AbstractContextManager
from pathlib import Path
from typing import TYPE_CHECKING, get_args

from prometheus_client import (
    CollectorRegistry,
    Counter,
    Gauge,
    Histogram,
    disable_created_metrics,
    values,
)

from api.metrics_folder import VARIABLE, forget_predecessor
from data.timing import timed
from data.types import EMOTIONS as LABELS
from data.types import Event
from recommender.journeys.query import PlaylistFallback

if TYPE_CHECKING:
    from data.types import EmotionScores

__all__ = [
    "BUNDLE", "DATABASE_UP", "EMOTIONS", "EXPERIMENTS", "EXPERIMENT_FEEDBACK", "FALLBACKS",
    "FEEDBACK", "FOLDER", "IN_FLIGHT", "QUEUE_DEPTH", "RATE_LIMITED", "RATE_UNCHECKED",
    "REFUSED", "REGISTRY", "RELOADS", "REQUEST_SECONDS", "SLOTS", "SLOTS_IN_USE",
    "SONGS_PENDING", "STAGES", "STAGE_SECONDS", "UNCERTAIN", "WATCHER_TROUBLE", "count_answer",
    "count_expression", "count_stated", "forget_watch", "method_name", "observe_request",
    "observed_stage", "show_bundle", "show_watch", "stage",
]  # fmt: skip


def _folder() -> Path | None:
    """Return where worker processes keep their numbers; None where they live in memory.

    The library settled that when it was imported, whatever the environment says since.
    """
    if not values.ValueClass._multiprocess:
        return None
    folder = Path(os.environ[VARIABLE])
    folder.mkdir(parents=True, exist_ok=True)
    forget_predecessor(folder)
    return folder


disable_created_metrics()
FOLDER = _folder()
REGISTRY = CollectorRegistry()

#: Seconds; a page without a picture takes some milliseconds, one with a picture tens.
_REQUEST_BUCKETS = (.001, .0025, .005, .01, .025, .05, .1, .25, .5, 1, 2.5, 5)  # fmt: skip
_STAGE_BUCKETS = (
    .0001, .00025, .0005, .001, .0025, .005, .01, .025, .05, .1, .25, .5, 1, 2.5,
)  # fmt: skip
#: ``decode``, ``face`` and ``expression`` of a picture, then the listener's ``history``, the
#: ``rank`` of songs, their ``songs`` rows, and ``serialise``.
STAGES = ("decode", "face", "expression", "history", "rank", "songs", "serialise")
_METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})

REQUEST_SECONDS = Histogram(
    "attune_request_seconds",
    "Seconds from a request's head to the last byte of its answer.",
    ["route", "method", "status"],
    buckets=_REQUEST_BUCKETS,
    registry=REGISTRY,
)
STAGE_SECONDS = Histogram(
    "attune_stage_seconds",
    "Seconds that a stage of an answer took.",
    ["stage"],
    buckets=_STAGE_BUCKETS,
    registry=REGISTRY,
)


def _counter(name: str, text: str, *labels: str) -> Counter:
    return Counter(f"attune_{name}", text, labels, registry=REGISTRY)


def _gauge(name: str, text: str, *labels: str, mode: str = "livesum") -> Gauge:
    """Make a gauge; ``mode`` is how those of several workers become one."""
    return Gauge(f"attune_{name}", text, labels, registry=REGISTRY, multiprocess_mode=mode)  # type: ignore[arg-type]


IN_FLIGHT = _gauge("requests_in_flight", "Requests that are being answered.")
QUEUE_DEPTH = _gauge("inference_queue_depth", "Requests that wait for an inference slot.")
SLOTS = _gauge("inference_slots", "Pictures that may be worked on at a time.")
SLOTS_IN_USE = _gauge("inference_slots_in_use", "Pictures that are being worked on.")
EMOTIONS = _counter("emotions", "Moods that answers were made for.", "label", "source")
UNCERTAIN = _counter("uncertain_expressions", "Expressions read without enough confidence.")
FALLBACKS = _counter("fallbacks", "Answers that a documented fallback gave.", "kind")
EXPERIMENTS = _counter("experiments", "Answers by arm of an experiment.", "experiment", "arm")
FEEDBACK = _counter("feedback", "Events recorded, repeated ones left out.", "event")
EXPERIMENT_FEEDBACK = _counter(
    "experiment_feedback",
    "Events of listeners in an arm, repeated ones left out.",
    "experiment", "arm", "event",
)  # fmt: skip
RATE_LIMITED = _counter("rate_limited", "Requests refused by a rate limit.")
RATE_UNCHECKED = _counter(
    "rate_limit_unchecked", "Requests let in uncounted because the database did not answer."
)
RELOADS = _counter("reloads", "Tries to put another bundle in force.", "outcome")
BUNDLE = _gauge("bundle_info", "Workers that have this bundle in force.", "version")
REFUSED = _gauge(
    "refused", "1 while what is published cannot be put in force.", "what", mode="livemax"
)
# Each bundle that answers, the one in force and those of arms, is kept up to date by itself.
SONGS_PENDING = _gauge(
    "songs_pending", "Songs that wait for the vector of their lyrics.", "version", mode="livemax"
)
WATCHER_TROUBLE = _gauge(
    "watcher_trouble", "1 while the last look for new songs failed.", "version", mode="livemax"
)
DATABASE_UP = _gauge(
    "database_up", "1 if the database answered this scrape.", mode="livemostrecent"
)


class _StageTimer:
    """Observes the seconds of one run; cheaper than a generator-based context manager."""

    __slots__ = ("_histogram", "_started")

    def __init__(self, histogram: Histogram) -> None:
        self._histogram = histogram

    def __enter__(self) -> None:
        self._started = time.perf_counter()

    def __exit__(self, *_: object) -> None:
        self._histogram.observe(time.perf_counter() - self._started)


_stages = {name: STAGE_SECONDS.labels(name) for name in STAGES}
_requests: dict[tuple[str, str, int], Histogram] = {}


def stage(name: str) -> AbstractContextManager[object]:
    """Return a context manager that times one run of a stage, and traces it where that is on.

    Args:
        name: one of :data:`STAGES`.
    """
    return timed(name)


def observed_stage(name: str) -> AbstractContextManager[object]:
    """Return a context manager that observes the seconds of one run of a stage: the timer itself.

    Raises:
        KeyError: if there is no such stage; names are code, not data.
    """
    return _StageTimer(_stages[name])


def method_name(method: str) -> str:
    """Return a method of HTTP as labels have it: ``other`` for what is not a usual one."""
    return method if method in _METHODS else "other"


def observe_request(route: str, method: str, status: int, seconds: float) -> None:
    """Count one request that was answered.

    Args:
        route: template of the route, or ``unmatched``; never a path.
        method: of HTTP; what is not a usual one counts as ``other``.
        status: of the answer; 0 if there was none.
        seconds: it took.
    """
    key = (route, method_name(method), status // 100)
    found = _requests.get(key)
    if found is None:
        name = f"{key[2]}xx" if status else "none"
        found = _requests[key] = REQUEST_SECONDS.labels(route, key[1], name)
    found.observe(seconds)


def count_expression(scores: EmotionScores) -> None:
    """Count an expression that was read from a picture."""
    EMOTIONS.labels(scores.label, "selfie").inc()
    if scores.uncertain:
        UNCERTAIN.inc()


def count_stated(mood: str) -> None:
    """Count a mood that was stated: by its name, or as a ``point`` of the plane."""
    name = mood.strip().lower()
    EMOTIONS.labels(name if name in LABELS else "point", "stated").inc()


def count_answer(mood: str | None, fallback: str | None) -> None:
    """Count an answer of songs by the mood that was stated for it and by its fallback, if any."""
    if mood is not None:
        count_stated(mood)
    if fallback is not None:
        FALLBACKS.labels(fallback).inc()


_shown: set[str] = set()


def show_bundle(version: str | None) -> None:
    """Tell which bundle is in force in this process; None for none."""
    name = _version_label(version)
    for before in _shown - {name}:
        _forget(BUNDLE, before)
    _shown.clear()
    _shown.add(name)
    BUNDLE.labels(name).set(1)


def show_watch(version: str | None, pending: int, *, trouble: bool) -> None:
    """Tell how a look for the songs that a bundle lacks went, and how many wait for a vector."""
    name = _version_label(version)
    SONGS_PENDING.labels(name).set(pending)
    WATCHER_TROUBLE.labels(name).set(trouble)


def forget_watch(version: str | None) -> None:
    """Tell nothing any more of a bundle that answers nobody."""
    for gauge in (SONGS_PENDING, WATCHER_TROUBLE):
        _forget(gauge, _version_label(version))


def _version_label(version: str | None) -> str:
    return version or "none"


def _forget(gauge: Gauge, label: str) -> None:
    gauge.labels(label).set(0)
    if FOLDER is None:  # files of several workers cannot forget a series: it stays at 0
        gauge.remove(label)


def _begin_at_zero() -> None:
    """Show what is known beforehand: a rate needs the 0 before the first 1."""
    for label in LABELS:
        for source in ("selfie", "stated"):
            EMOTIONS.labels(label, source)
    EMOTIONS.labels("point", "stated")
    for kind in get_args(PlaylistFallback):
        FALLBACKS.labels(kind)
    for event in get_args(Event):
        FEEDBACK.labels(event)
    for what in ("bundle", "experiments"):
        REFUSED.labels(what)
    for outcome in ("loaded", "unchanged", "postponed", "refused"):  # as api.keeper tells them
        RELOADS.labels(outcome)


_begin_at_zero()
