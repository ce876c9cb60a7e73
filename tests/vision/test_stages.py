"""The stages of reading a picture are named to whoever times them."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from data.timing import set_timer
from tests.vision.test_reader import classifier, frame, reader
from vision.errors import NoFaceError, UnsupportedImageError
from vision.reader import ExpressionReader

__all__ = ["classifier", "reader"]


@pytest.fixture
def stages() -> Iterator[list[str]]:
    seen: list[str] = []

    @contextmanager
    def noted(name: str) -> Iterator[None]:
        try:
            yield
        finally:
            seen.append(name)

    set_timer(noted)
    yield seen
    set_timer(None)


def test_each_frame_is_decoded_and_searched_and_read_together(
    reader: ExpressionReader, stages: list[str]
) -> None:
    reader.read([frame(1), frame(0)])
    assert stages == ["decode", "face", "decode", "face", "expression"]


def test_what_fails_is_timed_to_where_it_failed(
    reader: ExpressionReader, stages: list[str]
) -> None:
    with pytest.raises(NoFaceError):
        reader.read([frame(0)])
    with pytest.raises(UnsupportedImageError):
        reader.read([b"words"])
    assert stages == ["decode", "face", "decode"]
