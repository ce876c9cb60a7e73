"""Text of one line."""

from __future__ import annotations

from typing import Any

#: For ``json_schema_extra``: what :func:`plain` takes, and of that what is not blank.
PLAIN: dict[str, Any] = {"pattern": r"^[^\x00-\x1f\x7f-\x9f]*$"}
NAMED: dict[str, Any] = {
    "pattern": r"^[^\x00-\x1f\x7f-\x9f]*[^\x00-\x20\x7f-\xa0\s][^\x00-\x1f\x7f-\x9f]*$"
}


def plain(text: str) -> str:
    """Return a text of one line, refusing control characters and lone surrogates."""
    if any(ord(c) < 0x20 or 0x7F <= ord(c) < 0xA0 or 0xD800 <= ord(c) < 0xE000 for c in text):
        raise ValueError("must not contain control characters")
    return text
