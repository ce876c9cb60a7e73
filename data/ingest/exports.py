"""Personal listening histories as the services export them, turned into rows of listens.

Sources of the forms: ListenBrainz "listen" JSON documents (user data export, JSON lines);
Last.fm csv exports (with a header that has ``uts``, or four bare columns artist, album, track,
time) and the tab-separated Last.fm-1K data set; Spotify "extended streaming history" and the
short "StreamingHistory" JSON arrays.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from data.errors import DatasetFormatError
from data.frames import BrokenRow, csv_records

#: Shorter plays count as skipped: the length from which Spotify itself counts a stream.
SKIP_BELOW_MS = 30_000
_LASTFM_HEADER = {"uts": "at", "artist": "artist", "album": "album", "track": "title"}
_LASTFM_BARE = ("artist", "album", "title", "at")
_LASTFM_1K = ("user", "at", "", "artist", "", "title")

Row = dict[str, Any]
Records = Iterator[tuple[int, Row | BrokenRow]]


def iter_export(path: Path, format: str) -> Records:
    """Yield (line, row of listens); lines of JSON arrays are their elements, from 1.

    Args:
        path: one file of the export.
        format: one of :data:`EXPORTS`.

    Raises:
        DatasetFormatError: if the file is not such an export.
    """
    return EXPORTS[format](path)


def _listenbrainz(path: Path) -> Records:
    for line, item in _json_items(path):
        if isinstance(item, BrokenRow):
            yield line, item
            continue
        track = item.get("track_metadata")
        if not isinstance(track, dict):
            yield line, BrokenRow("no track_metadata", item)
            continue
        extra = track.get("additional_info") or {}
        yield (
            line,
            {
                "user": item.get("user_name"),
                "at": item.get("listened_at"),
                "title": track.get("track_name"),
                "artist": track.get("artist_name"),
                "album": track.get("release_name"),
                "duration_ms": extra.get("duration_ms") if isinstance(extra, dict) else None,
            },
        )


def _spotify(path: Path) -> Records:
    for line, item in _json_items(path):
        if isinstance(item, BrokenRow):
            yield line, item
            continue
        title = item.get("master_metadata_track_name") or item.get("trackName")
        if not title:
            yield line, BrokenRow("not a song (a podcast episode or an audiobook)", item)
            continue
        yield (
            line,
            {
                "user": item.get("username"),
                "at": item.get("ts") or item.get("endTime"),
                "title": title,
                "artist": item.get("master_metadata_album_artist_name") or item.get("artistName"),
                "album": item.get("master_metadata_album_album_name"),
                "event": _spotify_event(item),
            },
        )


def _spotify_event(item: Row) -> str:
    played = item.get("ms_played", item.get("msPlayed"))
    if item.get("skipped") is True or (isinstance(played, int) and played < SKIP_BELOW_MS):
        return "skip"
    return "complete" if item.get("reason_end") == "trackdone" else "play"


def _lastfm(path: Path) -> Records:
    tabs = path.suffix.lower() == ".tsv"
    names: tuple[str, ...] | None = None
    with path.open(newline="", encoding="utf-8-sig", errors="surrogateescape") as stream:
        for line, fields in csv_records(stream, "\t" if tabs else ","):
            if isinstance(fields, BrokenRow):
                yield line, fields
                continue
            if names is None:
                names = _lastfm_names(path, fields)
                if "uts" in fields:
                    continue
            if len(fields) != len(names):
                yield line, BrokenRow(f"{len(fields)} fields, expected {len(names)}", fields)
                continue
            row: Row = {n: v for n, v in zip(names, fields, strict=True) if n}
            yield line, {**row, "at": _lastfm_time(row["at"])}


def _lastfm_names(path: Path, first: list[str]) -> tuple[str, ...]:
    if "uts" in first:
        return tuple(_LASTFM_HEADER.get(name, "") for name in first)
    for names in (_LASTFM_BARE, _LASTFM_1K):
        if len(first) == len(names):
            return names
    raise DatasetFormatError(
        f"{path} is no Last.fm export: expected a header with uts, artist, album, track, "
        "or artist, album, track, time, or the six tab-separated columns of Last.fm-1K (.tsv)"
    )


def _lastfm_time(text: str) -> Any:
    try:
        return datetime.strptime(text.strip(), "%d %b %Y %H:%M").replace(tzinfo=UTC)
    except ValueError:
        return text


def _json_items(path: Path) -> Iterator[tuple[int, Row | BrokenRow]]:
    """Yield the objects of a JSON array, of ``payload.listens``, or of JSON lines."""
    text = path.read_text(encoding="utf-8-sig", errors="surrogateescape")
    try:
        whole = json.loads(text)
    except ValueError:
        if text.lstrip().startswith("["):
            raise DatasetFormatError(f"{path} is not a whole JSON array: export it again") from None
        whole = None
    if isinstance(whole, dict) and isinstance(whole.get("payload"), dict):
        whole = whole["payload"].get("listens")
    if isinstance(whole, list):
        items: Iterator[tuple[int, Any]] = enumerate(whole, start=1)
    else:
        numbered = enumerate(text.split("\n"), start=1)
        items = ((line, _loaded(part)) for line, part in numbered if part.strip())
    for line, item in items:
        whole_row = isinstance(item, (dict, BrokenRow))
        yield line, item if whole_row else BrokenRow("not a JSON object", item)


def _loaded(text: str) -> Any:
    try:
        return json.loads(text)
    except ValueError as exc:
        return BrokenRow(f"not JSON: {exc}", text)


EXPORTS: dict[str, Callable[[Path], Records]] = {
    "lastfm": _lastfm,
    "listenbrainz": _listenbrainz,
    "spotify": _spotify,
}
