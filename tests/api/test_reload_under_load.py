"""Twenty bundles one after another while clients ask on a real socket: no request fails."""

from __future__ import annotations

import http.client
import json
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from data.artifacts import activate_bundle
from data.db.session import Database
from tests.api.bundles import Loads, publish, service
from tests.listening import listening
from tests.waiting import eventually

RELOADS, CLIENTS = 20, 4


@dataclass
class Asking:
    """Clients that ask on kept connections until told to stop."""

    port: int
    answers: list[tuple[int, str, str]] = field(default_factory=list)
    errors: list[Exception] = field(default_factory=list)
    done: threading.Event = field(default_factory=threading.Event)

    def ask(self) -> None:
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=30)
        while not self.done.is_set():
            try:
                connection.request("GET", "/recommend?user=ana")
                response = connection.getresponse()
                answer = json.loads(response.read())
                first = answer["items"][0]["song"]["id"]
                self.answers.append((response.status, first, answer["model_version"]))
            except (OSError, http.client.HTTPException, KeyError, ValueError) as exc:
                self.errors.append(exc)
        connection.close()

    def reached(self, version: str) -> bool:
        """Tell whether the newest answer is of a bundle; true after an error, to end the wait."""
        return bool(self.errors) or [v for _, _, v in self.answers[-1:]] == [version]


@pytest.fixture
def loads() -> Loads:
    return Loads()


@pytest.fixture
def port(database: Database, tmp_path: Path, loads: Loads) -> Iterator[int]:
    publish(tmp_path, "s1")
    app = service(tmp_path, database, loads, watch_seconds=0.05, log_level="ERROR")
    with listening(app) as opened:
        yield opened


def test_no_request_fails(port: int, tmp_path: Path, loads: Loads) -> None:
    asking = Asking(port)
    clients = [threading.Thread(target=asking.ask) for _ in range(CLIENTS)]
    for client in clients:
        client.start()
    rights: dict[str, str] = {}
    try:
        assert eventually(lambda: asking.answers or asking.errors)
        for number in range(RELOADS):
            first = f"s{number % 3 + 1}"
            version = publish(tmp_path, first).version
            rights[version] = first
            if number % 2:
                reload(port)  # else the follower sees it
            assert eventually(lambda v=version: asking.reached(v))  # type: ignore[misc]
            if number % 5 == 0:  # and one that is refused in between
                bad = publish(tmp_path, first, activate=False)
                (bad.path / "network.onnx").unlink()
                activate_bundle(tmp_path / "bundles", bad.version)
                assert reload(port) == 409
    finally:
        asking.done.set()
        for client in clients:
            client.join()
    assert asking.errors == []
    assert {status for status, _, _ in asking.answers} == {200}
    assert loads.versions[1:] == list(rights)
    told = {(version, first) for _, first, version in asking.answers if version in rights}
    assert told == set(rights.items())  # every bundle answered, by its own songs alone


def reload(port: int) -> int:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=30)
    try:
        connection.request("POST", "/admin/reload")
        return connection.getresponse().status
    finally:
        connection.close()
