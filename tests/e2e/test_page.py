"""The page at ``/`` as a person uses it: keyboard, mouse, camera and a phone's width."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest

pytestmark = pytest.mark.browser


@contextmanager
def _opened(browser: Any, url: str, **options: Any) -> Iterator[Any]:
    """Open the page; at the end no script may have failed and no policy been broken."""
    context = browser.new_context(**{"reduced_motion": "reduce", **options})
    page = context.new_page()
    page.set_default_timeout(20_000)
    broken: list[str] = []
    page.on("pageerror", lambda error: broken.append(str(error)))
    page.on(
        "console",
        lambda line: broken.append(line.text) if "Content Security Policy" in line.text else None,
    )
    try:
        page.goto(f"{url}/")
        page.locator("#pad [role=slider]").wait_for()
        yield page
        assert broken == []
    finally:
        context.close()


@pytest.fixture
def page(chromium_browser: Any, live_server: str) -> Iterator[Any]:
    with _opened(chromium_browser, live_server) as opened:
        yield opened


@pytest.fixture
def face_page(face_browser: Any, live_server: str) -> Iterator[Any]:
    with _opened(face_browser, live_server) as opened:
        yield opened


def _say(page: Any, user: str, word: str) -> None:
    """Name the listener, choose a mood word and wait for the songs."""
    page.get_by_label("Listener id").fill(user)
    page.locator("#pad").get_by_text(word, exact=True).click()
    with page.expect_response(_is_answer) as answer:
        page.get_by_role("button", name="Find songs for this mood").click()
    assert answer.value.status == 200
    page.get_by_role("heading", name=f"Songs for {user}").wait_for()


def _is_answer(response: Any) -> bool:
    return "/recommend?" in response.url


def _titles(page: Any) -> list[str]:
    titles: list[str] = page.locator("#songs h3").all_inner_texts()
    return titles


#: Chromium does not show a test the body of a multipart request: count its parts as they are made.
_COUNT_SELFIES = """() => {
  const append = FormData.prototype.append;
  window.selfies = 0;
  FormData.prototype.append = function (...part) {
    if (part[0] === "selfie" && part[1].type === "image/jpeg") window.selfies += 1;
    return append.apply(this, part);
  };
}"""


def _take_picture(page: Any, user: str) -> Any:
    """Consent, open the camera, take the picture; returns the request that was sent."""
    page.evaluate(_COUNT_SELFIES)
    page.get_by_label("Listener id").fill(user)
    page.get_by_label("Yes, read my apparent expression").check()
    page.get_by_role("button", name="Start the camera").click()
    with page.expect_request(lambda request: "/recommend?" in request.url) as sent:
        page.get_by_role("button", name="Take the picture").click()
    page.get_by_role("heading", name=f"Songs for {user}").wait_for()
    return sent.value


def _overflow(page: Any) -> int:
    pixels: int = page.evaluate("document.documentElement.scrollWidth - window.innerWidth")
    return pixels


def test_camera_and_photo_wait_for_consent(page: Any) -> None:
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url))
    consent = page.get_by_label("Yes, read my apparent expression")
    page.get_by_label("Listener id").fill("wren")
    assert not consent.is_checked()
    for name in ("Start the camera", "Choose a photo"):
        page.get_by_role("button", name=name).click()
        assert page.get_by_text("wait for your yes").is_visible()
        assert page.evaluate("document.activeElement.id") == "consent"
    assert not page.locator("video").is_visible()
    assert not any("/recommend" in url for url in asked)
    consent.check()
    assert not page.get_by_text("wait for your yes").is_visible()


def test_privacy_is_told_before_anything_is_asked(page: Any) -> None:
    assert page.get_by_text("Nothing is stored.").is_visible()
    assert page.get_by_role("link", name="Privacy notice").get_attribute("href") == "privacy"


@pytest.mark.shared
def test_camera_journey_sends_three_frames_and_shows_seven_probabilities(face_page: Any) -> None:
    request = _take_picture(face_page, "robin")
    assert "consent=true" in request.url
    assert face_page.evaluate("window.selfies") == 3
    shares = face_page.locator(".chart .share").all_inner_texts()
    assert len(shares) == 7
    assert 97 <= sum(int(share.strip("<%")) for share in shares) <= 103
    assert len(_titles(face_page)) == 20
    assert face_page.evaluate("document.getElementById('preview').srcObject") is None


@pytest.mark.shared
def test_a_stated_mood_corrects_the_camera(face_page: Any) -> None:
    _take_picture(face_page, "robin")
    face_page.get_by_role("button", name="Not how I feel?").click()
    face_page.locator("#correction").get_by_text("sad", exact=True).click()
    with face_page.expect_response(_is_answer) as answer:
        face_page.get_by_role("button", name="This is how I feel").click()
    assert "consent" not in answer.value.url
    assert answer.value.json()["emotion"]["source"] == "stated"
    assert answer.value.json()["mood"]["valence"] < 0
    face_page.get_by_text("You said sad").wait_for()


@pytest.mark.shared
def test_taking_consent_back_drops_the_picture(face_page: Any) -> None:
    _take_picture(face_page, "robin")
    assert face_page.locator("#still").is_visible()
    face_page.get_by_label("Yes, read my apparent expression").uncheck()
    assert not face_page.locator("#still").is_visible()
    with face_page.expect_response(_is_answer) as answer:
        face_page.get_by_role("radio", name="Lift").check()
    assert "consent" not in answer.value.url


def test_like_stays_and_skip_leaves_for_good(page: Any) -> None:
    _say(page, "plover", "calm")
    first, second = _titles(page)[:2]
    with page.expect_response("**/feedback") as liked:
        page.get_by_role("button", name=f"Like {first}").click()
    assert liked.value.ok
    assert liked.value.request.headers["idempotency-key"]
    page.locator("#songs .like[aria-pressed=true]").wait_for()
    row = page.locator("#songs > li").nth(1)
    identity = row.get_attribute("data-song")
    row.get_by_role("button", name=f"Skip {second}").click()
    page.locator(f'#songs > li[data-song="{identity}"]').wait_for(state="detached")
    with page.expect_response(_is_answer) as answer:
        page.get_by_role("button", name="Next songs").click()
    assert identity not in {item["song"]["id"] for item in answer.value.json()["items"]}


def test_strategy_asks_again_with_the_same_mood(page: Any) -> None:
    _say(page, "plover", "sad")
    with page.expect_response(_is_answer) as answer:
        page.get_by_role("radio", name="Energize").check()
    assert "strategy=energize" in answer.value.url
    assert answer.value.json()["mood"]["target"]["arousal"] > 0


def test_a_newcomer_is_told_so_in_plain_words(page: Any) -> None:
    _say(page, "never-seen-before", "happy")
    assert page.get_by_text("We do not know you yet").is_visible()


def test_the_mood_pad_obeys_the_arrow_keys(page: Any) -> None:
    knob = page.locator("#pad [role=slider]")
    knob.focus()
    for key in ("ArrowRight", "ArrowRight", "ArrowRight", "PageDown"):
        knob.press(key)
    assert knob.get_attribute("aria-valuenow") == "0.3"
    assert "pleasant, low energy" in (knob.get_attribute("aria-valuetext") or "")


@pytest.mark.parametrize("width", [320, 390])
def test_nothing_overflows_on_a_phone(chromium_browser: Any, live_server: str, width: int) -> None:
    with _opened(
        chromium_browser, live_server, viewport={"width": width, "height": 800}, has_touch=True
    ) as phone:
        assert _overflow(phone) <= 0
        _say(phone, "heron", "excited")
        assert _overflow(phone) <= 0


def test_a_picture_without_a_face_is_told_in_plain_words(page: Any, tmp_path: Path) -> None:
    sky = np.linspace((200, 120, 60), (250, 230, 210), 480).astype(np.uint8)
    picture = tmp_path / "sky.jpg"
    cv2.imwrite(str(picture), np.repeat(sky[:, None, :], 640, axis=1))
    page.get_by_label("Listener id").fill("siskin")
    page.get_by_label("Yes, read my apparent expression").check()
    page.locator("#file").set_input_files(picture)
    problem = page.get_by_role("alert").filter(has_text="We could not find a face")
    problem.wait_for()
    problem.get_by_role("button", name="Tell us your mood instead").click()
    assert page.evaluate("document.activeElement.getAttribute('role')") == "slider"


def test_an_unnamed_listener_is_asked_for(page: Any) -> None:
    page.get_by_role("button", name="Skip the mood").click()
    assert page.get_by_text("Say who is listening first").is_visible()
    assert page.evaluate("document.activeElement.id") == "user"


def test_words_are_asked_with_the_keyboard_alone(page: Any) -> None:
    page.get_by_label("Listener id").fill("plover")
    words = page.get_by_label("Or say it in words")
    words.press("Enter")
    assert page.get_by_text("Say what you are after first").is_visible()
    assert page.evaluate("document.activeElement.id") == "query"
    words.fill("rainy sunday, slow and warm")
    assert not page.get_by_text("Say what you are after first").is_visible()
    with page.expect_response(_is_answer) as answer:
        words.press("Enter")
    assert answer.value.status == 200
    assert "query=rainy+sunday%2C+slow+and+warm" in answer.value.url
    page.get_by_text("You asked for “rainy sunday, slow and warm”").wait_for()
    assert len(_titles(page)) == 20
    with page.expect_response(_is_answer) as answer:
        page.get_by_role("radio", name="Energize").check()
    assert "query=rainy" in answer.value.url


def test_what_the_words_of_a_song_say_is_read_when_it_is_opened(page: Any) -> None:
    page.get_by_label("Listener id").fill("plover")
    page.get_by_label("Or say it in words").fill("rainy sunday, slow and warm")
    page.get_by_label("Or say it in words").press("Enter")
    page.get_by_text("You asked for").wait_for()
    summary = page.locator("summary").filter(has_text="What its words say").first
    with page.expect_response(lambda r: r.url.endswith("/mood")) as answer:
        summary.press("Enter")
    assert answer.value.status == 200
    page.get_by_text("Most likely").first.wait_for()
    told = page.locator(".lines").first.locator("li").all_text_contents()
    assert told == [one["line"] for one in answer.value.json()["lines"]]


def test_words_that_mean_nothing_are_told_so(page: Any) -> None:
    page.get_by_label("Listener id").fill("plover")
    page.get_by_label("Or say it in words").fill("?!")
    with page.expect_response(_is_answer) as answer:
        page.get_by_role("button", name="Find songs for these words").click()
    assert answer.value.status == 422
    page.get_by_role("alert").filter(has_text="no words in the text").wait_for()
