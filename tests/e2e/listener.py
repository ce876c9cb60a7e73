"""What a listener does with the page, and what is watched while they do it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from typing import Any

Opened = Callable[..., AbstractContextManager[Any]]
CONSENT = "Yes, read my apparent expression"
PHONE = {"viewport": {"width": 360, "height": 740}, "has_touch": True}
REACH = 0.92  # a mood of 1 lies this share of half a field's side from its middle (field.js)


@contextmanager
def opened(browser: Any, url: str, **options: Any) -> Iterator[Any]:
    """Open the page. At the end no script may have failed, no policy been broken, no host but the
    service's own been asked.
    """
    hash_ = options.pop("hash", "")
    context = browser.new_context(**{"reduced_motion": "reduce", **options})
    page = context.new_page()
    page.set_default_timeout(20_000)
    broken: list[str] = []
    page.on("pageerror", lambda error: broken.append(str(error)))
    page.on("console", lambda line: broken.append(line.text) if _is_broken(line) else None)
    page.on("request", lambda sent: None if _is_own(sent.url, url) else broken.append(sent.url))
    try:
        page.goto(f"{url}/{hash_}")
        page.locator("#pad [role=slider]").wait_for(state="attached")
        yield page
        assert broken == []
    finally:
        context.close()


def _is_broken(line: Any) -> bool:
    """What the console says, but for answers that the tests ask to fail."""
    if line.type not in ("error", "warning"):
        return False
    return "Failed to load resource" not in line.text


def _is_own(address: str, url: str) -> bool:
    return address.startswith((f"{url}/", "blob:", "data:"))


def is_answer(response: Any) -> bool:
    return "/recommend?" in response.url


def say(page: Any, user: str, word: str) -> Any:
    """Name the listener, choose a mood word, wait for the songs; returns the answer."""
    page.get_by_label("Listener id").fill(user)
    page.locator("#pad").get_by_text(word, exact=True).click()
    with page.expect_response(is_answer) as answer:
        page.get_by_role("button", name="Find songs for this mood").click()
    assert answer.value.status == 200
    page.get_by_role("heading", name=f"Songs for {user}").wait_for()
    return answer.value.json()


def take_picture(page: Any, user: str) -> Any:
    """Consent, open the camera, take the picture; returns the request that was sent."""
    page.evaluate(_COUNT_SELFIES)
    page.get_by_label("Listener id").fill(user)
    page.get_by_label(CONSENT).check()
    page.get_by_role("button", name="Start the camera").click()
    with page.expect_request(lambda request: "/recommend?" in request.url) as sent:
        page.get_by_role("button", name="Take the picture").click()
    page.get_by_role("heading", name=f"Songs for {user}").wait_for()
    return sent.value


def titles(page: Any) -> list[str]:
    found: list[str] = page.locator("#songs .song:not([inert]) h3").all_inner_texts()
    return found


def problem(page: Any, text: str) -> Any:
    """The notice that says ``text``, waited for."""
    found = page.locator(".problem").filter(has_text=text)
    found.wait_for()
    return found


def answer_with(page: Any, path: str, status: int, code: str, **more: Any) -> None:
    """Let the service answer ``path`` with a problem."""
    headers = {k.replace("_", "-"): str(v) for k, v in more.pop("headers", {}).items()}
    page.route(
        path,
        lambda route: route.fulfill(
            status=status,
            content_type="application/problem+json",
            headers=headers,
            json={"code": code, "detail": "told by a test", "status": status, **more},
        ),
    )


def overflow(page: Any) -> int:
    pixels: int = page.evaluate("document.documentElement.scrollWidth - window.innerWidth")
    return pixels


def focused(page: Any) -> str:
    """Id of the element that has the focus, else its text."""
    found: str = page.evaluate(
        "document.activeElement.id || document.activeElement.textContent.trim()"
    )
    return found


#: Chromium does not show a test the body of a multipart request: count its parts as they are made.
_COUNT_SELFIES = """() => {
  const append = FormData.prototype.append;
  window.selfies = 0;
  FormData.prototype.append = function (...part) {
    if (part[0] === "selfie" && part[1].type === "image/jpeg") window.selfies += 1;
    return append.apply(this, part);
  };
}"""
