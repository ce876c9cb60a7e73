"""Last.fm: what the common export programs write, since the site itself exports nothing.

- csv with a header: ``uts, utc_time, artist, artist_mbid, album, album_mbid, track, track_mbid``
  (lastfm.ghan.nl), or any that names artist, track and time in one of the usual words;
- csv of four bare columns: artist, album, track, ``15 Jun 2007 22:30`` (lastfm-to-csv);
- the six tab-separated columns of the Last.fm-1K data set (``.tsv``);
- JSON of ``user.getRecentTracks``, its pages in an array or its tracks.

Times are UTC. A track that was being played while it was exported has no time, and is set aside.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from itertools import count
from typing import Any

from data.errors import DatasetFormatError
from data.frames import BrokenRow, csv_records
from data.ingest.export_files import ExportFile, Records, Row, json_items

#: Column in a header, lower case -> ours; of several for one of ours the first here counts.
_HEADER = {
    "uts": "at", "timestamp": "at", "utc_time": "at", "date": "at", "datetime": "at", "time": "at",
    "played_at": "at", "scrobbled_at": "at",
    "artist": "artist", "artist_name": "artist", "artist name": "artist",
    "track": "title", "track_name": "title", "track name": "title", "title": "title",
    "name": "title", "song": "title",
    "album": "album", "album_name": "album", "album name": "album",
    "track_mbid": "mbid", "recording_mbid": "mbid", "mbid": "mbid",
    "user": "user", "username": "user",
}  # fmt: skip
_BARE = ("artist", "album", "title", "at")
_1K = ("user", "at", "", "artist", "mbid", "title")
_TIMES = ("%d %b %Y %H:%M", "%d %b %Y %H:%M:%S")


def wanted(place: str) -> bool:
    """Tell whether a file of an archive may be one."""
    return place.lower().endswith((".csv", ".tsv", ".json"))


def rows(file: ExportFile) -> Records:
    """Yield (line, row)."""
    return _json(file) if file.name.lower().endswith(".json") else _table(file)


def _table(file: ExportFile) -> Records:
    names: tuple[str, ...] | None = None
    with file.open() as stream:
        tabs = file.name.lower().endswith(".tsv")
        for line, fields in csv_records(stream, "\t" if tabs else ","):
            if isinstance(fields, BrokenRow):
                yield line, fields
                continue
            if names is None:
                names, header = _names(file, fields)
                if header:
                    continue
            if len(fields) != len(names):
                yield line, BrokenRow(f"{len(fields)} fields, expected {len(names)}", fields)
                continue
            yield line, _timed({n: v for n, v in zip(names, fields, strict=True) if n})


def _names(file: ExportFile, first: list[str]) -> tuple[tuple[str, ...], bool]:
    """Return our names of the columns, and whether the first line is their header."""
    words = [word.strip().lower() for word in first]
    known = [word for word in _HEADER if word in words]
    chosen = {_HEADER[word]: word for word in reversed(known)}
    if {"artist", "title", "at"} <= chosen.keys():
        ours = {word: name for name, word in chosen.items()}
        return tuple(ours.pop(word, "") for word in words), True
    for names in (_BARE, _1K):
        if len(first) == len(names):
            return names, False
    raise DatasetFormatError(
        f"{file.name} is no Last.fm export: expected a header with uts, artist, album, track, or "
        "artist, album, track, time, or the six tab-separated columns of Last.fm-1K (.tsv)"
    )


def _timed(row: Row) -> Row | BrokenRow:
    text = str(row["at"]).strip()
    if not text:
        return BrokenRow("no time: it was being played when it was exported", row)
    return {**row, "at": _time(text)}


def _time(text: str) -> str:
    """Return ISO 8601, as exact as it was told; unix seconds, and what is no time, as they are."""
    if text.isdecimal():
        return text
    for form in _TIMES:
        try:
            at = datetime.strptime(text.replace(",", ""), form)
        except ValueError:
            continue
        return at.isoformat(timespec="seconds" if "%S" in form else "minutes")
    return text


def _json(file: ExportFile) -> Records:
    numbers = count(1)
    for _, item in json_items(file, _inner):
        for track in _tracks(item):
            yield next(numbers), track if isinstance(track, BrokenRow) else _scrobble(track)


def _inner(document: Row) -> Any:
    recent = document.get("recenttracks")
    return recent.get("track") if isinstance(recent, dict) else None


def _tracks(item: Row | BrokenRow) -> Iterator[Row | BrokenRow]:
    """Yield the tracks of a page, or the track."""
    page = _inner(item) or item.get("track") if isinstance(item, dict) else None
    if not isinstance(page, list):
        yield item
        return
    for track in page:
        yield track if isinstance(track, dict) else BrokenRow("not a JSON object", track)


def _scrobble(track: Row) -> Row | BrokenRow:
    date = track.get("date")
    at = (date.get("uts") or date.get("#text")) if isinstance(date, dict) else date
    row = {
        "artist": _text(track.get("artist")),
        "album": _text(track.get("album")),
        "title": track.get("name"),
        "mbid": track.get("mbid"),
        "at": at if at is not None else "",
    }
    return _timed(row)


def _text(value: Any) -> Any:
    return (value.get("#text") or value.get("name")) if isinstance(value, dict) else value
