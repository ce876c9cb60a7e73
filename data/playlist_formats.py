"""Playlists as files that players read: M3U8, XSPF and JSPF.

M3U8 is extended M3U in UTF-8, a de-facto standard (`#EXTM3U`, `#PLAYLIST`, `#EXTINF`). XSPF is
version 1 of the XML Shareable Playlist Format (Xiph.org, 2006), JSPF the same as JSON.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from xml.etree import ElementTree

_XSPF = "http://xspf.org/ns/0/"
CREATOR = "Attune"


@dataclass(frozen=True, slots=True)
class Track:
    """One song of a playlist file.

    Attributes:
        uri: names the song; stands in M3U8 where there is no location.
        location: where it can be heard, or None.
        seconds: duration, or None.
        note: a sentence about why it is there, or None.
    """

    title: str
    artist: str
    uri: str
    album: str | None = None
    location: str | None = None
    seconds: float | None = None
    note: str | None = None


@dataclass(frozen=True, slots=True)
class TrackList:
    """A playlist to be written as a file; ``uri`` names it."""

    title: str
    uri: str
    made_at: datetime
    tracks: Sequence[Track]


def to_m3u8(playlist: TrackList) -> str:
    """Return the text of an ``.m3u8`` file."""
    lines = ["#EXTM3U", "#EXTENC:UTF-8", f"#PLAYLIST:{_line(playlist.title)}"]
    for track in playlist.tracks:
        # -1 is how players are told that a duration is not known.
        seconds = -1 if track.seconds is None else round(track.seconds)
        lines.append(f"#EXTINF:{seconds},{_line(f'{track.artist} - {track.title}')}")
        lines.append(_line(track.location or track.uri))
    return "\n".join(lines) + "\n"


def to_xspf(playlist: TrackList) -> str:
    """Return the text of an ``.xspf`` file."""
    root = ElementTree.Element("playlist", {"version": "1", "xmlns": _XSPF})
    _children(root, _head(playlist))
    tracks = ElementTree.SubElement(root, "trackList")
    for number, track in enumerate(playlist.tracks, start=1):
        _children(ElementTree.SubElement(tracks, "track"), _fields(track, number))
    ElementTree.indent(root)
    return '<?xml version="1.0" encoding="UTF-8"?>\n' + ElementTree.tostring(root, "unicode") + "\n"


def to_jspf(playlist: TrackList) -> str:
    """Return the text of a ``.jspf`` file."""
    tracks = []
    for number, track in enumerate(playlist.tracks, start=1):
        fields = _fields(track, number)
        tracks.append({k: [v] if k in {"location", "identifier"} else v for k, v in fields.items()})
    return json.dumps(
        {"playlist": {**_head(playlist), "track": tracks}}, ensure_ascii=False, indent=1
    )


def _head(playlist: TrackList) -> dict[str, Any]:
    return {
        "title": playlist.title,
        "creator": CREATOR,
        "identifier": playlist.uri,
        "date": playlist.made_at.isoformat(timespec="seconds"),
    }


def _fields(track: Track, number: int) -> dict[str, Any]:
    """Return the elements of one track, in the order of the specification; durations in ms."""
    fields = {
        "location": track.location,
        "identifier": track.uri,
        "title": track.title,
        "creator": track.artist,
        "annotation": track.note,
        "album": track.album,
        "trackNum": number,
        "duration": None if track.seconds is None else round(1000 * track.seconds),
    }
    return {name: value for name, value in fields.items() if value is not None}


def _children(parent: ElementTree.Element, fields: dict[str, Any]) -> None:
    for name, value in fields.items():
        ElementTree.SubElement(parent, name).text = _legal(str(value))


def _legal(text: str) -> str:
    """Leave out characters that XML 1.0 cannot hold, escaped or not."""
    return "".join(
        c
        for c in text
        if c in "\t\n\r"
        or "\x20" <= c <= "\ud7ff"
        or "\ue000" <= c <= "\ufffd"
        or c >= "\U00010000"
    )


def _line(text: str) -> str:
    """Return a text without line breaks, which would end its entry."""
    return " ".join(text.split())
