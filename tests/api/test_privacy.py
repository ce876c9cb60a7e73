"""Pictures leave no trace: not on disk, not in a log, not in the database.

An audit hook watches every file that Python opens for writing, temporary or not, for as long as a
request runs: files that are deleted at once would not be seen by looking into folders afterwards.
"""

from __future__ import annotations

import base64
import logging
import os
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from starlette.testclient import TestClient

from tests.api.conftest import Start
from tests.api.fakes import DecodingReader, FakeEngine
from tests.api.pictures import MARKER, jpeg, padded_jpeg

ASK = {"user": "ana-the-listener", "consent": "true"}
_WRITING = os.O_WRONLY | os.O_RDWR | os.O_CREAT | os.O_APPEND | os.O_TRUNC
_watching: list[str] | None = None


def _hook(event: str, arguments: tuple[Any, ...]) -> None:
    if _watching is None:
        return
    if event.startswith("tempfile."):
        _watching.append(f"{event} {arguments}")
    elif event == "open":
        path, _, flags = arguments
        if isinstance(flags, int) and flags & _WRITING and path != "/dev/null":
            _watching.append(f"open {path}")


sys.addaudithook(_hook)


@contextmanager
def files_written() -> Iterator[list[str]]:
    global _watching  # noqa: PLW0603
    found: list[str] = []
    _watching = found
    try:
        yield found
    finally:
        _watching = None


def test_the_watch_sees_a_spooled_upload() -> None:
    """What the framework's own form parser does with parts above a megabyte."""
    with files_written() as found, tempfile.SpooledTemporaryFile(max_size=10) as spool:
        spool.write(b"x" * 11)
    assert found


@pytest.mark.parametrize("form", [True, False])
@pytest.mark.parametrize("method", ["GET", "POST"])
def test_a_large_picture_never_touches_the_disk(
    client: TestClient, database: object, tmp_path: Path, monkeypatch: pytest.MonkeyPatch,
    form: bool, method: str,
) -> None:  # fmt: skip
    folder = tmp_path / "tmp"
    folder.mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(folder))
    picture = padded_jpeg(8_000_000)
    client.get("/recommend", params=ASK)  # whatever is opened once is opened now
    with files_written() as found:
        if form:
            response = client.request(method, "/recommend", params=ASK, files={"selfie": picture})
        else:
            response = client.request(
                method, "/recommend", params=ASK, content=picture,
                headers={"content-type": "image/jpeg"},
            )  # fmt: skip
    assert response.json()["emotion"]["label"] == "happy"
    assert [entry for entry in found if "test.db" not in entry] == []
    assert list(folder.iterdir()) == []
    for file in tmp_path.glob("test.db*"):
        assert MARKER not in file.read_bytes()


@pytest.mark.parametrize(
    "error", [None, RuntimeError(repr(MARKER)), ValueError(MARKER.decode())], ids=["ok", "a", "b"]
)
def test_no_log_line_has_a_picture_a_user_or_a_mood(
    start: Start, engine: FakeEngine, capfd: pytest.CaptureFixture[str],
    caplog: pytest.LogCaptureFixture, error: Exception | None,
) -> None:  # fmt: skip
    caplog.set_level(0)
    for name in ("httpx", "httpx2", "httpcore"):  # the test's own client, in this process
        caplog.set_level(logging.CRITICAL, logger=name)
    engine.reader = DecodingReader(error=error)
    client = start(log_level="DEBUG")
    client.post("/recommend", params=ASK, files={"selfie": jpeg()})
    client.post("/recommend", params=ASK, files={"selfie": jpeg()[:1500]})
    client.post("/recommend", params=ASK, content=b"--" + jpeg(),
                headers={"content-type": "multipart/form-data; boundary=x"})  # fmt: skip
    client.get("/recommend", params={"user": "ana-the-listener", "mood": "0.125,-0.375"})
    ours = [r.getMessage() for r in caplog.records if not r.name.startswith(("httpx", "httpcore"))]
    written = "".join(capfd.readouterr()) + "\n".join(ours)
    assert '"path": "/recommend"' in written
    for secret in (
        MARKER.decode(),
        MARKER.hex(),
        base64.b64encode(jpeg()).decode()[:40],
        repr(jpeg()[20:40])[2:-1],
        "ana-the-listener",
        "0.125",
    ):
        assert secret not in written


def test_one_access_line_has_route_status_time_and_id_only(
    start: Start, capfd: pytest.CaptureFixture[str]
) -> None:
    client = start()
    client.get("/songs/s1?user=ana", headers={"X-Request-ID": "id-7"})
    lines = [line for line in "".join(capfd.readouterr()).splitlines() if "id-7" in line]
    (line,) = lines
    assert '"path": "/songs/{song_id}"' in line
    assert '"status": 200' in line
    assert "s1" not in line
    assert "ana" not in line


def test_the_notice_says_it_plainly(client: TestClient) -> None:
    response = client.get("/privacy")
    assert response.headers["content-type"].startswith("text/html")
    for words in (
        "Nothing of it is stored",
        "apparent expression",
        "consent=true",
        "2024/1689",
        "Article 50(3)",
        "workplaces and in education",
        "Your rights",
        "attune users erase",
    ):
        assert words in response.text
    assert "<script" not in response.text
