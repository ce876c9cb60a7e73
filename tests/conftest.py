"""Fixtures shared by every room's tests."""

from __future__ import annotations

import os

os.environ.setdefault("OMP_NUM_THREADS", "1")  # before numpy is loaded: see api.cli.main

import gc
import shutil
from pathlib import Path

import pytest

from data.locks import locked_folder
from data.settings import Settings
from tests.databases import (
    database,
    empty_database,
    postgres_server,
    postgres_template,
    sqlite_template,
)

__all__ = [
    "database",
    "demo_settings",
    "empty_database",
    "postgres_server",
    "postgres_template",
    "shared",
    "sqlite_template",
]

ROOT = Path(__file__).resolve().parent.parent

gc.disable()  # what is imported while tests are collected stays; looking through it finds nothing


def pytest_collection_finish(session: pytest.Session) -> None:
    """Leave the imported libraries, a million objects, out of every later look for garbage."""
    gc.enable()
    gc.collect()
    gc.freeze()


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
    home = tmp_path_factory.mktemp("demo")
    shutil.copytree(_built_demo(tmp_path_factory.getbasetemp()), home, dirs_exist_ok=True)
    return Settings(home=home, database_url=None, _env_file=None)


@pytest.fixture
def quick_demo(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let a demo that is built again be trained with one part and few users."""
    from recommender.candidates.factors import IalsConfig
    from recommender.config import PipelineConfig, RecommenderConfig
    from recommender.deep.config import DeepConfig

    few = PipelineConfig(listening=("ials",), ials=IalsConfig(embedding_size=8))
    config = RecommenderConfig(
        trials=1, tuning_users=20, pipeline=few, deep=DeepConfig(enabled=False)
    )
    monkeypatch.setattr("recommender.bootstrap.demo_config", lambda: config)


def _built_demo(folder: Path) -> Path:
    """Build the demo once for all processes of a test run; nobody uses it but to copy it."""
    from recommender.bootstrap import install_demo_home

    if "PYTEST_XDIST_WORKER" in os.environ:
        folder = folder.parent  # each process has a folder of its own in there
    home = folder / "built-demo"
    with locked_folder(folder):
        if not (home / "bundles" / "current").exists():
            install_demo_home(Settings(home=home, database_url=None, _env_file=None))
    return home
