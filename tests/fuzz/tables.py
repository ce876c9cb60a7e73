"""Files of ``attune ingest``: tables, and what other services export."""

from __future__ import annotations

import io
import itertools
import json
import zipfile
from collections.abc import Callable, Iterator
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from data.errors import DataError, RowError
from data.frames import BrokenRow, iter_records
from data.ingest.exports import iter_export
from data.ingest.rows import parse_feedback, parse_listen, parse_song
from tests.fuzz.target import Target, as_file

SONG = {
    "id": "s1", "title": "Tïtle", "artist": "Ada", "year": "1999", "duration_s": "200.5",
    "tags": "a;b", "links": '{"site": "https://example.org"}', "lyrics": "la\nla", "valence": "0.5",
    "arousal": "-0.5", "language": "en",
}  # fmt: skip
LISTEN = {
    "user": "u", "song": "s1", "event": "play", "at": "2024-01-02T03:04:05Z", "count": "3",
    "emotion": "happy", "title": "T", "artist": "A", "duration_ms": "1000",
}  # fmt: skip
_TOKENS = (
    b"2024-01-02", b"1e400", b"1700000000", b"-62135596801", b"NaN", b"Infinity", b"\\ud800", b"{}",
    b"[]", b"true", b'"at":', b'"year":', b'"links":', b'"tags":', b"\xff\xfe", b";", b"\t", b'""',
    b"javascript:", b"https://", b"PK\x03\x04",
    b"PK\x01\x02", b"PK\x05\x06", b"\x01\x00\x63\x00", b"[" * 3000, b'{"a":' * 1500,
)  # fmt: skip


def _csv(row: dict[str, str]) -> bytes:
    quoted = ('"{}"'.format(value.replace('"', '""')) for value in row.values())
    return f"{','.join(row)}\n{','.join(quoted)}\n{','.join(['x'] * len(row))}\n".encode()


def _jsonl(row: dict[str, str]) -> bytes:
    typed = {**row, "year": 1999, "tags": ["a", None], "links": {"a": "http://b"}, "at": 1.7e12}
    return f"{json.dumps(row)}\n{json.dumps(typed)}\n\nnonsense\n".encode()


def _parquet(rows: list[dict[str, Any]], **options: Any) -> bytes:
    stream = io.BytesIO()
    pq.write_table(pa.Table.from_pylist(rows), stream, **options)
    return stream.getvalue()


def _parquets() -> list[bytes]:
    typed = {**SONG, "year": 1999, "tags": ["a", "b"], "valence": 0.5, "arousal": 0.1}
    return [
        _parquet([SONG] * 3, compression="none"), _parquet([typed]), _parquet([LISTEN]),
        _parquet([{"title": "a", "artist": b"\xff"}], compression="none", use_dictionary=False),
    ]  # fmt: skip


def _listenbrainz() -> list[bytes]:
    item = {
        "listened_at": 1700000000, "user_name": "u", "recording_mbid": "x",
        "track_metadata": {"track_name": "T", "artist_name": "A", "release_name": "R",
                           "additional_info": {"duration_ms": 1000, "recording_mbid": "m"},
                           "mbid_mapping": {"recording_mbid": "m", "artist_mbids": ["a"]}},
    }  # fmt: skip
    line = json.dumps(item).encode()
    whole = json.dumps({"payload": {"listens": [item, item]}}).encode()
    love = b'{"score": 1, "recording_mbid": "m", "user_name": "u", "created": 1700000000}'
    return [
        line + b"\n" + love + b"\n" + line,
        b"[" + line + b"]",
        whole,
        b"[" * 5000,
        b'{"payload":{"listens":3}}',
    ]


def _spotify() -> list[bytes]:
    old = {"endTime": "2021-03-04 05:06", "artistName": "A", "trackName": "T", "msPlayed": 100}
    new = {
        "ts": "2021-03-04T05:06:07Z", "username": "u", "ms_played": 1000, "reason_end": "trackdone",
        "master_metadata_track_name": "T", "master_metadata_album_artist_name": "A",
        "master_metadata_album_album_name": "B", "skipped": None, "spotify_track_uri": "spotify:x",
    }  # fmt: skip
    return [json.dumps([old, new]).encode(), json.dumps([new, {}, 3, None]).encode(), b"[{}]"]


