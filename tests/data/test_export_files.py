"""Every shape in which the services hand out a listening history."""

from __future__ import annotations

import json
import zipfile
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from data.errors import DatasetFormatError
from data.frames import BrokenRow
from data.ingest.exports import iter_export
from data.ingest.values import moment

MBID = "1e2d3c4b-0000-4000-8000-00000000000a"
TRACK = "0abcdefghijklmnopqrstu"[:22]


def zipped(path: Path, members: dict[str, str]) -> Path:
    with zipfile.ZipFile(path, "w") as archive:
        for name, text in members.items():
            archive.writestr(name, text)
    return path


def rows(path: Path, format: str) -> list[Any]:
    return [row for _, row in iter_export(path, format)]


def listen(at: int, **track: Any) -> dict[str, Any]:
    told = {"track_name": "One", "artist_name": "A", "release_name": None, **track}
    return {"listened_at": at, "inserted_at": at + 1.5, "track_metadata": told}


def test_the_listenbrainz_archive(tmp_path: Path) -> None:
    mapped = listen(
        7, additional_info={"isrc": ["GBAAA0000001"], "duration": 201}, mbid_mapping={
            "recording_mbid": MBID, "recording_name": "One"})  # fmt: skip
    loved = {"recording_mbid": MBID, "recording_msid": None, "score": 1, "created": 9}
    path = zipped(
        tmp_path / "listenbrainz_me_1.zip",
        {
            "user.json": '{"user_id": 3, "username": "me"}\n',
            "feedback.jsonl": "\n".join(json.dumps({**loved, "score": s}) for s in (1, -1, 0)),
            "pinned_recording.jsonl": json.dumps({"recording_mbid": MBID, "blurb_content": "b"}),
            "listens/2024/10.jsonl": json.dumps(mapped) + "\n",
            "listens/2024/2.jsonl": json.dumps(listen(5, mbid_mapping=None)) + "\nno json\n",
        },
    )
    plain, broken, known, like, dislike, taken_back = rows(path, "listenbrainz")
    assert [row["event"] for row in (like, dislike)] == ["like", "dislike"]
    assert (like["mbid"], like["at"], like["in"]) == (MBID, 9, "feedback.jsonl 1")
    assert isinstance(taken_back, BrokenRow)
    assert (plain["title"], plain["mbid"], plain["in"]) == ("One", None, "listens/2024/2.jsonl 1")
    assert broken.reason.startswith("listens/2024/2.jsonl 2: not JSON")
    assert (known["mbid"], known["isrc"], known["duration_s"]) == (MBID, ["GBAAA0000001"], 201)
    assert [line for line, _ in iter_export(path, "listenbrainz")] == [1, 2, 3, 4, 5, 6]


@pytest.mark.parametrize("wrap", [lambda x: x, lambda x: {"payload": x},
                                  lambda x: {"payload": {"count": 2, "listens": x}}])  # fmt: skip
@pytest.mark.parametrize("indent", [None, 1])
def test_listenbrainz_json(tmp_path: Path, wrap: Any, indent: int | None) -> None:
    listens = [{**listen(1), "user_name": "me"}, {**listen(2), "user_name": "me"}]
    path = tmp_path / "me_lb-2020-01-01.json"
    path.write_text(json.dumps(wrap(listens), indent=indent))
    assert [(r["user"], r["at"]) for r in rows(path, "listenbrainz")] == [("me", 1), ("me", 2)]


@pytest.mark.parametrize("duration", ["x", -1, True, 1e12, [1], None])
def test_a_wrong_length_costs_no_listen(tmp_path: Path, duration: Any) -> None:
    path = tmp_path / "a.jsonl"
    path.write_text(json.dumps(listen(1, additional_info={"duration_ms": duration})))
    assert rows(path, "listenbrainz")[0]["duration_ms"] is None


LASTFM = {
    "ghan.csv": (
        "uts,utc_time,artist,artist_mbid,album,album_mbid,track,track_mbid\n"
        f'"1714564800","01 May 2024, 12:00","A","","X","","One","{MBID}"\n'
        '"","","A","","X","","Now playing",""\n'
    ),
    "bare.csv": "A,X,One,01 May 2024 12:00\nA,X,Now playing,\n",
    "named.csv": "Artist,Album,Track,Date\nA,X,One,\"01 May 2024, 12:00:00\"\nA,X,Two,\n",
    "words.csv": "timestamp,track name,artist name\n1714564800,One,A\n,Two,A\n",
    "recent.json": json.dumps({"recenttracks": {"track": [
        {"artist": {"mbid": "", "#text": "A"}, "album": {"#text": "X"}, "name": "One",
         "mbid": MBID, "date": {"uts": "1714564800", "#text": "01 May 2024, 12:00"}},
        {"artist": {"#text": "A"}, "name": "Now playing", "@attr": {"nowplaying": "true"}}]}}),
    "pages.json": json.dumps([{"track": [
        {"artist": {"name": "A"}, "name": "One", "date": {"uts": "1714564800"}}]},
        {"track": ["?"]}]),
}  # fmt: skip


