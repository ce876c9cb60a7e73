"""An application served in this process, on a real socket."""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import uvicorn


@contextmanager
def listening(app: Any, **options: Any) -> Iterator[int]:
    """Serve ``app`` in a thread until the block ends; yields the port.

    The port listens before the server runs, so that nobody has to wait for it.

    Args:
        app: an ASGI application.
        options: more of uvicorn's configuration.
    """
    chosen = {"log_config": None, "access_log": False, "ws": "none", **options}
    server = uvicorn.Server(uvicorn.Config(app, **chosen))
    with socket.create_server(("127.0.0.1", 0)) as opened:
        thread = threading.Thread(target=server.run, args=([opened],))
        thread.start()
        try:
            yield opened.getsockname()[1]
        finally:
            server.should_exit = True
            thread.join(30)
    assert not thread.is_alive(), "the server did not end"
