"""The whole measurement: homes by scenarios by numbers of clients, beside the obvious baseline.

Service and baseline run at once and take turns, level by level, so that a slow minute of the
machine hits both; the one that is not asked sleeps.
"""

from __future__ import annotations

import os
import platform
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, ExitStack
from dataclasses import asdict
from importlib.metadata import version
from pathlib import Path
from typing import Any

from pydantic import Field

from api.loadtest.homes import contents_of, serving
from api.loadtest.plan import Measured, Plan
from api.loadtest.scenarios import Scenario, paths_of, write_photos
from api.loadtest.servers import Server, Watch, running, settle
from data.config import FrozenConfig
from data.errors import BenchmarkError, ConfigError
from data.settings import Settings

Report = Callable[[str], None]
Level = dict[str, Any]
#: Names of what is measured: the service as it comes, with nothing kept, and the baseline.
ATTUNE, COMPUTING, OBVIOUS = "attune", "attune, nothing kept", "obvious"


class LoadConfig(FrozenConfig):
    """What is measured, and for how long."""

    scenarios: tuple[Scenario, ...] = (
        Scenario.recommend, Scenario.selfie, Scenario.overload, Scenario.overload_selfie,
    )  # fmt: skip
    clients: tuple[int, ...] = Field((1, 4, 16, 64), min_length=1)
    seconds: float = Field(60, gt=0, description="of every level")
    overload: float = Field(4, gt=1, description="times the best rate of the scenario")
    connections: int = Field(512, ge=1, description="overload: at most so many at once")
    warm_s: float = Field(2, ge=0, description="at the start of a level, not counted")
    drain_s: float = Field(15, ge=0, description="waited for answers that are under way")
    workers: int = Field(1, ge=1, description="processes of the service")
    baseline: str | None = Field(None, description="MODULE:APP, an ASGI application to compare")
    ceiling_s: float = Field(3, ge=0, description="of the generator against a server that is idle")
    selfie: Path | None = Field(None, description="a photo with a face; default: drawn")


def run_matrix(homes: Sequence[Path], config: LoadConfig, report: Report) -> dict[str, Any]:
    """Measure every home; the result is what ``--json`` writes and the report reads."""
    with tempfile.TemporaryDirectory(prefix="attune-load-") as folder:
        photos = write_photos(Path(folder), config.selfie)
        found: dict[str, Any] = {
            "machine": machine(),
            "config": config.model_dump(mode="json", exclude={"selfie"}),
            "photo_bytes": [Path(photo).stat().st_size for photo in photos],
            "ceiling": _ceiling(config, report) if config.ceiling_s else [],
            "homes": [_home(home, config, photos, report) for home in homes],
        }
    return found


def machine() -> dict[str, Any]:
    """Tell what it was measured on."""
    names = ("fastapi", "uvicorn", "numpy", "onnxruntime", "sqlalchemy")
    return {
        "cores": len(os.sched_getaffinity(0))
        if hasattr(os, "sched_getaffinity")
        else os.cpu_count(),
        "python": platform.python_version(),
        "libraries": {name: version(name) for name in names},
        "load_before": round(os.getloadavg()[0], 2) if hasattr(os, "getloadavg") else None,
    }


def measure(server: Server, plan: Plan) -> Level:
    """Run one plan from a process of its own, and watch the server meanwhile.

    Raises:
        BenchmarkError: if the generator failed, as when nobody listens.
    """
    watch = Watch(server.pid, every_s=max(0.25, plan.seconds / 120))
    done = subprocess.run(
        [sys.executable, "-m", "api.loadtest.driver"],
        input=plan.model_dump_json() + "\n", capture_output=True, text=True, check=False,
    )  # fmt: skip
    usage = watch.usage()
    settle(server.pid)
    if done.returncode:
        said = done.stderr.strip().splitlines() or ["it said nothing"]
        raise BenchmarkError(f"the load generator failed: {said[-1]}")
    measured = Measured.model_validate_json(done.stdout)
    return {
        "system": server.name,
        "clients": plan.clients,
        "offered": plan.rate or None,
        **measured.model_dump(),
        "usage": asdict(usage),
    }


def _ceiling(config: LoadConfig, report: Report) -> list[Level]:
    """Measure the generator against a server that does nothing."""
    words = ["-m", "api.loadtest.trivial", "{port}"]
    levels = []
    with running("trivial", words, "/", {}) as server:
        for clients in config.clients:
            plan = Plan(port=server.port, clients=clients, seconds=config.ceiling_s, paths=("/",))
            levels.append(measure(server, plan))
            report(told("ceiling of the generator", levels[-1]))
    return levels


