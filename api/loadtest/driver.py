"""``python -m api.loadtest.driver``: a process of its own; a plan in, figures out."""

from __future__ import annotations

import asyncio
import itertools
import sys
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

from api.loadtest.plan import Latency, Measured, Plan
from api.loadtest.wire import Connection, Outcome, request_bytes

#: Boundary of the form that a picture is sent in; occurs in no JPEG.
_BOUNDARY = "attune-bench-7d1f0c"
_TICK_S = 0.001
#: Pause before a client tries again where nobody listens.
_AGAIN_S = 0.05


def make_requests(plan: Plan) -> list[bytes]:
    """Return every request that is sent, ready: pictures and paths take turns."""
    if not plan.photos:
        return [request_bytes(path, plan.port) for path in plan.paths]
    forms = [_form(Path(photo).read_bytes()) for photo in plan.photos]
    kind = f"multipart/form-data; boundary={_BOUNDARY}"
    return [
        request_bytes(path, plan.port, form, kind)
        for path, form in zip(plan.paths, itertools.cycle(forms), strict=False)
    ]


def _form(photo: bytes) -> bytes:
    head = (
        f'--{_BOUNDARY}\r\nContent-Disposition: form-data; name="selfie"; filename="selfie.jpg"\r\n'
        "Content-Type: image/jpeg\r\n\r\n"
    )
    return head.encode() + photo + f"\r\n--{_BOUNDARY}--\r\n".encode()


class Load:
    """One level of load; :meth:`run` carries it out."""

    def __init__(self, plan: Plan) -> None:
        self.plan = plan
        self.outcomes: list[Outcome] = []
        self.not_sent = 0
        self._requests: Iterator[bytes] = itertools.cycle(make_requests(plan))
        self._open: list[Connection] = []
        self._idle: list[Connection] = []
        self._reconnecting: set[asyncio.Task[None]] = set()
        self._until = self._from = 0.0

    async def run(self) -> Measured:
        """Load the service for ``warm_s + seconds``."""
        plan = self.plan
        for _ in range(plan.clients if plan.mode == "closed" else min(plan.clients, 64)):
            await self._connect()
        started, cpu = time.perf_counter(), time.process_time()
        self._from = started + plan.warm_s
        self._until = self._from + plan.seconds
        if plan.mode == "closed":
            for connection in self._open:
                connection.send(next(self._requests))
            await asyncio.sleep(plan.warm_s + plan.seconds)
        else:
            await self._send_at_rate(started)
        used = (time.process_time() - cpu) / (time.perf_counter() - started)
        await self._drain()
        for task in self._reconnecting:
            task.cancel()  # else one comes when nobody is there any more to close it
        await asyncio.gather(*self._reconnecting, return_exceptions=True)
        for connection in self._open:
            connection.close()
        return self._measured(used)

    async def _connect(self) -> Connection:
        _, connection = await asyncio.get_running_loop().create_connection(
            lambda: Connection(self._answered), "127.0.0.1", self.plan.port
        )
        self._open.append(connection)
        self._idle.append(connection)
        return connection

    def _answered(self, connection: Connection, outcome: Outcome) -> None:
        self.outcomes.append(outcome)
        if self.plan.mode == "open":
            if connection.is_open:
                self._idle.append(connection)
            else:
                self._open.remove(connection)
        elif outcome.ended < self._until:
            if connection.is_open:
                connection.send(next(self._requests))
            else:
                self._again(connection)

    def _again(self, connection: Connection) -> None:
        """Replace a connection that broke, as a browser would."""
        self._open.remove(connection)
        task = asyncio.get_running_loop().create_task(self._reconnect())
        self._reconnecting.add(task)  # the loop itself holds no task
        task.add_done_callback(self._reconnecting.discard)

    async def _reconnect(self) -> None:
        """Try until somebody listens again: a client that is lost would be load that is lost."""
        while (began := time.perf_counter()) < self._until:
            try:
                fresh = await self._connect()
            except OSError:
                self.outcomes.append(Outcome(0, began, time.perf_counter(), fit=False))
                await asyncio.sleep(_AGAIN_S)
            else:
                fresh.send(next(self._requests))
                return

    async def _send_at_rate(self, started: float) -> None:
        """Send what is due at every tick; a late tick, the last too, sends what it missed."""
        rate, sent = self.plan.rate, 0
        while True:
            now = min(time.perf_counter(), self._until)
            due = int((now - started) * rate)
            for number in range(sent, due):
                await self._send_one(started + number / rate)
            sent = due
            if now >= self._until:
                return
            await asyncio.sleep(_TICK_S)

    async def _send_one(self, due: float) -> None:
        while self._idle and not self._idle[-1].is_open:
            # A server hangs up on who was silent for some seconds; another may take the place.
            self._open.remove(self._idle.pop())
        if not self._idle and len(self._open) < self.plan.clients:
            try:
                await self._connect()
            except OSError:
                self.outcomes.append(Outcome(0, due, time.perf_counter(), fit=False))
                return
        if self._idle:
            self._idle.pop().send(next(self._requests), due)
        elif due >= self._from:
            self.not_sent += 1

    async def _drain(self) -> None:
        end = time.perf_counter() + self.plan.drain_s
        while any(c.busy for c in self._open) and time.perf_counter() < end:
            await asyncio.sleep(0.02)

    def _measured(self, cpu: float) -> Measured:
        """Count what was due within the time; what was still under way at its end too."""
        counted = [o for o in self.outcomes if self._from <= o.began < self._until]
        statuses = Counter(str(o.status) for o in counted)
        waiting = sum(c.busy for c in self._open)
        if waiting:
            statuses["unanswered"] = waiting
        in_time = [o for o in self.outcomes if self._from <= o.ended <= self._until]
        return Measured(
            requests=len(counted) + waiting,
            seconds=self.plan.seconds,
            statuses=dict(sorted(statuses.items())),
            unfit=sum(not o.fit for o in counted if o.status),
            not_sent=self.not_sent,
            rate=sum(o.status == 200 for o in in_time) / self.plan.seconds,
            latency=_latency([o for o in counted if o.status == 200]),
            refused=_latency([o for o in counted if o.status == 503]),
            driver_cpu=cpu,
        )


def _latency(outcomes: list[Outcome]) -> Latency | None:
    if not outcomes:
        return None
    laps = sorted((o.ended - o.began) * 1000 for o in outcomes)

    def at(share: float) -> float:
        return round(laps[min(len(laps) - 1, int(share * len(laps)))], 3)

    return Latency(p50=at(0.5), p95=at(0.95), p99=at(0.99), max=round(laps[-1], 3))


def main() -> None:
    """Carry out the plan on stdin; one line of JSON on stdout."""
    plan = Plan.model_validate_json(sys.stdin.readline())
    sys.stdout.write(asyncio.run(Load(plan).run()).model_dump_json() + "\n")


if __name__ == "__main__":
    main()
