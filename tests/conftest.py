"""Fixtures shared by every room's tests."""

from __future__ import annotations

import os

os.environ.setdefault("OMP_NUM_THREADS", "1")  # before numpy is loaded: see api.cli.main

from pathlib import Path

import pytest

from data.settings import Settings

ROOT = Path(__file__).resolve().parent.parent


@pytest.fixture(scope="session")
def shared() -> Path:
    """Folder of the real data sets; the test is skipped, and says so, where it is absent."""
    folder = Path(os.environ.get("ATTUNE_SHARED", ROOT.parent / "shared"))
    if not (folder / "datasets").is_dir():
        pytest.skip(f"real data sets are not at {folder}: set ATTUNE_SHARED to run this test")
    return folder


@pytest.fixture(scope="session")
def demo_settings(tmp_path_factory: pytest.TempPathFactory) -> Settings:
    """Settings of a home with the demo installed, trained and published. Read it, do not write."""
    from recommender.bootstrap import install_demo_home

    settings = Settings(home=tmp_path_factory.mktemp("demo"), database_url=None, _env_file=None)
    install_demo_home(settings)
    return settings
