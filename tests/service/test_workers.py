"""Several serving processes: one is killed, all are told to end, their supervisor is killed."""

from __future__ import annotations

import http.client
import json
import os
import shutil
import signal
import socket
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path

import psutil
import pytest
from uvicorn.config import STARTUP_FAILURE

from api.loadtest.servers import free_port
from data.settings import Settings
from tests.service.running import TIMEOUT_S, Clients, Service, serving
from tests.waiting import eventually

ASK = "/recommend?user=ada-007&n=5"


@pytest.fixture(scope="module")
def home(demo_settings: Settings, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("workers")
    shutil.copytree(demo_settings.home, folder, dirs_exist_ok=True)
    return folder


@pytest.fixture(scope="module")
def service(home: Path) -> Iterator[Service]:
    with serving(home, workers=2) as running:
        assert eventually(lambda: len(loaded(running)) == 2)
        yield running


def loaded(service: Service) -> set[int]:
    """Ids of the serving processes that have mapped the model's arrays."""
    return {process.pid for process in service.servers() if arrays_of(process)}


def arrays_of(process: psutil.Process) -> list[tuple[str, int]]:
    """The shared files that a process maps, and how much of each no other process maps, bytes."""
    try:
        maps = process.memory_maps()
    except psutil.Error:
        return []
    return [(m.path, m.private_clean + m.private_dirty) for m in maps if m.path.endswith(".arrays")]


def begun(port: int) -> http.client.HTTPConnection:
    """A request that is on its way: the server waits for the last byte of its body."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=TIMEOUT_S)
    body = json.dumps({"user": "wren", "song": "nothing", "event": "play"})
    connection.putrequest("POST", "/feedback")
    connection.putheader("Content-Type", "application/json")
    connection.putheader("Content-Length", str(len(body)))
    connection.putheader("Expect", "100-continue")
    connection.endheaders(body[:-1].encode())
    assert connection.sock.recv(25) == b"HTTP/1.1 100 Continue\r\n\r\n"
    return connection


def finished(connection: http.client.HTTPConnection) -> int:
    connection.send(b"}")
    answer = connection.getresponse()
    answer.read()
    connection.close()
    return answer.status


def cut_off(connection: http.client.HTTPConnection) -> bool:
    """Whether a request got a clear refusal, or no answer because its connection was closed."""
    try:
        answer = connection.getresponse()
        return (answer.status, json.load(answer)["code"]) == (503, "unavailable")
    except (OSError, http.client.HTTPException):
        return True
    finally:
        connection.close()


def refuses(port: int) -> bool:
    try:
        socket.create_connection(("127.0.0.1", port), timeout=TIMEOUT_S).close()
    except ConnectionRefusedError:
        return True
    except OSError:
        return False
    return False


def test_a_killed_worker_is_replaced_and_the_other_answers(service: Service) -> None:
    victim, other = sorted(loaded(service))
    with Clients(lambda _: service.ask(ASK)[0]) as clients:
        assert eventually(clients.more(200, 20))
        os.kill(victim, signal.SIGKILL)
        assert eventually(clients.more(200, 20))
        assert eventually(lambda: len(loaded(service) - {victim}) == 2)
    assert set(clients.outcomes) <= {200, "connection"}
    # Only what the dead process had in hand is lost.
    assert clients.outcomes["connection"] <= 4
    # With the other one stopped, what is answered is answered by the new one.
    os.kill(other, signal.SIGSTOP)
    try:
        assert eventually(lambda: service.status(ASK) == 200)
    finally:
        os.kill(other, signal.SIGCONT)


def test_workers_map_one_file_of_arrays(service: Service, home: Path) -> None:
    (file,) = (home / "cache" / "arrays").iterdir()
    assert [arrays_of(process) for process in service.servers()] == [[(str(file), 0)]] * 2


@pytest.mark.parametrize(("workers", "sig"), [(1, signal.SIGINT), (2, signal.SIGTERM)])
def test_told_to_end_it_answers_what_was_begun(
    home: Path, workers: int, sig: signal.Signals
) -> None:
    # Time enough that nothing is cut off, however slow the machine is; else the two of them end.
    with serving(home, workers=workers, shutdown_s=TIMEOUT_S) as service:
        assert eventually(lambda: workers == 1 or len(loaded(service)) == workers)
        connections = [begun(service.port) for _ in range(4)]
        service.process.send_signal(sig)
        assert eventually(lambda: refuses(service.port))
        assert [finished(connection) for connection in connections] == [404] * 4
        assert service.process.wait(TIMEOUT_S) == 0


def test_what_never_ends_is_cut_off_after_the_grace_time(home: Path) -> None:
    with serving(home, shutdown_s=1) as service:
        connection = begun(service.port)
        assert service.end() in {0, 1}
        assert cut_off(connection)


POOL = """
import sys, uvicorn
from api.workers import WorkerPool

options = {"factory": True, "workers": 2, "port": int(sys.argv[1]), "log_level": "critical",
           "timeout_graceful_shutdown": 600}
sys.exit(WorkerPool(uvicorn.Config("tests.service.fickle:create", **options), 600.0).run())
"""


@pytest.fixture
def fickle(tmp_path: Path) -> Iterator[Callable[[], tuple[subprocess.Popen[bytes], int]]]:
    """Starts two workers that cannot start while ``tmp_path / "away"`` exists."""
    started: list[subprocess.Popen[bytes]] = []

    def start() -> tuple[subprocess.Popen[bytes], int]:
        port = free_port()
        environment = {**os.environ, "FICKLE": str(tmp_path / "away")}
        process = subprocess.Popen([sys.executable, "-c", POOL, str(port)], env=environment)
        started.append(process)
        return process, port

    yield start
    for process in started:
        process.kill()
        process.wait(TIMEOUT_S)


def who_answers(port: int) -> int | None:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=TIMEOUT_S)
    try:
        connection.request("GET", "/")
        return int(connection.getresponse().read())
    except (OSError, http.client.HTTPException):
        return None
    finally:
        connection.close()


def two_who_answer(port: int) -> set[int]:
    found = {who_answers(port) for _ in range(20)} - {None}
    return {pid for pid in found if pid is not None} if len(found) == 2 else set()


def children_of(process: subprocess.Popen[bytes]) -> set[int]:
    return {child.pid for child in psutil.Process(process.pid).children()}


def test_workers_that_can_never_start_end_the_service(
    fickle: Callable[[], tuple[subprocess.Popen[bytes], int]], tmp_path: Path
) -> None:
    (tmp_path / "away").touch()
    assert fickle()[0].wait(TIMEOUT_S) == STARTUP_FAILURE


def test_a_worker_that_cannot_start_at_the_moment_is_tried_again(
    fickle: Callable[[], tuple[subprocess.Popen[bytes], int]], tmp_path: Path
) -> None:
    process, port = fickle()
    victim, other = sorted(eventually(lambda: two_who_answer(port)))
    (tmp_path / "away").touch()
    os.kill(victim, signal.SIGKILL)
    for _ in range(2):  # new ones come and cannot start
        before = children_of(process)
        assert eventually(lambda known=before: children_of(process) - known)  # type: ignore[misc]
    assert who_answers(port) == other
    (tmp_path / "away").unlink()
    assert eventually(lambda: who_answers(port) not in {None, victim, other})
    process.terminate()
    assert process.wait(TIMEOUT_S) == 0


def test_workers_end_when_their_supervisor_is_killed(
    fickle: Callable[[], tuple[subprocess.Popen[bytes], int]],
) -> None:
    process, port = fickle()
    assert eventually(lambda: two_who_answer(port))
    workers = psutil.Process(process.pid).children()
    process.kill()
    assert not psutil.wait_procs(workers, TIMEOUT_S)[1]
    assert refuses(port)


def test_what_never_ends_is_cut_off_when_told_twice(
    fickle: Callable[[], tuple[subprocess.Popen[bytes], int]],
) -> None:
    process, port = fickle()
    assert eventually(lambda: two_who_answer(port))
    connection = begun(port)
    process.terminate()
    assert eventually(lambda: refuses(port))
    assert process.poll() is None
    process.terminate()
    assert process.wait(TIMEOUT_S) in {0, 1}
    with suppress(OSError, http.client.HTTPException):
        assert connection.getresponse().status >= 500
