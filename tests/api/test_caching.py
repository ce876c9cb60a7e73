"""``ETag`` and ``If-None-Match``: what changes rarely is not sent twice."""

from __future__ import annotations

import pytest
from starlette.testclient import TestClient

from tests.api.toy_service import listened

WAY = {"user": "ana", "from": "sad", "to": "happy"}
PATHS = ["/songs", "/songs?q=first", "/songs/s1", "/songs/s1/similar", "/openapi.json"]


@pytest.mark.parametrize("path", PATHS)
@pytest.mark.parametrize("sent", ["{tag}", '"x", {tag}', "*", "{strong}", '{tag}, "y"'])
def test_what_the_client_has_is_not_sent_again(client: TestClient, path: str, sent: str) -> None:
    first = client.get(path)
    tag = first.headers["ETag"]
    assert first.headers["Cache-Control"] == "private, no-cache"
    assert tag.startswith('W/"')
    known = sent.format(tag=tag, strong=tag.removeprefix("W/"))
    again = client.get(path, headers={"If-None-Match": known})
    assert (again.status_code, again.content) == (304, b"")
    assert again.headers["ETag"] == tag
    assert again.headers["X-Request-ID"] != first.headers["X-Request-ID"]
    assert again.headers["Vary"] == first.headers["Vary"]


@pytest.mark.parametrize("path", PATHS[:2])
@pytest.mark.parametrize("sent", ['"x"', "", "W/", '"', "x" * 3000])
def test_anything_else_is_answered_in_full(client: TestClient, path: str, sent: str) -> None:
    first = client.get(path)
    again = client.get(path, headers={"If-None-Match": sent})
    assert again.status_code == 200
    assert again.headers["ETag"] == first.headers["ETag"]


def test_a_change_makes_another_tag(client: TestClient) -> None:
    before = client.get("/songs/s1").headers["ETag"]
    song = {"id": "s1", "title": "First", "artist": "Ada", "year": 2002}
    assert client.post("/songs", json=song).status_code == 200
    after = client.get("/songs/s1", headers={"If-None-Match": before})
    assert (after.status_code, after.json()["year"]) == (200, 2002)
    assert after.headers["ETag"] != before


def test_every_format_of_a_playlist_has_a_tag_of_its_own(client: TestClient) -> None:
    made = client.post("/playlists", json=WAY).json()["id"]
    tags = {}
    for suffix in (".json", ".m3u8", ".xspf", ".jspf"):
        first = client.get(f"/playlists/{made}{suffix}")
        tags[suffix] = first.headers["ETag"]
        known = {"If-None-Match": tags[suffix]}
        assert client.get(f"/playlists/{made}{suffix}", headers=known).status_code == 304
    assert len(set(tags.values())) == 4
    asked = {"Accept": "application/xspf+xml", "If-None-Match": tags[".json"]}
    assert client.get(f"/playlists/{made}", headers=asked).status_code == 200


def test_nothing_about_a_moment_or_a_user_is_kept(client: TestClient) -> None:
    listened(client, "ana", "s1")
    for path in (
        "/recommend?user=ana", "/users/ana/history", "/users/ana/export",
        "/users/ana/muted-artists", "/users/ana/emotions",
    ):  # fmt: skip
        response = client.get(path)
        assert response.headers["Cache-Control"] == "no-store"
        assert "ETag" not in response.headers


def test_a_page_s_files_have_tags(client: TestClient) -> None:
    first = client.get("/static/app.js")
    known = {"If-None-Match": first.headers["ETag"]}
    assert client.get("/static/app.js", headers=known).status_code == 304
