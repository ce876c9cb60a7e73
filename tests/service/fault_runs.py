"""The faults of the tests beside this, at length and with figures; each prints one JSON object.

``python -m tests.service.fault_runs --help``. What they measure stands in docs/operations.md.
"""

from __future__ import annotations

import argparse
import json
import shutil
import signal
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from functools import partial
from pathlib import Path
from typing import Any

import psutil

from data.datasets.demo import install_demo
from data.db.repositories import SongRepository
from data.db.session import Database
from data.types import SongInput
from tests.databases import remove_postgres, start_postgres
from tests.service.running import Clients, Service, serving
from tests.service.test_kills import Listener, stored_keys
from tests.service.test_outages import Server
from tests.service.test_workers import loaded
from tests.waiting import eventually

ASK = "/recommend?user=ada-007&n=20&mood=happy"


@contextmanager
def database_of(kind: str, folder: Path) -> Iterator[tuple[Database, Server | None]]:
    """A new database of this kind, with the schema."""
    server = start_postgres() if kind == "postgresql" else None
    url = server.get_uri() if server else f"sqlite:///{folder / 'faults.db'}"
    database = Database(url)
    database.upgrade()
    try:
        yield database, Server(server) if server else None
    finally:
        database.dispose()
        if server:
            remove_postgres(server)


def feedback(args: argparse.Namespace, folder: Path) -> dict[str, Any]:
    """Kill workers, and the whole service once, while listeners give feedback."""
    songs = [f"s{i}" for i in range(7)]
    with database_of(args.database, folder) as (database, _):
        with database.session() as session:
            SongRepository(session).upsert_many([SongInput(s, s, "A") for s in songs])
        options: dict[str, Any] = {
            "sign": "/health/live",
            "database_url": database.url.render_as_string(hide_password=False),
        }
        with serving(folder, workers=args.workers, **options) as service:
            listener = Listener(service, songs)
            with Clients(listener.ask, args.clients) as clients:
                for kill in range(args.kills):
                    wanted = args.events * (kill + 1) // (args.kills + 1)
                    eventually(partial(_came, clients, wanted), 300)
                    if kill == args.kills - 1:
                        service.kill()
                        break
                    victim = eventually(service.servers)[0]
                    victim.kill()
                    psutil.wait_procs([victim], 30)
        with serving(folder, **options) as service:
            listener.service = service
            with Clients(listener.ask, args.clients) as rest:
                eventually(lambda: len(listener.acknowledged) >= args.events, 300)
            for number in list(listener.pending):
                listener.ask(number)
        stored = stored_keys(database)
    return {
        "kills": args.kills,
        "acknowledged": len(listener.acknowledged),
        "lost": len(set(listener.acknowledged) - set(stored)),
        "doubled": sum(count - 1 for count in stored.values()),
        "never_sent": len(set(stored) - set(listener.sent)),
        "broken_connections": clients.count("connection") + rest.count("connection"),
        "other_answers": {
            str(kind): count
            for kind, count in (clients.outcomes + rest.outcomes).items()
            if kind not in {200, "connection"}
        },
    }


def kills(args: argparse.Namespace, folder: Path) -> dict[str, Any]:
    """Kill workers under load and see how soon there are as many again."""
    shutil.copytree(args.home, folder, dirs_exist_ok=True)
    back: list[float] = []
    with serving(folder, workers=args.workers) as service:
        eventually(lambda: len(loaded(service)) == args.workers)
        with Clients(partial(_asked, service), args.clients) as clients:
            for _ in range(args.kills):
                eventually(clients.more(200, 50))
                victim = min(loaded(service))
                began = time.monotonic()
                psutil.Process(victim).kill()
                eventually(partial(_replaced, service, victim, args.workers))
                back.append(time.monotonic() - began)
    return _counted(clients) | {"back_after_s": [round(s, 2) for s in back]}


