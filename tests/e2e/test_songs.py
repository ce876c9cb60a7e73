"""The answer: songs, their dots, and what a listener does with them."""

from __future__ import annotations

from typing import Any

import pytest

from tests.e2e.listener import answer_with, focused, is_answer, say, titles

pytestmark = pytest.mark.browser


def _row(page: Any, place: int) -> Any:
    return page.locator("#songs > .song").nth(place - 1)


def _fresh(page: Any) -> list[dict[str, Any]]:
    with page.expect_response(is_answer) as answer:
        page.locator("#fresh").click()
    items: list[dict[str, Any]] = answer.value.json()["items"]
    return items


def test_a_like_counts_once_however_often_it_is_pressed(page: Any) -> None:
    say(page, "plover", "calm")
    assert not page.locator("#fresh").is_visible()  # it would bring the same songs
    keys: list[str] = []
    page.on(
        "request",
        lambda r: keys.append(r.headers["idempotency-key"]) if "/feedback" in r.url else None,
    )
    like = _row(page, 1).locator(".like")
    with page.expect_response("**/feedback") as answer:
        like.dblclick()
    assert answer.value.json()["duplicate"] is False
    page.locator("#songs .like[aria-pressed=true]").wait_for()
    like.click()
    assert len(keys) == 1
    page.get_by_role("button", name="Fresh list with your answer").wait_for()


def test_a_failed_like_is_taken_back_and_tried_again_under_the_same_key(page: Any) -> None:
    say(page, "plover", "happy")
    keys: list[str] = []
    page.on(
        "request",
        lambda r: keys.append(r.headers["idempotency-key"]) if "/feedback" in r.url else None,
    )
    answer_with(page, "**/feedback", 503, "unavailable")
    save = _row(page, 2).locator(".save")
    save.click()
    page.get_by_text("stays as it was").wait_for()
    assert save.get_attribute("aria-pressed") == "false"
    page.unroute("**/feedback")
    with page.expect_response("**/feedback"):
        save.click()
    assert len(keys) == 2
    assert len(set(keys)) == 1


def test_a_skipped_song_leaves_for_good_and_the_focus_moves_on(page: Any) -> None:
    say(page, "plover", "calm")
    row = _row(page, 3)
    identity = row.get_attribute("data-song")
    with page.expect_response("**/feedback") as answer:
        row.locator(".skip").press("Enter")
    assert answer.value.ok
    page.locator(f'#songs > [data-song="{identity}"]').wait_for(state="detached")
    assert "Skip" in focused(page)
    assert page.locator(f'#plane [data-song="{identity}"]').count() == 0
    assert identity not in {item["song"]["id"] for item in _fresh(page)}


def test_a_skip_that_failed_brings_the_song_back(page: Any) -> None:
    say(page, "plover", "happy")
    answer_with(page, "**/feedback", 500, "internal")
    row = _row(page, 1)
    row.locator(".skip").click()
    page.get_by_text("stays as it was").wait_for()
    assert row.is_visible()
    assert len(titles(page)) == 20


def test_less_of_an_artist_changes_the_next_answer_and_can_be_undone(page: Any) -> None:
    say(page, "ada-007", "happy")
    artist = _row(page, 1).get_attribute("data-artist")
    _row(page, 1).locator(".more").click()
    with page.expect_response("**/muted-artists?**") as muted:
        _row(page, 1).get_by_role("button", name=f"Less of {artist}").click()
    assert muted.value.status == 204
    assert "Undo" in focused(page)
    rows = page.locator(f'#songs [data-artist="{artist}"]:not([inert])')
    assert rows.count() == 0
    placed = page.locator("#plane .dot-link").count()
    assert placed == page.locator("#songs > .song:not([inert]) .song-mood").count()
    with page.expect_response("**/muted-artists?**") as allowed:
        page.get_by_role("button", name="Undo").click()
    assert allowed.value.request.method == "DELETE"
    rows.first.wait_for()
    assert page.locator(".muted-note").count() == 0
    assert page.locator("#plane .dot-link").count() == placed + rows.count()
    _row(page, 1).get_by_role("button", name=f"Less of {artist}").click()
    page.locator(".muted-note").wait_for()
    assert artist not in {item["song"]["artist"] for item in _fresh(page)}


def test_an_artist_who_could_not_be_muted_stays(page: Any) -> None:
    say(page, "plover", "happy")
    answer_with(page, "**/muted-artists?**", 429, "rate_limited", headers={"Retry-After": 3})
    _row(page, 1).locator(".more").click()
    _row(page, 1).get_by_role("button", name="Less of").click()
    page.get_by_text("stays in your lists").wait_for()
    assert _row(page, 1).is_visible()
    assert page.locator(".muted-note").count() == 0


def test_more_songs_go_on_where_the_list_ended(page: Any) -> None:
    answer = say(page, "plover", "excited")
    with page.expect_response(is_answer) as more:
        page.get_by_role("button", name="More songs").click()
    assert "offset=20" in more.value.url
    assert f"session={answer['session']}" in more.value.url
    page.locator("#song-40").wait_for()
    assert focused(page) == "song-21"
    assert (
        len(
            set(
                page.locator("#songs > .song").evaluate_all("rows => rows.map(r => r.dataset.song)")
            )
        )
        == 40
    )


def test_a_song_and_its_dot_light_each_other(page: Any) -> None:
    say(page, "plover", "calm")
    identity = page.locator("#plane .dot-link").first.get_attribute("data-song")
    dot = page.locator(f'#plane [data-song="{identity}"]')
    row = page.locator(f'#songs > [data-song="{identity}"]')
    row.hover()
    assert "lit" in (dot.get_attribute("class") or "")
    assert page.locator("#plane .dot-label").text_content()
    dot.focus()
    assert "lit" in (row.get_attribute("class") or "")
    page.keyboard.press("ArrowRight")
    assert page.evaluate("document.activeElement.matches('.dot-link')")


def test_links_lead_out_without_telling_where_from(page: Any) -> None:
    say(page, "plover", "calm")
    with page.expect_response(lambda r: r.url.endswith("/mood")) as reading:
        _row(page, 1).locator(".more").click()
    links = _row(page, 1).locator(".links a")
    hosts = links.evaluate_all("all => all.map(a => new URL(a.href).host)")
    assert {"open.spotify.com", "www.youtube.com", "musicbrainz.org"} <= set(hosts)
    assert all("noopener" in rel for rel in links.evaluate_all("all => all.map(a => a.rel)"))
    page.locator(".said p").first.wait_for()
    told = _row(page, 1).locator(".lines li").all_text_contents()
    assert told == [one["line"] for one in reading.value.json()["lines"]]


def test_every_song_says_why(page: Any) -> None:
    answer = say(page, "ada-007", "calm")
    told = _row(page, 1).locator(".reason").all_inner_texts()
    assert told == [reason["text"] for reason in answer["items"][0]["reasons"]]
