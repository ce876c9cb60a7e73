"""The real service in processes of its own, and clients that ask it while things go wrong."""

from __future__ import annotations

import http.client
import json
import os
import signal
import subprocess
import sys
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import psutil

from api.loadtest.servers import free_port
from tests.waiting import eventually

#: Nothing that is asked here may take longer, seconds.
TIMEOUT_S = 30.0


class Service:
    """A running `attune serve`.

    Args:
        home: of the service.
        workers: serving processes.
        sign: path that is answered by 200 when the service is up.
        settings: more environment, without the prefix.
    """

    def __init__(
        self, home: Path, workers: int = 1, sign: str = "/health/ready", **settings: object
    ) -> None:
        self._sign = sign
        self.port = free_port()
        given = {
            "home": home,
            "workers": workers,
            "port": self.port,
            "watch_seconds": 0.2,
            "embed_worker": False,
            "log_level": "WARNING",
            **settings,
        }
        self.environment = {
            **{k: v for k, v in os.environ.items() if not k.startswith("ATTUNE_")},
            **{f"ATTUNE_{k.upper()}": str(v) for k, v in given.items()},
        }
        self.process = subprocess.Popen(
            [sys.executable, "-m", "api", "serve"], env=self.environment
        )

    def ask(
        self, path: str, body: Any = None, headers: dict[str, str] | None = None
    ) -> tuple[int, Any, dict[str, str]]:
        """Return status, JSON (or text) and headers of one answer, on a connection of its own.

        Args:
            path: with its query.
            body: sent by POST; bytes are a JPEG, everything else becomes JSON.
            headers: more of them.
        """
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=TIMEOUT_S)
        try:
            picture = isinstance(body, bytes)
            data = body if picture or body is None else json.dumps(body)
            kind = "image/jpeg" if picture else "application/json"
            sent = {"Content-Type": kind, **(headers or {})}
            connection.request("GET" if data is None else "POST", path, data, sent)
            answer = connection.getresponse()
            text = answer.read()
            is_json = "json" in (answer.getheader("Content-Type") or "")
            said = json.loads(text) if is_json else text
            return answer.status, said, {k.lower(): v for k, v in answer.getheaders()}
        finally:
            connection.close()

    def status(self, path: str, body: Any = None) -> int | None:
        """Return the status of an answer; None where the connection fails."""
        with suppress(OSError, http.client.HTTPException):
            return self.ask(path, body)[0]
        return None

    def is_up(self) -> bool:
        assert self.process.poll() is None, "the service ended"
        return self.status(self._sign) == 200

    def servers(self) -> list[psutil.Process]:
        """The serving processes of a service with several."""
        found = []
        for child in psutil.Process(self.process.pid).children():
            with suppress(psutil.Error):
                if any("spawn_main" in word for word in child.cmdline()):
                    found.append(child)
        return found

    def kill(self) -> None:
        """Kill every process of the service at once, if it still runs."""
        with suppress(psutil.NoSuchProcess):
            root = psutil.Process(self.process.pid)
            for process in [root, *root.children(recursive=True)]:
                with suppress(psutil.NoSuchProcess):
                    process.kill()
        self.process.wait(TIMEOUT_S)

    def end(self) -> int:
        """Tell the service to end, and return its status."""
        self.process.send_signal(signal.SIGTERM)
        return self.process.wait(TIMEOUT_S)


@contextmanager
def serving(
    home: Path, workers: int = 1, sign: str = "/health/ready", **settings: object
) -> Iterator[Service]:
    """Start the service, wait until it is ready, and leave no process behind."""
    service = Service(home, workers, sign, **settings)
    try:
        assert eventually(service.is_up, 120)
        yield service
    finally:
        service.kill()


class Clients:
    """Threads that ask one after another until stopped, and count what they got.

    Attributes:
        outcomes: status of the answers, or ``"connection"`` where it broke -> how many.
        longest_s: longest wait for an answer or the end of a connection.
    """

    def __init__(self, ask: Callable[[int], int], threads: int = 4) -> None:
        self._ask = ask
        self._stopping = threading.Event()
        self._lock = threading.Lock()
        self.outcomes: Counter[int | str] = Counter()
        self.longest_s = 0.0
        self._threads = [threading.Thread(target=self._run, args=(n,)) for n in range(threads)]

    def __enter__(self) -> Clients:
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *error: object) -> None:
        self._stopping.set()
        for thread in self._threads:
            thread.join(2 * TIMEOUT_S)

    def count(self, *kinds: int | str) -> int:
        """How many answers of these kinds came so far."""
        with self._lock:
            return sum(self.outcomes[kind] for kind in kinds)

    def more(self, kind: int | str, count: int) -> Callable[[], bool]:
        """Return what tells whether ``count`` more of a kind came than until now."""
        before = self.count(kind)
        return lambda: self.count(kind) >= before + count

    def _run(self, number: int) -> None:
        while not self._stopping.is_set():
            started = time.monotonic()
            try:
                outcome: int | str = self._ask(number)
            except (OSError, http.client.HTTPException):
                outcome = "connection"
            taken = time.monotonic() - started
            with self._lock:
                self.outcomes[outcome] += 1
                self.longest_s = max(self.longest_s, taken)
            if outcome == "connection":
                self._stopping.wait(0.01)
