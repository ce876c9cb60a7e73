"""The service on a real socket: a GET with a body, as curl sends it, and a body cut short."""

from __future__ import annotations

import http.client
import json
import socket
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from api.app import create_app
from data.db.session import Database
from data.errors import ConfigError
from data.settings import Settings
from tests.api.fakes import FakeEngine
from tests.api.pictures import jpeg
from tests.listening import listening

ASK = "/recommend?user=ana&consent=true"


@pytest.fixture
def port(database: Database, tmp_path: Path) -> Iterator[int]:
    settings = Settings(home=tmp_path, _env_file=None)  # type: ignore[call-arg]
    app = create_app(settings, engine=FakeEngine(), database=database)
    with listening(app) as opened:
        yield opened


def ask(port: int, method: str, body: Any, headers: dict[str, str]) -> tuple[int, Any]:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=30)
    try:
        chunked = not isinstance(body, bytes)
        connection.request(method, ASK, body, headers, encode_chunked=chunked)
        response = connection.getresponse()
        return response.status, json.loads(response.read())
    finally:
        connection.close()


@pytest.mark.parametrize("method", ["GET", "POST"])
def test_a_raw_body(port: int, method: str) -> None:
    status, answer = ask(port, method, jpeg(), {"Content-Type": "image/jpeg"})
    assert (status, answer["emotion"]["label"]) == (200, "happy")


@pytest.mark.parametrize("method", ["GET", "POST"])
def test_a_form_in_chunks(port: int, method: str) -> None:
    head = b'--b\r\nContent-Disposition: form-data; name="selfie"; filename="a.jpg"\r\n\r\n'
    parts = [head, *(bytes([byte]) for byte in jpeg()[:200]), jpeg()[200:], b"\r\n--b--\r\n"]
    headers = {
        "Content-Type": "multipart/form-data; boundary=b",
        "Transfer-Encoding": "chunked",
    }
    status, answer = ask(port, method, iter(parts), headers)
    assert (status, answer["emotion"]["label"]) == (200, "happy")


def test_a_large_body_is_answered_before_it_is_sent(port: int) -> None:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=30)
    connection.putrequest("POST", ASK)
    connection.putheader("Content-Type", "image/jpeg")
    connection.putheader("Content-Length", "30000000")
    connection.endheaders()
    response = connection.getresponse()
    assert (response.status, json.loads(response.read())["code"]) == (413, "image_too_large")
    connection.close()


def test_a_body_cut_short_harms_nobody(port: int, capfd: pytest.CaptureFixture[str]) -> None:
    with socket.create_connection(("127.0.0.1", port), timeout=30) as broken:
        broken.sendall(
            f"POST {ASK} HTTP/1.1\r\nHost: x\r\nContent-Type: image/jpeg\r\n"
            "Content-Length: 5000\r\n\r\n".encode()
            + jpeg()[:100]
        )
    status, _ = ask(port, "POST", jpeg(), {"Content-Type": "image/jpeg"})
    assert status == 200
    assert "unexpected" not in capfd.readouterr().err


def test_an_open_service_is_refused_before_anything_runs(tmp_path: Path) -> None:
    from api.server import run_server
    from recommender.bootstrap import build_database

    settings = Settings(home=tmp_path, host="0.0.0.0", _env_file=None)  # type: ignore[call-arg]
    database = build_database(settings)
    database.upgrade()
    database.dispose()
    with pytest.raises(ConfigError, match="without API keys"):
        run_server(settings)


@pytest.mark.parametrize(
    ("host", "told"), [("127.0.0.1", "already in use.*--port"), ("[::1]", "without brackets")]
)
def test_an_address_that_cannot_be_had_is_told_before_anything_runs(
    tmp_path: Path, database: Database, host: str, told: str
) -> None:
    from api.server import run_server

    with socket.create_server(("127.0.0.1", 0)) as taken:
        settings = Settings(
            home=tmp_path,
            host=host,
            port=taken.getsockname()[1],
            database_url=database.url.render_as_string(hide_password=False),
            _env_file=None,  # type: ignore[call-arg]
        )
        with pytest.raises(ConfigError, match=told):
            run_server(settings)
