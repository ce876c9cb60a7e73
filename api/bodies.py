"""Limits on request bodies: how large, how slow, and how much of them memory holds."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass

from starlette.datastructures import Headers
from starlette.requests import Request
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from api.errors import (
    AmbiguousBodyError,
    BodyTooLargeError,
    OverloadedError,
    RequestError,
    RequestTimeoutError,
)
from api.problem import BODY_TOO_LARGE, TOO_LARGE, kind_of, problem, request_id

#: Routes that take pictures; everything else takes small JSON.
PICTURE_PATHS = frozenset({"/recommend", "/emotion"})
SMALL_BODY = 64 * 1024
#: A song with 50,000 characters of lyrics, each written as an escape of up to twelve bytes.
SONG_PATH, SONG_BODY = "/songs", 700_000


@dataclass(frozen=True, slots=True)
class BodyLimits:
    """What bodies may take.

    Attributes:
        upload: bytes of one body with pictures; ``/songs`` takes :data:`SONG_BODY`, all other
            paths :data:`SMALL_BODY`.
        memory: bytes of all bodies that are held at a time.
        timeout_s: for a body to arrive, from the first look at it, seconds.
    """

    upload: int
    memory: int
    timeout_s: float

    def of(self, path: str) -> int:
        """Return the bytes that one body may have."""
        if path in PICTURE_PATHS:
            return self.upload
        return SONG_BODY if path == SONG_PATH else SMALL_BODY


class BodyLimitMiddleware:
    """Refuses bodies while they stream, with or without a ``Content-Length``.

    A body's bytes count as held until its request is answered, since pictures wait in memory for
    their turn. One body alone is always taken.
    """

    def __init__(self, app: ASGIApp, limits: BodyLimits) -> None:
        self._app = app
        self._limits = limits
        self._memory = _Memory(max(limits.memory, limits.upload))

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one ASGI connection."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        guard = _Guard(scope, receive, send, self._limits, self._memory)
        try:
            guard.check_announced()
            if guard.refusal is None:
                await self._app(scope, guard.receive, guard.send)
        except RequestError as exc:
            if exc is not guard.refusal or guard.started:
                raise
        finally:
            guard.release()
        if guard.refusal is not None and not guard.started:
            await guard.answer()


class _Memory:
    """The bytes of bodies that one process holds."""

    def __init__(self, most: int) -> None:
        self._left = most

    def fits(self, size: int) -> bool:
        return size <= self._left

    def take(self, size: int) -> None:
        self._left -= size


class _Guard:
    """Counts and times what is received; after a refusal the application's answer is dropped."""

    def __init__(
        self, scope: Scope, receive: Receive, send: Send, limits: BodyLimits, memory: _Memory
    ) -> None:
        self._scope, self._receive, self._send = scope, receive, send
        self._limits, self._memory = limits, memory
        self._most = limits.of(scope["path"])
        self._held = 0
        self._deadline: float | None = None
        self._whole = False
        self.refusal: RequestError | None = None
        self.started = False

    def check_announced(self) -> None:
        """Refuse what says beforehand that it is too large, or does not say how large it is."""
        headers = Headers(scope=self._scope)
        announced = headers.get("content-length", "0")
        if "transfer-encoding" in headers and "content-length" in headers:
            # RFC 9112, 6.1: an attempt at request smuggling. httptools refuses it, h11 does not.
            self.refusal = AmbiguousBodyError("send Content-Length or Transfer-Encoding, not both")
        elif announced.isdecimal():
            self.refusal = self._unfit(int(announced))

    async def receive(self) -> Message:
        """Pass the next part of the body on.

        Raises:
            RequestError: the refusal.
        """
        if self._whole:
            return await self._receive()  # that the client hung up, whenever it does
        message = await self._next()
        size = len(message.get("body", b""))
        self.refusal = self._unfit(size)
        if self.refusal is not None:
            raise self.refusal
        self._held += size
        self._memory.take(size)
        self._whole = not message.get("more_body", False)
        return message

    async def _next(self) -> Message:
        if self._deadline is None:
            self._deadline = asyncio.get_running_loop().time() + self._limits.timeout_s
        try:
            async with asyncio.timeout_at(self._deadline):
                return await self._receive()
        except TimeoutError:
            self.refusal = RequestTimeoutError(
                f"the request body did not arrive within {self._limits.timeout_s:g} s; send a "
                "smaller picture, or over a faster line"
            )
            raise self.refusal from None

    async def send(self, message: Message) -> None:
        """Pass the answer on, unless the request was refused before it began."""
        if self.refusal is not None and not self.started:
            return
        self.started = True
        await self._send(message)

    def release(self) -> None:
        """Give the memory back."""
        self._memory.take(-self._held)
        self._held = 0

    async def answer(self) -> None:
        """Send the refusal."""
        refusal = self.refusal
        assert refusal is not None
        kind, headers = kind_of(refusal), {}
        if isinstance(refusal, BodyTooLargeError):
            kind = TOO_LARGE if self._scope["path"] in PICTURE_PATHS else BODY_TOO_LARGE
        if isinstance(refusal, RequestTimeoutError | AmbiguousBodyError):
            headers["Connection"] = "close"  # the rest of the body would be taken for a request
        rid = request_id(Request(self._scope))
        await problem(kind, rid, str(refusal), headers)(self._scope, self._receive, self._send)

    def _unfit(self, size: int) -> RequestError | None:
        if self._held + size > self._most:
            return BodyTooLargeError(f"the request body may have at most {self._most} bytes in all")
        if not self._memory.fits(size):
            told = "too much is being sent; try again in a second"
            if self._scope["path"] in PICTURE_PATHS:
                told += ", or state `mood=` instead of sending a picture"
            return OverloadedError(told)
        return None
