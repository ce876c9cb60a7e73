"""The serving processes: started anew, watched, replaced when they end, and ended without a loss.

uvicorn's own supervisor spawns its workers too, but gives up for good when a new worker cannot
start while the database is away, keeps the port open while it ends, waits for a hung worker
without end, and leaves its workers behind when it is killed.
"""

from __future__ import annotations

import os
import signal
import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType

import structlog
import uvicorn
from uvicorn.config import STARTUP_FAILURE, Config
from uvicorn.supervisors.multiprocess import Process

from api.hangup import terminal_watch
from api.supervision import Backoff

_log = structlog.get_logger("attune.workers")
#: Pause between two looks at the workers, seconds.
_LOOK_S = 0.1
#: A worker that gives no sign of life for so long is hung, seconds: the first sign, and any other.
_STARTING_S, _HUNG_S = 120.0, 30.0
#: What a process may take beyond the time for its requests, to close what it has open, seconds.
_CLOSING_S = 3.0
#: The same when it was told a second time, seconds.
_HURRY_S = 1.0
#: Said by a process that had to leave requests unanswered.
FORCED = 1


class GracefulServer(uvicorn.Server):
    """A server that ends by itself: no signal passes it, and nothing makes it wait for ever.

    Told once, it refuses new connections and answers the requests it has, for as long as
    ``timeout_graceful_shutdown``; told twice by the same signal, it ends at once.
    """

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:  # noqa: ARG002
        """Begin to end; uvicorn would raise the signal again afterwards, and end by it."""
        again = sig in self._captured_signals
        self._captured_signals.append(sig)
        self.should_exit = True
        if again:
            self.force_exit = True
            self._end_within(_HURRY_S)
        else:
            self._end_within((self.config.timeout_graceful_shutdown or 0) + _CLOSING_S)

    def _end_within(self, seconds: float) -> None:
        """End this process after so long, come what may: a thread in a call cannot be stopped."""
        timer = threading.Timer(seconds, self._end_now)
        timer.daemon = True
        timer.start()

    def _end_now(self) -> None:
        # With every request answered, what was left to do was only to close what is open.
        os._exit(FORCED if self.server_state.tasks else 0)

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Take the signals, and forget them in the end: they were obeyed."""
        with super().capture_signals():
            yield
            self._captured_signals.clear()


class Worker(Process):
    """One serving process, spawned: it builds its own application and shares no memory by accident.

    Attributes:
        started_at: of the process, monotonic seconds.
        ready: whether it has answered that it serves.
    """

    def __init__(self, config: Config, sockets: list[socket.socket]) -> None:
        super().__init__(config, sockets)
        self.started_at = 0.0
        self.ready = False
        self._asked_at: float | None = None
        self._patience_s = _STARTING_S

    # In the process itself.

    def target(self, sockets: list[socket.socket] | None = None) -> None:
        """Serve; ends when the supervisor does, even when that is killed."""
        self.parent_conn.close()  # else this process would keep its own pipe open
        super().target(sockets)

    def always_pong(self) -> None:
        """Answer signs of life until the supervisor is gone."""
        try:
            super().always_pong()
        except (EOFError, OSError):
            self.server.should_exit = True

    @property
    def server(self) -> uvicorn.Server:
        """The server of this process."""
        if self._server is None:
            self._server = GracefulServer(config=self.config)
        return self._server

    # In the supervisor.

    def start(self) -> None:
        """Spawn the process."""
        self.started_at = time.monotonic()
        super().start()

    def lives(self) -> bool:
        """Tell whether the process runs and answers; never waits for it."""
        if not self.process.is_alive():
            return False
        try:
            if self._asked_at is None:
                self.parent_conn.send(b"ping")
                self._asked_at = time.monotonic()
            elif self.parent_conn.poll(0):
                self.ready = bool(self.parent_conn.recv()) or self.ready
                self._asked_at = None
                self._patience_s = _HUNG_S
        except (OSError, EOFError):
            return True  # about to end: the next look finds it ended
        return self._asked_at is None or time.monotonic() - self._asked_at < self._patience_s

    def tell(self, sig: signal.Signals) -> None:
        """Send a signal to the process, if it runs."""
        if self.process.is_alive() and self.process.pid is not None:
            os.kill(self.process.pid, sig)


class WorkerPool:
    """Keeps as many workers running as the configuration says, on one listening socket.

    SIGTERM and SIGINT end it, a second one at once; SIGHUP is passed on to the workers.

    Args:
        config: of uvicorn, with an import string as application.
        grace_s: how long workers may answer what they have begun, seconds.
        backoff: how long to wait before a worker that ended is replaced.
    """

    def __init__(self, config: Config, grace_s: float, backoff: Backoff | None = None) -> None:
        self._config = config
        self._grace_s = grace_s
        self._backoff = backoff or Backoff(first_s=0.05, longest_s=15.0, lasted_s=30.0)
        self._socket = config.bind_socket()
        self._workers: list[Worker | None] = [None] * config.workers
        #: For each place: when its worker may start, monotonic seconds, and the last wait.
        self._due = [0.0] * config.workers
        self._waits = [0.0] * config.workers
        self._served = False
        self._signals: list[int] = []
        self._closed: Callable[[], bool] = lambda: False

    def run(self) -> int:
        """Serve until told to end.

        Returns:
            0; :data:`FORCED` if requests had to be left; uvicorn's status if no worker could start.
        """
        self._closed = terminal_watch()
        for sig in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            signal.signal(sig, lambda number, _: self._signals.append(number))
        nap = threading.Event()
        while not self._told_to_end():
            for place in range(len(self._workers)):
                if not self._look(place):
                    self._end()
                    return STARTUP_FAILURE
            nap.wait(_LOOK_S)
        return self._end()

    def _told_to_end(self) -> bool:
        while self._signals:
            if self._signals[0] != signal.SIGHUP or self._closed():
                return True
            self._signals.pop(0)
            for worker in self._running():
                if worker.ready:  # the others read what is in force anyway
                    worker.tell(signal.SIGHUP)
        return False

    def _look(self, place: int) -> bool:
        """Start or replace one worker where that is due; False if no worker can ever start."""
        worker = self._workers[place]
        if worker is None:
            if time.monotonic() >= self._due[place]:
                self._workers[place] = fresh = Worker(self._config, [self._socket])
                fresh.start()
            return True
        if worker.lives():
            self._served |= worker.ready
            return True
        worker.kill()
        worker.join()
        if worker.exitcode == STARTUP_FAILURE and not self._served:
            return False
        lived = time.monotonic() - worker.started_at
        self._waits[place] = self._backoff.after(self._waits[place], lived)
        self._due[place] = time.monotonic() + self._waits[place]
        self._workers[place] = None
        _log.warning("worker_ended", status=worker.exitcode, again_in_s=self._waits[place])
        return True

    def _end(self) -> int:
        """Refuse new connections, let the workers answer what they have, and wait for them."""
        self._socket.close()
        workers = self._running()
        for worker in workers:
            worker.tell(signal.SIGTERM)
        told = self._times_told()
        # A worker ends by itself within its own time; one that is hung is killed.
        soon = time.monotonic() + _CLOSING_S
        deadline = soon + self._grace_s + _CLOSING_S
        nap = threading.Event()
        while any(worker.process.is_alive() for worker in workers):
            if self._times_told() > told:
                told = self._times_told()
                deadline = min(deadline, time.monotonic() + 2 * _HURRY_S)
                for worker in workers:
                    worker.tell(signal.SIGTERM)
            for worker in workers:
                # One that does not serve yet has nothing to answer.
                if time.monotonic() > (deadline if worker.ready else min(deadline, soon)):
                    worker.process.kill()
            nap.wait(_LOOK_S / 2)
        left = [worker.exitcode for worker in workers if worker.exitcode and worker.ready]
        if left:
            _log.warning("requests_left", statuses=left)
        return FORCED if left else 0

    def _times_told(self) -> int:
        # systemd's SendSIGHUP, or a terminal that closes, hurries nobody.
        return sum(sig != signal.SIGHUP for sig in self._signals)

    def _running(self) -> list[Worker]:
        return [worker for worker in self._workers if worker is not None]
