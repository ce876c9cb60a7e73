"""ListenBrainz: the archive of the user's data, and the JSON of before and of the API.

The archive has ``listens/<year>/<month>.jsonl`` with a "listen" document a line, and
``feedback.jsonl`` with a love (``score`` 1) or hate (-1) a line, known by recording alone. Before
2025 it was one JSON array of listens; the API gives ``{"payload": {"listens": [...]}}``. The
recording is in ``mbid_mapping`` where the service found it, or was submitted with the listen.
Source: ``listenbrainz/background/export.py`` of the ListenBrainz server.
"""

from __future__ import annotations

from typing import Any

from data.frames import BrokenRow
from data.ingest.export_files import ExportFile, Records, Row, json_items

_SCORES = {1: "like", -1: "dislike"}


def wanted(place: str) -> bool:
    """Tell whether a file of the archive has listens or feedback."""
    name = place.rpartition("/")[2]
    listens = "listens/" in place and name.endswith((".jsonl", ".json", ".listens"))
    return listens or name == "feedback.jsonl"


def rows(file: ExportFile) -> Records:
    """Yield (line, row)."""
    for line, item in json_items(file, _inner):
        if isinstance(item, BrokenRow):
            yield line, item
        elif "score" in item and "track_metadata" not in item:
            yield line, _feedback(item)
        else:
            yield line, _listen(item)


def _inner(document: Row) -> Any:
    payload = document.get("payload")
    return payload.get("listens") if isinstance(payload, dict) else payload


def _listen(item: Row) -> Row | BrokenRow:
    track = item.get("track_metadata")
    if not isinstance(track, dict):
        return BrokenRow("no track_metadata", item)
    if item.get("listened_at") is None:
        return BrokenRow("no listened_at", item)
    info, mapping = (_dict(track.get(name)) for name in ("additional_info", "mbid_mapping"))
    duration = info.get("duration_ms")
    seconds = info.get("duration") if duration is None else None
    return {
        "user": item.get("user_name"),
        "at": item["listened_at"],
        "title": track.get("track_name"),
        "artist": track.get("artist_name"),
        "album": track.get("release_name"),
        "duration_ms": _number(duration),
        "duration_s": _number(seconds),
        "mbid": info.get("recording_mbid") or mapping.get("recording_mbid"),
        "isrc": info.get("isrc"),
        "spotify": info.get("spotify_id") or info.get("origin_url"),
    }


def _feedback(item: Row) -> Row | BrokenRow:
    score = item["score"]
    event = _SCORES.get(score) if isinstance(score, int) else None
    if event is None:
        return BrokenRow("neither loved nor hated (a score of 0 takes feedback back)", item)
    return {"at": item.get("created"), "event": event, "mbid": item.get("recording_mbid")}


def _dict(value: Any) -> Row:
    return value if isinstance(value, dict) else {}


def _number(value: Any) -> Any:
    """Return a length; players submit all sorts of things, and no listen is lost by one."""
    whole = isinstance(value, int | float) and not isinstance(value, bool)
    return value if whole and 0 < value < 360_000 * (1000 if value > 36_000 else 1) else None
