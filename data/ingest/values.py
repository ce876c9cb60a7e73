"""Reading single values of a row, whether typed (Parquet, JSON) or text (csv).

Each function returns None for an absent value (missing, null, NaN, blank) and raises
:class:`data.errors.RowError`, naming the column and the value, for a wrong one.
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Iterable, Mapping
from datetime import UTC, date, datetime
from typing import Any, Literal

from data.errors import RowError

Row = Mapping[str, Any]
#: How exactly a time is told.
Precision = Literal["day", "minute", "second"]
#: Longest text of a name or an id, characters.
LONGEST_NAME = 512
LONGEST_LYRICS = 1_000_000
_TRUTH = {"true": True, "yes": True, "1": True, "false": False, "no": False, "0": False}
_LINK_SCHEMES = ("https://", "http://")
_MILLISECONDS_FROM = 1e11
#: What a text without a time of day, and one without seconds, looks like.
_FORMS: tuple[tuple[Precision, re.Pattern[str]], ...] = (
    ("day", re.compile(r"\d{4}-\d{2}-\d{2}")),
    ("minute", re.compile(r"\d{4}-\d{2}-\d{2}[T ]\d{2}:\d{2}(?:Z|[+-]\d{2}:\d{2})?", re.I)),
)


def text(row: Row, name: str, longest: int = LONGEST_NAME) -> str | None:
    """Return a text without surrounding blanks."""
    value = row.get(name)
    if value is None or (isinstance(value, float) and math.isnan(value)):
        return None
    if isinstance(value, (dict, list, bytes)):
        raise RowError(f"{name} must be text, got {type(value).__name__}")
    # Integral ids that went through a float column ("241.0") are the integers they were.
    whole = isinstance(value, float) and value.is_integer()
    return storable(str(int(value)) if whole else str(value), name, longest).strip() or None


def storable(value: str, name: str, longest: int = LONGEST_NAME) -> str:
    """Return ``value`` if every database can store it."""
    if "\0" in value:
        raise RowError(f"{name} holds a NUL character")
    if len(value) > longest:
        raise RowError(f"{name} has {len(value)} characters, at most {longest} are taken")
    try:
        value.encode()
    except UnicodeEncodeError as exc:
        raise RowError(f"{name} is not valid UTF-8") from exc
    return value


def required(row: Row, name: str) -> str:
    """Return a text that must be there."""
    value = text(row, name)
    if value is None:
        raise RowError(f"{name} is missing")
    return value


def number(row: Row, name: str, low: float, high: float) -> float | None:
    """Return a number of ``[low, high]``."""
    value = row.get(name)
    if value is None or (isinstance(value, str) and not value.strip()):
        return None
    try:
        parsed = float(value)
    except (TypeError, ValueError, OverflowError) as exc:
        raise RowError(f"{name} is not a number: {_shown(value)}") from exc
    if math.isnan(parsed):
        return None
    if isinstance(value, bool) or not low <= parsed <= high:
        raise RowError(f"{name} must be from {low:g} to {high:g}, got {_shown(value)}")
    return parsed


def integer(row: Row, name: str, low: int, high: int) -> int | None:
    """Return a whole number of ``[low, high]``."""
    parsed = number(row, name, low, high)
    if parsed is not None and not parsed.is_integer():
        raise RowError(f"{name} must be a whole number, got {_shown(row[name])}")
    return None if parsed is None else int(parsed)


def choice(row: Row, name: str, choices: Iterable[str]) -> str | None:
    """Return one of ``choices``, whatever its case in the row."""
    value = text(row, name)
    if value is not None and value.lower() not in choices:
        raise RowError(f"{name} must be one of {', '.join(choices)}, got {_shown(value)}")
    return None if value is None else value.lower()


def truth(row: Row, name: str) -> bool | None:
    """Return yes or no from a truth value, ``true``/``false``, ``yes``/``no`` or ``1``/``0``."""
    value = row.get(name)
    if isinstance(value, bool):
        return value
    word = text(row, name)
    if word is not None and word.lower() not in _TRUTH:
        raise RowError(f"{name} must be true or false, got {_shown(value)}")
    return None if word is None else _TRUTH[word.lower()]


def tags(row: Row, name: str) -> tuple[str, ...]:
    """Return the distinct tags of a list or of ``;``-separated text, in order."""
    value = row.get(name)
    if value is None or (isinstance(value, float) and math.isnan(value)):
        return ()
    if not isinstance(value, (str, list, tuple)):
        raise RowError(f"{name} must be a list or ;-separated text, got {_shown(value)}")
    parts = value.split(";") if isinstance(value, str) else [v for v in value if v is not None]
    cleaned = (storable(str(part), name).strip() for part in parts)
    return tuple(dict.fromkeys(part for part in cleaned if part))


def links(row: Row, name: str) -> dict[str, str] | None:
    """Return service -> address from an object or JSON text; addresses are http(s) only."""
    value = row.get(name)
    if isinstance(value, str) and value.strip():
        try:
            value = json.loads(value)
        except (ValueError, RecursionError) as exc:
            raise RowError(f"{name} is not a JSON object: {_shown(value)}") from exc
    if not value or value != value:  # noqa: PLR0124  NaN
        return None
    # Arrow gives maps as lists of pairs.
    pairs = list(value.items()) if isinstance(value, dict) else value
    try:
        found = {str(service): str(address) for service, address in pairs if address}
    except (TypeError, ValueError) as exc:
        raise RowError(f"{name} must map services to addresses: {_shown(value)}") from exc
    for service, address in found.items():
        storable(service, name)
        # Anything else, "javascript:" above all, would be run by a page that shows the link.
        if not storable(address, name, 2000).startswith(_LINK_SCHEMES):
            raise RowError(f"{name} must be http(s) addresses, got {_shown(address)}")
    return found or None


def duration_s(row: Row) -> float | None:
    """Return seconds from ``duration_s`` or ``duration_ms``; 0 stands for unknown."""
    seconds = number(row, "duration_s", 0, 360_000)
    if seconds is None:
        milliseconds = number(row, "duration_ms", 0, 360_000_000)
        seconds = None if milliseconds is None else milliseconds / 1000
    return seconds or None


def moment(row: Row, name: str) -> tuple[datetime, Precision] | None:
    """Return a time and how exactly it is told.

    Taken are ISO 8601 and unix seconds or milliseconds; no time zone means UTC.
    """
    value = row.get(name)
    if isinstance(value, str):
        value = value.strip()
    if value is None or value == "" or value != value:  # noqa: PLR0124  NaN
        return None
    try:
        parsed = value if isinstance(value, date) else _parse_time(value)
        precision = _precision(value)
        if not isinstance(parsed, datetime):
            parsed = datetime(parsed.year, parsed.month, parsed.day)
        aware = parsed.replace(tzinfo=UTC) if parsed.tzinfo is None else parsed.astimezone(UTC)
    except (ValueError, OverflowError, OSError, TypeError) as exc:
        raise RowError(f"{name} is no ISO 8601 or unix time: {_shown(value)}") from exc
    if not 1900 <= aware.year <= 2200:
        raise RowError(f"{name} is out of range: {_shown(value)}")
    return aware, precision


def _precision(value: Any) -> Precision:
    if isinstance(value, date):
        return "second" if isinstance(value, datetime) else "day"
    text = value if isinstance(value, str) else ""
    return next((precision for precision, form in _FORMS if form.fullmatch(text)), "second")


def _parse_time(value: Any) -> datetime:
    try:
        seconds = float(value)
    except (TypeError, ValueError):
        return datetime.fromisoformat(value)
    if isinstance(value, bool):
        raise TypeError("a truth value is no time")
    return datetime.fromtimestamp(
        seconds / 1000 if abs(seconds) >= _MILLISECONDS_FROM else seconds, tz=UTC
    )


def _shown(value: object) -> str:
    shown = repr(value)
    return shown if len(shown) <= 80 else f"{shown[:77]}..."
