"""One copy of a model for all processes of a service, where it has several."""

from __future__ import annotations

import ctypes
from contextlib import suppress

import structlog

from data.mapped import share_arrays
from data.settings import Settings
from recommender.engine import Engine

_log = structlog.get_logger("attune.sharing")


def share_engine(engine: Engine, settings: Settings) -> Engine:
    """Let the engine's large arrays be those that the other processes map; returns the engine.

    With one process there is nobody to share with. Where the folder cannot be written the arrays
    stay private: that costs memory, and no answer.

    Args:
        engine: just built, not in use yet.
        settings: say how many processes there are, and where the cache is.
    """
    if settings.workers > 1:
        try:
            shared = share_arrays(engine, settings.home / "cache" / "arrays")
        except OSError as exc:
            _log.warning("arrays_not_shared", error=type(exc).__name__, reason=exc.strerror)
        else:
            _give_back()
            _log.info("arrays_shared", bytes=shared)
    return engine


def _give_back() -> None:
    """Let the allocator return what the private copies took; glibc keeps it otherwise."""
    with suppress(OSError, AttributeError):
        ctypes.CDLL(None).malloc_trim(0)
