"""The questions: who, what for, and the ways to tell a mood without a camera."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from tests.e2e.listener import PHONE, REACH, Opened, focused, is_answer, say, titles

pytestmark = pytest.mark.browser


def test_an_unnamed_listener_is_asked_for(page: Any) -> None:
    page.get_by_role("button", name="Skip the mood").click()
    assert page.get_by_text("Say who is listening first").is_visible()
    assert focused(page) == "user"


def test_the_demos_listeners_can_be_tried(page: Any) -> None:
    page.get_by_role("button", name="someone new").click()
    with page.expect_response(is_answer) as answer:
        page.get_by_role("button", name="Skip the mood").click()
    assert "user=newcomer" in answer.value.url
    assert "mood=" not in answer.value.url
    page.get_by_text("We do not know you yet").wait_for()
    page.get_by_text("Mood left out").wait_for()


def test_a_word_is_sent_as_a_point_and_said_back(page: Any) -> None:
    answer = say(page, "plover", "sad")
    assert answer["emotion"]["source"] == "stated"
    assert (answer["mood"]["valence"], answer["mood"]["arousal"]) == (-0.66, -0.35)
    page.get_by_text("You said sad").wait_for()
    assert len(titles(page)) == 20


def test_every_strategy_says_what_it_does_and_asks_again_with_the_same_mood(page: Any) -> None:
    say(page, "plover", "sad")
    for name, told in (
        ("match", "Stay close to how you feel"),
        ("lift", "a step brighter"),
        ("calm", "softer and slower"),
        ("energize", "more drive"),
        ("off", "Only your taste counts"),
    ):
        key = page.locator(".key").filter(has=page.locator(f"input[value={name}]"))
        assert told in key.inner_text()
    with page.expect_response(is_answer) as answer:
        page.get_by_role("radio", name="Energize").check()
    assert "strategy=energize" in answer.value.url
    assert "mood=-0.66%2C-0.35" in answer.value.url
    assert answer.value.json()["mood"]["target"]["arousal"] > 0


def test_the_pad_obeys_keys_pointer_and_words(page: Any) -> None:
    knob = page.locator("#pad [role=slider]")
    knob.focus()
    for key in ("ArrowRight", "ArrowRight", "ArrowRight", "PageDown"):
        knob.press(key)
    assert knob.get_attribute("aria-valuenow") == "0.3"
    assert "pleasant, low energy" in (knob.get_attribute("aria-valuetext") or "")
    box = page.locator("#pad .plane-field").bounding_box()
    page.mouse.click(box["x"] + 0.1 * box["width"], box["y"] + 0.25 * box["height"])
    assert float(knob.get_attribute("aria-valuenow")) == pytest.approx(-0.8 / REACH, abs=0.02)
    page.locator("#pad").get_by_text("calm", exact=True).click()
    assert "calm" in (knob.get_attribute("aria-valuetext") or "")
    knob.press("Home")
    assert knob.get_attribute("aria-valuetext") == "neutral: in the middle"


def test_a_knob_at_the_edge_stays_whole(page: Any) -> None:
    knob = page.locator("#pad [role=slider]")
    knob.focus()
    for _ in range(12):
        knob.press("ArrowRight")
    assert knob.get_attribute("aria-valuenow") == "1"
    inner, outer = knob.bounding_box(), page.locator("#pad .plane-field").bounding_box()
    assert inner["x"] + inner["width"] <= outer["x"] + outer["width"]


def test_a_finger_moves_the_pad(opening: Opened) -> None:
    with opening(**PHONE) as phone:
        knob = phone.locator("#pad [role=slider]")
        phone.locator("#pad").scroll_into_view_if_needed()
        box = phone.locator("#pad .plane-field").bounding_box()
        phone.touchscreen.tap(box["x"] + 0.4 * box["width"], box["y"] + 0.25 * box["height"])
        assert float(knob.get_attribute("aria-valuenow")) == pytest.approx(-0.2 / REACH, abs=0.03)


def test_words_are_asked_with_the_keyboard_alone(page: Any) -> None:
    page.get_by_label("Listener id").fill("plover")
    words = page.get_by_label("Or say it in words")
    words.press("Enter")
    assert page.get_by_text("Say what you are after first").is_visible()
    assert focused(page) == "query"
    words.fill("rainy sunday, slow and warm")
    assert not page.get_by_text("Say what you are after first").is_visible()
    with page.expect_response(is_answer) as answer:
        words.press("Enter")
    assert "query=rainy+sunday%2C+slow+and+warm" in answer.value.url
    page.get_by_text("You asked for “rainy sunday, slow and warm”").wait_for()
    with page.expect_response(is_answer) as more:
        page.get_by_role("button", name="More songs").click()
    assert "query=rainy" in more.value.url


def test_words_that_mean_nothing_are_told_so(page: Any) -> None:
    page.get_by_label("Listener id").fill("plover")
    page.get_by_label("Or say it in words").fill("?!")
    page.get_by_role("button", name="Find songs for these words").click()
    told = page.locator(".problem").filter(has_text="Something in the question does not fit")
    told.wait_for()
    assert "no words in the text" in told.inner_text().lower()


def _asked(parameter: str) -> Callable[[Any], bool]:
    return lambda response: is_answer(response) and parameter in response.url


def test_the_list_is_narrowed_down_to_a_language_and_years(page: Any) -> None:
    say(page, "plover", "calm")
    page.get_by_text("Narrow it down").click()
    page.get_by_label("From year").fill("2010")
    with page.expect_response(_asked("year_to=2015")):  # 2010 alone may come before
        page.get_by_label("To year").fill("2015")
        page.get_by_label("To year").press("Enter")
    with page.expect_response(_asked("explicit=false")) as answer:
        page.get_by_label("No explicit songs").check()
    years = [item["song"]["year"] for item in answer.value.json()["items"]]
    assert years
    assert all(2010 <= year <= 2015 for year in years)
    assert page.locator("#narrowed").inner_text() == ": 2010–2015, nothing explicit"
    with page.expect_response(_asked("language=fr")):
        page.get_by_label("Language").select_option("fr")
    with page.expect_response(lambda r: is_answer(r) and "year_from" not in r.url):
        page.get_by_role("button", name="Clear these").click()
    assert focused(page) == "language"


def test_years_in_the_wrong_order_are_told_before_anything_is_sent(page: Any) -> None:
    page.get_by_label("Listener id").fill("plover")
    page.get_by_text("Narrow it down").click()
    page.get_by_label("From year").fill("2020")
    page.get_by_label("To year").fill("1990")
    page.get_by_role("button", name="Skip the mood").click()
    assert page.get_by_text("The first year is after the last").is_visible()
    assert not page.locator("#result").is_visible()
