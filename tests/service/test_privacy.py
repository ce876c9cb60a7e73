"""No picture, and nothing of a face, is left by a run: on disk, in a log, in a metric.

The real service runs in a process of its own with a home, a folder for temporary files and a
working folder of its own, logging all it can. Selfies of a drawn face with a texture that occurs
nowhere else are sent in every way that goes well and that goes wrong. Then everything that was
written is searched.
"""

from __future__ import annotations

import http.client
import io
import json
import os
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import numpy as np
import psutil
import pytest
from numpy.typing import NDArray
from PIL import Image

from api.loadtest.servers import free_port
from data.db.repositories import SongRepository
from data.db.session import Database
from data.settings import Settings
from data.types import SongInput
from recommender.bootstrap import build_reader
from tests.service.leaks import Leaks, Watch, numbers_of, pixels_of, texts_of
from tests.waiting import eventually
from vision.config import ImageLimits
from vision.drawn_photo import drawn_photo
from vision.images import decode_image, decode_photo

pytestmark = pytest.mark.skipif(not Path("/proc/self/fd").exists(), reason="needs /proc")
USER = "ana-the-listener"
LARGEST = 1_000_000


def pictures() -> dict[str, tuple[str, bytes]]:
    """Return name -> (media type, bytes) of one face, each with a texture of its own."""
    face = Image.fromarray(decode_image(drawn_photo(), ImageLimits())).resize((480, 270))
    plain = Image.new("RGB", (320, 240), (120, 130, 140))
    found: dict[str, tuple[str, bytes]] = {}
    for name, base, kind, options in (
        ("jpeg", face, "JPEG", {"quality": 92}),
        ("frame", face, "JPEG", {"quality": 85}),
        ("png", face, "PNG", {}),
        ("webp", face, "WEBP", {"quality": 90}),
        ("nobody", plain, "JPEG", {"quality": 92}),
        ("vast", face.resize((960, 540)), "PNG", {}),
    ):
        stream = io.BytesIO()
        textured(base, len(found)).save(stream, kind, **options)
        found[name] = (f"image/{kind.lower()}", stream.getvalue())
    return found


def textured(picture: Image.Image, seed: int) -> Image.Image:
    pixels = np.asarray(picture).astype(np.int16)
    noise = np.random.default_rng(seed).integers(-14, 15, pixels.shape, dtype=np.int16)
    return Image.fromarray(np.clip(pixels + noise, 0, 255).astype(np.uint8))


PICTURES = pictures()


@cache
def forms() -> dict[str, bytes]:
    """Return every form of a picture that could be left, by name."""
    reader = build_reader(Settings(_env_file=None))  # type: ignore[call-arg]
    found: dict[str, bytes] = {}
    for name, (_, data) in PICTURES.items():
        found[name] = data
        # Of a large file the first bytes will do: what writes a text of it begins there.
        found |= {f"{name} as {how}": text for how, text in texts_of(data[:30_000])}
        if name == "vast":
            continue  # refused before it is decoded
        rgb = decode_image(data, ImageLimits())
        found |= {f"{name} {order}": pixels for order, pixels in pixels_of(rgb)}
        as_served = decode_photo(data, ImageLimits(), gray=not reader.finder.in_colour).pixels
        found[f"{name} as served"] = as_served.tobytes()
        look = reader.look(data)
        assert (look is None) == (name == "nobody")
        if look is not None:
            found |= {f"{name} face {how}": d for how, d in of_face(look.crop)}
            logits = reader.classifier.logits(look.crop[None])
            for what, values in (
                ("logits", logits),
                ("crop", look.crop),
                ("unit", look.crop / 255),
            ):
                found |= {f"{name} {what} {kind}": d for kind, d in numbers_of(values)}
    return {name: data for name, data in found.items() if len(data) >= 32}


def of_face(crop: NDArray[np.uint8]) -> Iterator[tuple[str, bytes]]:
    yield "pixels", crop.tobytes()
    yield "mirrored", crop[:, ::-1].tobytes()
    yield from texts_of(crop.tobytes())
    yield "rows", json.dumps(crop.tolist()).encode()


