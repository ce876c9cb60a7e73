"""Following a publish, another worker's reload, or a hang-up signal, without being asked by HTTP.

One thread per serving process. It loads beside the answers; what is refused is not tried again
until a file changes or somebody asks.
"""

from __future__ import annotations

import threading

import structlog

from api.keeper import EngineKeeper
from api.logs import where
from data.errors import AttuneError, StorageError

_log = structlog.get_logger("attune.keeper")
#: Longest pause while the database does not answer, seconds.
_LONGEST_S = 30.0


class BundleFollower:
    """Reloads where the files changed.

    Args:
        keeper: of the engines in force.
        interval_s: pause between looks at the files; 0 waits for :meth:`request` alone.
    """

    def __init__(self, keeper: EngineKeeper, interval_s: float) -> None:
        self._keeper = keeper
        self._interval_s = interval_s
        self._stopping, self._asked = threading.Event(), threading.Event()
        self._thread = threading.Thread(target=self._run, name="attune-follower", daemon=True)

    def start(self) -> None:
        """Start looking; returns at once."""
        self._thread.start()

    def request(self) -> None:
        """Reload now, whatever the files say; returns at once. For a signal handler."""
        self._asked.set()

    def stop(self) -> None:
        """End after the reload in hand."""
        self._stopping.set()
        self._asked.set()
        if self._thread.is_alive():
            self._thread.join(30)

    def _run(self) -> None:
        failures = 0
        while True:
            asked = self._asked.wait(self._pause(failures))
            self._asked.clear()
            if self._stopping.is_set():
                return
            failures = 0 if self._reloaded(asked) else failures + 1

    def _pause(self, failures: int) -> float | None:
        if failures:
            return float(min(max(self._interval_s, 0.5) * 2**failures, _LONGEST_S))
        return self._interval_s or None

    def _reloaded(self, asked: bool) -> bool:
        """Reload; tell whether it is settled, well or ill, until something changes."""
        try:
            if asked:
                self._keeper.reload()
            else:
                self._keeper.follow()
        except StorageError:
            return False
        except AttuneError:
            return True  # the keeper has told why
        except Exception as exc:  # noqa: BLE001  whatever it is, answers go on
            _log.error("reload_failed", error=type(exc).__name__, where=where(exc))
        return True
