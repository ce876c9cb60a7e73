"""The baseline answers the same requests; else a comparison with it would mean nothing."""

from __future__ import annotations

import importlib
import sys

import pytest
from starlette.testclient import TestClient

from api.loadtest.wire import EXPECTED
from data.settings import Settings
from vision.drawn_photo import drawn_photo


def test_it_answers_what_the_generator_asks(
    demo_settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    pytest.importorskip("keras", exc_type=ImportError)
    monkeypatch.setenv("ATTUNE_HOME", str(demo_settings.home))
    monkeypatch.delenv("ATTUNE_DATABASE_URL", raising=False)
    sys.modules.pop("tests.baseline.obvious", None)
    obvious = importlib.import_module("tests.baseline.obvious")
    user = next(iter(obvious.ids))
    with TestClient(obvious.app) as client:
        assert client.get("/health/ready").status_code == 200
        plain = client.get("/recommend", params={"user": user})
        assert plain.status_code == 200
        assert EXPECTED in plain.content
        assert len(plain.json()["items"]) == 20
        seen = client.post(
            "/recommend", params={"user": user}, files={"selfie": ("a.jpg", drawn_photo())}
        )
        assert seen.status_code == 200, seen.text
        assert sum(seen.json()["emotion"].values()) == pytest.approx(1, abs=1e-4)
        assert client.get("/recommend", params={"user": "nobody"}).status_code == 404
    obvious.engine.dispose()
