"""uvicorn's HTTP protocol with limits on the head of a request, which uvicorn does not have.

uvicorn closes a connection that is idle *between* requests. It waits without end for the first
byte, for the rest of a head that was begun, and for a client that does not read its answer; and
with httptools a head may grow without end (h11 stops at 64 KiB). Here

- a head has to be complete :data:`HEAD_TIMEOUT_S` after the connection was made or the answer
  before was sent; what is left of a body that was refused counts as waiting too;
- a head may have :data:`HEAD_BYTES`; a longer one is answered 431 and the connection closed;
- an answer that nobody reads is given up after the same time.

Bodies are limited by ``api.bodies``, which knows what they are for.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any, cast

from uvicorn.protocols.http.auto import AutoHTTPProtocol

if TYPE_CHECKING:
    from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol as _Base
else:
    _Base = object

#: Time for a head to arrive, seconds, where the settings say nothing else.
HEAD_TIMEOUT_S = 10.0
#: Bytes of a request line and its header fields together.
HEAD_BYTES = 64 * 1024
_TOO_LONG = (
    b"HTTP/1.1 431 Request Header Fields Too Large\r\n"
    b"content-type: text/plain; charset=utf-8\r\ncontent-length: 37\r\nconnection: close\r\n\r\n"
    b"The head of the request is too large."
)


class HeadGuard(_Base):
    """One connection, in front of one of uvicorn's protocols; see the module.

    Args:
        head_timeout_s: time for a head to arrive, seconds.
    """

    def __init__(self, *args: Any, head_timeout_s: float = HEAD_TIMEOUT_S, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._head_timeout_s = head_timeout_s
        self._since = 0.0
        self._in_head, self._in_message, self._head = False, False, 0
        self._paused_at: float | None = None
        self._look: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Begin to wait for a head."""
        super().connection_made(cast("asyncio.Transport", transport))
        self._since = self.loop.time()
        self._look = self.loop.call_later(self._head_timeout_s, self._look_after)

    def connection_lost(self, exc: Exception | None) -> None:
        """Forget the timer."""
        if self._look is not None:
            self._look.cancel()
            self._look = None
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        """Parse what came, unless a head that is not complete grows beyond its limit."""
        of_head = self._in_head or not self._in_message
        super().data_received(data)
        if of_head and self._in_head:
            self._head += len(data)
            if self._head > HEAD_BYTES and not self.transport.is_closing():
                self.send_400_response("")

    def on_message_begin(self) -> None:
        """A head begins; called by httptools alone."""
        super().on_message_begin()
        self._in_head, self._in_message, self._head = True, True, 0

    def on_headers_complete(self) -> None:
        """A head is complete; called by httptools alone.

        Raises:
            ValueError: if it is too long; the parser then gives the connection up.
        """
        self._in_head = False
        size = len(self.url) + sum(len(name) + len(value) + 4 for name, value in self.headers)
        if size > HEAD_BYTES:
            self._head = size
            raise ValueError("the head of the request is too large")
        super().on_headers_complete()

    def on_message_complete(self) -> None:
        """What follows is another message; called by httptools alone."""
        self._in_message = False
        super().on_message_complete()

    def send_400_response(self, msg: str) -> None:
        """Refuse what cannot be parsed, and hang up."""
        if self._head <= HEAD_BYTES:
            super().send_400_response(msg)
            return
        self.transport.write(_TOO_LONG)
        self.transport.close()

    def on_response_complete(self) -> None:
        """Begin to wait for the next head."""
        self._since = self.loop.time()
        super().on_response_complete()

    def pause_writing(self) -> None:
        """The client reads more slowly than the answer is written."""
        self._paused_at = self.loop.time()
        super().pause_writing()

    def resume_writing(self) -> None:
        """It has caught up."""
        self._paused_at = None
        super().resume_writing()

    def _look_after(self) -> None:
        """Close if the time is up; else look again when it may be."""
        self._look = None
        now = self.loop.time()
        answering = self.cycle is not None and not self.cycle.response_complete
        since = self._paused_at if answering or self._paused_at is not None else self._since
        if since is not None and now - since >= self._head_timeout_s:
            # Not close(), which would wait for the client to read what is still to be sent.
            self.transport.abort()
            return
        self._look = self.loop.call_later(
            (since or now) + self._head_timeout_s - now, self._look_after
        )


class GuardedProtocol(HeadGuard, AutoHTTPProtocol):  # type: ignore[misc, valid-type]
    """What ``attune serve`` runs: httptools where it is installed, h11 elsewhere."""
