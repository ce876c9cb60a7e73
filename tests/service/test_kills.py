"""``kill -9`` in the middle of writing: nothing is half-written, and what was promised is there."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import threading
import uuid
from collections import Counter
from pathlib import Path
from typing import Any

import psutil
import pytest
from sqlalchemy import text

from data.artifacts import current_bundle, publish_bundle
from data.db.repositories import InteractionRepository, SongRepository
from data.db.session import Database
from data.errors import DatabaseUnavailableError
from data.ingest import ingest_listens
from data.settings import Settings
from data.types import SongInput
from recommender.bootstrap import build_database
from tests.service.running import Clients, Service, serving
from tests.waiting import eventually

ROWS = 6_000


def url_of(database: Database) -> str:
    return database.url.render_as_string(hide_password=False)


# Ingest.


def listens(path: Path) -> Path:
    rows = (
        {
            "user": f"u{i % 211}",
            "title": f"Song {i % 997}",
            "artist": f"Artist {i % 97}" if i % 1009 else "",
            "at": f"2026-01-{1 + i % 28:02d}T{i % 24:02d}:{i % 60:02d}:00Z",
        }
        for i in range(ROWS)
    )
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return path


#: `attune`, which kills itself when the n-th transaction is written and not yet committed.
KILLED = """
import os, signal, sys
from sqlalchemy import event
from sqlalchemy.engine import Engine
from api.cli import main

transactions = int(sys.argv.pop(1))

@event.listens_for(Engine, "commit")
def counted(connection):
    global transactions
    transactions -= 1
    if transactions == 0:
        os.kill(os.getpid(), signal.SIGKILL)

main()
"""


def ingested(database: Database, home: Path, file: Path, *python: str) -> int:
    """Run `attune ingest listens`, or another program with its arguments; return its status."""
    environment = {**os.environ, "ATTUNE_HOME": str(home), "ATTUNE_DATABASE_URL": url_of(database)}
    command = [sys.executable, *(python or ("-m", "api")), "ingest", "listens", str(file)]
    done = subprocess.run(command, env=environment, capture_output=True, check=False, timeout=120)
    return done.returncode


def rows_done(database: Database) -> int:
    with database.session() as session:
        found = session.execute(text("SELECT last_row FROM ingest_runs")).scalar()
    return int(found or 0)


def left_behind(database: Database, home: Path) -> dict[str, Any]:
    """Everything that an ingest leaves, without clock times of writing."""
    with database.session() as session:
        events = [e for block in InteractionRepository(session).iter_events() for e in block]
        songs = [s for block in SongRepository(session).iter_catalogue() for s in block]
        runs = session.execute(text("SELECT last_row, read, written, rejected FROM ingest_runs"))
        return {
            "events": Counter((e.user_id, e.song_id, e.event, e.at, e.count) for e in events),
            "songs": sorted((s.id, s.title, s.artist) for s in songs),
            "runs": [tuple(run) for run in runs],
            "rejects": [
                json.loads(line)["line"]
                for line in (home / "rejects" / "listens.jsonl").read_text().splitlines()
            ],
        }


def test_a_killed_ingest_goes_on_to_the_same_rows(database: Database, tmp_path: Path) -> None:
    file = listens(tmp_path / "listens.jsonl")
    whole = Database(f"sqlite:///{tmp_path / 'whole.db'}")
    whole.upgrade()
    ingest_listens(whole, [file], rejects=tmp_path / "rejects" / "listens.jsonl")
    expected = left_behind(whole, tmp_path)
    whole.dispose()
    assert sum(expected["events"].values()) > 5_000
    come = [0]
    for _ in range(2):
        killed = ingested(database, tmp_path / "home", file, "-c", KILLED, "4")
        assert killed == -signal.SIGKILL
        come.append(rows_done(database))
    assert come == sorted(set(come))  # further each time
    assert come[-1] < ROWS
    assert ingested(database, tmp_path / "home", file) == 0
    assert left_behind(database, tmp_path / "home") == expected


# Publish.

#: Publishes, and kills itself at the n-th step that leaves something on disk.
PUBLISHER = """
import os, pathlib, shutil, signal, sys
from data import artifacts

steps = int(sys.argv[1])

def counted(step):
    def run(*args, **options):
        global steps
        for _ in range(2):  # once before the step, once after
            steps -= 1
            if steps == 0:
                os.kill(os.getpid(), signal.SIGKILL)
            if _ == 0:
                done = step(*args, **options)
        return done
    return run

