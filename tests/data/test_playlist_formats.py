"""Playlist files: what a player reads back is what was written, whatever the titles hold."""

from __future__ import annotations

import json
import re
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


# The rules of the XSPF 1 schema (https://xspf.org/xspf-v1#rfc.section.4.1) and of JSPF.
HEAD = {
    "title", "creator", "annotation", "info", "location", "identifier", "image", "date", "license",
    "attribution", "link", "meta", "extension", "trackList",
}  # fmt: skip
OF_TRACK = {
    "location", "identifier", "title", "creator", "annotation", "info", "image", "album",
    "trackNum", "duration", "link", "meta", "extension",
}  # fmt: skip
SEVERAL = {"link", "meta", "extension"}
ADDRESSES = {"location", "identifier", "info", "image", "license"}
ADDRESS = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*:[^\s<>\"{}|\\^`]*")
ODD = TrackList(
    'A <b> & "c"\t\u2028', "http://x/playlists/p", MADE.made_at,
    (*SONGS, Track("ä\u0000b]]>", "\ud83d\ude00", "http://x/songs/a%20b", None, None, 0.0)),
)  # fmt: skip


def check_element(element: ElementTree.Element, allowed: set[str], several: set[str]) -> None:
    assert not element.tail or not element.tail.strip()
    names = [child.tag.removeprefix(NS) for child in element]
    assert set(names) <= allowed
    assert all(names.count(name) == 1 for name in set(names) - several)
    for child in element:
        name, text = child.tag.removeprefix(NS), child.text or ""
        assert not child.attrib
        if name in ADDRESSES:
            assert ADDRESS.fullmatch(text)
        if name in ("trackNum", "duration"):
            assert text.isdecimal()
        if name == "trackNum":
            assert int(text) > 0


def test_xspf_keeps_the_rules_of_its_schema() -> None:
    for playlist in (MADE, ODD):
        root = ElementTree.fromstring(to_xspf(playlist))
        assert (root.tag, root.attrib) == (f"{NS}playlist", {"version": "1"})
        check_element(root, HEAD, SEVERAL | {"attribution"})
        (tracks,) = root.findall(f"{NS}trackList")
        assert [track.tag for track in tracks] == [f"{NS}track"] * len(playlist.tracks)
        for track in tracks:
            check_element(track, OF_TRACK, SEVERAL | {"location", "identifier"})
        assert datetime.fromisoformat(root.findtext(f"{NS}date") or "").tzinfo is not None


def test_jspf_keeps_the_rules_of_its_specification() -> None:
    for playlist in (MADE, ODD):
        whole = json.loads(to_jspf(playlist))
        assert whole.keys() == {"playlist"}
        head = whole["playlist"]
        assert head.keys() <= (HEAD - {"trackList"}) | {"track"}
        assert len(head["track"]) == len(playlist.tracks)
        for track in head["track"]:
            assert track.keys() <= OF_TRACK
            for name in ("location", "identifier"):
                assert all(ADDRESS.fullmatch(one) for one in track.get(name, []))
                assert isinstance(track.get(name, []), list)
            for name in ("trackNum", "duration"):
                assert isinstance(track.get(name, 1), int)
            texts = {"title", "creator", "annotation", "album"} & track.keys()
            assert all(isinstance(track[name], str) for name in texts)
