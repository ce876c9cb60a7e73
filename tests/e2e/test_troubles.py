"""What goes wrong, in plain words: keys, limits, a service that is away, no network."""

from __future__ import annotations

from typing import Any

import pytest

from tests.e2e.listener import answer_with, focused, is_answer, opened, problem, say

pytestmark = pytest.mark.browser


def _skip_mood(page: Any, user: str = "plover") -> None:
    page.get_by_label("Listener id").fill(user)
    page.get_by_role("button", name="Skip the mood").click()


def test_a_service_with_keys_asks_for_one_and_keeps_it_in_the_tab(
    browser: Any, keyed_server: tuple[str, str]
) -> None:
    url, key = keyed_server
    with opened(browser, url) as page:
        problem(page, "This service asks for a key")
        page.locator("#key-now").fill("wrong")
        page.get_by_role("button", name="Use this key").click()
        problem(page, "This service asks for a key")
        page.locator("#key-now").fill(key)
        page.get_by_role("button", name="Use this key").click()
        page.get_by_role("button", name="someone new").wait_for()
        with page.expect_response(is_answer) as answer:
            _skip_mood(page, "wren")
        assert answer.value.request.headers["authorization"] == f"Bearer {key}"
        assert key not in answer.value.url
        page.get_by_role("heading", name="Songs for wren").wait_for()
        kept = page.evaluate("[sessionStorage.length, JSON.stringify(localStorage)]")
        assert kept[0] == 1
        assert key not in kept[1]
        _skip_mood(page, "somebody-else")
        problem(page, "Your key does not allow this")


def test_a_limit_is_counted_down_before_trying_again(page: Any) -> None:
    answer_with(page, "**/recommend?**", 429, "rate_limited", headers={"Retry-After": 2})
    _skip_mood(page)
    told = problem(page, "That was a bit fast")
    again = told.get_by_role("button", name="Try again")
    assert again.get_attribute("aria-disabled") == "true"
    assert again.inner_text() in ("Try again in 2 s", "Try again in 1 s")
    again.dispatch_event("click")
    assert told.is_visible()
    page.unroute("**/recommend?**")
    told.locator("button[aria-disabled=false]").wait_for()
    again.click()
    page.get_by_role("heading", name="Songs for plover").wait_for()


@pytest.mark.parametrize(
    ("status", "code", "words"),
    [
        (503, "overloaded", "Many people are asking right now"),
        (503, "unavailable", "A part of the service is not there"),
        (503, "not_ready", "still waking up"),
        (500, "internal", "Something went wrong on our side"),
        (418, "teapot", "That did not work"),
    ],
)
def test_what_the_service_says_is_said_in_plain_words(
    page: Any, status: int, code: str, words: str
) -> None:
    answer_with(page, "**/recommend?**", status, code)
    _skip_mood(page)
    told = problem(page, words)
    assert code not in told.inner_text()
    assert not page.locator("#result").is_visible()
    page.unroute("**/recommend?**")
    told.get_by_role("button", name="Try again").click()
    page.get_by_role("heading", name="Songs for plover").wait_for()


def test_every_documented_code_has_words_of_its_own(page: Any) -> None:
    from api.problem import all_kinds

    # These answer only the operator's requests, which the page never makes.
    operators = {"bundle_refused", "experiments_refused"}
    codes = sorted({kind.code for kind in all_kinds()} - operators)
    untold = page.evaluate(
        """async (codes) => {
          const { isTold } = await import("/static/problems.js");
          return codes.filter((code) => !isTold(code));
        }""",
        codes,
    )
    assert untold == []


def test_being_offline_is_told_and_the_songs_stay(page: Any) -> None:
    say(page, "plover", "calm")
    page.context.set_offline(True)
    page.get_by_text("You are offline. What is on the page stays").wait_for()
    page.get_by_role("button", name="More songs").click()
    problem(page, "You are offline")
    assert page.locator("#songs > .song").count() == 20
    page.context.set_offline(False)
    page.locator("#offline").wait_for(state="hidden")


def test_an_answer_that_is_none_is_told(page: Any) -> None:
    page.route("**/recommend?**", lambda route: route.fulfill(status=200, body="<html>sign in"))
    _skip_mood(page)
    problem(page, "We cannot reach the service")
    assert not page.locator("#result").is_visible()


def test_a_service_that_is_away_is_told(page: Any) -> None:
    page.route("**/recommend?**", lambda route: route.abort("connectionrefused"))
    _skip_mood(page)
    told = problem(page, "We cannot reach the service")
    assert "That did not work" not in told.inner_text()
    assert "We cannot reach the service" in focused(page)
