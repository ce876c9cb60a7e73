"""A stored playlist in the format that was asked for, by suffix or by ``Accept``."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from urllib.parse import quote

from starlette.requests import Request
from starlette.responses import Response

from api.caching import tagged_bytes
from api.errors import NotAcceptableError
from api.playlist_schemas import PlaylistOut
from api.schemas import SongOut
from data.playlist_formats import Track, TrackList, to_jspf, to_m3u8, to_xspf


@dataclass(frozen=True, slots=True)
class Format:
    """One format of a playlist; ``media[0]`` is answered, the others are understood too."""

    media: tuple[str, ...]
    write: Callable[[TrackList], str] | None = None


#: By suffix, in the order in which they are preferred where a client takes several alike.
FORMATS: Mapping[str, Format] = {
    "json": Format(("application/json",)),
    "m3u8": Format(
        # Registered (RFC 8216) is the first; players and servers use the others as well.
        ("application/vnd.apple.mpegurl", "audio/x-mpegurl", "audio/mpegurl",
         "application/x-mpegurl"),
        to_m3u8,
    ),
    "xspf": Format(("application/xspf+xml",), to_xspf),
    "jspf": Format(("application/jspf+json",), to_jspf),
}  # fmt: skip


def split_suffix(name: str) -> tuple[str, str | None]:
    """Return the id and the format that a last path segment names, None for none."""
    stem, dot, suffix = name.rpartition(".")
    return (stem, suffix) if dot and suffix in FORMATS else (name, None)


def accepted(header: str | None) -> str:
    """Return the format that an ``Accept`` header prefers (RFC 9110, section 12.5.1).

    Raises:
        NotAcceptableError: if it takes none of them.
    """
    ranges = _ranges(header or "*/*")
    best, most = "", 0.0
    for name, one in FORMATS.items():
        weight = max(_weight(media, ranges) for media in one.media)
        if weight > most:
            best, most = name, weight
    if not best:
        known = ", ".join(f"{one.media[0]} (.{name})" for name, one in FORMATS.items())
        raise NotAcceptableError(f"a playlist can be had as {known}")
    return best


def _ranges(header: str) -> dict[str, float]:
    """Return media range -> weight; an entry that cannot be read counts nothing."""
    found: dict[str, float] = {}
    for entry in header.split(","):
        media, *parameters = (part.strip().lower() for part in entry.split(";"))
        weight = 1.0
        for parameter in parameters:
            if parameter.startswith("q="):
                told = parameter[2:]
                weight = float(told) if re.fullmatch(r"[01](\.\d{0,3})?", told) else 0.0
        found[media] = weight
    return found


def _weight(media: str, ranges: Mapping[str, float]) -> float:
    """The most specific range decides."""
    whole = f"{media.partition('/')[0]}/*"
    return next((ranges[r] for r in (media, whole, "*/*") if r in ranges), 0.0)


def file_response(request: Request, playlist: PlaylistOut, suffix: str) -> Response:
    """Return a playlist as a file.

    Args:
        request: tells the address of the service, and what the client has already.
        playlist: to be written.
        suffix: any of :data:`FORMATS` but ``json``.
    """
    kind = FORMATS[suffix]
    assert kind.write is not None
    text = kind.write(track_list(playlist, str(request.base_url)))
    headers = {"Content-Disposition": f'attachment; filename="{_slug(playlist.name)}.{suffix}"'}
    return tagged_bytes(request, text.encode("utf-8"), kind.media[0], headers=headers)


def track_list(playlist: PlaylistOut, base: str) -> TrackList:
    """Return what the writers take; songs are named by their addresses in the service."""
    tracks = [
        _track(item.song, base, item.reasons[0].text if item.reasons else None)
        for item in playlist.items
    ]
    return TrackList(playlist.name, f"{base}playlists/{playlist.id}", playlist.created_at, tracks)


def _track(song: SongOut, base: str, note: str | None) -> Track:
    return Track(
        song.title,
        song.artist,
        f"{base}songs/{quote(song.id, safe='')}",
        song.album,
        next(iter(song.links.values()), None),
        song.duration_s,
        note,
    )


def _slug(name: str) -> str:
    """Return a name for a file that needs no quoting anywhere."""
    return "-".join(re.findall(r"[a-z0-9]+", name.lower())) or "playlist"
