"""A listener's own data: read, taken along, taken back, erased."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from tests.e2e.listener import focused, is_answer, problem, say

pytestmark = pytest.mark.browser


def _data(page: Any) -> None:
    page.get_by_role("link", name="My data").click()


def test_what_was_done_is_shown_taken_along_and_erased(page: Any, tmp_path: Path) -> None:
    say(page, "linnet", "happy")
    title = page.locator("#songs h3").first.inner_text()
    with page.expect_response("**/feedback"):
        page.locator("#songs .like").first.click()
    single: list[str] = []
    page.on("request", lambda r: single.append(r.url) if "/songs/" in r.url else None)
    _data(page)
    row = page.locator("#history li").first
    row.wait_for()
    assert title in row.inner_text()
    assert "Liked" in row.inner_text()
    assert single == []  # the history names its songs itself
    with page.expect_download() as got:
        page.get_by_role("button", name="Take it with me").click()
    got.value.save_as(tmp_path / "mine.json")
    kept = json.loads((tmp_path / "mine.json").read_text(encoding="utf-8"))
    assert [one["event"] for one in kept["interactions"]] == ["like"]
    page.get_by_role("button", name="Erase everything").click()
    assert focused(page) == "sure-no"
    page.keyboard.press("Escape")
    assert page.locator("#history li").count() == 1
    page.get_by_role("button", name="Erase everything").click()
    with page.expect_response(lambda r: r.request.method == "DELETE") as erased:
        page.locator("#sure-yes").click()
    assert erased.value.status == 204
    page.locator("#history").get_by_text("Nothing yet").wait_for()
    page.locator("#data-title:focus").wait_for()
    assert focused(page) == "data-title"
    page.get_by_role("button", name="Take it with me").click()
    problem(page, "Nothing is kept about this listener")


def test_earlier_events_come_by_pages_and_a_lost_song_keeps_its_id(page: Any) -> None:
    def event(song: str, title: str | None) -> dict[str, Any]:
        at = "2026-01-02T03:04:05Z"
        artist = title and "Somebody"
        return {
            "song": song,
            "title": title,
            "artist": artist,
            "event": "play",
            "count": 1,
            "at": at,
        }

    def history(route: Any) -> None:
        last = "cursor=7" in route.request.url
        items = [event("gone-song", None)] if last else [event("kept-song", "Kept")]
        route.fulfill(json={"items": items, "next_cursor": None if last else "7"})

    page.route("**/history?**", history)
    page.get_by_label("Listener id").fill("linnet")
    _data(page)
    page.get_by_role("button", name="Earlier").click()
    page.locator("#history li").nth(1).wait_for()
    assert page.locator("#history .what").all_inner_texts() == ["Kept\nSomebody", "gone-song"]
    assert not page.get_by_role("button", name="Earlier").is_visible()
    assert "gone-song" in focused(page)


def test_a_muted_artist_may_come_again(page: Any) -> None:
    say(page, "bela-092", "calm")
    artist = page.locator("#songs > .song").first.get_attribute("data-artist")
    page.locator("#songs .more").first.click()
    with page.expect_response("**/muted-artists?**"):
        page.get_by_role("button", name=f"Less of {artist}").first.click()
    _data(page)
    page.locator("#muted").get_by_text(artist, exact=True).wait_for()
    with page.expect_response(lambda r: r.request.method == "DELETE") as allowed:
        page.get_by_role("button", name="Allow again").click()
    assert allowed.value.status == 204
    page.locator("#muted").get_by_text("None.").wait_for()
    page.locator("#muted-title:focus").wait_for()


def test_moods_are_remembered_only_when_asked_and_can_be_forgotten(page: Any) -> None:
    say(page, "pipit", "sad")
    _data(page)
    page.locator("#emotions").get_by_text("None is kept").wait_for()
    assert not page.get_by_label("Remember the mood").is_checked()
    page.get_by_label("Remember the mood").check()
    page.get_by_role("link", name="Songs for now").click()
    with page.expect_response(is_answer) as answer:
        page.get_by_role("button", name="Find songs for this mood").click()
    assert "remember=true" in answer.value.url
    with page.expect_response(is_answer) as more:
        page.get_by_role("button", name="More songs").click()
    assert "remember" not in more.value.url
    _data(page)
    page.locator("#emotions li").first.wait_for()
    assert page.locator("#emotions li").count() == 1
    assert "sad" in page.locator("#emotions li").first.inner_text()
    page.get_by_role("button", name="Forget these").click()
    page.locator("#emotions").get_by_text("None is kept").wait_for()


def test_a_service_that_keeps_no_moods_is_asked_again_without(page: Any) -> None:
    def refuse(route: Any) -> Any:
        if "remember=" not in route.request.url:
            return route.continue_()
        told = {"code": "invalid_parameter", "parameter": "remember", "detail": "none here"}
        return route.fulfill(status=422, content_type="application/problem+json", json=told)

    page.route("**/recommend?**", refuse)
    page.get_by_label("Listener id").fill("pipit")
    _data(page)
    page.get_by_label("Remember the mood").check()
    page.get_by_role("link", name="Songs for now").click()
    page.get_by_role("button", name="Skip the mood").click()
    page.get_by_role("heading", name="Songs for pipit").wait_for()
    assert page.get_by_text("This service keeps no moods").is_visible()
    assert not page.locator("#remember").is_checked()
