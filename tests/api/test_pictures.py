"""Pictures as they come: turned, broken, huge, or no pictures at all."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from starlette.testclient import TestClient

from data.errors import ImageError
from tests.api.conftest import Start
from tests.api.fakes import DecodingReader, FakeEngine
from tests.api.pictures import cmyk_jpeg, jpeg, padded_jpeg, rotated_jpeg, vast_png
from vision.errors import MultipleFacesError, NoFaceError

ASK = {"user": "ana", "consent": "true"}
MEGABYTE = 1_000_000


def shapes(engine: FakeEngine) -> list[tuple[int, ...]]:
    assert isinstance(engine.reader, DecodingReader)
    return engine.reader.shapes


@pytest.mark.parametrize(
    ("body", "status", "code"),
    [
        (jpeg()[: len(jpeg()) // 2], 422, "unreadable_image"),
        (b"just some words", 415, "unsupported_image"),
        (b"GIF89a" + b"\x00" * 40, 415, "unsupported_image"),
        (vast_png(), 413, "image_too_large"),
    ],
    ids=["truncated", "text", "gif", "vast"],
)
@pytest.mark.parametrize("path", ["/recommend", "/emotion"])
@pytest.mark.parametrize("form", [True, False])
def test_bad_pictures_have_their_code(
    client: TestClient, path: str, form: bool, body: bytes, status: int, code: str
) -> None:
    if form:
        response = client.post(path, params=ASK, files={"selfie": ("photo.jpg", body)})
    else:
        headers = {"content-type": "image/jpeg"}
        response = client.post(path, params=ASK, content=body, headers=headers)
    assert (response.status_code, response.json()["code"]) == (status, code)


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (NoFaceError("no face was found"), "no_face"),
        (MultipleFacesError(3), "multiple_faces"),
        (ImageError("of some new kind"), "unreadable_image"),
    ],
)
def test_what_the_reader_says_has_its_code(
    client: TestClient, engine: FakeEngine, error: Exception, code: str
) -> None:
    engine.reader = DecodingReader(error=error)
    response = client.post("/emotion", params=ASK, files={"selfie": jpeg()})
    assert (response.status_code, response.json()["code"]) == (422, code)
    assert response.json()["detail"] == str(error)


def test_a_turned_picture_is_turned_upright(client: TestClient, engine: FakeEngine) -> None:
    assert client.post("/emotion", params=ASK, files={"selfie": rotated_jpeg()}).status_code == 200
    assert shapes(engine) == [(80, 60, 3)]


def test_a_cmyk_picture_is_read(client: TestClient, engine: FakeEngine) -> None:
    assert client.post("/emotion", params=ASK, files={"selfie": cmyk_jpeg()}).status_code == 200
    assert shapes(engine) == [(60, 80, 3)]


@pytest.mark.parametrize("media_type", ["text/plain", "application/json", "image/gif", "video/mp4"])
def test_a_body_declared_as_something_else_is_refused(client: TestClient, media_type: str) -> None:
    headers = {"content-type": media_type}
    response = client.post("/recommend", params=ASK, content=b"{}", headers=headers)
    assert (response.status_code, response.json()["code"]) == (415, "unsupported_image")
    empty = client.get("/recommend", params={"user": "u"}, headers=headers)
    assert empty.status_code == 200


@pytest.mark.parametrize("path", ["/recommend", "/emotion"])
def test_no_picture_is_decoded_without_consent(
    client: TestClient, engine: FakeEngine, path: str
) -> None:
    for consent in ({}, {"consent": "false"}):
        params = {"user": "u", **consent}
        for sent in (
            client.post(path, params=params, files={"selfie": jpeg()}),
            client.post(
                path, params=params, content=jpeg(), headers={"content-type": "image/jpeg"}
            ),
            client.post(path, params=params, content=iter([jpeg()])),
        ):
            assert (sent.status_code, sent.json()["code"]) == (403, "consent_required")
            assert "consent=true" in sent.json()["detail"]
    assert shapes(engine) == []


@pytest.mark.parametrize(
    ("header", "body"),
    [
        ("multipart/form-data", b"--x--\r\n"),
        ("multipart/form-data; boundary=x", b"no boundary here"),
        ("multipart/form-data; boundary=x",
         b'--x\r\nContent-Disposition: form-data; name="selfie"\r\n\r\ncut off'),
        ("multipart/form-data; boundary=" + "x" * 500, b"--x--\r\n"),
        ("multipart/form-data; boundary=x",
         b'--x\r\nContent-Disposition: form-data; name="a"\r\n\r\n\r\n' * 40 + b"--x--\r\n"),
    ],
    ids=["no boundary", "garbage", "cut off", "long boundary", "many parts"],
)  # fmt: skip
def test_a_broken_form_names_the_field(client: TestClient, header: str, body: bytes) -> None:
    response = client.post("/recommend", params=ASK, content=body, headers={"content-type": header})
    assert (response.status_code, response.json()["parameter"]) == (422, "selfie")


def in_chunks(body: bytes) -> Iterator[bytes]:
    return (body[i : i + MEGABYTE] for i in range(0, len(body), MEGABYTE))


@pytest.mark.parametrize("chunked", [True, False])
@pytest.mark.parametrize("size", [11 * MEGABYTE, 30 * MEGABYTE, 60 * MEGABYTE])
def test_a_large_body_is_refused(client: TestClient, chunked: bool, size: int) -> None:
    body = padded_jpeg(size)
    headers = {"content-type": "image/jpeg"}
    content = in_chunks(body) if chunked else body
    response = client.post("/recommend", params=ASK, content=content, headers=headers)
    assert (response.status_code, response.json()["code"]) == (413, "image_too_large")
    assert response.json()["request_id"] == response.headers["X-Request-ID"]


def test_one_large_frame_of_a_form_is_refused(client: TestClient, engine: FakeEngine) -> None:
    files = {"selfie": ("big.jpg", padded_jpeg(30 * MEGABYTE))}
    response = client.post("/recommend", params=ASK, files=files)
    assert (response.status_code, response.json()["code"]) == (413, "image_too_large")
    assert shapes(engine) == []


def test_limits_follow_the_settings(start: Start) -> None:
    client = start(max_image_bytes=len(jpeg()))
    assert client.post("/emotion", params=ASK, files={"selfie": jpeg()}).status_code == 200
    longer = client.post("/emotion", params=ASK, files={"selfie": jpeg() + b"\x00"})
    assert longer.json()["code"] == "image_too_large"
