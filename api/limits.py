"""Rate limits per API key that hold over all worker processes, by the database alone.

Each key has a token bucket in the table ``rate_buckets``. A process takes tokens out of it in
blocks (a *lease*), writes that down before it uses one, and loses what it has not used within
:data:`LEASE_S`. So the sum over all processes never exceeds what the bucket gave, a process that is
killed takes at most one lease along, and a busy key costs a few writes a second, not one a request.
In any window of ``w`` seconds at most ``burst + rate * (w + LEASE_S)`` requests of a key pass.

Where the database does not answer within a lease's time, requests pass uncounted: the limiter must
not be what fails them. ``attune_rate_limit_unchecked_total`` counts these.
"""

from __future__ import annotations

import asyncio
import math
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime

from starlette.concurrency import run_in_threadpool

from api import metrics
from api.errors import RateLimitedError
from data.db.repositories import BucketRule, Drawn, RateBucketRepository
from data.db.session import Database
from data.errors import StorageError
from data.settings import Settings

#: Tokens that were taken are good for so long, seconds.
LEASE_S = 1.0
#: A lease is at most this share of the bucket, so that several processes find some.
_SHARE = 1 / 8
#: Shortest pause before an empty bucket is asked again, seconds: a flood costs no more than this.
_LOOK_AGAIN_S = 0.05
#: How long requests wait for the database before they pass uncounted, seconds.
_PATIENCE_S = 2.0
#: How long the database is then left alone, seconds.
_LEFT_ALONE_S = 2.0
#: The bucket of all callers without a key, who exist on loopback only.
ANONYMOUS = "anonymous"


@dataclass(frozen=True, slots=True)
class Allowance:
    """What a caller has left, for the headers ``RateLimit`` and ``RateLimit-Policy``.

    Attributes:
        remaining: requests that this process knows of, at least 0.
        reset_s: seconds until the bucket is full.
    """

    remaining: int
    reset_s: int

    def headers(self, rule: BucketRule) -> dict[str, str]:
        """Return them as draft-ietf-httpapi-ratelimit-headers-10 writes them.

        The policy is the bucket: what it holds, and the seconds in which it fills.
        """
        full_s = math.ceil(rule.burst / rule.rate)
        return {
            "RateLimit-Policy": f'"key";q={math.floor(rule.burst)};w={full_s}',
            "RateLimit": f'"key";r={self.remaining};t={self.reset_s}',
        }


@dataclass(slots=True)
class _Lease:
    """The tokens this process holds of one bucket.

    Attributes:
        size: tokens there were in it.
        tokens: not used yet.
        ends_at: when they are lost, monotonic seconds.
        left: tokens in the bucket when the lease was taken.
        empty_until: when an empty bucket has a token again, monotonic seconds.
        look_at: when it is looked at again, monotonic seconds.
        refill: the look into the database that is under way; true once it succeeded.
    """

    size: int = 0
    tokens: int = 0
    ends_at: float = 0.0
    left: float = 0.0
    empty_until: float = 0.0
    look_at: float = 0.0
    refill: asyncio.Task[bool] | None = None

    def use(self, now: float) -> bool:
        """Use a token, if there is one that is still good."""
        if self.tokens < 1 or now >= self.ends_at:
            return False
        self.tokens -= 1
        return True

    def wanted(self, now: float, most: int) -> int:
        """Return how many to ask for: twice as many if these were gone before their time.

        So a process that is asked now and then takes no tokens that others could use.
        """
        used = self.size - self.tokens
        return max(1, min(most, 2 * used if now < self.ends_at else used))


class RateLimiter:
    """Lets requests pass as long as their bucket has tokens.

    Belongs to one event loop. Leases are kept per key that is known, so their number is bounded by
    that of the keys.

    Args:
        rule: of every bucket; None for no limit.
        clock: monotonic seconds; for tests.
        now: the time of buckets, UTC; for tests.
    """

    def __init__(
        self,
        database: Database,
        rule: BucketRule | None,
        clock: Callable[[], float] = time.monotonic,
        now: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        self._database = database
        self.rule = rule
        self._clock, self._now = clock, now
        self._leases: dict[str, _Lease] = {}
        self._down_until = 0.0

    async def admit(self, key: str) -> Allowance | None:
        """Use one token of a key's bucket; None where nothing is counted.

        Raises:
            RateLimitedError: if the bucket is empty, with the seconds until it is not.
        """
        rule = self.rule
        if rule is None:
            return None
        lease = self._leases.setdefault(key, _Lease())
        while not lease.use(self._clock()):
            if self._clock() < lease.look_at:
                raise _refusal(lease.empty_until - self._clock())
            if not await self._refilled(key, rule, lease):
                metrics.RATE_UNCHECKED.inc()
                return None
        remaining = lease.tokens + math.floor(lease.left)
        return Allowance(remaining, math.ceil((rule.burst - remaining) / rule.rate))

    async def close(self) -> None:
        """Wait for the looks into the database that are under way."""
        await asyncio.gather(*(one.refill for one in self._leases.values() if one.refill))

    async def _refilled(self, key: str, rule: BucketRule, lease: _Lease) -> bool:
        """Wait for the next lease, one look for all that wait; False if none can be had."""
        if self._clock() < self._down_until:
            return False
        if lease.refill is None:
            lease.refill = asyncio.ensure_future(self._refill(key, rule, lease))
        try:
            return await asyncio.wait_for(asyncio.shield(lease.refill), _PATIENCE_S)
        except TimeoutError:
            self._down_until = self._clock() + _LEFT_ALONE_S
            return False

    async def _refill(self, key: str, rule: BucketRule, lease: _Lease) -> bool:
        # A lease runs from before it is taken: its tokens are never older than they look.
        began = self._clock()
        asked = lease.wanted(began, _largest(rule))
        lease.size = lease.tokens = 0
        try:
            drawn = await run_in_threadpool(self._take, key, asked, rule)
        except StorageError:
            self._down_until = self._clock() + _LEFT_ALONE_S
            return False
        finally:
            lease.refill = None
        lease.size = lease.tokens = drawn.tokens
        lease.ends_at, lease.left = began + LEASE_S, drawn.left
        if drawn.tokens and self._clock() >= lease.ends_at:
            # So slow a database would give tokens for ever that nobody can use any more.
            self._down_until = self._clock() + _LEFT_ALONE_S
            return False
        if not drawn.tokens:
            pause = (1 - drawn.left) / rule.rate
            lease.empty_until = began + pause
            lease.look_at = began + max(pause, _LOOK_AGAIN_S)
        return True

    def _take(self, key: str, asked: int, rule: BucketRule) -> Drawn:
        with self._database.session() as session:
            return RateBucketRepository(session).take(key, asked, rule, self._now())


def rule_of(settings: Settings) -> BucketRule | None:
    """Return the rule that the settings ask for; None for no limit."""
    rate = settings.rate_limit_per_minute / 60
    if not rate:
        return None
    return BucketRule(rate, float(settings.rate_burst or max(1, round(rate * 10))))


def _largest(rule: BucketRule) -> int:
    return max(1, math.floor(min(rule.burst * _SHARE, rule.rate * LEASE_S)))


def _refusal(wait_s: float) -> RateLimitedError:
    seconds = max(1, math.ceil(wait_s))
    return RateLimitedError(
        f"this API key has used up its requests; send the next one in {seconds} s", seconds
    )
