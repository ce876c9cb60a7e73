"""The journey builder: two ends, a length, a way drawn, and files to take along."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from tests.e2e.listener import REACH, answer_with, opened, problem, say

pytestmark = pytest.mark.browser


def _posted(page: Any) -> Any:
    return page.expect_response(lambda r: r.url.endswith("/playlists"))


def _ask(page: Any, user: str = "ada-007") -> Any:
    page.get_by_label("Listener id").fill(user)
    page.get_by_role("link", name="A journey").click()
    return page.get_by_role("button", name="Make the journey")


def test_a_journey_by_words(page: Any) -> None:
    make = _ask(page)
    page.locator("#from").select_option("angry")
    page.locator("#to").select_option("calm")
    page.get_by_label("How many").fill("8")
    with _posted(page) as answer:
        make.click()
    asked = answer.value.request.post_data_json
    assert (asked["from"], asked["to"], asked["length"]) == ("-0.55,0.80", "0.50,-0.65", 8)
    assert answer.value.request.headers["idempotency-key"]
    page.get_by_role("heading", name="From angry to calm").wait_for()
    playlist = answer.value.json()
    assert page.locator(".stop h3").all_inner_texts() == [
        item["song"]["title"] for item in playlist["items"]
    ]
    assert page.locator(".trip-dot").count() == 8
    assert page.locator(".trip-path").get_attribute("d").count("L") == 7
    page.locator(".stop").nth(2).hover()
    assert "lit" in page.locator('.trip-dot[data-rank="3"]').get_attribute("class")


def test_the_ends_move_by_keys_and_pointer(page: Any) -> None:
    make = _ask(page)
    start = page.get_by_role("slider", name="Start")
    start.focus()
    for key in ("ArrowLeft", "PageUp"):
        start.press(key)
    assert page.locator("#from").evaluate("e => e.selectedOptions[0].text") == "near sad"
    box = page.locator("#journey-pad .plane-field").bounding_box()
    page.mouse.click(box["x"] + 0.95 * box["width"], box["y"] + 0.5 * box["height"])
    page.get_by_role("radio", name="Minutes").check()
    page.get_by_label("How many").fill("30")
    with _posted(page) as answer:
        make.click()
    asked = answer.value.request.post_data_json
    assert asked["from"] == "-0.76,-0.05"
    assert float(asked["to"].split(",")[0]) == pytest.approx(0.9 / REACH, abs=0.02)
    assert asked["minutes"] == 30
    assert "length" not in asked
    assert answer.value.json()["duration_s"] == pytest.approx(1800, rel=0.2)


def test_a_journey_starts_from_the_mood_of_a_list(page: Any) -> None:
    say(page, "ada-007", "tired")
    page.get_by_role("button", name="Start a journey from here").click()
    assert page.locator("#from").input_value() == "tired"
    page.get_by_role("button", name="Wake up").click()
    assert page.locator("#to").input_value() == "excited"
    page.get_by_role("button", name="Swap A and B").click()
    assert page.locator("#from").input_value() == "excited"


def test_other_songs_leave_the_first_ones_out(page: Any) -> None:
    make = _ask(page)
    with _posted(page) as first:
        make.click()
    with _posted(page) as second:
        page.get_by_role("button", name="Other songs").click()
    ids = [{item["song"]["id"] for item in one.value.json()["items"]} for one in (first, second)]
    assert not ids[0] & ids[1]


def test_the_files_are_downloaded_with_the_key(
    browser: Any, keyed_server: tuple[str, str], tmp_path: Path
) -> None:
    url, key = keyed_server
    with opened(browser, url) as page:
        page.locator("#key-now").fill(key)
        page.get_by_role("button", name="Use this key").click()
        make = _ask(page, "wren")
        make.click()
        page.locator("#trip-title").wait_for()
        starts = {"M3U8": "#EXTM3U", "XSPF": "<?xml", "JSPF": "{"}
        for name, start in starts.items():
            with page.expect_download() as got:
                page.get_by_role("button", name=name).click()
            assert got.value.suggested_filename == f"attune-sad-to-happy.{name.lower()}"
            path = tmp_path / name
            got.value.save_as(path)
            text = path.read_text(encoding="utf-8")
            assert text.startswith(start)
        tracks = json.loads(text)["playlist"]["track"]
        assert [track["title"] for track in tracks] == page.locator(".stop h3").all_inner_texts()
        assert key not in page.url


def test_a_journey_that_failed_is_tried_again_under_the_same_key(page: Any) -> None:
    keys: list[str] = []
    page.on(
        "request",
        lambda r: keys.append(r.headers["idempotency-key"]) if r.method == "POST" else None,
    )
    answer_with(page, "**/playlists", 503, "overloaded", headers={"Retry-After": 0})
    make = _ask(page)
    make.click()
    told = problem(page, "Many people are asking right now")
    page.unroute("**/playlists")
    told.get_by_role("button", name="Try again").click()
    page.locator("#trip-title").wait_for()
    assert len(keys) == 2
    assert len(set(keys)) == 1
