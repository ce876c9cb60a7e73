"""A running service and a browser for the tests of the page.

Set ``ATTUNE_E2E_URL`` to drive a service that already runs instead of starting one.
"""

from __future__ import annotations

import os
import shutil
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import cv2
import pytest

from data.settings import Settings

_BROWSERS = ("chromium", "chromium-browser", "google-chrome")
_ARGUMENTS = (
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--use-fake-ui-for-media-stream",
    "--use-fake-device-for-media-stream",
)


@contextmanager
def _serve(app: Any) -> Iterator[str]:
    """Run ``app`` in a thread on a free port and yield its base URL."""
    import uvicorn

    ready = threading.Event()

    class Server(uvicorn.Server):
        async def startup(self, sockets: list[socket.socket] | None = None) -> None:
            await super().startup(sockets=sockets)
            ready.set()

    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        server = Server(uvicorn.Config(app, log_level="warning", ws="none"))
        thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]}, daemon=True)
        thread.start()
        assert ready.wait(60), "the service did not start within a minute"
        yield f"http://127.0.0.1:{listener.getsockname()[1]}"
        server.should_exit = True
        thread.join(30)


@pytest.fixture(scope="module")
def live_server(demo_settings: Settings, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """Base URL, without a slash at the end, of a service with the demo installed."""
    running = os.environ.get("ATTUNE_E2E_URL")
    if running:
        yield running.rstrip("/")
        return
    from api.app import create_app

    # A copy, because the tests give feedback.
    home = tmp_path_factory.mktemp("home")
    shutil.copytree(demo_settings.home, home, dirs_exist_ok=True)
    settings = demo_settings.model_copy(update={"home": home})
    with _serve(create_app(settings)) as url:
        yield url


@pytest.fixture(scope="session")
def chromium_path() -> str:
    """Path of a Chromium; the test is skipped where none is installed."""
    for name in _BROWSERS:
        if found := shutil.which(name):
            return found
    pytest.skip(f"no browser in PATH: install one of {', '.join(_BROWSERS)}")


@pytest.fixture(scope="module")
def playwright_driver() -> Iterator[Any]:
    """Playwright; per module, because its event loop must not outlive the module's tests."""
    sync_api = pytest.importorskip("playwright.sync_api", reason="playwright is not installed")
    with sync_api.sync_playwright() as driver:
        yield driver


@contextmanager
def _launched(driver: Any, path: str, *more: str) -> Iterator[Any]:
    browser = driver.chromium.launch(executable_path=path, args=[*_ARGUMENTS, *more])
    try:
        yield browser
    finally:
        browser.close()


@pytest.fixture(scope="module")
def chromium_browser(playwright_driver: Any, chromium_path: str) -> Iterator[Any]:
    """Chromium with a fake camera that shows a test pattern."""
    with _launched(playwright_driver, chromium_path) as browser:
        yield browser


@pytest.fixture(scope="module")
def face_video(shared: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A 640 x 480 motion JPEG of a smiling face, for Chromium's fake camera."""
    picture = cv2.imread(str(shared / "datasets" / "photos" / "happy.jpg"))
    assert picture is not None, "datasets/photos/happy.jpg cannot be read"
    scale = max(640 / picture.shape[1], 480 / picture.shape[0])
    grown = cv2.resize(picture, None, fx=scale, fy=scale)
    top, left = (grown.shape[0] - 480) // 2, (grown.shape[1] - 640) // 2
    _, frame = cv2.imencode(".jpg", grown[top : top + 480, left : left + 640])
    path = tmp_path_factory.mktemp("camera") / "face.mjpeg"
    path.write_bytes(frame.tobytes() * 30)
    return path


@pytest.fixture(scope="module")
def face_browser(playwright_driver: Any, chromium_path: str, face_video: Path) -> Iterator[Any]:
    """Chromium whose camera sees :func:`face_video`."""
    camera = f"--use-file-for-fake-video-capture={face_video}"
    with _launched(playwright_driver, chromium_path, camera) as browser:
        yield browser
