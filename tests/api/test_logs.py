"""The service's log: one JSON object a line, of libraries too, and never what a caller sent."""

from __future__ import annotations

import errno
import io
import json
import logging
from collections.abc import Iterator

import pytest
import structlog

from api.logs import configure_logging
from data.errors import ConfigError


@pytest.fixture(autouse=True)
def as_before() -> Iterator[None]:
    root, uvicorn = logging.getLogger(), logging.getLogger("uvicorn")
    handlers, level = list(root.handlers), uvicorn.level
    for name in ("uvicorn", "uvicorn.error", "uvicorn.access"):  # a server that a test ran
        logger = logging.getLogger(name)
        logger.handlers[:], logger.propagate = [], True
        logger.setLevel(logging.NOTSET)
    yield
    root.handlers[:] = handlers
    uvicorn.setLevel(level)
    structlog.reset_defaults()


def lines(capsys: pytest.CaptureFixture[str]) -> list[dict[str, object]]:
    captured = capsys.readouterr()
    assert captured.out == ""
    return [json.loads(line) for line in captured.err.splitlines()]


def test_ours_and_the_servers_lines_are_alike(capsys: pytest.CaptureFixture[str]) -> None:
    configure_logging()
    structlog.get_logger("attune.test").info("started", version="1")
    logging.getLogger("uvicorn.error").info("Started server process [%d]", 7)
    ours, servers = lines(capsys)
    assert (ours["event"], ours["level"], ours["version"]) == ("started", "info", "1")
    assert (servers["event"], servers["level"]) == ("Started server process [7]", "info")
    assert set(ours) >= {"event", "level", "timestamp"}
    assert set(servers) >= {"event", "level", "timestamp"}


def test_an_exception_is_its_class_and_place(capsys: pytest.CaptureFixture[str]) -> None:
    configure_logging()
    try:
        int("what zoe-private sent")
    except ValueError:
        logging.getLogger("uvicorn.error").exception("Exception in ASGI application")
    (line,) = lines(capsys)
    assert line["error"] == "ValueError"
    assert "test_an_exception_is_its_class_and_place" in str(line["where"])
    assert "private" not in json.dumps(line)


def test_levels(capsys: pytest.CaptureFixture[str]) -> None:
    configure_logging("WARNING")
    structlog.get_logger("attune.test").info("quiet")
    logging.getLogger("uvicorn.error").info("quiet")
    logging.getLogger("some.library").info("quiet")
    logging.getLogger("some.library").warning("loud")
    assert [line["event"] for line in lines(capsys)] == ["loud"]
    with pytest.raises(ConfigError, match="WARNING"):
        configure_logging("LOUD")


def test_configured_twice_every_line_comes_once(capsys: pytest.CaptureFixture[str]) -> None:
    configure_logging()
    configure_logging()
    logging.getLogger("some.library").warning("once")
    assert len(lines(capsys)) == 1


def test_lines_for_people(capsys: pytest.CaptureFixture[str]) -> None:
    configure_logging(form="console")
    structlog.get_logger("attune.test").info("started", version="1")
    logging.getLogger("uvicorn.error").info("Shutting down")
    said = capsys.readouterr().err
    assert "started" in said
    assert "Shutting down" in said
    assert "{" not in said


def test_what_is_bound_to_a_request_is_in_its_lines(capsys: pytest.CaptureFixture[str]) -> None:
    configure_logging()
    with structlog.contextvars.bound_contextvars(trace_id="abc"):
        structlog.get_logger("attune.test").info("request")
    (line,) = lines(capsys)
    assert line["trace_id"] == "abc"


class Pieces(io.StringIO):
    """Keeps what is written by each call."""

    def __init__(self) -> None:
        super().__init__()
        self.pieces: list[str] = []

    def write(self, text: str, /) -> int:
        self.pieces.append(text)
        return len(text)


def test_a_line_is_written_whole(monkeypatch: pytest.MonkeyPatch) -> None:
    """Several workers share one stderr: what is written in two pieces would mix."""
    configure_logging()
    with monkeypatch.context() as there:
        there.setattr("sys.stderr", pieces := Pieces())
        structlog.get_logger("attune.test").info("ours")
        logging.getLogger("some.library").warning("theirs")
    assert [json.loads(piece)["event"] for piece in pieces.pieces] == ["ours", "theirs"]
    assert all(piece.endswith("}\n") for piece in pieces.pieces)


class Full(io.StringIO):
    """A disk without room; says how often it was tried."""

    tries = 0

    def write(self, text: str, /) -> int:
        self.tries += 1
        raise OSError(errno.ENOSPC, "No space left on device")


def test_a_line_that_nobody_can_take_is_lost_and_nothing_else(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    configure_logging()
    log, full = structlog.get_logger("attune.test"), Full()
    with monkeypatch.context() as there:
        there.setattr("sys.stderr", full)
        log.info("started")
        logging.getLogger("some.library").warning("loud")
        there.setattr("sys.stderr", closed := io.StringIO())
        closed.close()
        log.info("stopped")
    assert full.tries >= 2
    log.info("there again")
    assert [line["event"] for line in lines(capsys)] == ["there again"]


def test_a_librarys_line_whose_arguments_do_not_fit(capsys: pytest.CaptureFixture[str]) -> None:
    configure_logging()
    (ours,) = [h for h in logging.getLogger().handlers if type(h).__module__ == "api.logs"]
    wrong = {"name": "some.library", "msg": "%d songs", "args": ("private",)}
    ours.handle(logging.makeLogRecord(wrong))
    assert [line["event"] for line in lines(capsys)] == ["%d songs"]
