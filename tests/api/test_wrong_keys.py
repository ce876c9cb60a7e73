"""Who guesses keys has to wait; who has a key that is in force does not."""

from __future__ import annotations

from dataclasses import dataclass

import pytest
from starlette.requests import Request
from starlette.testclient import TestClient
from uvicorn.middleware.proxy_headers import ProxyHeadersMiddleware

from api import metrics, wrong_keys
from api.errors import RateLimitedError
from api.wrong_keys import WrongKeys, address_of
from data.db.session import Database
from tests.api.conftest import Start
from tests.api.test_keys import ASK, counted
from tests.api.test_security import RECOMMEND, bearer, make_key

HERE, THERE = "203.0.113.7", "203.0.113.8"
WRONG = bearer("att_guessed")


@dataclass
class Clock:
    seconds: float = 0.0

    def __call__(self) -> float:
        return self.seconds


def passes(guesses: WrongKeys, address: str = HERE) -> bool:
    """Send one more wrong key, if the address may."""
    try:
        guesses.check(address)
    except RateLimitedError:
        return False
    guesses.count(address)
    return True


def test_so_many_at_once_and_then_so_many_a_minute() -> None:
    clock = Clock()
    guesses = WrongKeys(20.0, clock=clock)
    assert [passes(guesses) for _ in range(22)] == [True] * 20 + [False] * 2
    assert passes(guesses, THERE)
    clock.seconds = 60.0
    assert [passes(guesses) for _ in range(22)] == [True] * 20 + [False] * 2


@pytest.mark.parametrize("per_minute", [0.5, 1.0, 7.0, 20.0])
def test_the_wait_that_is_told_is_true(per_minute: float) -> None:
    clock = Clock()
    guesses = WrongKeys(per_minute, clock=clock)
    while passes(guesses):
        pass
    for _ in range(3):
        with pytest.raises(RateLimitedError) as refused:
            guesses.check(HERE)
        clock.seconds += refused.value.retry_after_s - 1
        assert not passes(guesses)
        clock.seconds += 1
        assert passes(guesses)


def test_guesses_side_by_side_are_paid_for_afterwards() -> None:
    """They were let in before any of them turned out to be wrong."""
    clock = Clock()
    guesses = WrongKeys(10.0, clock=clock)
    for _ in range(40):
        guesses.count(HERE)
    clock.seconds = 3 * 60.0
    assert not passes(guesses)
    clock.seconds += 6.0
    assert passes(guesses)


def test_workers_share_the_limit() -> None:
    workers = [WrongKeys(20.0, workers=4, clock=Clock()) for _ in range(4)]
    assert sum(passes(guesses) for guesses in workers for _ in range(30)) == 20


def test_no_limit_where_none_is_set() -> None:
    guesses = WrongKeys(0.0)
    assert all(passes(guesses) for _ in range(1000))


def test_what_is_forgiven_is_forgotten() -> None:
    clock = Clock()
    guesses = WrongKeys(60.0, clock=clock)
    guesses.count(HERE)
    clock.seconds = 1.0
    guesses.count(THERE)
    assert HERE not in repr(vars(guesses))
    assert THERE in repr(vars(guesses))


def test_memory_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(wrong_keys, "_MOST", 2)
    guesses = WrongKeys(1.0, clock=Clock())
    for address in (HERE, THERE, HERE, "203.0.113.9"):
        guesses.count(address)
    assert not passes(guesses, HERE)
    assert passes(guesses, THERE)  # quiet for longest


@pytest.mark.parametrize(
    ("client", "address"),
    [
        (("203.0.113.7", 5), "203.0.113.7"),
        (("::ffff:203.0.113.7", 5), "203.0.113.7"),
        (("2001:db8:1:2:3:4:5:6", 5), "2001:db8:1:2::/64"),
        (("2001:db8:1:2::9", 5), "2001:db8:1:2::/64"),
        (("unknown", 0), "unknown"),
        (None, ""),
    ],
)
def test_what_counts_as_one_address(client: tuple[str, int] | None, address: str) -> None:
    assert address_of(Request({"type": "http", "client": client, "headers": []})) == address


def test_guessing_ends_without_a_look_into_the_database(start: Start, database: Database) -> None:
    client = start(wrong_keys_per_minute=3)
    key, new = (bearer(make_key(database, RECOMMEND)) for _ in range(2))
    assert client.get(ASK, headers=key).status_code == 200
    before = metrics.RATE_LIMITED._value.get()
    with counted() as asked:
        told = [client.get(ASK, headers=WRONG).status_code for _ in range(5)]
        refused = client.get(ASK, headers=WRONG)
        assert len(asked) == 3
    assert told == [401] * 3 + [429] * 2
    assert refused.json()["code"] == "rate_limited"
    assert "address" in refused.json()["detail"]
    assert 1 <= int(refused.headers["Retry-After"]) <= 20
    assert metrics.RATE_LIMITED._value.get() == before + 3
    # A right guess would have to wait like a wrong one; a key that was in force does not.
    assert client.get(ASK, headers=new).status_code == 429
    assert client.get(ASK, headers=key).status_code == 200
    assert client.get(ASK).status_code == 200


def test_right_keys_are_not_counted(start: Start, database: Database) -> None:
    client = start(wrong_keys_per_minute=2)
    keys = [bearer(make_key(database, RECOMMEND)) for _ in range(5)]
    assert [client.get(ASK, headers=key).status_code for key in keys] == [200] * 5


def test_guesses_at_the_token_of_metrics_count_too(start: Start) -> None:
    client = start(wrong_keys_per_minute=2, metrics_token="0123456789abcdef")
    guessed = bearer("0123456789abcdeg")
    assert [client.get("/metrics", headers=guessed).status_code for _ in range(3)] == [
        401,
        401,
        429,
    ]
    assert client.get("/metrics", headers=bearer("0123456789abcdef")).status_code == 200


def test_behind_a_proxy_each_client_counts_for_itself(start: Start) -> None:
    """As uvicorn reads ``X-Forwarded-For`` of proxies that it trusts, and of no others."""
    app = start(wrong_keys_per_minute=1).app

    def told(proxy: str, client: str) -> int:
        around = ProxyHeadersMiddleware(app, "127.0.0.1")  # type: ignore[arg-type]
        asking = TestClient(around, client=(proxy, 1))  # type: ignore[arg-type]
        return asking.get(ASK, headers={**WRONG, "X-Forwarded-For": client}).status_code

    assert [told("127.0.0.1", HERE), told("127.0.0.1", THERE)] == [401, 401]
    assert told("127.0.0.1", HERE) == 429
    assert [told("192.0.2.1", "198.51.100.1"), told("192.0.2.1", "198.51.100.2")] == [401, 429]
