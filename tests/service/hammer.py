"""A process of its own that takes from a rate limit as often as it may."""

from __future__ import annotations

import asyncio
import sys
from datetime import UTC, datetime

from api.errors import RateLimitedError
from api.limits import RateLimiter
from data.db.repositories import BucketRule
from data.db.session import Database

#: A moment at which no bucket fills.
STILL = datetime(2030, 1, 1, tzinfo=UTC)


#: Enough to see the bucket empty often, in real time.
REFUSALS = 20


async def asked(limiter: RateLimiter, key: str, refusals: int) -> int:
    """Ask without pause; count what passes before so many are refused."""
    passed = 0
    while refusals:
        try:
            allowance = await limiter.admit(key)
        except RateLimitedError:
            refusals -= 1
            await asyncio.sleep(0.001)
        else:
            assert allowance is not None, "let in uncounted"
            passed += 1
    await limiter.close()
    return passed


async def both(database: Database, rule: BucketRule) -> tuple[int, int]:
    """Count requests that pass while time stands still, and in real time."""
    still = RateLimiter(database, rule, clock=lambda: 1.0, now=lambda: STILL)
    real = RateLimiter(database, rule)
    return await asked(still, "still", 1), await asked(real, "real", REFUSALS)


def main(url: str, rate: str, burst: str) -> None:
    """Write both counts."""
    database = Database(url)
    rule = BucketRule(float(rate), float(burst))
    sys.stdout.write("{} {}\n".format(*asyncio.run(both(database, rule))))
    database.dispose()


if __name__ == "__main__":
    main(*sys.argv[1:])
