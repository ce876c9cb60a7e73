"""Wrong API keys: an address that keeps sending them has to wait, so that guessing costs.

They are counted in memory, and each worker lets a share of them pass: over the workers of a service
the limit holds, nobody without a key causes a write, and no address is stored.

A key counts once it has turned out to be wrong, so callers whose keys are right never wait for each
other. Many guesses at a time may all be looked up; the wait after them is longer by as many.
"""

from __future__ import annotations

import math
import time
from collections import OrderedDict
from collections.abc import Callable
from ipaddress import IPv6Address, IPv6Network, ip_address

from starlette.requests import Request

from api.errors import RateLimitedError

#: Addresses remembered at most; the one that was quiet for longest is forgotten first.
_MOST = 10_000
#: What sums of floats may be off by.
_ROUNDING = 1e-9


class WrongKeys:
    """How many wrong keys each address has sent, less those that time has forgiven.

    Args:
        per_minute: forgiven a minute, and as many at once; 0 counts nothing.
        workers: processes that share the limit; each lets at least one pass.
        clock: monotonic seconds; for tests.
    """

    def __init__(
        self, per_minute: float, workers: int = 1, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._at_once = max(1.0, per_minute / workers)
        self._rate = per_minute / workers / 60
        self._clock = clock
        #: Address -> (wrong keys, when that was, monotonic seconds); the newest last.
        self._counts: OrderedDict[str, tuple[float, float]] = OrderedDict()

    def check(self, address: str) -> None:
        """Refuse an address that sent too many.

        Raises:
            RateLimitedError: with the seconds until one more may be sent.
        """
        if not self._counts:
            return
        over = self._count(address) + 1 - self._at_once
        if over <= _ROUNDING:
            return
        seconds = max(1, math.ceil(over / self._rate - _ROUNDING))
        raise RateLimitedError(
            f"too many unknown API keys came from this address: check the key, and send it again "
            f"in {seconds} s",
            seconds,
        )

    def count(self, address: str) -> None:
        """Count one wrong key."""
        if self._rate:
            self._counts[address] = (self._count(address) + 1, self._clock())
            self._counts.move_to_end(address)
            self._forget()

    def _count(self, address: str) -> float:
        count, at = self._counts.get(address, (0.0, 0.0))
        return max(0.0, count - (self._clock() - at) * self._rate)

    def _forget(self) -> None:
        """Drop addresses whose keys are forgiven, as far as they come first."""
        while len(self._counts) > _MOST or self._count(next(iter(self._counts))) == 0:
            self._counts.popitem(last=False)


def address_of(request: Request) -> str:
    """Return what stands for a request's sender: an IPv4 address, or an IPv6 network of 64 bits.

    A subscriber has such a network as a whole. Behind a proxy that the server trusts (uvicorn's
    ``FORWARDED_ALLOW_IPS``, by default 127.0.0.1) it is the client that the proxy names.
    """
    host = "" if request.client is None else request.client.host
    try:
        found = ip_address(host)
    except ValueError:
        return host
    if isinstance(found, IPv6Address):
        return str(found.ipv4_mapped or IPv6Network((found.packed, 64), strict=False))
    return host
