"""Spotify: the extended streaming history, and the short one of the account data.

The extended one (``Streaming_History_Audio_*.json``, before 2023 ``endsong_*.json``) tells of every
stream when it ended (``ts``), how long it was (``ms_played``), why it ended (``reason_end``) and
which track it was; the short one (``StreamingHistory_music_*.json``, before ``StreamingHistory*``)
the minute, the length, artist and title. Field names: Spotify's "Read Me First" of both.
What both tell of counts once: see :mod:`.events`.
"""

from __future__ import annotations

import re
from typing import Any

from data.frames import BrokenRow
from data.ingest.export_files import ExportFile, Records, Row, json_items

#: Shorter plays do not count: the length from which Spotify itself counts a stream.
SKIP_BELOW_MS = 30_000
_FILES = re.compile(
    r"(streaming_history_audio_.*|endsong(_\d+)?|streaminghistory(_music_)?\d*)\.json"
)
#: Ends that are not the listener's doing.
_MISHAPS = frozenset(
    ("trackerror", "unexpected-exit", "unexpected-exit-while-paused", "appload", "logout")
)
#: What a row set aside keeps: nothing about devices, addresses and places.
_TOLD = (
    "ts", "endTime", "master_metadata_track_name", "trackName",
    "master_metadata_album_artist_name", "artistName", "episode_name", "audiobook_title",
)  # fmt: skip


def wanted(place: str) -> bool:
    """Tell whether a file of the archive has songs: not videos and podcasts."""
    return _FILES.fullmatch(place.rpartition("/")[2].lower()) is not None


def rows(file: ExportFile) -> Records:
    """Yield (place in the array, row)."""
    for line, item in json_items(file, lambda document: None):
        yield line, item if isinstance(item, BrokenRow) else _stream(item)


def _stream(item: Row) -> Row | BrokenRow:
    title = item.get("master_metadata_track_name") or item.get("trackName")
    if item.get("incognito_mode") is True:
        return BrokenRow("played in a private session", None)
    event = _event(item)
    if not title:
        return _aside("not a song (a podcast episode or an audiobook)", item)
    if event is None:
        return _aside("too short to count, and not ended by the listener", item)
    return {
        "user": item.get("username"),
        "at": item.get("ts") or item.get("endTime"),
        "title": title,
        "artist": item.get("master_metadata_album_artist_name") or item.get("artistName"),
        "album": item.get("master_metadata_album_album_name"),
        "event": event,
        "spotify": item.get("spotify_track_uri"),
    }


def _event(item: Row) -> str | None:
    """Return what the listener did, None for nothing.

    A stream that ran to the end is ``complete``, however short the track; one of 30 s is ``play``,
    whatever ended it; a shorter one is ``skip``, unless it never sounded or something broke it off.
    """
    played, end = item.get("ms_played", item.get("msPlayed")), item.get("reason_end")
    if end == "trackdone":
        return "complete"
    if not isinstance(played, int) or played >= SKIP_BELOW_MS:
        return "skip" if item.get("skipped") is True and not isinstance(played, int) else "play"
    broken = played <= 0 or (end in _MISHAPS and item.get("skipped") is not True)
    return None if broken else "skip"


def _aside(reason: str, item: dict[str, Any]) -> BrokenRow:
    return BrokenRow(reason, {name: item[name] for name in _TOLD if item.get(name) is not None})
