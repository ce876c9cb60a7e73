"""Pictures made to harm: bombs, polyglots, cut-off files, and forms without end."""

from __future__ import annotations

import io
import struct
import zipfile
import zlib

import pytest
from PIL import Image
from starlette.testclient import TestClient

from tests.api.conftest import Start
from tests.api.fakes import DecodingReader, FakeEngine
from tests.api.pictures import encoded, jpeg, noise
from vision.config import ImageLimits

ASK = {"user": "ana", "consent": "true"}
SIGNATURE = b"\x89PNG\r\n\x1a\n"


def chunk(kind: bytes, data: bytes) -> bytes:
    checksum = struct.pack(">I", zlib.crc32(kind + data))
    return struct.pack(">I", len(data)) + kind + data + checksum


def png(width: int, height: int, *more: bytes, data: bytes = b"") -> bytes:
    header = chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, 8, 0, 0, 0, 0))
    return SIGNATURE + header + b"".join(more) + chunk(b"IDAT", data) + chunk(b"IEND", b"")


def zeros(megabytes: int) -> bytes:
    """A zlib stream a thousandth as long as what comes out of it."""
    packer = zlib.compressobj(9)
    return b"".join(packer.compress(bytes(1_000_000)) for _ in range(megabytes)) + packer.flush()


def sized_jpeg(width: int, height: int) -> bytes:
    """A JPEG whose frame header (ITU-T T.81, B.2.2) says another size than it has."""
    data = bytearray(jpeg())
    at = data.index(b"\xff\xc0")
    data[at + 5 : at + 9] = struct.pack(">HH", height, width)
    return bytes(data)


def sized_webp(kind: bytes, width: int, height: int) -> bytes:
    """A WebP of nothing but a header (RFC 9649)."""
    if kind == b"VP8X":
        size = (width - 1).to_bytes(3, "little") + (height - 1).to_bytes(3, "little")
        body = b"\x00" * 4 + size
    elif kind == b"VP8L":
        body = b"\x2f" + ((width - 1) | (height - 1) << 14).to_bytes(4, "little") + b"\x00" * 20
    else:
        body = b"\x00\x00\x00\x9d\x01\x2a" + struct.pack("<HH", width, height) + b"\x00" * 20
    inside = b"WEBP" + kind + struct.pack("<I", len(body)) + body
    return b"RIFF" + struct.pack("<I", len(inside)) + inside


def many_scans(count: int) -> bytes:
    """A progressive JPEG with one small scan repeated: each costs a pass over the whole picture."""
    data = encoded(Image.new("L", (2000, 2000)), progressive=True)
    starts = [i for i in range(len(data)) if data.startswith(b"\xff\xda", i)]
    scan = data[starts[1] : data.index(b"\xff\xc4", starts[1])]
    return data[: starts[1]] + scan * count + data[starts[1] :]


def zipped() -> bytes:
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w") as archive:
        archive.writestr("a.html", "<script>alert(1)</script>")
    return stream.getvalue()


HUGE = {
    "png 100,000 square": png(100_000, 100_000, data=zeros(1)),
    "png widest": png(2**31 - 1, 2**31 - 1, data=zeros(1)),
    "jpeg 65,500 square": sized_jpeg(65_500, 65_500),
    "webp head before anything": b"RIFF\x10\x00\x00\x00WEBPVP8X" + b"\xff" * 60,
    "webp VP8X": sized_webp(b"VP8X", 2**24, 255),
    "webp VP8X square": sized_webp(b"VP8X", 16_384, 16_384),
    "webp VP8L": sized_webp(b"VP8L", 16_384, 16_384),
    "webp VP8": sized_webp(b"VP8 ", 16_383, 16_383),
}
BROKEN = {
    "png whose data is a bomb": png(64, 64, data=b"\x00" * 40 + zeros(50)),
    "png text bomb": png(64, 64, chunk(b"zTXt", b"a\x00\x00" + zeros(50)), data=zeros(1)),
    "png profile bomb": png(64, 64, chunk(b"iCCP", b"a\x00\x00" + zeros(50))),
    "png chunk longer than the file": SIGNATURE + struct.pack(">I", 2**31 - 1) + b"IHDR",
    "png without size": png(0, 0),
    "jpeg without size": sized_jpeg(0, 0),
    "jpeg of a thousand scans": many_scans(1000),
    "jpeg head before a page": b"\xff\xd8\xff\xe0<html><script>alert(1)</script></html>",
    "jpeg head before a script": b"\xff\xd8\xff/*" + b"\x00" * 20 + b"*/=1;alert(1)",
    "jpeg head before an archive": b"\xff\xd8\xff" + zipped(),
    "nothing but a head": b"\xff\xd8\xff",
}
OTHER = {
    "gif with a picture behind": b"GIF89a/*" + jpeg(),
    "page with a picture behind": b"<html><!--" + jpeg() + b"--></html>",
    "archive with a picture behind": zipped() + jpeg(),
    "svg": b'<svg xmlns="http://www.w3.org/2000/svg" onload="alert(1)"/>',
    "xml with an entity": b'<!DOCTYPE a [<!ENTITY x SYSTEM "file:///etc/passwd">]><a>&x;</a>',
    "postscript": b"%!PS-Adobe-3.0 EPSF-3.0\n(/etc/passwd) (r) file",
    "tiff": encoded(noise(), "TIFF"),
    "bmp": encoded(noise(), "BMP"),
    "ico": encoded(noise(), "ICO"),
    "shebang": b"#!/bin/sh\nid\n",
}


