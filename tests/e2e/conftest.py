"""A running service and a browser for the tests of the page.

Set ``ATTUNE_E2E_URL`` to drive a service that already runs instead of starting one.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest

from data.settings import Settings
from tests.e2e.listener import Opened, opened
from tests.listening import listening
from vision.drawn_photo import drawn_photo

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
    "--use-fake-device-for-media-stream",
)
_ALLOW_CAMERA = "--use-fake-ui-for-media-stream"


@contextmanager
def _serve(app: Any) -> Iterator[str]:
    """Run ``app`` in a thread on a free port and yield its base URL."""
    with listening(app) as port:
        yield f"http://127.0.0.1:{port}"


def _home(demo: Settings, folder: Path, **settings: Any) -> Settings:
    """A copy of the demo, because the tests give feedback."""
    shutil.copytree(demo.home, folder, dirs_exist_ok=True)
    return demo.model_copy(update={"home": folder, **settings})


@pytest.fixture(scope="package")
def live_server(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[str]:
    """Base URL, without a slash at the end, of a service with the demo installed."""
    running = os.environ.get("ATTUNE_E2E_URL")
    if running:
        yield running.rstrip("/")
        return
    from api.app import create_app

    demo = request.getfixturevalue("demo_settings")  # built only where no service runs already
    settings = _home(demo, tmp_path_factory.mktemp("home"), emotion_history_days=7)
    with _serve(create_app(settings)) as url:
        yield url


@pytest.fixture(scope="package")
def keyed_server(
    demo_settings: Settings, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[tuple[str, str]]:
    """Base URL of a service that asks for a key, and a key that is bound to the listener `wren`."""
    from api.app import create_app
    from data.db.repositories import ApiKeyRepository
    from recommender.bootstrap import build_database

    # A host that is not loopback is what makes the service ask for keys.
    settings = _home(demo_settings, tmp_path_factory.mktemp("keyed"), host="0.0.0.0")
    database = build_database(settings)
    with database.session() as session:
        key = ApiKeyRepository(session).create("page", ["recommend", "feedback"], user="wren")
    database.dispose()
    with _serve(create_app(settings)) as url:
        yield url, key


@pytest.fixture(scope="session")
def chromium_path() -> str:
    """Path of a Chromium; the test is skipped where none is installed."""
    for name in _BROWSERS:
        if found := shutil.which(name):
            return found
    pytest.skip(f"no browser in PATH: install one of {', '.join(_BROWSERS)}")


@pytest.fixture(scope="package")
def playwright_driver() -> Iterator[Any]:
    """Playwright; per package, because its event loop must not outlive the tests of the page."""
    sync_api = pytest.importorskip("playwright.sync_api", reason="playwright is not installed")
    with sync_api.sync_playwright() as driver:
        yield driver


@pytest.fixture(scope="package")
def drawn_face(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A 640 x 480 JPEG of a drawn face: nobody's."""
    picture = cv2.imdecode(np.frombuffer(drawn_photo(), np.uint8), cv2.IMREAD_COLOR)
    assert picture is not None
    small = cv2.resize(picture, (853, 480))[:, 106:746]
    path = tmp_path_factory.mktemp("camera") / "face.jpg"
    cv2.imwrite(str(path), small)
    return path


@pytest.fixture(scope="package")
def browser(playwright_driver: Any, chromium_path: str, drawn_face: Path) -> Iterator[Any]:
    """Chromium whose camera, once allowed, sees the drawn face."""
    video = drawn_face.with_name("face.mjpeg")
    video.write_bytes(drawn_face.read_bytes() * 30)
    camera = f"--use-file-for-fake-video-capture={video}"
    chromium = playwright_driver.chromium
    found = chromium.launch(
        executable_path=chromium_path, args=[*_ARGUMENTS, _ALLOW_CAMERA, camera]
    )
    try:
        yield found
    finally:
        found.close()


@pytest.fixture(scope="package")
def wary_browser(playwright_driver: Any, chromium_path: str) -> Iterator[Any]:
    """Chromium that refuses the camera to every page."""
    found = playwright_driver.chromium.launch(
        executable_path=chromium_path, args=[*_ARGUMENTS, "--deny-permission-prompts"]
    )
    try:
        yield found
    finally:
        found.close()


@pytest.fixture
def page(browser: Any, live_server: str) -> Iterator[Any]:
    """The page, watched: see :func:`tests.e2e.listener.opened`."""
    with opened(browser, live_server) as found:
        yield found


@pytest.fixture
def opening(browser: Any, live_server: str) -> Opened:
    """Open the page with other options: ``with opening(viewport=...) as page``."""
    return lambda **options: opened(browser, live_server, **options)