def outage(args: argparse.Namespace, folder: Path) -> dict[str, Any]:
    """Stop PostgreSQL under load, start it again."""
    shutil.copytree(args.home / "bundles", folder / "bundles")
    with database_of("postgresql", folder) as (database, server):
        assert server is not None
        install_demo(database)
        nap, phases = threading.Event(), []
        with serving(folder, workers=args.workers, database_url=server.url) as service:
            for sig in (signal.SIGINT, signal.SIGKILL):
                with Clients(partial(_asked, service), args.clients) as clients:
                    eventually(clients.more(200, 50))
                    server.stop(sig)
                    nap.wait(args.seconds)
                    down = {path: service.status(path) for path in ("/health/live", "/", "/docs")}
                    server.start()
                    began = time.monotonic()
                    eventually(clients.more(200, 1))
                    recovered = time.monotonic() - began
                    eventually(clients.more(200, 50))
                phases.append(
                    _counted(clients)
                    | {"signal": sig.name, "recovered_s": round(recovered, 2), "while_down": down}
                )
    return {"outages": phases}


def drain(args: argparse.Namespace, folder: Path) -> dict[str, Any]:
    """Tell the service to end under load, some times."""
    shutil.copytree(args.home, folder, dirs_exist_ok=True)
    ended: list[float] = []
    statuses: list[int] = []
    wrong: dict[str, int] = {}
    for _ in range(args.kills):
        with serving(folder, workers=args.workers) as service:
            with Clients(partial(_asked, service), args.clients) as clients:
                eventually(clients.more(200, 50))
                began = time.monotonic()
                statuses.append(service.end())
                ended.append(time.monotonic() - began)
            for kind, count in clients.outcomes.items():
                if kind not in {200, "connection"}:
                    wrong[str(kind)] = wrong.get(str(kind), 0) + count
    return {"status": statuses, "seconds": [round(s, 2) for s in ended], "other_answers": wrong}


def memory(args: argparse.Namespace, folder: Path) -> dict[str, Any]:
    """Measure the memory of serving processes that have answered, MiB; uses the home as it is."""
    began = time.monotonic()
    with serving(args.home, workers=args.workers) as service:
        ready = time.monotonic() - began
        if args.workers > 1:
            eventually(lambda: len(loaded(service)) == args.workers)
        everyone = time.monotonic() - began
        with Clients(partial(_asked, service), args.clients) as clients:
            eventually(clients.more(200, 100 * args.workers))
        return {
            "workers": args.workers,
            "first_ready_s": round(ready, 1),
            "all_loaded_s": round(everyone, 1),
            **_memory(service),
        }


def _asked(service: Service, number: int) -> int:
    return service.ask(ASK)[0]


def _came(clients: Clients, wanted: int) -> bool:
    return clients.count(200) >= wanted


def _replaced(service: Service, victim: int, workers: int) -> bool:
    return len(loaded(service) - {victim}) == workers


def _memory(service: Service) -> dict[str, list[float]]:
    found = service.servers() or [psutil.Process(service.process.pid)]
    sizes: dict[str, list[float]] = {"pss": [], "private": [], "rss": []}
    for process in found:
        lines = Path(f"/proc/{process.pid}/smaps_rollup").read_text().splitlines()[1:]
        kib = {line.split(":")[0]: int(line.split()[1]) for line in lines}
        sizes["pss"].append(round(kib["Pss"] / 1024, 1))
        private = kib["Private_Clean"] + kib["Private_Dirty"]
        sizes["private"].append(round(private / 1024, 1))
        sizes["rss"].append(round(kib["Rss"] / 1024, 1))
    return sizes


def _counted(clients: Clients) -> dict[str, Any]:
    outcomes = {str(kind): count for kind, count in sorted(clients.outcomes.items(), key=str)}
    return {"outcomes": outcomes, "longest_s": round(clients.longest_s, 2)}


RUNS: dict[str, Callable[[argparse.Namespace, Path], dict[str, Any]]] = {
    run.__name__: run for run in (feedback, kills, outage, drain, memory)
}


def main() -> None:
    """Run one of them."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("run", choices=RUNS)
    parser.add_argument("--home", type=Path, help="with a published demo; it is copied")
    parser.add_argument("--database", choices=("sqlite", "postgresql"), default="sqlite")
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--clients", type=int, default=8)
    parser.add_argument("--events", type=int, default=1000)
    parser.add_argument("--kills", type=int, default=5)
    parser.add_argument("--seconds", type=float, default=5)
    args = parser.parse_args()
    folder = Path(tempfile.mkdtemp(prefix="attune-faults-"))
    try:
        found = RUNS[args.run](args, folder)
    finally:
        with suppress(OSError):
            shutil.rmtree(folder)
    sys.stdout.write(json.dumps(found) + "\n")


if __name__ == "__main__":
    main()