@pytest.fixture(scope="module")
def leaks() -> Leaks:
    return Leaks(forms())


def test_the_search_finds_what_is_planted(leaks: Leaks, tmp_path: Path) -> None:
    """Any 32 bytes in a row of every form, at any offset, within other bytes."""
    rng = np.random.default_rng(5)
    for number, (name, data) in enumerate(forms().items()):
        if name.endswith(("f2", "f4", "f8")):
            start = 0  # few values, and many zeros between them
            part = data
        else:
            start = int(rng.integers(0, max(1, len(data) - 400)))
            part = data[start : start + 400]
        hidden = rng.bytes(number % 13) + part + rng.bytes(99)
        assert leaks.found_in(hidden), name
    planted = tmp_path / "deep" / "cache.bin"
    planted.parent.mkdir()
    data = PICTURES["jpeg"][1]
    planted.write_bytes(b"x" * 1001 + data[5003:5035] + b"y" * 77)
    assert list(leaks.found_under(tmp_path)) == [str(planted)]
    with planted.open("rb") as held:
        planted.unlink()
        assert f"{planted} (deleted)" in str(leaks.found_open(psutil.Process()))
        assert held.readable()
    assert not leaks.found_in(rng.bytes(3_000_000))
    assert not leaks.found_in(Path(__file__).read_bytes())


def test_the_watch_sees_a_file_that_is_gone_at_once(tmp_path: Path) -> None:
    watch = Watch(tmp_path)
    (tmp_path / "brief").write_bytes(b"x")
    (tmp_path / "brief").unlink()
    assert watch.seen() == {tmp_path / "brief"}
    watch.close()


