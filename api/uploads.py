"""Reading the pictures of a request: multipart field ``selfie`` or a raw image body.

Pictures stay in memory. The framework's own form parser moves parts above one megabyte to a
temporary *file*; here ``python_multipart`` is driven directly and every byte goes into a
``bytearray`` that dies with the request. Limits are enforced while bytes arrive, and consent is
checked at the first sign of a picture, before any of it is decoded.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from python_multipart import MultipartParser
from python_multipart.exceptions import FormParserError
from python_multipart.multipart import parse_options_header
from starlette.requests import Request

from api.errors import ConsentRequiredError, NotAPictureError, PictureTooLargeError
from data.errors import InvalidParameterError

if TYPE_CHECKING:
    from python_multipart.multipart import MultipartCallbacks

FIELD = "selfie"
MAX_FRAMES = 5
#: Other form fields are passed over; so many that no honest form has them.
_MAX_PARTS = 32
_RAW_TYPES = frozenset({"image/jpeg", "image/jpg", "image/png", "image/webp"})
#: What clients send when nobody said what the body is (curl's default is the first): the bytes
#: themselves then tell whether it is a picture.
_UNDECLARED = frozenset({"application/x-www-form-urlencoded", "application/octet-stream", ""})


@dataclass(frozen=True, slots=True)
class UploadLimits:
    """What one request may bring.

    Attributes:
        max_bytes: largest single picture, bytes.
        consent: whether the caller has the pictured person's consent.
        check_room: refuses a picture that nobody would have time for; None where it is not read.
    """

    max_bytes: int
    consent: bool
    check_room: Callable[[], None] | None = None

    def check_consent(self) -> None:
        """Refuse a picture that comes without consent.

        Raises:
            ConsentRequiredError: saying how to give it.
        """
        if not self.consent:
            raise ConsentRequiredError(
                "a picture needs the consent of the person shown: add `consent=true` to the query "
                "string (see /privacy), or state `mood=` and send no picture"
            )

    def check_size(self, size: int) -> None:
        """Refuse a picture of more than ``max_bytes``.

        Raises:
            PictureTooLargeError: naming the limit.
        """
        if size > self.max_bytes:
            raise PictureTooLargeError(
                f"a picture may have at most {self.max_bytes} bytes; send a smaller one "
                "(640 pixels across are plenty)"
            )


async def read_frames(request: Request, limits: UploadLimits) -> list[bytes]:
    """Read the pictures of ``request``; an empty list if it brings none.

    Raises:
        ConsentRequiredError: a picture came without consent.
        PictureTooLargeError: one picture has too many bytes.
        NotAPictureError: the body is declared as something that is no picture.
        InvalidParameterError: the form is broken or has too many pictures.
        OverloadedError: too many pictures wait already; the body is not even read.
    """
    if limits.check_room is not None and limits.consent and _brings_body(request):
        limits.check_room()
    declared = request.headers.get("content-type", "")
    kind, options = parse_options_header(declared)
    media_type = kind.decode("latin-1")
    if media_type == "multipart/form-data":
        return await _read_form(request, options.get(b"boundary", b""), limits)
    if media_type in _RAW_TYPES or media_type in _UNDECLARED:
        return await _read_raw(request, limits)
    return await _refuse_body(request, media_type)


def _brings_body(request: Request) -> bool:
    headers = request.headers
    return headers.get("content-length", "0") != "0" or "transfer-encoding" in headers


async def _read_raw(request: Request, limits: UploadLimits) -> list[bytes]:
    if not _brings_body(request):
        return []
    body = bytearray()
    announced = request.headers.get("content-length", "0")
    if announced.isdecimal() and int(announced):
        limits.check_consent()
        limits.check_size(int(announced))
    async for chunk in request.stream():
        if chunk:
            limits.check_consent()
        limits.check_size(len(body) + len(chunk))
        body += chunk
    return [bytes(body)] if body else []


async def _refuse_body(request: Request, media_type: str) -> list[bytes]:
    async for chunk in request.stream():
        if chunk:
            raise NotAPictureError(
                f"a body of type {media_type[:60]!r} is not a picture: send image/jpeg, image/png "
                f"or image/webp, or multipart/form-data with the field `{FIELD}`"
            )
    return []


async def _read_form(request: Request, boundary: bytes, limits: UploadLimits) -> list[bytes]:
    if not boundary:
        raise InvalidParameterError(FIELD, "the multipart body's Content-Type has no boundary")
    form = _Form(limits)
    try:
        parser = MultipartParser(boundary, form.callbacks())
        async for chunk in request.stream():
            if chunk:
                parser.write(chunk)
    except FormParserError as exc:
        raise InvalidParameterError(FIELD, "the multipart body is broken; send it again") from exc
    if not form.complete:
        raise InvalidParameterError(FIELD, "the multipart body ends early; send it again")
    return [bytes(frame) for frame in form.frames if frame]


@dataclass(slots=True)
class _Form:
    """Collects the pictures of one multipart body and drops every other field."""

    limits: UploadLimits
    frames: list[bytearray] = field(default_factory=list)
    complete: bool = False
    _parts: int = 0
    _name: bytes = b""
    _value: bytes = b""
    _disposition: bytes = b""
    _wanted: bool = False

    def callbacks(self) -> MultipartCallbacks:
        return {
            "on_part_begin": self._begin,
            "on_header_field": self._header_name,
            "on_header_value": self._header_value,
            "on_header_end": self._header_end,
            "on_headers_finished": self._headers_finished,
            "on_part_data": self._data,
            "on_end": self._end,
        }

    def _begin(self) -> None:
        self._parts += 1
        if self._parts > _MAX_PARTS:
            raise InvalidParameterError(FIELD, f"the form has more than {_MAX_PARTS} fields")
        self._name = self._value = self._disposition = b""
        self._wanted = False

    def _header_name(self, data: bytes, start: int, end: int) -> None:
        self._name += data[start:end]

    def _header_value(self, data: bytes, start: int, end: int) -> None:
        self._value += data[start:end]

    def _header_end(self) -> None:
        if self._name.lower() == b"content-disposition":
            self._disposition = self._value
        self._name = self._value = b""

    def _headers_finished(self) -> None:
        _, options = parse_options_header(self._disposition.decode("latin-1"))
        self._wanted = options.get(b"name") == FIELD.encode()
        if not self._wanted:
            return
        if sum(1 for frame in self.frames if frame) >= MAX_FRAMES:
            raise InvalidParameterError(FIELD, f"at most {MAX_FRAMES} pictures of one moment")
        self.frames.append(bytearray())

    def _data(self, data: bytes, start: int, end: int) -> None:
        if not self._wanted or start == end:
            return
        self.limits.check_consent()
        frame = self.frames[-1]
        self.limits.check_size(len(frame) + end - start)
        frame += data[start:end]

    def _end(self) -> None:
        self.complete = True
