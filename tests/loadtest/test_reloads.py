from __future__ import annotations

from pathlib import Path

import pytest

from api.loadtest.reloads import reload_often
from data.artifacts import current_bundle, publish_bundle
from data.errors import BenchmarkError
from tests.loadtest.servers import answer, scripted


@pytest.fixture
def home(tmp_path: Path) -> Path:
    (tmp_path / "a").write_bytes(b"a")
    publish_bundle(tmp_path / "bundles", {"a": tmp_path / "a"}, {})
    return tmp_path


def test_every_reload_is_of_a_new_bundle(home: Path) -> None:
    seen = [current_bundle(home / "bundles").version]

    def script(head: bytes, body: bytes) -> tuple[bytes, int]:
        assert head.startswith(b"POST /admin/reload ")
        seen.append(current_bundle(home / "bundles").version)
        return answer(200, f'{{"model_version": "{seen[-1]}"}}'.encode()), 1

    with scripted(script) as port:
        assert len(reload_often(port, home, 3, 0.0)) == 3
    assert len(set(seen)) == 4


@pytest.mark.parametrize(
    ("said", "why"),
    [
        (answer(409, b'{"detail": "a hash does not agree"}'), "a hash does not agree"),
        (answer(500, b"oops"), "Expecting value"),
        (b"", "Remote end closed"),
    ],
    ids=["refused", "no JSON", "hung up"],
)
def test_a_reload_that_fails_ends_the_measurement(home: Path, said: bytes, why: str) -> None:
    with (
        scripted(lambda head, body: (said, 1)) as port,
        pytest.raises(BenchmarkError, match=f"reload 1 of 2 failed: .*{why}"),
    ):
        reload_often(port, home, 2, 0.0)
