"""A client that nobody here wrote, generated from ``/openapi.json``, runs the main flow.

The generator cannot be installed beside the service (it wants other versions of what the service
uses), so it has a virtual environment of its own; ``docs/testing.md`` has the commands.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from pathlib import Path

import pytest

from api.app import create_app
from data.db.repositories import ApiKeyRepository
from data.settings import Settings
from recommender.bootstrap import build_database
from tests.api.pictures import jpeg
from tests.service.running import serving

HERE = Path(__file__).parent


@pytest.fixture(scope="module")
def generator() -> Path:
    """The folder of programs of the generator's environment."""
    named = os.environ.get("ATTUNE_CLIENT_GENERATOR") or shutil.which("openapi-python-client")
    if named is None or not Path(named).is_file():
        pytest.skip("openapi-python-client is not there: set ATTUNE_CLIENT_GENERATOR to run this")
    return Path(named).absolute().parent


def test_the_main_flow(demo_settings: Settings, generator: Path, tmp_path: Path) -> None:
    home = tmp_path / "home"
    shutil.copytree(demo_settings.home, home)
    (tmp_path / "openapi.json").write_text(json.dumps(create_app(demo_settings).openapi()))
    (tmp_path / "picture.jpg").write_bytes(jpeg())
    words = (
        generator / "openapi-python-client", "generate", "--path", tmp_path / "openapi.json",
        "--meta", "none", "--config", HERE / "generator.yml", "--fail-on-warning",
        "--output-path", tmp_path / "generated" / "attune_generated",
    )  # fmt: skip
    environment = {
        **os.environ,
        "PATH": f"{generator}{os.pathsep}{os.environ['PATH']}",
        "PYTHONPATH": str(tmp_path / "generated"),
    }
    made = subprocess.run(words, env=environment, capture_output=True, text=True, check=False)
    assert made.returncode == 0, made.stdout + made.stderr
    database = build_database(demo_settings.model_copy(update={"home": home}))
    with database.session() as session:
        key = ApiKeyRepository(session).create("generated", ("recommend", "feedback"))
    database.dispose()
    with serving(home) as service:
        url = f"http://127.0.0.1:{service.port}"
        script: list[str | Path] = [generator / "python", HERE / "generated_flow.py", url, key]
        done = subprocess.run(
            [*script, tmp_path / "picture.jpg"],
            env=environment, capture_output=True, text=True, check=False,
        )  # fmt: skip
    assert done.returncode == 0, done.stderr
    told = json.loads(done.stdout)
    liked = told["first"][0]
    assert len(told["first"]) == 5
    assert liked not in told["after"]
    assert told["duplicates"] == [False, True]
    assert len(set(told["catalogue"])) == 6
    assert (told["similar"], told["playlist"], told["file"]) == (2, [4, 4], "#EXTM3U")
    assert (told["refused"], told["faceless"]) == ("consent_required", "no_face")
    assert told["history"] == [liked]
    assert told["erased"] == "unknown_user"
