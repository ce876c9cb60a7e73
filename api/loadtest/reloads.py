"""Reloads under load: the same level twice, left alone and while one bundle follows another."""

from __future__ import annotations

import http.client
import json
import shutil
import tempfile
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

from api.loadtest.homes import contents_of, serving
from api.loadtest.matrix import measure
from api.loadtest.plan import Plan
from api.loadtest.scenarios import Scenario, paths_of
from data.artifacts import current_bundle, publish_bundle
from data.errors import AttuneError, BenchmarkError
from data.settings import Settings

_TIMEOUT_S = 120.0
#: At the start of a level, not counted: reloads begin after it.
_WARM_S = 1.0


def run_reloads(
    home: Path, count: int, clients: int, seconds: float, report: Callable[[str], None]
) -> dict[str, Any]:
    """Publish the bundle of a home again, ``count`` times, while clients ask.

    The home is copied first: nothing of it is changed.

    Args:
        home: with a bundle and listeners.
        count: of reloads, spread over the level.
        clients: in a closed loop.
        seconds: of each of the two levels.
        report: told of every level.

    Raises:
        ArtifactError: if the home holds no bundle.
        ConfigError: if it holds no listeners.
        BenchmarkError: if it cannot be served, or a reload failed.
    """
    with tempfile.TemporaryDirectory(prefix="attune-reload-") as folder:
        copy = _copied(home, Path(folder))
        paths = paths_of(Scenario.recommend, contents_of(Settings(home=copy)).users)
        with serving(copy) as server, ThreadPoolExecutor(1) as beside:
            plan = Plan(
                port=server.port, clients=clients, seconds=seconds, warm_s=_WARM_S, paths=paths
            )
            quiet = measure(server, plan)
            report(f"left alone: {_told(quiet)}")
            pause_s = seconds / (count + 1)
            reloads = beside.submit(
                reload_often, server.port, copy, count, pause_s, _WARM_S + pause_s
            )
            during = measure(server, plan)
            taken = reloads.result()
            report(f"{len(taken)} reloads: {_told(during)}")
    return {"clients": clients, "reload_s": taken, "quiet": quiet, "during": during}


def reload_often(
    port: int, home: Path, count: int, pause_s: float, after_s: float = 0.0
) -> list[float]:
    """Publish and reload, again and again; return the seconds of each reload.

    Args:
        port: of the service.
        home: of the service; its bundle in force is published under new versions.
        count: of reloads.
        pause_s: from the beginning of one to that of the next, at least.
        after_s: until the first.

    Raises:
        BenchmarkError: if one failed, or was refused.
    """
    nap = threading.Event()
    nap.wait(after_s)
    taken: list[float] = []
    for number in range(1, count + 1):
        due = time.perf_counter() + pause_s
        try:
            taken.append(_reload(port, _published(home)))
        except (AttuneError, OSError, http.client.HTTPException, ValueError) as exc:
            raise BenchmarkError(f"reload {number} of {count} failed: {exc}") from exc
        nap.wait(max(0.0, due - time.perf_counter()))
    return taken


def _copied(home: Path, folder: Path) -> Path:
    """Copy what is served: the database, the bundle in force, the vectors of lyrics."""
    for file in home.glob("attune.db*"):
        shutil.copyfile(file, folder / file.name)
    bundle = current_bundle(home / "bundles")
    shutil.copytree(bundle.path, folder / "bundles" / bundle.version)
    (folder / "bundles" / "current").write_text(bundle.version, encoding="utf-8")
    for file in home.glob("cache/*.npz"):
        (folder / "cache").mkdir(exist_ok=True)
        shutil.copyfile(file, folder / "cache" / file.name)
    return folder


def _published(home: Path) -> str:
    """Publish the bundle in force again, under a new version."""
    now = current_bundle(home / "bundles")
    files = {name: now.file(name) for name in now.manifest["files"]}
    return publish_bundle(home / "bundles", files, now.manifest).version


def _reload(port: int, version: str) -> float:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=_TIMEOUT_S)
    began = time.perf_counter()
    try:
        connection.request("POST", "/admin/reload")
        said = json.loads(connection.getresponse().read())
    finally:
        connection.close()
    if said.get("model_version") != version:
        raise BenchmarkError(str(said.get("detail", said)))
    return round(time.perf_counter() - began, 3)


def _told(level: dict[str, Any]) -> str:
    latency = level["latency"] or {}
    return (
        f"{level['requests']} requests {level['statuses']}, {level['rate']:.0f} req/s,"
        f" p50 {latency.get('p50', 0):.1f} p99 {latency.get('p99', 0):.1f}"
        f" max {latency.get('max', 0):.0f} ms, memory {level['usage']['rss_before_mb']:.0f} MB"
        f" before, at most {level['usage']['rss_most_mb']:.0f},"
        f" {level['usage']['rss_after_mb']:.0f} after"
    )
