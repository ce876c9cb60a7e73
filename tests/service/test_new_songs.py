"""A song posted to a running service is recommended by it: no restart, whatever is killed.

The service is the real one, `attune serve` in a process of its own with its embedding worker, on
a copy of the demo and the encoder that ships.
"""

from __future__ import annotations

import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import quote, urlencode

import psutil
import pytest

from data.settings import Settings
from tests.waiting import eventually

ABOUT_BEES = (
    "The bees are in the clover and the honey is in the comb\n"
    "Old beekeeper lift the veil and lead the swarm back home\n"
    "Wax upon the window, pollen on the sleeve\n"
    "Sing to the hive at evening and the bees will never leave"
)
ABOUT_TRAINS = (
    "Midnight freight train rolling and the whistle on the wind\n"
    "Iron rails and signal lamps and the engine's coughing din\n"
    "Count the boxcars, brakeman, the station's out of sight\n"
    "The railway runs on forever through the locomotive night"
)


class Service:
    """A running `attune serve`."""

    def __init__(self, home: Path, port: int, workers: int) -> None:
        self.url = f"http://127.0.0.1:{port}"
        environment = {
            **{k: v for k, v in os.environ.items() if not k.startswith("ATTUNE_")},
            "ATTUNE_HOME": str(home),
            "ATTUNE_WATCH_SECONDS": "0.2",
            "ATTUNE_LOG_LEVEL": "WARNING",
        }
        self.environment = environment
        words = ["serve", "--port", str(port), "--workers", str(workers)]
        self.process = subprocess.Popen([sys.executable, "-m", "api", *words], env=environment)

    def ask(self, path: str, body: Any = None) -> Any:
        data = None if body is None else json.dumps(body).encode()
        request = urllib.request.Request(
            self.url + path, data, {"Content-Type": "application/json"}
        )
        with urllib.request.urlopen(request, timeout=60) as answer:
            return json.load(answer)

    def is_up(self) -> bool:
        assert self.process.poll() is None, "the service ended"
        try:
            return bool(self.ask("/health/ready")["status"] == "ready")
        except OSError:
            return False

    def embedding(self, song: str) -> str:
        return str(self.ask(f"/songs/{quote(song)}")["embedding"])

    def found(self, text: str) -> list[str]:
        """Ids of the songs recommended for some words."""
        query = urlencode({"user": "wren", "query": text, "n": 10, "strategy": "off"})
        return [item["song"]["id"] for item in self.ask(f"/recommend?{query}")["items"]]

    def worker(self) -> psutil.Process | None:
        """The embedding worker, once it runs."""
        for child in psutil.Process(self.process.pid).children():
            if "api.embedding" in child.cmdline():
                return child
        return None


@contextmanager
def serving(home: Path, workers: int = 1) -> Iterator[Service]:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    service = Service(home, port, workers)
    try:
        assert eventually(service.is_up, 120)
        yield service
    finally:
        children = psutil.Process(service.process.pid).children(recursive=True)
        service.process.terminate()
        try:
            service.process.wait(30)
        finally:
            for process in psutil.wait_procs(children, 30)[1]:
                process.kill()


def copied(demo_settings: Settings, home: Path) -> Path:
    shutil.copytree(demo_settings.home, home, dirs_exist_ok=True)
    return home


@pytest.fixture(scope="module")
def home(demo_settings: Settings, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return copied(demo_settings, tmp_path_factory.mktemp("new-songs"))


@pytest.fixture(scope="module")
def service(home: Path) -> Iterator[Service]:
    with serving(home) as running:
        yield running


def posted(service: Service, name: str, lyrics: str) -> Any:
    return service.ask("/songs", {"id": name, "title": name, "artist": name, "lyrics": lyrics})


def test_a_posted_song_is_recommended_by_its_words(service: Service) -> None:
    question = "bees and honey, a beekeeper and the hive"
    assert "new-bees" not in service.found(question)
    assert posted(service, "new-bees", ABOUT_BEES)["status"] == "pending"
    assert eventually(lambda: service.embedding("new-bees") == "ready")
    assert eventually(lambda: "new-bees" in service.found(question))
    assert eventually(lambda: service.ask("/songs/new-bees/similar?n=3")["items"])


def test_a_worker_that_is_killed_with_a_song_in_hand(service: Service) -> None:
    worker = eventually(service.worker)
    assert worker is not None
    # Stopped, it can neither see the song nor end by itself: the kill falls between the two.
    worker.send_signal(signal.SIGSTOP)
    assert posted(service, "new-train", ABOUT_TRAINS)["status"] == "pending"
    assert service.embedding("new-train") == "pending"
    assert len(service.found("rain")) == 10  # whoever asks meanwhile gets an answer
    worker.kill()
    assert eventually(lambda: service.embedding("new-train") == "ready")
    assert eventually(lambda: "new-train" in service.found("midnight train on the railway"))
    other = service.worker()
    assert other is not None
    assert other.pid != worker.pid


def test_songs_ingested_from_the_shell_are_seen(service: Service, tmp_path: Path) -> None:
    rows = tmp_path / "songs.jsonl"
    lyrics = "Lighthouse keeper light the lamp, the harbour waits for the herring fleet"
    row = {"id": "shell-1", "title": "Lamp", "artist": "Nobody Yet", "lyrics": lyrics}
    rows.write_text(json.dumps(row) + "\n")
    subprocess.run(
        [sys.executable, "-m", "api", "ingest", "songs", str(rows)],
        env=service.environment,
        check=True,
        capture_output=True,
    )
    assert eventually(lambda: service.embedding("shell-1") == "ready")
    assert eventually(lambda: "shell-1" in service.found("a lighthouse keeper and the harbour"))


def test_every_process_of_a_service_sees_it_and_so_does_the_next_service(
    demo_settings: Settings, tmp_path: Path
) -> None:
    home = copied(demo_settings, tmp_path / "home")
    question = "bees and honey, a beekeeper and the hive"

    def always_found(service: Service) -> bool:
        """Ask often enough that each of two processes has surely answered."""
        return all("new-bees" in service.found(question) for _ in range(12))

    with serving(home, workers=2) as service:
        posted(service, "new-bees", ABOUT_BEES)
        assert eventually(lambda: always_found(service))
    with serving(home) as service:
        assert eventually(lambda: "new-bees" in service.found(question))
        assert service.embedding("new-bees") == "ready"
