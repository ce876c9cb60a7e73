"""The settings of a service reach its workers whole, whatever their kind."""

from __future__ import annotations

from pathlib import Path

import pytest
from pydantic import SecretStr

from api.supervision import worker_environment
from data.settings import Settings


def test_settings_come_through_the_environment(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    given = Settings(
        home=tmp_path,
        workers=3,
        shutdown_s=2.5,
        embed_worker=False,
        cors_origins=("https://a.example", "https://b.example"),
        metrics_token=SecretStr("0123456789abcdef0123456789abcdef"),
        _env_file=None,  # type: ignore[call-arg]
    )
    for name, value in worker_environment(given).items():
        monkeypatch.setenv(name, value)
    assert Settings(_env_file=None) == given  # type: ignore[call-arg]
