"""Structured logs: one JSON object a line on stderr."""

from __future__ import annotations

import logging
import sys

import structlog

from data.errors import ConfigError


def configure_logging(level: str = "INFO") -> None:
    """Send the service's log to stderr as JSON.

    No processor renders tracebacks with local variables, which may hold bytes of a picture.

    Raises:
        ConfigError: if there is no such level.
    """
    number = logging.getLevelNamesMapping().get(level.upper())
    if number is None:
        raise ConfigError(f"log_level {level!r} is none of DEBUG, INFO, WARNING, ERROR, CRITICAL")
    structlog.configure(
        processors=[
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            structlog.processors.JSONRenderer(),
        ],
        wrapper_class=structlog.make_filtering_bound_logger(number),
        logger_factory=_stderr_logger,
    )
    # Parsers of forms and pictures log at debug and warning level what they were given.
    for name in ("python_multipart", "PIL"):
        logging.getLogger(name).setLevel(logging.ERROR)


def _stderr_logger(*_: object) -> structlog.PrintLogger:
    """Look stderr up at every line: it may have been redirected since the start."""
    return structlog.PrintLogger(sys.stderr)
