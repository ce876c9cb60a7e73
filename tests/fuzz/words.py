"""Parameters of requests: moods, texts, journeys, sessions, headers; and the playlist writers."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from xml.etree import ElementTree

from pydantic import ValidationError

from api.params import RecommendParams
from api.playlist_files import accepted, split_suffix
from api.playlist_schemas import PlaylistIn
from api.sessions import Session
from data.errors import AttuneError
from data.playlist_formats import Track, TrackList, to_jspf, to_m3u8, to_xspf
from data.types import EmotionScores
from recommender.mood import parse_mood
from recommender.query import Snapshot
from recommender.text import checked_text
from tests.fuzz.target import Choices, Target

_REFUSED = (AttuneError, ValidationError)
_MADE = datetime(2026, 1, 2, tzinfo=UTC)


def _mood(data: bytes) -> None:
    text = Choices(data).rest().decode("utf-8", "surrogateescape")
    mood = parse_mood(text)
    assert -1 <= mood.valence <= 1
    assert -1 <= mood.arousal <= 1


def _text(data: bytes) -> None:
    found = checked_text(data.decode("utf-8", "surrogatepass" if data[:1] > b"m" else "replace"))
    assert found == found.strip()
    found.encode()


def _journey(data: bytes) -> None:
    query = PlaylistIn.model_validate_json(data).to_query()
    assert query.user_id


def _session(data: bytes) -> None:
    choices = Choices(data)
    values = {"user": "u", "n": choices.byte(), "offset": choices.byte() * 100}
    params = RecommendParams.model_validate({**values, "session": choices.rest().decode("latin-1")})
    Session.read(params)


def _accept(data: bytes) -> None:
    text = data.decode("latin-1")
    split_suffix(text)
    accepted(text)


def _writers(data: bytes) -> None:
    choices = Choices(data)
    tracks = [_track(choices) for _ in range(1 + choices.byte() % 3)]
    playlist = TrackList(choices.text(), "http://127.0.0.1/playlists/x", _MADE, tracks)
    lines = to_m3u8(playlist).split("\n")
    # Nothing in a name makes a line of its own: head, two lines a track, and the end.
    assert len(lines) == 3 + 2 * len(tracks) + 1
    assert lines[0] == "#EXTM3U"
    assert all(line.startswith("#EXTINF:") for line in lines[3:-1:2])
    root = ElementTree.fromstring(to_xspf(playlist))
    assert len(root.findall("{*}trackList/{*}track")) == len(tracks)
    assert len(json.loads(to_jspf(playlist))["playlist"]["track"]) == len(tracks)


def _track(choices: Choices) -> Track:
    seconds = None if choices.byte() % 2 else choices.byte() * 10.5
    return Track(
        choices.text(), choices.text(), "urn:x", choices.text() or None, None, seconds,
        choices.text() or None,
    )  # fmt: skip


def _journeys() -> list[bytes]:
    return [
        b'{"user":"u","from":"sad","to":"happy","length":12}',
        b'{"user":"u","from":"-0.5,0.5","to":"0.9,0.1","minutes":30.5,"exclude":["s1"]}',
        b'{"user":"u","strategy":"calm","language":["en"],"year_from":1990,"year_to":2000}',
        b'{"user":"u","strategy":"off","explicit":false,"exclude_artist":["Ada"]}',
    ]


def _sessions() -> list[bytes]:
    params = RecommendParams(user="u", n=20, offset=0)
    reading = EmotionScores((0.1, 0.1, 0.1, 0.4, 0.1, 0.1, 0.1), 0.4, False, 1)
    sessions = (
        Session(Snapshot(7, 12, 3), "v1"),
        Session(Snapshot(0), "v1 test/b", "happy", reading),
    )
    tokens = [session.token(params).encode() for session in sessions]
    return [b"\x14\x00" + token for token in (*tokens, b"e30", b"W1tbW1tb")]


TARGETS = (
    Target(
        "mood",
        lambda: [b"happy", b"0.5,-0.5", b" Calm ", b"1e-3,.5", b"+1,-1", b"0x1,1_0"],
        _mood,
        (b"nan", b"inf", b"1e309", b"_", b",", b"\xd9\xa1"),
    ),
    Target("text", lambda: [b"rainy sunday, slow", b"z\xed\xa0\x80 a", b"m\x00\x1f a"], _text, (),
           (AttuneError, UnicodeDecodeError)),
    Target(
        "journey", _journeys, _journey,
        (b"nan", b"NaN", b"Infinity", b"1e999", b'"length":', b'"minutes":', b'"from":', b'"to":',
         b"[" * 400, b"\\u0000", b"\\ud800", b"null", b"-0"), _REFUSED,
    ),
    Target(
        "session",
        _sessions,
        _session, (b"=", b"-", b"_", b"eyJ2", b"W1tb" * 300), _REFUSED,
    ),
    Target(
        "accept",
        lambda: [b"application/json;q=0.5, */*;q=0.1", b"audio/x-mpegurl", b"x.m3u8",
                 b"*/*;q=1.001"],
        _accept, (b";q=", b",", b"*/*", b".jspf"),
    ),
    Target("playlist-files", lambda: [bytes(range(256)), b"\x02" + b"a\x00\n\x00" * 40], _writers,
           (b"\n\x00", b"\r\x00", b"\x00\xd8", b"\xfe\xff", b"\x28\x20", b"\x85\x00",
            b"<\x00", b"]\x00]\x00>\x00")),
)  # fmt: skip
