"""The privacy notice and its version, which every answer about a moment names."""

from __future__ import annotations

import re
from functools import cache
from pathlib import Path

from data.settings import Settings

_FILE = Path(__file__).resolve().parent / "notice.html"
_VERSION = re.compile(r'<time id="version" datetime="(\d{4}-\d{2}-\d{2})">')


@cache
def notice_html() -> str:
    """Return the notice that ships, the body of a page."""
    return _FILE.read_text(encoding="utf-8")


@cache
def shipped_version() -> str:
    """Return the date that the shipped notice bears."""
    found = _VERSION.search(notice_html())
    assert found is not None, f"{_FILE} has no version"
    return found[1]


def notice_version(settings: Settings) -> str | None:
    """Return the version of the notice that answers point to.

    An operator's own notice has the version that ``notice_version`` of the settings says; None
    where they say nothing.
    """
    if settings.notice_version is not None:
        return settings.notice_version
    return shipped_version() if settings.notice_url == "/privacy" else None
