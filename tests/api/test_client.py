"""The client: what is sent again and what is not, against a scripted service."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import httpx
import pytest

from api.client import Client, ServiceError

OVERLOADED = {"code": "overloaded", "status": 503, "detail": "too much", "request_id": "r1"}
Answer = Callable[[httpx.Request], httpx.Response]


def refused(status: int, after: str | None = None, code: str = "overloaded") -> httpx.Response:
    headers = {"Content-Type": "application/problem+json"}
    if after is not None:
        headers["Retry-After"] = after
    told = {**OVERLOADED, "code": code, "status": status}
    return httpx.Response(status, content=json.dumps(told), headers=headers)


class Script:
    """Answers in turn, the last one for ever; keeps what was asked and waited."""

    def __init__(self, *answers: httpx.Response | Exception) -> None:
        self.answers = list(answers)
        self.asked: list[httpx.Request] = []
        self.waited: list[float] = []

    def __call__(self, request: httpx.Request) -> httpx.Response:
        request.read()
        self.asked.append(request)
        answer = self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]
        if isinstance(answer, Exception):
            raise answer
        return answer

    def client(self, **more: float) -> Client:
        transport = httpx.MockTransport(self)
        return Client("http://x", transport=transport, sleep=self.waited.append, **more)  # type: ignore[arg-type]


def test_feedback_is_sent_again_under_one_key_after_the_time_told() -> None:
    script = Script(
        refused(429, "7", "rate_limited"),
        httpx.ConnectError("down"),
        refused(503),
        httpx.Response(200, json={"duplicate": True}),
    )
    assert script.client().feedback("ana", "s1", "like") == {"duplicate": True}
    assert script.waited == [7.0, 14.0, 28.0]
    assert len({r.headers["Idempotency-Key"] for r in script.asked}) == 1
    assert {r.content for r in script.asked} == {b'{"user":"ana","song":"s1","event":"like"}'}


def test_an_erasure_whose_answer_was_lost_is_done() -> None:
    gone = refused(404, code="unknown_user")
    script = Script(httpx.ReadTimeout("late"), gone)
    script.client().erase("ana")
    assert [request.method for request in script.asked] == ["DELETE", "DELETE"]
    with pytest.raises(ServiceError) as raised:
        Script(gone).client().erase("ana")
    assert raised.value.code == "unknown_user"
    with pytest.raises(ServiceError):
        Script(httpx.ReadTimeout("late"), gone).client().export("ana")


def test_two_events_have_two_keys() -> None:
    script = Script(httpx.Response(200, json={}))
    with script.client() as client:
        client.feedback("ana", "s1", "play")
        client.feedback("ana", "s1", "play")
    assert len({r.headers["Idempotency-Key"] for r in script.asked}) == 2


@pytest.mark.parametrize(
    ("answer", "asked", "code", "status"),
    [
        (refused(403, code="forbidden"), 1, "forbidden", 403),
        (refused(500, code="internal"), 1, "internal", 500),
        (refused(503, "31"), 1, "overloaded", 503),
        (refused(503, "0"), 4, "overloaded", 503),
        (httpx.ReadTimeout("late"), 4, "unreachable", 0),
        (httpx.Response(502, text="<html>"), 1, "http_error", 502),
    ],
)
def test_what_is_raised(
    answer: httpx.Response | Exception, asked: int, code: str, status: int
) -> None:
    script = Script(answer)
    with pytest.raises(ServiceError) as raised:
        script.client().recommend("ana")
    assert (raised.value.code, raised.value.status) == (code, status)
    assert len(script.asked) == asked
    if code == "overloaded":
        assert (raised.value.detail, raised.value.request_id) == ("too much", "r1")


def test_parameters(tmp_path: Path) -> None:
    script = Script(httpx.Response(200, json={"items": [], "next_cursor": None}))
    client = Client(
        "http://x", "secret", transport=httpx.MockTransport(script), sleep=script.waited.append
    )
    client.recommend("a b", n=5, mood=None, explain=False, exclude=["s1", "s2"])
    client.song("a/b c|d")
    first, second = script.asked
    assert first.method == "GET"
    assert str(first.url) == "http://x/recommend?user=a+b&n=5&explain=false&exclude=s1&exclude=s2"
    assert first.headers["Authorization"] == "Bearer secret"
    assert str(second.url) == "http://x/songs/a%2Fb%20c%7Cd"
    (tmp_path / "b.jpg").write_bytes(b"two")
    client.recommend("ana", [b"one", tmp_path / "b.jpg"], consent=True)
    sent = script.asked[-1]
    assert (sent.method, str(sent.url)) == ("POST", "http://x/recommend?user=ana&consent=true")
    assert sent.content.count(b'name="selfie"') == 2
    assert b"one" in sent.content
    assert b"two" in sent.content


def test_pages_follow_each_other() -> None:
    pages = [
        httpx.Response(200, json={"items": [{"id": "a"}, {"id": "b"}], "next_cursor": "2"}),
        httpx.Response(200, json={"items": [{"id": "c"}], "next_cursor": None}),
    ]
    script = Script(*pages)
    assert [song["id"] for song in script.client().songs(q="x")] == ["a", "b", "c"]
    assert [str(r.url.query, "ascii") for r in script.asked] == ["q=x", "q=x&cursor=2"]