def _home(
    home: Path, config: LoadConfig, photos: tuple[str, ...], report: Report
) -> dict[str, Any]:
    users, facts = _facts(home)
    levels: list[Level] = []
    with ExitStack() as stack:
        servers = [stack.enter_context(server) for server in _servers(home, config)]
        for scenario in config.scenarios:
            plan = _base_plan(scenario, config, users, photos)
            for server, ready in _levels(scenario, config, servers, levels, plan):
                levels.append({"scenario": scenario.value, **measure(server, ready)})
                report(told(f"{facts['songs']} songs, {scenario.value}", levels[-1]))
    return {**facts, "levels": levels}


def _facts(home: Path) -> tuple[list[str], dict[str, Any]]:
    """Return the listeners of a home, and what is told of it."""
    from recommender.loading import bundle_or_none, load_model

    settings = Settings(home=home)
    bundle = bundle_or_none(settings)
    if bundle is None:
        raise ConfigError(f"{home} holds no bundle: `attune demo --no-serve` makes one")
    model, _ = load_model(settings, bundle)
    contents = contents_of(settings)
    # Every part that is asked at a request, so that others know what the figures pay for.
    parts = sorted(model.taste) if hasattr(model, "taste") else []
    facts = {"songs": contents.songs, "listeners": len(contents.users), "parts": parts}
    return contents.users, facts


def _servers(home: Path, config: LoadConfig) -> Iterator[AbstractContextManager[Server]]:
    yield serving(home, ATTUNE, config.workers)
    # The same service without what it keeps from one request to the next: listeners who come back
    # within seconds flatter a service that does.
    yield serving(home, COMPUTING, config.workers, answers_kept=0, histories_kept=0)
    if config.baseline:
        words = ["-m", "uvicorn", config.baseline, "--port", "{port}", "--log-level", "warning"]
        # As it comes: the obvious way pins no threads.
        plain = {"ATTUNE_HOME": str(home.resolve())}
        yield running(OBVIOUS, words, "/health/ready", plain, wait_s=300)


def _base_plan(
    scenario: Scenario, config: LoadConfig, users: Sequence[str], photos: tuple[str, ...]
) -> Plan:
    return Plan(
        port=1,
        seconds=config.seconds,
        warm_s=config.warm_s,
        drain_s=config.drain_s,
        paths=paths_of(scenario, users),
        photos=photos if scenario.base is Scenario.selfie else (),
    )


def _levels(
    scenario: Scenario, config: LoadConfig, servers: Sequence[Server], before: list[Level],
    plan: Plan,
) -> Iterator[tuple[Server, Plan]]:  # fmt: skip
    # What comes of a picture is never kept, so that one service tells all.
    if scenario.base is Scenario.selfie:
        servers = [server for server in servers if server.name != COMPUTING]
    if not scenario.is_overload:
        for clients in config.clients:
            for server in servers:
                yield server, plan.model_copy(update={"port": server.port, "clients": clients})
        return
    # The baseline would only be asked to collapse; the service has promised not to.
    for server in [server for server in servers if server.name != OBVIOUS]:
        best = [
            level["rate"] for level in before
            if level["system"] == server.name and level["scenario"] == scenario.base.value
        ]  # fmt: skip
        if not best:
            short = {"port": server.port, "clients": 16, "seconds": min(config.seconds, 5.0)}
            best = [measure(server, plan.model_copy(update=short))["rate"]]
        beyond = {
            "port": server.port, "mode": "open", "clients": config.connections,
            "rate": max(1.0, round(config.overload * max(best), 1)),
        }  # fmt: skip
        yield server, plan.model_copy(update=beyond)


def told(what: str, level: Level) -> str:
    """Return one line on a level."""
    latency = level["latency"] or {}
    how = (
        f"{level['offered']:.0f} req/s offered"
        if level["offered"]
        else f"{level['clients']} clients"
    )
    return (
        f"{what}, {level['system']}, {how}: {level['rate']:.1f} req/s,"
        f" p50 {latency.get('p50', 0):.1f} p99 {latency.get('p99', 0):.1f} ms,"
        f" {level['statuses']}, CPU {level['usage']['cpu']:.2f}"
    )
