"""``python -m api.loadtest.trivial PORT``: a server that does nothing.

It shows what the generator can do: every request is answered by the same bytes, of the size of a
usual answer.
"""

from __future__ import annotations

import asyncio
import sys

_BODY = b'{"items":[{' + b"x" * 9000 + b"}]}"
_ANSWER = (
    b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: %d\r\n\r\n" % len(_BODY)
) + _BODY


class _Answer(asyncio.Protocol):
    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport

    def data_received(self, data: bytes) -> None:
        if data.endswith(b"\r\n\r\n"):  # requests of this generator come one at a time
            self._transport.write(_ANSWER)


async def serve(port: int) -> None:
    """Answer until killed."""
    server = await asyncio.get_running_loop().create_server(_Answer, "127.0.0.1", port)
    await server.serve_forever()


if __name__ == "__main__":
    asyncio.run(serve(int(sys.argv[1])))