@pytest.mark.parametrize("name", LASTFM)
def test_lastfm_layouts(tmp_path: Path, name: str) -> None:
    (tmp_path / name).write_text(LASTFM[name])
    first, second = rows(tmp_path / name, "lastfm")
    at, precision = moment(first, "at") or (None, None)
    assert (first["artist"], first["title"]) == ("A", "One")
    assert at == datetime(2024, 5, 1, 12, tzinfo=UTC)
    assert precision == ("minute" if name == "bare.csv" else "second")
    assert isinstance(second, BrokenRow)
    if MBID in LASTFM[name]:
        assert first["mbid"] == MBID


def stream(**more: Any) -> dict[str, Any]:
    return {
        "ts": "2024-05-01T12:00:00Z", "username": "me", "platform": "ios", "ms_played": 200_000,
        "conn_country": "SE", "ip_addr": "192.0.2.1", "reason_start": "trackdone",
        "master_metadata_track_name": "One", "master_metadata_album_artist_name": "A",
        "master_metadata_album_album_name": "X", "spotify_track_uri": f"spotify:track:{TRACK}",
        "episode_name": None, "reason_end": "trackdone", "shuffle": False, "skipped": False,
        "offline": False, "offline_timestamp": None, "incognito_mode": False, **more,
    }  # fmt: skip


@pytest.mark.parametrize(
    ("told", "event"),
    [
        ({}, "complete"),
        ({"ms_played": 21_000}, "complete"),  # an interlude
        ({"ms_played": 90_000, "reason_end": "fwdbtn", "skipped": True}, "play"),
        ({"ms_played": 30_000, "reason_end": "endplay"}, "play"),
        ({"ms_played": 29_999, "reason_end": "fwdbtn", "skipped": None}, "skip"),
        ({"ms_played": 5_000, "reason_end": None, "skipped": None}, "skip"),
        ({"ms_played": 5_000, "reason_end": "unexpected-exit"}, None),
        ({"ms_played": 5_000, "reason_end": "logout", "skipped": True}, "skip"),
        ({"ms_played": 0, "reason_end": "fwdbtn"}, None),
        ({"incognito_mode": True}, None),
        ({"master_metadata_track_name": None, "episode_name": "Talk"}, None),
    ],
)
def test_what_a_spotify_stream_was(tmp_path: Path, told: dict[str, Any], event: str | None) -> None:
    path = tmp_path / "Streaming_History_Audio_2024_1.json"
    path.write_text(json.dumps([stream(**told)]))
    (row,) = rows(path, "spotify")
    if event is None:
        assert isinstance(row, BrokenRow)
        # Where, and on what, somebody listened is nobody's business.
        assert not any(word in json.dumps(row.raw) for word in ("192.0.2.1", "ios", "SE"))
    else:
        assert (row["event"], row["spotify"]) == (event, f"spotify:track:{TRACK}")


def test_the_spotify_archives(tmp_path: Path) -> None:
    short = {"endTime": "2024-05-01 12:30", "artistName": "A", "trackName": "Two"}
    members = {
        "My Data/Streaming_History_Audio_2023_10.json": json.dumps([stream(ts="t10")]),
        "My Data/Streaming_History_Audio_2023_2.json": json.dumps([stream(ts="t2")]),
        "My Data/Streaming_History_Video_2023.json": json.dumps([stream(ts="video")]),
        "My Data/endsong_0.json": json.dumps([stream(ts="old")]),
        "My Data/ReadMeFirst_ExtendedStreamingHistory.pdf": "%PDF",
    }
    path = zipped(tmp_path / "my_spotify_data.zip", members)
    assert [row["at"] for row in rows(path, "spotify")] == ["t2", "t10", "old"]
    account = {
        "Spotify Account Data/StreamingHistory_music_0.json": json.dumps(
            [{**short, "msPlayed": 31_000}, {**short, "msPlayed": 2_000}]
        ),
        "Spotify Account Data/StreamingHistory_podcast_0.json": json.dumps([short]),
        "Spotify Account Data/Playlist1.json": "{}",
        "Spotify Account Data/StreamingHistory1.json": json.dumps([{**short, "msPlayed": 40_000}]),
    }
    path = zipped(tmp_path / "account.zip", account)
    assert [row["event"] for row in rows(path, "spotify")] == ["play", "play", "skip"]


@pytest.mark.parametrize("format", ["listenbrainz", "spotify", "lastfm"])
def test_archives_of_something_else_and_damaged_ones_are_told(tmp_path: Path, format: str) -> None:
    path = zipped(tmp_path / "a.zip", {"notes.txt": "hello"})
    with pytest.raises(DatasetFormatError, match="holds no file of listens"):
        rows(path, format)
    name = {"listenbrainz": "listens/1/1.jsonl", "spotify": "endsong_0.json", "lastfm": "a.csv"}
    path = zipped(tmp_path / "b.zip", {name[format]: "[{}]," * 900})
    whole = bytearray(path.read_bytes())
    whole[200:260] = bytes(60)
    path.write_bytes(whole)
    with pytest.raises(DatasetFormatError, match=r"b\.zip"):
        rows(path, format)
