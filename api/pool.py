"""The threads that make answers: few, for Python computes on one core whatever their number."""

from __future__ import annotations

import asyncio
import contextvars
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import ParamSpec, TypeVar

P = ParamSpec("P")
T = TypeVar("T")


class AnswerPool:
    """Runs compute in its own threads, in the order in which requests came.

    With many threads every answer becomes slower, since they take turns within answers instead of
    between them. How many requests wait is limited by :mod:`api.crowd`.

    Args:
        threads: answers made at a time, 1 or more.
    """

    def __init__(self, threads: int) -> None:
        self._executor = ThreadPoolExecutor(threads, thread_name_prefix="attune-answer")

    async def run(self, compute: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
        """Call ``compute`` in a thread and return what it returns."""
        call = partial(contextvars.copy_context().run, compute, *args, **kwargs)
        return await asyncio.get_running_loop().run_in_executor(self._executor, call)

    def close(self) -> None:
        """End the threads; what waits is not begun any more."""
        self._executor.shutdown(wait=True, cancel_futures=True)
