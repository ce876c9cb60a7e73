"""Times as everything that Attune writes for callers has them."""

from __future__ import annotations

from datetime import UTC, datetime


def utc_text(at: datetime | None) -> str | None:
    """Return a time as ``2026-01-02T03:04:05Z``; None of None.

    Args:
        at: with a time zone.
    """
    return None if at is None else at.astimezone(UTC).isoformat().replace("+00:00", "Z")