def sent(client: TestClient, picture: bytes) -> tuple[int, str]:
    response = client.post("/emotion", params=ASK, files={"selfie": ("a.jpg", picture)})
    assert "application/" in response.headers["content-type"]
    assert "alert" not in response.text
    return response.status_code, response.json().get("code", "read")


@pytest.mark.parametrize("name", HUGE)
def test_a_picture_that_promises_too_much_is_not_decoded(client: TestClient, name: str) -> None:
    assert sent(client, HUGE[name]) == (413, "image_too_large")


@pytest.mark.parametrize("name", BROKEN)
def test_a_broken_picture_is_unreadable(start: Start, engine: FakeEngine, name: str) -> None:
    assert sent(start(), BROKEN[name]) == (422, "unreadable_image")
    assert isinstance(engine.reader, DecodingReader)
    assert engine.reader.shapes == []


@pytest.mark.parametrize("name", OTHER)
def test_what_only_contains_a_picture_is_none(client: TestClient, name: str) -> None:
    assert sent(client, OTHER[name]) == (415, "unsupported_image")


@pytest.mark.parametrize("behind", [zipped(), b"<script>alert(1)</script>", b"#!/bin/sh\nid\n"])
def test_what_hangs_behind_a_picture_goes_nowhere(client: TestClient, behind: bytes) -> None:
    """A polyglot is a picture here, and it is not stored, served or run anywhere."""
    assert sent(client, jpeg() + behind) == (200, "read")


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP"])
def test_a_picture_cut_off_anywhere_is_told(client: TestClient, kind: str) -> None:
    whole = encoded(noise(), kind)
    for cut in range(1, len(whole) * 9 // 10, len(whole) // 23):
        status, code = sent(client, whole[:cut])
        assert (status, code) in ((422, "unreadable_image"), (415, "unsupported_image")), cut


@pytest.mark.parametrize("scans", [10, 60])
def test_a_picture_of_honestly_many_scans_is_read(client: TestClient, scans: int) -> None:
    assert sent(client, many_scans(scans - 6)) == (200, "read")


def test_the_largest_picture_allowed_is_read_small(client: TestClient, engine: FakeEngine) -> None:
    """Forty megapixels in a few kilobytes are within the limit, and handed on reduced."""
    assert sent(client, encoded(Image.new("1", (8000, 5000)), "PNG")) == (200, "read")
    assert isinstance(engine.reader, DecodingReader)
    assert max(engine.reader.shapes[-1]) <= ImageLimits().longest_side


def form(*parts: bytes, end: bytes = b"--x--\r\n") -> tuple[bytes, dict[str, str]]:
    return b"".join(b"--x\r\n" + part + b"\r\n" for part in parts) + end, {
        "content-type": "multipart/form-data; boundary=x"
    }


FIELD = b'Content-Disposition: form-data; name="%s"\r\n\r\n'
FORMS = {
    "100,000 parts": form(*[FIELD % b"a"] * 100_000),
    "100 pictures": form(*[FIELD % b"selfie" + jpeg()] * 100),
    "endless part head": form(b"X-A: " + b"a" * 1_000_000),
    "a thousand part heads": form(b"X-A: b\r\n" * 1000 + FIELD % b"selfie"),
    "no end": form(FIELD % b"selfie" + jpeg(), end=b""),
    "no name": form(b"Content-Disposition: form-data\r\n\r\n", end=b""),
    "boundaries alone": (b"--x\r\n" * 10_000, {"content-type": "multipart/form-data; boundary=x"}),
    "almost boundaries": (
        b"--x\r\n" + FIELD % b"a" + b"\r\n--" * 200_000,
        {"content-type": "multipart/form-data; boundary=x"},
    ),
    "odd boundary": (b"--\r\n", {"content-type": 'multipart/form-data; boundary="\\"'}),
}


@pytest.mark.parametrize("name", FORMS)
def test_a_form_without_measure_is_refused(client: TestClient, name: str) -> None:
    body, headers = FORMS[name]
    response = client.post("/emotion", params=ASK, content=body, headers=headers)
    assert (response.status_code, response.json()["code"]) == (422, "invalid_parameter")
    assert response.json()["parameter"] == "selfie"
