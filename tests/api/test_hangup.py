"""SIGHUP means "reload", unless it says that the terminal was closed."""

from __future__ import annotations

import os
import pty
import signal
import subprocess
import sys
from pathlib import Path

from tests.waiting import eventually

SCRIPT = """
import asyncio, os, signal, sys
from pathlib import Path
from api.hangup import on_hangup

folder = Path(sys.argv[1])
if sys.argv[2:]:  # the first terminal that the leader of a session opens is its own
    os.close(os.open(sys.argv[2], os.O_RDWR))

async def run():
    loop, ended = asyncio.get_running_loop(), asyncio.Event()
    loop.add_signal_handler(signal.SIGTERM, ended.set)
    with on_hangup(lambda: (folder / "reloaded").touch()):
        (folder / "ready").touch()
        await ended.wait()
    (folder / "ended").touch()

asyncio.run(run())
"""


def started(*words: str) -> subprocess.Popen[bytes]:
    return subprocess.Popen([sys.executable, "-c", SCRIPT, *words], start_new_session=True)


def test_a_closed_terminal_ends_the_service(tmp_path: Path) -> None:
    terminal, its_side = pty.openpty()
    with started(str(tmp_path), os.ttyname(its_side)) as process:
        os.close(its_side)
        assert eventually((tmp_path / "ready").exists)
        process.send_signal(signal.SIGHUP)
        assert eventually((tmp_path / "reloaded").exists)
        assert not (tmp_path / "ended").exists()
        os.close(terminal)
        assert process.wait(30) == 0
    assert (tmp_path / "ended").exists()


def test_without_a_terminal_it_always_reloads(tmp_path: Path) -> None:
    with started(str(tmp_path)) as process:
        assert eventually((tmp_path / "ready").exists)
        process.send_signal(signal.SIGHUP)
        assert eventually((tmp_path / "reloaded").exists)
        process.terminate()
        assert process.wait(30) == 0