def _lastfm() -> list[bytes]:
    return [
        b"uts,utc_time,artist,artist_mbid,album,album_mbid,track,track_mbid\n"
        b'"1700000000","14 Nov 2023, 22:13","A","","B","","T",""\n',
        b"A,B,T,14 Nov 2023 22:13\nA,,T,\n",
        b"user\t2009-05-04T23:08:57Z\tmbid\tA\t\tT\n",
    ]


def _lastfm_json() -> list[bytes]:
    track = {
        "artist": {"#text": "A", "mbid": ""}, "album": {"#text": "B"}, "name": "T", "mbid": "m",
        "date": {"uts": "1700000000", "#text": "14 Nov 2023, 22:13"},
    }  # fmt: skip
    pages = [{"recenttracks": {"track": [track, {**track, "date": None}]}}, {"track": [track]}]
    return [json.dumps(pages).encode(), json.dumps(pages[0]).encode(), json.dumps([track]).encode()]


def _zipped(inputs: list[bytes], *names: str) -> Callable[[], list[bytes]]:
    """Return archives of an export: stored, so that changes reach what is inside, and deflated."""

    def seeds() -> list[bytes]:
        found = []
        for method in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
            stream = io.BytesIO()
            with zipfile.ZipFile(stream, "w", method) as file:
                for name, data in zip(names, itertools.cycle(inputs), strict=False):
                    file.writestr(name, data)
            found.append(stream.getvalue())
        return [*found, inputs[0]]

    return seeds


def _reading(
    format: str, name: str, export: bool, parse: Callable[[dict[str, Any]], Any]
) -> Callable[[bytes], None]:
    def check(data: bytes) -> None:
        path = as_file(data, name)
        records: Iterator[tuple[int, Any]]
        records = iter_export(path, format) if export else iter_records(path, format)
        # A file of a few thousand bytes has no more rows than bytes; one that goes on is a hang.
        for _, row in itertools.islice(records, 100_000):
            if isinstance(row, BrokenRow):
                str(row.reason)
                continue
            try:
                parse(row)
            except RowError:
                continue
        assert next(records, None) is None

    return check


def _target(
    name: str,
    file: str,
    seeds: Callable[[], list[bytes]],
    parse: Callable[[dict[str, Any]], Any],
    export: bool = False,
) -> Target:
    format = name.partition("-")[0]
    return Target(name, seeds, _reading(format, file, export, parse), _TOKENS, (DataError,))


TARGETS = (
    _target("csv-songs", "songs.csv", lambda: [_csv(SONG), b'title,artist\na,b\n"x'], parse_song),
    _target("csv-listens", "listens.csv", lambda: [_csv(LISTEN)], parse_listen),
    _target("jsonl-songs", "songs.jsonl", lambda: [_jsonl(SONG)], parse_song),
    _target("jsonl-feedback", "feedback.jsonl", lambda: [_jsonl(LISTEN)], parse_feedback),
    _target("parquet", "songs.parquet", _parquets, parse_song),
    _target("listenbrainz", "listens.jsonl", _listenbrainz, parse_listen, export=True),
    _target("spotify", "history.json", _spotify, parse_listen, export=True),
    _target("lastfm-json", "scrobbles.json", _lastfm_json, parse_listen, export=True),
    _target(
        "listenbrainz-zip",
        "lb.zip",
        _zipped(_listenbrainz()[:3], "u/listens/2023/1.jsonl", "listens/2.jsonl", "feedback.jsonl"),
        parse_listen,
        export=True,
    ),
    _target(
        "spotify-zip",
        "my_data.zip",
        _zipped(_spotify(), "My/Streaming_History_Audio_2023_4.json", "endsong_\u00b2.json"),
        parse_listen,
        export=True,
    ),
    _target(
        "lastfm-zip",
        "lastfm.zip",
        _zipped([*_lastfm_json(), *_lastfm()], "a.json", "b.csv", "c.tsv"),
        parse_listen,
        export=True,
    ),
    _target("lastfm", "scrobbles.csv", _lastfm, parse_listen, export=True),
    _target("lastfm-1k", "scrobbles.tsv", _lastfm, parse_listen, export=True),
)
