"""The picture: consent first, five frames of one moment, what is told of them, and no camera."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest

from tests.e2e.listener import (
    CONSENT,
    PHONE,
    Opened,
    answer_with,
    focused,
    is_answer,
    opened,
    problem,
    take_picture,
    titles,
)

pytestmark = pytest.mark.browser


def test_camera_and_photo_wait_for_consent(page: Any) -> None:
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url))
    consent = page.get_by_label(CONSENT)
    page.get_by_label("Listener id").fill("wren")
    assert not consent.is_checked()
    for name in ("Start the camera", "Choose a photo"):
        page.get_by_role("button", name=name).click()
        assert page.get_by_text("wait for your yes").is_visible()
        assert focused(page) == "consent"
    assert not page.locator("video").is_visible()
    assert not any("/recommend" in url for url in asked)
    consent.check()
    assert not page.get_by_text("wait for your yes").is_visible()


def test_privacy_is_told_before_anything_is_asked(page: Any) -> None:
    assert page.get_by_text("Nothing is stored.").is_visible()
    notice = page.get_by_role("link", name="Privacy notice").first
    assert notice.get_attribute("href") == "privacy"


def test_five_frames_of_one_moment_and_seven_probabilities(page: Any) -> None:
    request = take_picture(page, "robin")
    assert "consent=true" in request.url
    assert page.evaluate("window.selfies") == 5
    shares = page.locator(".chart .share").all_inner_texts()
    assert len(shares) == 7
    assert 97 <= sum(int(share.strip("<%")) for share in shares) <= 103
    card = page.locator("#reading").inner_text()
    assert "Apparent expression" in card
    assert "Averaged over 5 frames" in card
    assert "You look" not in card
    assert "You are" not in card
    assert len(titles(page)) == 20
    assert page.evaluate("document.getElementById('preview').srcObject") is None


def test_the_next_page_needs_no_picture(page: Any) -> None:
    take_picture(page, "robin")
    with page.expect_response(is_answer) as answer:
        page.get_by_role("button", name="More songs").click()
    assert "session=" in answer.value.url
    assert "consent" not in answer.value.url
    assert page.evaluate("window.selfies") == 5
    page.locator("#song-21").wait_for()
    assert len(set(titles(page))) == 40


def test_an_uncertain_reading_is_called_so(page: Any) -> None:
    def uncertain(route: Any) -> None:
        answer = route.fetch()
        told = answer.json()
        told["emotion"]["uncertain"] = True
        route.fulfill(response=answer, json=told)

    page.route("**/recommend?**", uncertain)
    take_picture(page, "robin")
    assert page.locator("#reading .verdict").inner_text() == "Uncertain"
    assert page.get_by_text("It could be read as").is_visible()


def test_a_stated_mood_corrects_the_camera(page: Any) -> None:
    take_picture(page, "robin")
    page.get_by_role("button", name="Not how I feel?").click()
    page.locator("#correction").get_by_text("sad", exact=True).click()
    with page.expect_response(is_answer) as answer:
        page.get_by_role("button", name="This is how I feel").click()
    assert "consent" not in answer.value.url
    assert answer.value.json()["emotion"]["source"] == "stated"
    page.get_by_text("You said sad").wait_for()


def test_taking_consent_back_drops_the_picture(page: Any) -> None:
    take_picture(page, "robin")
    assert page.locator("#still").is_visible()
    page.get_by_label(CONSENT).uncheck()
    assert not page.locator("#still").is_visible()
    with page.expect_response(is_answer) as answer:
        page.get_by_role("radio", name="Lift").check()
    assert "consent" not in answer.value.url


def test_a_picture_on_its_way_is_called_back_with_the_consent(page: Any, drawn_face: Path) -> None:
    page.route("**/recommend?**", lambda route: None)
    page.get_by_label("Listener id").fill("siskin")
    page.get_by_label(CONSENT).check()
    page.locator("#file").set_input_files(drawn_face)
    page.locator(".waiting").first.wait_for()
    with page.expect_event("requestfailed"):
        page.get_by_label(CONSENT).uncheck()
    assert not page.locator("#result").is_visible()
    assert page.locator("#status").inner_text() == ""


def test_a_picture_that_failed_cannot_be_sent_again_without_consent(
    page: Any, drawn_face: Path
) -> None:
    answer_with(page, "**/recommend?**", 503, "overloaded")
    page.get_by_label("Listener id").fill("siskin")
    page.get_by_label(CONSENT).check()
    page.locator("#file").set_input_files(drawn_face)
    told = problem(page, "Many people are asking right now")
    page.get_by_label(CONSENT).uncheck()
    told.wait_for(state="hidden")


def test_a_photo_is_not_sent_if_consent_went_while_it_was_read(page: Any, drawn_face: Path) -> None:
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url))
    _hold(page, "createImageBitmap", "window")
    page.get_by_label("Listener id").fill("siskin")
    page.get_by_label(CONSENT).check()
    page.locator("#file").set_input_files(drawn_face)
    page.wait_for_function("window.held")
    page.get_by_label(CONSENT).uncheck()
    page.evaluate("window.letGo()")
    assert not page.locator("#still").is_visible()
    assert not any("/recommend" in url for url in asked)


def test_the_camera_does_not_open_if_consent_went_while_the_browser_asked(page: Any) -> None:
    _hold(page, "getUserMedia", "navigator.mediaDevices")
    page.get_by_label("Listener id").fill("wren")
    page.get_by_label(CONSENT).check()
    page.get_by_role("button", name="Start the camera").click()
    page.wait_for_function("window.held")
    page.get_by_label(CONSENT).uncheck()
    stream = page.evaluate_handle("window.letGo()")
    page.wait_for_function("stream => stream.getTracks()[0].readyState === 'ended'", arg=stream)
    assert not page.locator("video").is_visible()


def _hold(page: Any, name: str, owner: str) -> None:
    """Let a function of the browser's wait for ``letGo``, which gives what it gave."""
    page.evaluate(
        f"""() => {{
          const real = {owner}.{name}.bind({owner});
          const gate = new Promise((open) => (window.letGo = () => (open(), window.given)));
          {owner}.{name} = (...given) => {{
            window.held = true;
            window.given = gate.then(() => real(...given));
            return window.given;
          }};
        }}"""
    )


