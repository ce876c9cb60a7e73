"""How many pictures are worked on at a time, and how long a request waits for its turn."""

from __future__ import annotations

from collections.abc import Callable
from typing import ParamSpec, TypeVar

import anyio
from starlette.concurrency import run_in_threadpool

from api.errors import OverloadedError

P = ParamSpec("P")
T = TypeVar("T")


class InferenceGate:
    """Runs compute in threads, at most ``slots`` at a time.

    Waiting costs no thread, so that requests without a picture pass by a queue of pictures.

    Args:
        slots: pictures worked on at a time, at least 1.
        wait_s: longest wait for a slot, seconds.
    """

    def __init__(self, slots: int, wait_s: float) -> None:
        self._slots = anyio.Semaphore(slots, max_value=slots)
        self._wait_s = wait_s

    async def run(self, compute: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
        """Call ``compute`` in a thread once a slot is free.

        Raises:
            OverloadedError: if none came free in time.
        """
        await self._acquire()
        try:
            return await run_in_threadpool(compute, *args, **kwargs)
        finally:
            self._slots.release()

    async def _acquire(self) -> None:
        try:
            self._slots.acquire_nowait()
        except anyio.WouldBlock:
            with anyio.move_on_after(self._wait_s):
                await self._slots.acquire()
                return
            raise OverloadedError(
                "every slot for reading pictures stayed taken; try again, or state `mood=` "
                "instead of sending a picture"
            ) from None
