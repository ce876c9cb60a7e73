"""PostgreSQL goes away while it is asked, and comes back: 503 between, and no restart."""

from __future__ import annotations

import shutil
import signal
import subprocess
from collections.abc import Iterator
from typing import Any

import psutil
import pytest

from data.datasets.demo import install_demo
from data.db.session import Database
from data.settings import Settings
from tests.api.pictures import jpeg
from tests.databases import remove_postgres, start_postgres
from tests.service.running import Clients, Service, serving
from tests.waiting import eventually

pytestmark = pytest.mark.postgres

SONG = {"title": "Out", "artist": "Nobody"}


class Server:
    """A PostgreSQL server that may be stopped."""

    def __init__(self, server: Any) -> None:
        self._server = server
        self.url: str = server.get_uri()

    def stop(self, sig: signal.Signals) -> None:
        """End it as an operator does, by SIGINT, or without a word."""
        postmaster = psutil.Process(self._server.get_pid())
        family = [postmaster, *postmaster.children()]
        postmaster.send_signal(sig)
        assert not psutil.wait_procs(family, 30)[1]

    def start(self) -> None:
        def started() -> bool:
            try:
                self._server.ensure_postgres_running()
            except (subprocess.SubprocessError, AssertionError):
                return False  # a killed one may not have let go of its memory yet
            return True

        eventually(started)


@pytest.fixture(scope="module")
def server() -> Iterator[Server]:
    started = start_postgres()
    yield Server(started)
    remove_postgres(started)


@pytest.fixture(scope="module")
def service(
    server: Server, demo_settings: Settings, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Service]:
    home = tmp_path_factory.mktemp("outages")
    shutil.copytree(demo_settings.bundles, home / "bundles")
    database = Database(server.url)
    database.upgrade()
    install_demo(database)
    database.dispose()
    with serving(home, database_url=server.url) as running:
        yield running


def asked(service: Service, number: int) -> int:
    """By turns ask for songs, give feedback and look at the catalogue; a refusal must be clear."""
    requests: list[tuple[str, Any]] = [
        ("/recommend?user=ada-007&n=5", None),
        ("/feedback", {"user": "wren", "song": "no-such-song", "event": "play"}),
        ("/songs?n=5", None),
        ("/recommend?user=ada-007&n=5&mood=happy", None),
    ]
    status, said, headers = service.ask(*requests[number % len(requests)])
    if status == 503:
        assert said["code"] == "unavailable"
        assert int(headers["retry-after"]) >= 1
    return status


def is_watching(service: Service) -> bool:
    """Whether the watcher's last look succeeded."""
    return bool(service.ask("/health/ready")[1].get("songs") == "ready")


@pytest.mark.parametrize("sig", [signal.SIGINT, signal.SIGKILL])
def test_without_its_database_the_service_says_so_and_recovers(
    service: Service, server: Server, sig: signal.Signals
) -> None:
    failures: list[BaseException] = []

    def ask(number: int) -> int:
        try:
            return asked(service, number)
        except AssertionError as exc:
            failures.append(exc)
            raise OSError from exc

    with Clients(ask, threads=4) as clients:
        assert eventually(clients.more(200, 20))
        server.stop(sig)
        try:
            assert eventually(clients.more(503, 40))
            for path in ("/health/live", "/", "/docs", "/openapi.json", "/metrics", "/privacy"):
                assert service.status(path) == 200, path
            ready = service.ask("/health/ready")
            assert (ready[0], ready[1]["missing"]) == (503, ["database"])
        finally:
            server.start()
        assert eventually(clients.more(200, 40))
        assert eventually(clients.more(404, 10))
    assert failures == []
    assert set(clients.outcomes) == {200, 404, 503}
    # Songs that come afterwards are seen: the watcher is there too.
    assert eventually(lambda: is_watching(service))
    name = f"after-{sig.name}"
    assert service.ask("/songs", {"id": name, **SONG})[0] == 201
    assert eventually(lambda: service.status(f"/songs/{name}/similar?n=1") == 200)


def test_an_expression_is_read_without_the_database(service: Service, server: Server) -> None:
    """The picture has no face, which nobody can say who did not read it."""
    server.stop(signal.SIGINT)
    try:
        status, said, _ = service.ask("/emotion?consent=true", jpeg())
        assert (status, said["code"]) == (422, "no_face")
    finally:
        server.start()
