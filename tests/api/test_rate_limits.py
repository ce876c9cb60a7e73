"""How requests of a key are counted, refused, and told about."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from sqlalchemy import select
from starlette.testclient import TestClient

from api import metrics
from api.errors import RateLimitedError
from api.limits import LEASE_S, RateLimiter, rule_of
from data.db.models import RateBucket
from data.db.repositories import BucketRule, RateBucketRepository
from data.db.session import Database
from data.settings import Settings
from tests.api.conftest import Start
from tests.api.test_security import bearer, make_key

START = datetime(2030, 1, 1, tzinfo=UTC)
ASK = "/recommend?user=ana"


class Time:
    """A clock that is set by hand."""

    def __init__(self) -> None:
        self.seconds = 0.0

    def limiter(self, database: Database, rate: float, burst: float) -> RateLimiter:
        now = lambda: START + timedelta(seconds=self.seconds)  # noqa: E731
        return RateLimiter(database, BucketRule(rate, burst), lambda: self.seconds, now)


def settings(tmp_path: Path, **given: float) -> Settings:
    return Settings(home=tmp_path, _env_file=None, **given)  # type: ignore[call-arg, arg-type]


def test_there_is_no_limit_unless_one_is_set(tmp_path: Path, client: TestClient) -> None:
    assert rule_of(settings(tmp_path)) is None
    response = client.get(ASK)
    assert response.status_code == 200
    assert "RateLimit" not in response.headers


def test_the_settings_make_the_rule(tmp_path: Path) -> None:
    assert rule_of(settings(tmp_path, rate_limit_per_minute=120)) == BucketRule(2.0, 20.0)
    assert rule_of(settings(tmp_path, rate_limit_per_minute=1)) == BucketRule(1 / 60, 1.0)
    chosen = settings(tmp_path, rate_limit_per_minute=60, rate_burst=7)
    assert rule_of(chosen) == BucketRule(1.0, 7.0)


def test_a_burst_passes_and_the_next_is_told_when_to_come(start: Start, database: Database) -> None:
    client = start(rate_limit_per_minute=0.5, rate_burst=3)
    key, other = (bearer(make_key(database, ("recommend",))) for _ in range(2))
    remaining = []
    for _ in range(3):
        response = client.get(ASK, headers=key)
        assert response.status_code == 200
        assert response.headers["RateLimit-Policy"] == '"key";q=3;w=360'
        remaining.append(response.headers["RateLimit"].split(";")[1])
    assert remaining == ["r=2", "r=1", "r=0"]
    before = metrics.RATE_LIMITED._value.get()
    refused = client.get(ASK, headers=key)
    assert (refused.status_code, refused.json()["code"]) == (429, "rate_limited")
    assert 60 < int(refused.headers["Retry-After"]) <= 120
    assert refused.headers["RateLimit"] == f'"key";r=0;t={refused.headers["Retry-After"]}'
    assert metrics.RATE_LIMITED._value.get() == before + 1
    assert client.get(ASK, headers=other).status_code == 200
    assert client.get("/health/live").status_code == 200


def test_callers_without_a_key_share_one_bucket(start: Start) -> None:
    client = start(rate_limit_per_minute=0.5, rate_burst=2)
    paths = [ASK, "/songs", "/songs/s1", "/recommend?user=bob"]
    assert [client.get(path).status_code for path in paths] == [200, 200, 429, 429]
    assert client.get("/").status_code == 200


def test_a_refused_request_is_counted_too(start: Start, database: Database) -> None:
    """Who tries what a key may not do does not try for ever."""
    client = start(rate_limit_per_minute=0.5, rate_burst=2)
    key = bearer(make_key(database, ("feedback",)))
    assert [client.get(ASK, headers=key).status_code for _ in range(3)] == [403, 403, 429]


def test_two_services_on_one_database_share_the_limit(start: Start) -> None:
    one = start(rate_limit_per_minute=0.5, rate_burst=6)
    two = start(rate_limit_per_minute=0.5, rate_burst=6)
    answers = [client.get(ASK).status_code for _ in range(5) for client in (one, two)]
    assert answers == [200] * 6 + [429] * 4


@pytest.mark.parametrize(("rate", "burst"), [(0.1, 1.0), (0.7, 3.0), (5.0, 10.0), (300.0, 50.0)])
def test_retry_after_is_true(database: Database, rate: float, burst: float) -> None:
    """Whoever waits as told is let in; whoever comes a second before that is not."""
    time = Time()
    limiter = time.limiter(database, rate, burst)

    async def used_up() -> RateLimitedError:
        for _ in range(1000):
            try:
                await limiter.admit("key")
            except RateLimitedError as exc:
                return exc
        raise AssertionError("never refused")

    async def scenario() -> None:
        for _ in range(3):
            wait = (await used_up()).retry_after_s
            assert wait >= 1
            time.seconds += wait - 1
            with pytest.raises(RateLimitedError):
                await limiter.admit("key")
            time.seconds += 1
            await limiter.admit("key")

    asyncio.run(scenario())


def test_a_steady_caller_below_the_limit_is_never_refused(database: Database) -> None:
    """Leases that lapse must not eat what others could use: two processes, 8 of 10 a second."""
    time = Time()
    one, two = (time.limiter(database, 10.0, 10.0) for _ in range(2))

    async def scenario() -> None:
        for tick in range(400):
            time.seconds = tick / 8
            await (one if tick % 2 else two).admit("key")

    asyncio.run(scenario())


def test_the_limit_holds_over_time(database: Database) -> None:
    """Two processes ask without pause for a minute: the bound of the module, and most of it."""
    time = Time()
    limiters = [time.limiter(database, 5.0, 10.0) for _ in range(2)]

    async def scenario() -> int:
        passed = 0
        for tick in range(60 * 25):
            time.seconds = tick / 25
            for limiter in limiters:
                try:
                    await limiter.admit("key")
                    passed += 1
                except RateLimitedError:
                    pass
        return passed

    assert 0.9 * (10 + 5 * 60) <= asyncio.run(scenario()) <= 10 + 5 * (60 + LEASE_S)


def test_a_busy_key_costs_few_writes(database: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    taken = []
    real = RateBucketRepository.take

    def counted(self: RateBucketRepository, *args: object) -> object:
        taken.append(args)
        return real(self, *args)  # type: ignore[arg-type]

    monkeypatch.setattr(RateBucketRepository, "take", counted)
    time = Time()
    limiter = time.limiter(database, 500.0, 1000.0)

    async def scenario() -> None:
        for tick in range(900):
            time.seconds = tick / 300
            await limiter.admit("key")

    asyncio.run(scenario())
    assert len(taken) < 30


def test_a_flood_at_an_empty_bucket_does_not_reach_the_database(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    time = Time()
    limiter = time.limiter(database, 0.1, 1.0)

    async def scenario() -> None:
        await limiter.admit("key")
        with pytest.raises(RateLimitedError):
            await limiter.admit("key")
        monkeypatch.setattr(RateBucketRepository, "take", None)
        for _ in range(100):
            with pytest.raises(RateLimitedError):
                await limiter.admit("key")

    asyncio.run(scenario())


def test_requests_at_the_same_time_are_counted_one_by_one(database: Database) -> None:
    limiter = Time().limiter(database, 1.0, 40.0)

    async def scenario() -> int:
        asked = (limiter.admit("key") for _ in range(100))
        answers = await asyncio.gather(*asked, return_exceptions=True)
        return sum(not isinstance(answer, RateLimitedError) for answer in answers)

    assert asyncio.run(scenario()) == 40


def test_without_a_database_requests_pass_uncounted(tmp_path: Path) -> None:
    """The limiter is not what fails them; afterwards they are counted again."""
    time = Time()
    path = tmp_path / "late.db"
    path.mkdir()
    database = Database(f"sqlite:///{path}", busy_timeout_s=0.05)
    limiter = time.limiter(database, 1.0, 1.0)
    before = metrics.RATE_UNCHECKED._value.get()

    async def scenario() -> None:
        for _ in range(5):
            assert await limiter.admit("key") is None
        assert metrics.RATE_UNCHECKED._value.get() == before + 5
        path.rmdir()
        database.upgrade()
        assert await limiter.admit("key") is None  # left alone for a while
        time.seconds += 5
        assert await limiter.admit("key") is not None
        with pytest.raises(RateLimitedError):
            await limiter.admit("key")

    asyncio.run(scenario())
    database.dispose()


def test_a_database_too_slow_to_count_by_keeps_nobody_waiting(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Tokens that come when their second is over help nobody, however many are taken."""
    time = Time()
    limiter = time.limiter(database, 10.0, 100.0)
    real = RateBucketRepository.take

    def late(self: RateBucketRepository, *args: object) -> object:
        time.seconds += LEASE_S
        assert time.seconds < 10, "it asks again and again"
        return real(self, *args)  # type: ignore[arg-type]

    monkeypatch.setattr(RateBucketRepository, "take", late)
    before = metrics.RATE_UNCHECKED._value.get()
    assert asyncio.run(limiter.admit("key")) is None
    assert metrics.RATE_UNCHECKED._value.get() == before + 1


def test_the_buckets_of_an_erased_user_are_gone(start: Start, database: Database) -> None:
    client = start(rate_limit_per_minute=60)
    kept = bearer(make_key(database, ("recommend",)))
    key = bearer(make_key(database, ("recommend", "feedback"), user="ana"))
    assert [client.get(ASK, headers=one).status_code for one in (kept, key)] == [200, 200]
    assert client.delete("/users/ana", headers=key).status_code == 204
    with database.session() as session:
        assert len(session.scalars(select(RateBucket)).all()) == 1
