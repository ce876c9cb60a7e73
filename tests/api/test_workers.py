"""How the supervisor of several workers ends them; tests/service shows it with real ones."""

from __future__ import annotations

import signal
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import cast

import pytest
from uvicorn.config import Config

from api.workers import FORCED, Worker, WorkerPool


@dataclass
class Busy:
    """A worker that needs a few looks to answer what it has, unless it is hurried.

    Attributes:
        at_first_look: what happens when it is looked at first.
    """

    at_first_look: Callable[[], None]
    exitcode: int = 0
    ready: bool = True
    looks: int = 0
    told: list[signal.Signals] = field(default_factory=list)

    @property
    def process(self) -> Busy:
        return self

    def is_alive(self) -> bool:
        self.looks += 1
        if self.looks == 1:
            self.at_first_look()
        return self.looks < 4 and len(self.told) < 2

    def tell(self, sig: signal.Signals) -> None:
        self.told.append(sig)
        self.exitcode = FORCED if len(self.told) == 2 else 0


@pytest.fixture
def pool() -> Iterator[WorkerPool]:
    made = WorkerPool(Config("unused:app", port=0, log_config=None), grace_s=60.0)
    yield made
    made._socket.close()


@pytest.mark.parametrize(
    ("more", "told", "status"), [(signal.SIGHUP, 1, 0), (signal.SIGTERM, 2, FORCED)]
)
def test_only_being_told_to_end_again_hurries_the_workers(
    pool: WorkerPool, more: signal.Signals, told: int, status: int
) -> None:
    """systemd may send SIGHUP after SIGTERM, and so does a terminal that closes."""
    worker = Busy(lambda: pool._signals.append(more))
    pool._workers = [cast("Worker", worker)]
    pool._signals = [signal.SIGTERM]
    assert pool._end() == status
    assert worker.told == [signal.SIGTERM] * told
