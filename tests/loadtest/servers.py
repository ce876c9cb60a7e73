"""A scripted HTTP server in threads: what the generator is tried against."""

from __future__ import annotations

import socket
import socketserver
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress

#: Takes a request's head and body; returns what is sent, and in how many pieces.
Script = Callable[[bytes, bytes], tuple[bytes, int]]


def answer(status: int, body: bytes = b"", *headers: bytes) -> bytes:
    """Return a whole answer."""
    lines = [b"HTTP/1.1 %d X" % status, b"Content-Length: %d" % len(body), *headers]
    return b"\r\n".join(lines) + b"\r\n\r\n" + body


@contextmanager
def scripted(script: Script) -> Iterator[int]:
    """Serve ``script`` on a free port until the block ends.

    An empty answer hangs up, and so does one with ``Connection: close`` in it, after it was sent.
    """

    class Handler(socketserver.StreamRequestHandler):
        disable_nagle_algorithm = True

        def handle(self) -> None:
            try:
                while head := _head(self.rfile.readline):
                    length = head.lower().partition(b"content-length: ")[2].split(b"\r\n")[0]
                    sent, pieces = script(head, self.rfile.read(int(length or 0)))
                    if not sent:
                        return
                    size = -(-len(sent) // pieces)
                    for at in range(0, len(sent), size):
                        self.wfile.write(sent[at : at + size])
                    if b"Connection: close" in sent:
                        return
            except ConnectionError:
                return

    with _Server(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        try:
            yield server.server_address[1]
        finally:
            server.hang_up()
            server.shutdown()
            thread.join(10)


class _Server(socketserver.ThreadingTCPServer):
    allow_reuse_address = True
    request_queue_size = 64

    def __init__(self, *args: object) -> None:
        self._opened: list[socket.socket] = []
        super().__init__(*args)  # type: ignore[arg-type]

    def process_request(self, request: object, client_address: object) -> None:
        assert isinstance(request, socket.socket)
        self._opened.append(request)
        super().process_request(request, client_address)

    def hang_up(self) -> None:
        """Wake the threads that wait for a client which is gone."""
        for opened in self._opened:
            with suppress(OSError):
                opened.shutdown(socket.SHUT_RDWR)


def _head(readline: Callable[[], bytes]) -> bytes:
    lines = []
    while (line := readline()) not in {b"", b"\r\n"}:
        lines.append(line)
    return b"".join(lines)
