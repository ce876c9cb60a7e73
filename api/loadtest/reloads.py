"""Reloads under load: the same level twice, left alone and while one bundle follows another."""

from __future__ import annotations

import http.client
import json
import shutil
import tempfile
import threading
import time
from collections.abc import Callable
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any

from api.loadtest.matrix import measure
from api.loadtest.plan import Plan
from api.loadtest.scenarios import Scenario, paths_of
from api.loadtest.servers import Server, running
from data.artifacts import current_bundle, publish_bundle
from data.errors import ConfigError
from data.settings import Settings

_TIMEOUT_S = 120.0


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
        ConfigError: if the home cannot be served, or a reload was refused.
    """
    with tempfile.TemporaryDirectory(prefix="attune-reload-") as folder:
        copy = _copied(home, Path(folder))
        paths = paths_of(Scenario.recommend, _listeners(copy))
        with _serving(copy) as server:
            plan = Plan(port=server.port, clients=clients, seconds=seconds, warm_s=1, paths=paths)
            quiet = measure(server, plan)
            report(f"left alone: {_told(quiet)}")
            reloads = Reloads(server, copy, count, seconds)
            during = measure(server, plan)
            taken = reloads.result()
            report(f"{len(taken)} reloads: {_told(during)}")
    return {"clients": clients, "reload_s": taken, "quiet": quiet, "during": during}


class Reloads:
    """Publishes and reloads in a thread, evenly over a level."""

    def __init__(self, server: Server, home: Path, count: int, seconds: float) -> None:
        self._server, self._home, self._count = server, home, count
        self._pause = seconds / (count + 1)
        self._taken: list[float] = []
        self._failed: str | None = None
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()

    def result(self) -> list[float]:
        """Return the seconds of each reload, when the last is done.

        Raises:
            ConfigError: if one was refused.
        """
        self._thread.join()
        if self._failed is not None:
            raise ConfigError(f"reload {len(self._taken) + 1} failed: {self._failed}")
        return self._taken

    def _run(self) -> None:
        nap = threading.Event()
        nap.wait(1 + self._pause)  # after what the level does not count
        for _ in range(self._count):
            due = time.perf_counter() + self._pause
            try:
                self._taken.append(_reload(self._server.port, _published(self._home)))
            except (OSError, http.client.HTTPException, ConfigError) as exc:
                self._failed = str(exc)
                return
            nap.wait(max(0.0, due - time.perf_counter()))


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


def _listeners(home: Path) -> list[str]:
    from data.db.repositories import UserRepository
    from recommender.bootstrap import build_database

    database = build_database(Settings(home=home, database_url=None))
    try:
        database.check_schema()
        with database.session() as session:
            found = list(UserRepository(session).ids())
    finally:
        database.dispose()
    if not found:
        raise ConfigError("the home holds no users: nobody could be recommended anything")
    return found


def _serving(home: Path) -> AbstractContextManager[Server]:
    environment = {
        "ATTUNE_HOME": str(home), "ATTUNE_EMBED_WORKER": "false", "ATTUNE_WORKERS": "1",
        "OMP_NUM_THREADS": "1",
    }  # fmt: skip
    words = ["-m", "api", "serve", "--port", "{port}"]
    return running("attune", words, "/health/ready", environment)


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
        raise ConfigError(str(said.get("detail", said)))
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