os.fsync, os.replace = counted(os.fsync), counted(os.replace)
shutil.copyfile = counted(shutil.copyfile)
pathlib.Path.rename = counted(pathlib.Path.rename)
pathlib.Path.write_text = counted(pathlib.Path.write_text)
pathlib.Path.mkdir = counted(pathlib.Path.mkdir)
root = pathlib.Path(sys.argv[2])
artifacts.publish_bundle(root, {name: root.parent / name for name in ("a", "b")}, {})
"""


def test_a_publisher_killed_at_any_step_leaves_a_whole_bundle_in_force(tmp_path: Path) -> None:
    (tmp_path / "a").write_bytes(b"first" * 1000)
    (tmp_path / "b").write_bytes(b"second" * 1000)
    root = tmp_path / "bundles"
    in_force = publish_bundle(root, {name: tmp_path / name for name in ("a", "b")}, {})
    statuses: list[int] = []
    switched = 0
    while 0 not in statuses:
        command = [sys.executable, "-c", PUBLISHER, str(len(statuses) + 1), str(root)]
        statuses.append(subprocess.run(command, check=False, timeout=60).returncode)
        now = current_bundle(root)  # raises if it is not whole
        assert now.version >= in_force.version
        switched += now.version != in_force.version
        in_force = now
    assert set(statuses) == {0, -signal.SIGKILL}
    # Killed late, the new bundle was in force already; killed early, the old one stayed.
    assert 1 < switched < len(statuses) - 10
    left = [path.name for path in root.iterdir() if path.name.startswith(".")]
    assert left == []


# Feedback.


class Listener:
    """Sends feedback under keys of its own until each is acknowledged, and remembers which."""

    def __init__(self, service: Service, songs: list[str]) -> None:
        self.service = service
        self.songs = songs
        self.acknowledged: list[str] = []
        self.sent: list[str] = []
        self._lock = threading.Lock()
        self.pending: dict[int, str] = {}

    def ask(self, number: int) -> int:
        """Send one event, or again the one that was not acknowledged."""
        key = self.pending.setdefault(number, uuid.uuid4().hex)
        # The song is part of what a key stands for.
        song = self.songs[int(key, 16) % len(self.songs)]
        body = {"user": f"u{number}", "song": song, "event": "play"}
        with self._lock:
            self.sent.append(key)
        status = self.service.ask("/feedback", body, {"Idempotency-Key": key})[0]
        if status == 200:
            with self._lock:
                self.acknowledged.append(self.pending.pop(number))
        return status


def stored_keys(database: Database) -> Counter[str]:
    with database.session() as session:
        blocks = InteractionRepository(session).iter_events()
        return Counter(str(event.idempotency_key) for block in blocks for event in block)


def test_every_acknowledged_feedback_is_there_once(database: Database, tmp_path: Path) -> None:
    songs = [f"s{i}" for i in range(7)]
    with database.session() as session:
        SongRepository(session).upsert_many([SongInput(s, s, "A") for s in songs])
    options: dict[str, object] = {"sign": "/health/live", "database_url": url_of(database)}
    with serving(tmp_path, workers=2, **options) as service:  # type: ignore[arg-type]
        listener = Listener(service, songs)
        with Clients(listener.ask) as clients:
            assert eventually(clients.more(200, 30))
            victim = eventually(service.servers)[0]
            victim.kill()
            psutil.wait_procs([victim], 30)
            assert eventually(clients.more(200, 20))
            service.kill()  # all of it, at once
    assert set(clients.outcomes) <= {200, "connection"}
    with serving(tmp_path, **options) as service:  # type: ignore[arg-type]
        listener.service = service
        assert all(listener.ask(number) == 200 for number in list(listener.pending))
    stored = stored_keys(database)
    assert set(stored.values()) == {1}
    assert set(stored) == set(listener.acknowledged) == set(listener.sent)
    assert len(listener.acknowledged) >= 50


def test_a_full_disk_is_told_and_nothing_is_half_written(tmp_path: Path) -> None:
    """The limit on the size of files stands for a full disk."""
    settings = Settings(home=tmp_path, database_url=None, _env_file=None)  # type: ignore[call-arg]
    database = build_database(settings)
    database.upgrade()
    size = (tmp_path / "attune.db").stat().st_size
    code = (
        "import resource, signal, sys;"
        "signal.signal(signal.SIGXFSZ, signal.SIG_IGN);"
        f"resource.setrlimit(resource.RLIMIT_FSIZE, ({size}, {size}));"
        "sys.argv = ['attune', *sys.argv[1:]];"
        "from api.cli import main; sys.exit(main())"
    )
    file = listens(tmp_path / "listens.jsonl")
    done = subprocess.run(
        [sys.executable, "-c", code, "ingest", "listens", str(file)],
        env={**os.environ, "ATTUNE_HOME": str(tmp_path)},
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )
    assert done.returncode == 1
    assert "Traceback" not in done.stderr
    assert "try again" in done.stderr
    written = rows_done(database)
    with database.session() as session:
        events = sum(len(block) for block in InteractionRepository(session).iter_events())
    assert (events > 0) == (written > 0)
    ingest_listens(database, [file], rejects=tmp_path / "rejects" / "listens.jsonl")
    assert rows_done(database) == ROWS
    database.dispose()


def test_a_database_that_cannot_be_written_says_so(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("not a folder")
    with pytest.raises(DatabaseUnavailableError):
        Database(f"sqlite:///{tmp_path / 'file' / 'attune.db'}").upgrade()
