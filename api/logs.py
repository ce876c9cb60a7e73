"""Structured logs: one JSON object a line on stderr, or lines for people.

The server's own messages and those of libraries take the same form.
"""

from __future__ import annotations

import logging
import sys
import traceback
from contextlib import suppress
from datetime import UTC, datetime
from typing import Any

import structlog
from structlog.typing import Processor

from data.errors import ConfigError

_LAST_FRAMES = 6


def configure_logging(level: str = "INFO", form: str = "json") -> None:
    """Send the service's log to stderr; safe to repeat.

    No processor renders tracebacks with local variables, which may hold bytes of a picture.

    Args:
        level: least level that is written.
        form: ``json`` or ``console``.

    Raises:
        ConfigError: if there is no such level.
    """
    number = logging.getLevelNamesMapping().get(level.upper())
    if number is None:
        raise ConfigError(f"log_level {level!r} is none of DEBUG, INFO, WARNING, ERROR, CRITICAL")
    render = _renderer(form)
    structlog.configure(
        processors=[
            structlog.contextvars.merge_contextvars,
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            render,
        ],
        wrapper_class=structlog.make_filtering_bound_logger(number),
        logger_factory=_stderr_logger,
    )
    _take_over(render, number)


def where(error: BaseException) -> list[str]:
    """Tell where an error happened, without values: messages and locals may hold a caller's."""
    frames = traceback.extract_tb(error.__traceback__)[-_LAST_FRAMES:]
    return [f"{frame.filename}:{frame.lineno} {frame.name}" for frame in frames]


def _renderer(form: str) -> Processor:
    if form == "json":
        return structlog.processors.JSONRenderer()
    return structlog.dev.ConsoleRenderer(colors=sys.stderr.isatty())


class _Stderr:
    """The stderr of the moment, which may have been redirected since the start.

    A line that nobody can take (a full disk, a reader that ended) is lost, and nothing else: what
    raised here would end the thread or the request that had something to tell.
    """

    def write(self, text: str) -> None:
        with suppress(OSError, ValueError):  # ValueError: it was closed
            sys.stderr.write(text)

    def flush(self) -> None:
        with suppress(OSError, ValueError):
            sys.stderr.flush()


_STDERR = _Stderr()


def _stderr_logger(*_: object) -> structlog.WriteLogger:
    # Which writes a line with its end: of two writes, another process could come between.
    return structlog.WriteLogger(_STDERR)  # type: ignore[arg-type]  # all that it asks of a file


class _LibraryHandler(logging.Handler):
    """Writes what libraries log in the form of our own lines."""

    def __init__(self, render: Processor) -> None:
        super().__init__()
        self._render = render

    def emit(self, record: logging.LogRecord) -> None:
        """Write one line; of an exception its class and place, not its message."""
        event: dict[str, Any] = {
            "event": _message(record),
            "logger": record.name,
            "level": record.levelname.lower(),
            "timestamp": f"{datetime.fromtimestamp(record.created, UTC):%Y-%m-%dT%H:%M:%S.%fZ}",
        }
        error = record.exc_info[1] if record.exc_info else None
        if error is not None:
            event |= {"error": type(error).__name__, "where": where(error)}
        _STDERR.write(f"{self._render(None, '', event)!s}\n")


def _message(record: logging.LogRecord) -> str:
    """Return a line's text; of one whose arguments do not fit it, the text without them."""
    try:
        return record.getMessage()
    except (TypeError, ValueError, KeyError, IndexError):
        return str(record.msg)


def _take_over(render: Processor, level: int) -> None:
    """Let libraries warn, and the server tell how it starts and ends."""
    root = logging.getLogger()
    for before in [known for known in root.handlers if isinstance(known, _LibraryHandler)]:
        root.removeHandler(before)
    root.addHandler(_LibraryHandler(render))
    logging.getLogger("uvicorn").setLevel(level)
    # Parsers of forms and pictures log at debug and warning level what they were given.
    for name in ("python_multipart", "PIL"):
        logging.getLogger(name).setLevel(logging.ERROR)