def _open_camera(page: Any) -> None:
    page.get_by_label("Listener id").fill("wren")
    page.get_by_label(CONSENT).check()
    page.get_by_role("button", name="Start the camera").click()
    page.get_by_role("button", name="Take the picture").wait_for()


def test_the_camera_closes_when_it_is_out_of_sight(opening: Opened) -> None:
    with opening(**PHONE) as phone:
        for away, back in (("On a pad", "By picture"), ("A journey", "Songs for now")):
            phone.get_by_role("button", name="By picture").click()
            _open_camera(phone)
            stream = phone.evaluate_handle("document.getElementById('preview').srcObject")
            phone.get_by_text(away, exact=True).first.click()
            phone.wait_for_function("s => s.getTracks()[0].readyState === 'ended'", arg=stream)
            phone.get_by_text(back, exact=True).first.click()
            phone.get_by_role("button", name="Start the camera").wait_for()


def test_another_picture_needs_another_yes(page: Any) -> None:
    take_picture(page, "robin")
    page.get_by_role("button", name="Take another").click()
    assert not page.get_by_label(CONSENT).is_checked()
    assert page.get_by_text("A new picture needs a new yes").is_visible()
    assert not page.locator("#still").is_visible()
    assert not page.locator("video").is_visible()


def test_a_photo_goes_the_same_way(page: Any, drawn_face: Path) -> None:
    page.get_by_label("Listener id").fill("siskin")
    page.get_by_label(CONSENT).check()
    with page.expect_response(is_answer) as answer:
        page.locator("#file").set_input_files(drawn_face)
    assert answer.value.json()["emotion"]["source"] == "selfie"
    page.get_by_role("img", name="The picture that was read").wait_for()


def test_a_picture_without_a_face_is_told_in_plain_words(page: Any, tmp_path: Path) -> None:
    sky = np.linspace((200, 120, 60), (250, 230, 210), 480).astype(np.uint8)
    picture = tmp_path / "sky.jpg"
    cv2.imwrite(str(picture), np.repeat(sky[:, None, :], 640, axis=1))
    page.get_by_label("Listener id").fill("siskin")
    page.get_by_label(CONSENT).check()
    page.locator("#file").set_input_files(picture)
    told = problem(page, "We could not find a face")
    told.get_by_role("button", name="Tell us your mood instead").click()
    assert page.evaluate("document.activeElement.getAttribute('role')") == "slider"


def test_a_refused_consent_is_told_in_plain_words(page: Any, drawn_face: Path) -> None:
    answer_with(page, "**/recommend?**", 403, "consent_required")
    page.get_by_label("Listener id").fill("siskin")
    page.get_by_label(CONSENT).check()
    page.locator("#file").set_input_files(drawn_face)
    problem(page, "We need your yes first")


def test_a_blocked_camera_leaves_the_other_ways_open(wary_browser: Any, live_server: str) -> None:
    with opened(wary_browser, live_server) as page:
        page.get_by_label("Listener id").fill("wren")
        page.get_by_label(CONSENT).check()
        page.get_by_role("button", name="Start the camera").click()
        told = problem(page, "The browser blocked the camera")
        told.get_by_role("button", name="Tell us your mood instead").click()
        with page.expect_response(is_answer) as answer:
            page.get_by_role("button", name="Find songs for this mood").click()
        assert answer.value.status == 200


def test_without_a_camera_interface_it_says_why(opening: Opened) -> None:
    with opening() as page:
        page.evaluate("Object.defineProperty(navigator, 'mediaDevices', {value: undefined})")
        page.get_by_label("Listener id").fill("wren")
        page.get_by_label(CONSENT).check()
        page.get_by_role("button", name="Start the camera").click()
        problem(page, "The camera needs a safe connection")
