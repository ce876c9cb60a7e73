"""Playlist files: what a player reads back is what was written, whatever the titles hold."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from xml.etree import ElementTree

from hypothesis import given, settings
from hypothesis import strategies as st

from data.playlist_formats import Track, TrackList, to_jspf, to_m3u8, to_xspf

SONGS = (
    Track(
        "Salt & <Ash>", "Ada", "http://x/songs/1", "One", "https://e.org/1?a=1&b=2", 200.4, "Why"
    ),
    Track("Zweites\nLied", "Bo", "http://x/songs/2"),
)
MADE = TrackList(
    "Sad to calm", "http://x/playlists/p", datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC), SONGS
)
NS = "{http://xspf.org/ns/0/}"


def test_m3u8_has_a_line_of_what_and_a_line_of_where_for_every_song() -> None:
    assert to_m3u8(MADE).splitlines() == [
        "#EXTM3U",
        "#EXTENC:UTF-8",
        "#PLAYLIST:Sad to calm",
        "#EXTINF:200,Ada - Salt & <Ash>",
        "https://e.org/1?a=1&b=2",
        "#EXTINF:-1,Bo - Zweites Lied",
        "http://x/songs/2",
    ]


def test_xspf_is_read_back() -> None:
    root = ElementTree.fromstring(to_xspf(MADE))
    assert (root.tag, root.attrib) == (f"{NS}playlist", {"version": "1"})
    head = {child.tag.removeprefix(NS): child.text for child in root if not len(child)}
    assert head == {
        "title": "Sad to calm",
        "creator": "Attune",
        "identifier": "http://x/playlists/p",
        "date": "2026-01-02T03:04:05+00:00",
    }
    first, second = (
        {child.tag.removeprefix(NS): child.text for child in track}
        for track in root.iter(f"{NS}track")
    )
    assert first == {
        "location": "https://e.org/1?a=1&b=2",
        "identifier": "http://x/songs/1",
        "title": "Salt & <Ash>",
        "creator": "Ada",
        "annotation": "Why",
        "album": "One",
        "trackNum": "1",
        "duration": "200400",
    }
    assert second == {
        "identifier": "http://x/songs/2",
        "title": "Zweites\nLied",
        "creator": "Bo",
        "trackNum": "2",
    }


def test_jspf_is_xspf_as_json() -> None:
    playlist = json.loads(to_jspf(MADE))["playlist"]
    assert (playlist["title"], playlist["date"]) == ("Sad to calm", "2026-01-02T03:04:05+00:00")
    first, second = playlist["track"]
    assert first["location"] == ["https://e.org/1?a=1&b=2"]
    assert (first["identifier"], first["duration"]) == (["http://x/songs/1"], 200400)
    assert "location" not in second


def test_an_empty_playlist_is_a_playlist() -> None:
    empty = TrackList("Nothing", "u", MADE.made_at, ())
    assert to_m3u8(empty).startswith("#EXTM3U\n")
    assert ElementTree.fromstring(to_xspf(empty)).find(f"{NS}trackList") is not None
    assert json.loads(to_jspf(empty))["playlist"]["track"] == []


@settings(deadline=None)
@given(title=st.text(st.characters(exclude_categories=["Cs"])), artist=st.text(max_size=5))
def test_no_title_breaks_a_file(title: str, artist: str) -> None:
    artist = artist.encode("utf-8", "ignore").decode()
    made = TrackList(title, "u", MADE.made_at, (Track(title, artist, "u1", note=title),))
    assert len(to_m3u8(made).split("\n")) == 6
    assert json.loads(to_jspf(made))["playlist"]["track"][0]["title"] == title
    root = ElementTree.fromstring(to_xspf(made).encode("utf-8"))
    legal = "".join(c for c in title if c in "\t\n\r" or (c >= " " and c not in "\ufffe\uffff"))
    read = root.findtext(f"{NS}trackList/{NS}track/{NS}title") or ""
    # Every reader of XML takes a carriage return for a line feed.
    assert read == legal.replace("\r\n", "\n").replace("\r", "\n")