@dataclass
class Run:
    """A service with folders of its own."""

    folder: Path
    port: int
    process: subprocess.Popen[bytes]

    def send(self, path: str, body: bytes, kind: str, **params: str) -> tuple[int, Any]:
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=30)
        try:
            address = f"{path}?{urlencode(params)}"
            connection.request("POST", address, body, {"Content-Type": kind})
            answer = connection.getresponse()
            return answer.status, json.loads(answer.read())
        finally:
            connection.close()

    def text(self, path: str) -> bytes:
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=30)
        try:
            connection.request("GET", path)
            return connection.getresponse().read()
        finally:
            connection.close()

    def is_up(self) -> bool:
        assert self.process.poll() is None, (self.folder / "err").read_text()
        try:
            return b"live" in self.text("/health/live")
        except OSError:
            return False

    def hang_up(self, path: str, body: bytes, kind: str) -> None:
        """Send a half of a body and go."""
        with socket.create_connection(("127.0.0.1", self.port), 30) as connection:
            head = f"POST {path} HTTP/1.1\r\nHost: x\r\nContent-Type: {kind}\r\nContent-Length: "
            connection.sendall(f"{head}{len(body)}\r\n\r\n".encode() + body[: len(body) // 2])


@pytest.fixture
def run(tmp_path: Path) -> Iterator[Run]:
    """A service without a bundle: whoever reads the picture is the same, and it starts at once."""
    for name in ("home", "tmp", "cwd"):
        (tmp_path / name).mkdir()
    database = Database(f"sqlite:///{tmp_path / 'home' / 'attune.db'}")
    database.upgrade()
    with database.session() as session:
        SongRepository(session).upsert_many([SongInput("s1", "First", "Ada")])
    database.dispose()
    port = free_port()
    environment = {k: v for k, v in os.environ.items() if not k.startswith(("ATTUNE_", "XDG_"))} | {
        "ATTUNE_HOME": str(tmp_path / "home"),
        "ATTUNE_PORT": str(port),
        "ATTUNE_LOG_LEVEL": "DEBUG",
        "ATTUNE_MAX_IMAGE_BYTES": str(LARGEST),
        "ATTUNE_EMBED_WORKER": "false",
        "ATTUNE_EMOTION_HISTORY_DAYS": "7",
        "HOME": str(tmp_path / "home"),
        "TMPDIR": str(tmp_path / "tmp"),
        "SQLITE_TMPDIR": str(tmp_path / "tmp"),
        "PYTHONPATH": str(Path(__file__).resolve().parents[2]),
        "PYTHONDONTWRITEBYTECODE": "1",
    }
    with (tmp_path / "out").open("wb") as out, (tmp_path / "err").open("wb") as err:
        words = [sys.executable, "-m", "api", "serve"]
        process = subprocess.Popen(
            words, env=environment, cwd=tmp_path / "cwd", stdout=out, stderr=err
        )
        found = Run(tmp_path, port, process)
        try:
            assert eventually(found.is_up, 120)
            yield found
        finally:
            process.kill()
            process.wait(30)


def form_of(*frames: bytes) -> tuple[bytes, str]:
    """Return a form with some pictures, and its media type."""
    boundary = "a-boundary-of-the-form"
    parts = [
        f'--{boundary}\r\nContent-Disposition: form-data; name="selfie"; filename="me.jpg"\r\n'
        "Content-Type: image/jpeg\r\n\r\n".encode()
        + frame
        + b"\r\n"
        for frame in frames
    ]
    body = b"".join(parts) + f"--{boundary}--\r\n".encode()
    return body, f"multipart/form-data; boundary={boundary}"


def sent_in_every_way(run: Run) -> None:
    """Send every picture in ways that go well and in ways that go wrong."""
    ask = {"user": USER, "consent": "true"}
    for name in ("jpeg", "png", "webp"):
        kind, data = PICTURES[name]
        for path in ("/recommend", "/emotion"):
            status, answer = run.send(path, data, kind, **ask)
            assert (status, (answer.get("emotion") or answer)["source"]) == (200, "selfie")
        body, form = form_of(data)
        assert run.send("/recommend", body, form, **ask, remember="true")[0] == 200
    five, form = form_of(*[PICTURES[n][1] for n in ("jpeg", "frame", "png", "webp", "frame")])
    assert run.send("/recommend", five, form, **ask)[0] == 200
    kind, data = PICTURES["jpeg"]
    wrong = [
        (422, "unreadable_image", data[: len(data) // 2], ask),
        (422, "no_face", PICTURES["nobody"][1], ask),
        (413, "image_too_large", PICTURES["vast"][1], ask),
        (403, "consent_required", data, {"user": USER}),
        (415, "unsupported_image", b"GIF89a" + data, ask),
        (422, "invalid_parameter", data, ask | {"n": "many"}),
    ]
    for status, code, body, params in wrong:
        answered, problem = run.send("/recommend", body, kind, **params)
        assert (answered, problem["code"]) == (status, code)
    assert run.send("/recommend", data, "text/plain", **ask)[0] == 415
    assert run.send("/recommend", five[: len(five) // 3], form, **ask)[0] == 422
    assert run.send("/feedback", data, kind)[0] in (413, 422)
    for body, sent_as in ((data, kind), (five, form)):
        run.hang_up(f"/recommend?{urlencode(ask)}", body, sent_as)


def test_no_picture_is_left_anywhere(run: Run, leaks: Leaks) -> None:
    assert len(PICTURES["vast"][1]) > LARGEST
    folders = [run.folder / name for name in ("home", "tmp", "cwd")]
    watch = Watch(*folders)
    sent_in_every_way(run)
    process = psutil.Process(run.process.pid)
    assert leaks.found_open(process) == {}
    assert leaks.found_under(run.folder) == {}
    metrics = run.text("/metrics")
    (run.folder / "metrics").write_bytes(metrics)
    written = {path.name for path in watch.seen()}
    watch.close()
    # Not so much as an empty file was made for a moment beside the database's own.
    assert written <= {"attune.db", "attune.db-wal", "attune.db-shm", "attune.db-journal"}
    remembered = json.loads(run.text(f"/users/{USER}/emotions"))["items"]
    assert len(remembered) == 3
    run.process.send_signal(signal.SIGTERM)
    assert run.process.wait(30) == 0
    assert leaks.found_under(run.folder) == {}
    told = (run.folder / "out").read_bytes() + (run.folder / "err").read_bytes() + metrics
    assert b'"path": "/recommend"' in told
    for word in (USER, "consent=true", "me.jpg", "boundary-of-the-form"):
        assert word.encode() not in told, word
