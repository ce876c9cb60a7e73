"""Bodies of requests: the multipart form, a raw picture, and their headers."""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Coroutine, Iterator
from typing import Any

from starlette.requests import Request

from api.uploads import MAX_FRAMES, UploadLimits, read_frames
from tests.fuzz.target import Target

_MAX = 4000
# It logs a line for every broken form.
logging.getLogger("python_multipart").setLevel(logging.CRITICAL)
_BOUNDARY = b"bnd"


def _form(*parts: tuple[bytes, bytes], end: bytes = b"--\r\n") -> bytes:
    body = b"".join(
        b"--"
        + _BOUNDARY
        + b"\r\nContent-Disposition: form-data; "
        + head
        + b"\r\n\r\n"
        + data
        + b"\r\n"
        for head, data in parts
    )
    return body + b"--" + _BOUNDARY + end


def seeds() -> list[bytes]:
    """A byte that says how the body is cut, the media type, a NUL, and the body."""
    picture = (b'name="selfie"; filename="a.jpg"\r\nContent-Type: image/jpeg', b"\xff\xd8\xff" * 20)
    kind = b"multipart/form-data; boundary=bnd"
    bodies = [
        (kind, _form(picture)), (kind, _form(picture, picture, (b'name="other"', b"x"))),
        (kind, _form(*[picture] * MAX_FRAMES)), (kind, _form(picture, end=b"")), (kind, b""),
        (kind, _form((b'name="selfie"', b"z" * (_MAX + 1)))), (b"multipart/form-data", b"--"),
        (b'multipart/form-data; boundary="b\\"nd"; charset=x', _form(picture)),
        (kind, _form((b"name*=utf-8''selfie", b"abc"), (b"name=selfie; name=other", b"abc"))),
        (b"image/jpeg", b"\xff\xd8\xff\xe0"), (b"application/json", b"{}"), (b"", b"raw"),
    ]  # fmt: skip
    return [b"\x07" + head + b"\0" + body for head, body in bodies]


def check(data: bytes) -> None:
    """Read the pictures of one request."""
    size, head, body = data[:1], *[*data[1:].split(b"\0", 1), b""][:2]
    limits = UploadLimits(_MAX, consent=not body.startswith(b"x"))
    request = _request(head, body, 1 + 16 * (size[0] if size else 0))
    frames = _finished(read_frames(request, limits))
    assert len(frames) <= MAX_FRAMES
    assert all(0 < len(frame) <= _MAX for frame in frames)


def _request(kind: bytes, body: bytes, step: int) -> Request:
    chunks: Iterator[bytes] = (body[at : at + step] for at in range(0, len(body), step))

    async def receive() -> dict[str, Any]:
        chunk = next(chunks, None)
        return {"type": "http.request", "body": chunk or b"", "more_body": chunk is not None}

    # The server passes header values on as they came, one line each.
    headers = [(b"content-type", kind.replace(b"\r", b"").replace(b"\n", b""))]
    scope = {"type": "http", "method": "POST", "path": "/", "headers": headers}
    return Request(scope, receive)


def _finished(awaitable: Awaitable[list[bytes]]) -> list[bytes]:
    """Run a coroutine that waits for nothing."""
    assert isinstance(awaitable, Coroutine)
    try:
        awaitable.send(None)
    except StopIteration as done:
        return list(done.value)
    raise AssertionError("it waited")


TARGETS = (
    Target("form", seeds, check, (
        b"--bnd\r\n", b"--bnd--", b"\r\n\r\n", b"Content-Disposition: form-data; ",
        b'name="selfie"', b"boundary=", b"filename*=utf-8''%ff", b"multipart/form-data",
        b"image/png", b"Content-Transfer-Encoding: base64\r\n",
    )),
)  # fmt: skip
