"""A song posted to a running service is recommended by it: no restart, whatever is killed.

The service is the real one, `attune serve` in a process of its own with its embedding worker, on
a copy of the demo and the encoder that ships.
"""

from __future__ import annotations

import json
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import psutil
import pytest

from data.settings import Settings
from tests.service.running import Service, serving
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


def embedding(service: Service, song: str) -> str:
    return str(service.ask(f"/songs/{song}")[1]["embedding"])


def found(service: Service, text: str) -> list[str]:
    """Ids of the songs recommended for some words."""
    query = urlencode({"user": "wren", "query": text, "n": 10, "strategy": "off"})
    return [item["song"]["id"] for item in service.ask(f"/recommend?{query}")[1]["items"]]


def worker(service: Service) -> psutil.Process | None:
    """The embedding worker, once it runs."""
    for child in psutil.Process(service.process.pid).children():
        with suppress(psutil.Error):  # one that just ended
            if "api.embedding" in child.cmdline():
                return child
    return None


def copied(demo_settings: Settings, home: Path) -> Path:
    shutil.copytree(demo_settings.home, home, dirs_exist_ok=True)
    return home


@pytest.fixture(scope="module")
def home(demo_settings: Settings, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return copied(demo_settings, tmp_path_factory.mktemp("new-songs"))


@pytest.fixture(scope="module")
def service(home: Path) -> Iterator[Service]:
    with serving(home, embed_worker=True) as running:
        yield running


def posted(service: Service, name: str, lyrics: str) -> Any:
    song = {"id": name, "title": name, "artist": name, "lyrics": lyrics}
    return service.ask("/songs", song)[1]


def test_a_posted_song_is_recommended_by_its_words(service: Service) -> None:
    question = "bees and honey, a beekeeper and the hive"
    assert "new-bees" not in found(service, question)
    assert posted(service, "new-bees", ABOUT_BEES)["status"] == "pending"
    assert eventually(lambda: embedding(service, "new-bees") == "ready")
    assert eventually(lambda: "new-bees" in found(service, question))
    assert eventually(lambda: service.ask("/songs/new-bees/similar?n=3")[1].get("items"))


def test_a_worker_that_is_killed_with_a_song_in_hand(service: Service) -> None:
    first = eventually(lambda: worker(service))
    assert first is not None
    # Stopped, it can neither see the song nor end by itself: the kill falls between the two.
    first.send_signal(signal.SIGSTOP)
    assert posted(service, "new-train", ABOUT_TRAINS)["status"] == "pending"
    assert embedding(service, "new-train") == "pending"
    assert len(found(service, "rain")) == 10  # whoever asks meanwhile gets an answer
    first.kill()
    assert eventually(lambda: embedding(service, "new-train") == "ready")
    assert eventually(lambda: "new-train" in found(service, "midnight train on the railway"))
    second = worker(service)
    assert second is not None
    assert second.pid != first.pid


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
    assert eventually(lambda: embedding(service, "shell-1") == "ready")
    assert eventually(lambda: "shell-1" in found(service, "a lighthouse keeper and the harbour"))


def test_every_process_of_a_service_sees_it_and_so_does_the_next_service(
    demo_settings: Settings, tmp_path: Path
) -> None:
    home = copied(demo_settings, tmp_path / "home")
    question = "bees and honey, a beekeeper and the hive"

    def always_found(service: Service) -> bool:
        """Ask often enough that each of two processes has surely answered."""
        return all("new-bees" in found(service, question) for _ in range(12))

    with serving(home, workers=2, embed_worker=True) as service:
        posted(service, "new-bees", ABOUT_BEES)
        assert eventually(lambda: always_found(service))
    with serving(home, embed_worker=True) as service:
        assert eventually(lambda: "new-bees" in found(service, question))
        assert embedding(service, "new-bees") == "ready"
