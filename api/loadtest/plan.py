"""What the generator is told to do and what it tells back; both are one line of JSON."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from data.config import FrozenConfig


class Plan(FrozenConfig):
    """One level of load on one port of this machine.

    A closed loop sends a client's next request when its last one was answered. An open loop sends
    at ``rate`` whatever comes back, and counts the time from when a request was due.
    """

    port: int = Field(ge=1, le=65535)
    mode: Literal["closed", "open"] = "closed"
    clients: int = Field(1, ge=1, le=4096, description="connections; open: at most so many")
    rate: float = Field(0, ge=0, description="open: requests a second")
    seconds: float = Field(gt=0, le=7200)
    warm_s: float = Field(0.5, ge=0, description="at the start, not counted")
    drain_s: float = Field(15, ge=0, description="at the end, for answers that are under way")
    paths: tuple[str, ...] = Field(min_length=1, description="taken in turn")
    photos: tuple[str, ...] = Field(
        (), description="files of pictures, taken in turn; makes a POST"
    )


class Latency(FrozenConfig):
    """Milliseconds from when a request was due to its last byte."""

    p50: float
    p95: float
    p99: float
    max: float


class Measured(FrozenConfig):
    """What one level measured, from the client's side.

    Attributes:
        requests: answered, or broken, within the time; ``statuses`` says how.
        statuses: status -> count; ``0`` is a broken connection, ``unanswered`` none until the end.
        unfit: 200 without songs, 503 or 429 without ``Retry-After``.
        not_sent: open loop: due, but every connection was taken.
        rate: answers with status 200 a second.
        latency: of answers with status 200.
        refused: latency of those with 503.
        driver_cpu: share of one core that the generator itself used.
    """

    requests: int
    seconds: float
    statuses: dict[str, int]
    unfit: int
    not_sent: int
    rate: float
    latency: Latency | None
    refused: Latency | None
    driver_cpu: float
