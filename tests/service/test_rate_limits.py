"""One rate limit over several processes that know nothing of each other, on both databases."""

from __future__ import annotations

import subprocess
import sys
import time
from datetime import timedelta

from api.limits import LEASE_S
from data.db.repositories import BucketRule, RateBucketRepository
from data.db.session import Database
from tests.service.hammer import STILL

PROCESSES = 3


def test_the_sum_over_processes_stays_within_the_limit(database: Database) -> None:
    """While time stands still they get just what a bucket held; in real time the bound holds."""
    rule = BucketRule(rate=60.0, burst=333.0)
    url = database.url.render_as_string(hide_password=False)
    command = [sys.executable, "-m", "tests.service.hammer", url, str(rule.rate), str(rule.burst)]
    began = time.monotonic()
    running = [
        subprocess.Popen(command, stdout=subprocess.PIPE, text=True) for _ in range(PROCESSES)
    ]
    told = [process.communicate(timeout=180)[0] for process in running]
    elapsed = time.monotonic() - began
    assert [process.returncode for process in running] == [0] * PROCESSES
    still, real = zip(*([int(count) for count in line.split()] for line in told), strict=True)
    assert sum(still) == rule.burst
    assert 0 < sum(real) <= rule.burst + rule.rate * (elapsed + LEASE_S)


def test_what_a_killed_process_held_is_lost_to_nobody_for_long(database: Database) -> None:
    """Its lease was taken off the bucket, and fills up again like everything else."""
    rule = BucketRule(rate=10.0, burst=20.0)
    with database.session() as session:
        assert RateBucketRepository(session).take("key", 20, rule, STILL).tokens == 20
    with database.session() as session:
        buckets = RateBucketRepository(session)
        assert buckets.take("key", 1, rule, STILL).tokens == 0
        assert buckets.take("key", 20, rule, STILL + timedelta(seconds=2)).tokens == 20


def test_a_bucket_never_holds_more_than_its_burst(database: Database) -> None:
    rule = BucketRule(rate=10.0, burst=5.0)
    with database.session() as session:
        buckets = RateBucketRepository(session)
        assert buckets.take("key", 2, rule, STILL).left == 3
        drawn = buckets.take("key", 100, rule, STILL + timedelta(days=1))
        assert (drawn.tokens, drawn.left) == (5, 0)


def test_a_clock_that_is_behind_gives_nothing(database: Database) -> None:
    rule = BucketRule(rate=10.0, burst=5.0)
    with database.session() as session:
        buckets = RateBucketRepository(session)
        assert buckets.take("key", 5, rule, STILL).tokens == 5
        assert buckets.take("key", 5, rule, STILL - timedelta(hours=1)).tokens == 0
        assert buckets.take("key", 5, rule, STILL).tokens == 0
        half = buckets.take("key", 5, rule, STILL + timedelta(seconds=0.25))
        assert (half.tokens, half.left) == (2, 0.5)
