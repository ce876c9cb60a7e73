"""For everybody: axe, the keyboard alone, a phone's width, both themes, less motion."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from tests.e2e.listener import (
    CONSENT,
    PHONE,
    Opened,
    answer_with,
    focused,
    is_answer,
    overflow,
    problem,
    say,
    take_picture,
)

pytestmark = pytest.mark.browser
State = Callable[[Any], None]


def _answer(page: Any) -> None:
    take_picture(page, "robin")
    page.locator("#songs .more").first.click()
    page.locator(".said p").first.wait_for()
    page.get_by_role("button", name="Not how I feel?").click()


def _journey(page: Any) -> None:
    page.get_by_label("Listener id").fill("ada-007")
    page.get_by_role("link", name="A journey").click()
    page.get_by_role("button", name="Make the journey").click()
    page.locator("#trip-title").wait_for()


def _data(page: Any) -> None:
    page.get_by_label("Listener id").fill("ada-007")
    page.get_by_role("link", name="My data").click()
    page.locator("#history li").first.wait_for()
    page.locator("#muted *").first.wait_for()


def _dialog(page: Any) -> None:
    _data(page)
    page.get_by_role("button", name="Erase everything").click()


def _trouble(page: Any) -> None:
    answer_with(page, "**/recommend?**", 401, "unauthenticated")
    page.get_by_label("Listener id").fill("ada-007")
    page.get_by_text("Narrow it down").click()
    page.get_by_role("button", name="Skip the mood").click()
    problem(page, "This service asks for a key")
    page.get_by_text("Key", exact=True).click()


def _waiting(page: Any) -> None:
    page.route("**/recommend?**", lambda route: None)
    page.get_by_label("Listener id").fill("ada-007")
    page.get_by_role("button", name="Skip the mood").click()
    page.locator(".waiting").first.wait_for()


STATES: dict[str, State] = {
    "questions": lambda page: None,
    "answer": _answer,
    "journey": _journey,
    "data": _data,
    "dialog": _dialog,
    "trouble": _trouble,
    "waiting": _waiting,
}


def _violations(page: Any) -> list[str]:
    """Serious and critical violations that axe finds in the page as it is."""
    axe = pytest.importorskip(
        "axe_playwright_python.sync_playwright", reason="axe-playwright-python is not installed"
    )
    found = axe.Axe().run(page).response["violations"]
    return [
        f"{one['id']}: {node['target']}"
        for one in found
        if one["impact"] in ("serious", "critical")
        for node in one["nodes"]
    ]


@pytest.mark.parametrize("state", STATES)
def test_axe_finds_nothing_serious_in_both_themes(page: Any, state: str) -> None:
    STATES[state](page)
    for theme in ("light", "dark"):
        page.emulate_media(color_scheme=theme)
        assert (theme, _violations(page)) == (theme, [])


@pytest.mark.parametrize("state", ["answer", "journey", "data"])
def test_a_phone_shows_it_all_without_scrolling_sideways(opening: Opened, state: str) -> None:
    with opening(**PHONE) as phone:
        if state == "answer":
            phone.get_by_role("button", name="By picture").tap()
        assert overflow(phone) <= 0
        STATES[state](phone)
        assert overflow(phone) <= 0
        assert _violations(phone) == []
        small = phone.evaluate(
            """[...document.querySelectorAll("button, .bands a, select")]
              .filter((e) => e.checkVisibility() && e.getBoundingClientRect().height < 32)
              .map((e) => e.textContent)"""
        )
        assert small == []


def _tab_to(page: Any, there: Callable[[str], bool]) -> None:
    for _ in range(40):
        page.keyboard.press("Tab")
        if there(focused(page)):
            return
    raise AssertionError(f"Tab never came there; it is at {focused(page)[:80]!r}")


def test_the_keyboard_alone_does_the_whole_journey(page: Any) -> None:
    keys = page.keyboard
    keys.press("Tab")
    assert focused(page) == "Skip to the questions"
    keys.press("Enter")
    _tab_to(page, lambda at: at == "user")
    keys.type("ouzel")
    _tab_to(page, lambda at: page.evaluate("document.activeElement.name") == "strategy")
    keys.press("ArrowRight")
    assert page.get_by_role("radio", name="Lift").is_checked()
    _tab_to(page, lambda at: page.evaluate("document.activeElement.role") == "slider")
    for _ in range(4):
        keys.press("ArrowLeft")
    _tab_to(page, lambda at: at == "say")
    with page.expect_response(is_answer) as answer:
        keys.press("Enter")
    assert "strategy=lift" in answer.value.url
    assert "mood=-0.40%2C0.00" in answer.value.url
    page.get_by_role("heading", name="Songs for ouzel").wait_for()
    page.locator("#result-title:focus").wait_for()
    outline = page.evaluate("getComputedStyle(document.activeElement).outlineStyle")
    assert outline != "none"
    _tab_to(page, lambda at: at.startswith("Like"))
    with page.expect_response("**/feedback") as liked:
        keys.press("Enter")
    assert liked.value.json()["event"] == "like"
    page.get_by_text("Liked: ").wait_for()
    _tab_to(page, lambda at: at.startswith("Skip"))
    with page.expect_response("**/feedback") as skipped:
        keys.press("Space")
    assert skipped.value.json()["event"] == "skip"
    assert focused(page).startswith("Skip")


def test_each_part_has_a_title(page: Any) -> None:
    for part, title in (
        ("A journey", "Attune: a journey"),
        ("My data", "Attune: my data"),
        ("Songs for now", "Attune: songs for how you feel"),
    ):
        page.get_by_role("link", name=part).click()
        page.wait_for_function("title => document.title === title", arg=title)


def test_what_happens_is_read_out(page: Any) -> None:
    assert page.locator("#status").get_attribute("role") == "status"
    say(page, "plover", "calm")
    assert page.locator("#status").inner_text() == "20 songs for plover."
    assert page.locator("#result").get_attribute("aria-busy") is None


def test_nothing_jumps_when_the_answer_comes(page: Any) -> None:
    page.evaluate(
        """() => {
          window.shift = 0;
          new PerformanceObserver((list) => {
            for (const entry of list.getEntries())
              if (!entry.hadRecentInput) window.shift += entry.value;
          }).observe({ type: "layout-shift", buffered: true });
        }"""
    )
    _answer(page)
    page.locator("#plane").scroll_into_view_if_needed()
    assert page.evaluate("window.shift") < 0.1


def test_the_theme_is_the_systems_until_one_is_chosen(opening: Opened) -> None:
    def ground(page: Any) -> str:
        found: str = page.evaluate("getComputedStyle(document.body).backgroundColor")
        return found

    with opening(color_scheme="dark") as page:
        dark = ground(page)
        page.get_by_role("button", name="Light theme").click()
        light = ground(page)
        assert light != dark
        page.reload()
        assert ground(page) == light
        assert page.get_by_role("button", name="Dark theme").is_visible()


@pytest.mark.parametrize("motion", ["reduce", "no-preference"])
def test_less_motion_is_kept_to(opening: Opened, motion: str) -> None:
    with opening(reduced_motion=motion) as page:
        seconds = page.locator(".dial-needle").evaluate(
            "e => getComputedStyle(e).transitionDuration"
        )
        assert seconds.startswith("0s") == (motion == "reduce")


def test_consent_is_asked_anew_after_a_reload(page: Any) -> None:
    page.get_by_label(CONSENT).check()
    page.reload()
    assert not page.get_by_label(CONSENT).is_checked()
