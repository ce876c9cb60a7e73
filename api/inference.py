"""How many pictures are worked on at a time, how many wait, and for how long."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import ParamSpec, TypeVar

import anyio
from starlette.concurrency import run_in_threadpool

from api import metrics
from api.errors import OverloadedError

P = ParamSpec("P")
T = TypeVar("T")
_REMEDY = "; try again, or state `mood=` instead of sending a picture"


class InferenceGate:
    """Runs compute in threads, at most ``slots`` at a time.

    Waiting costs no thread, so that requests without a picture pass by a queue of pictures.

    Args:
        slots: pictures worked on at a time, at least 1.
        wait_s: longest wait for a slot, seconds.
        queue: how many may wait, at least 0; the next is refused at once.
        timeout_s: longest work, seconds.
    """

    def __init__(self, slots: int, wait_s: float, queue: int = 32, timeout_s: float = 10.0) -> None:
        self._slots = anyio.Semaphore(slots, max_value=slots)
        self._wait_s = wait_s
        self._queue = queue
        self._timeout_s = timeout_s
        self._waiting = 0
        metrics.SLOTS.set(slots)

    def check_room(self) -> None:
        """Refuse a picture that could not even wait: ask before its bytes are read.

        Raises:
            OverloadedError: if every slot is taken and the queue is full.
        """
        if not self._slots.value and self._waiting >= self._queue:
            raise OverloadedError("too many pictures are waiting" + _REMEDY)

    async def run(self, compute: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
        """Call ``compute`` in a thread once a slot is free.

        Raises:
            OverloadedError: if none came free in time, the queue is full, or the work took too
                long. A thread cannot be stopped: it keeps its slot until it ends.
        """
        await self._acquire()
        metrics.SLOTS_IN_USE.inc()
        work = asyncio.ensure_future(run_in_threadpool(compute, *args, **kwargs))
        work.add_done_callback(self._release)
        await asyncio.wait((work,), timeout=self._timeout_s)
        if work.done():
            return work.result()
        raise OverloadedError(f"reading the picture took more than {self._timeout_s:g} s" + _REMEDY)

    def _release(self, work: asyncio.Future[T]) -> None:
        metrics.SLOTS_IN_USE.dec()
        self._slots.release()
        if not work.cancelled():
            work.exception()  # told to nobody, if nobody waits any more

    async def _acquire(self) -> None:
        try:
            self._slots.acquire_nowait()
        except anyio.WouldBlock:
            self.check_room()
            self._waiting += 1
            try:
                with metrics.QUEUE_DEPTH.track_inprogress(), anyio.move_on_after(self._wait_s):
                    await self._slots.acquire()
                    return
            finally:
                self._waiting -= 1
            told = "every slot for reading pictures stayed taken"
            raise OverloadedError(told + _REMEDY) from None
