"""Generated requests to every operation of the real service; for more see ``docs/testing.md``."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from data.settings import Settings
from tests.service.running import serving

CONFIG = Path(__file__).with_name("schemathesis.toml")


@pytest.mark.timeout(300)
def test_no_generated_request_breaks_what_openapi_promises(
    demo_settings: Settings, tmp_path: Path
) -> None:
    home = tmp_path / "home"
    shutil.copytree(demo_settings.home, home)
    with serving(home) as service:
        words = (
            "--no-color", "--config-file", CONFIG,
            "run", f"http://127.0.0.1:{service.port}/openapi.json",
            "--checks", "all", "--phases", "examples,coverage,fuzzing", "--max-examples", 3,
            "--seed", 6, "--generation-database", "none", "--request-timeout", 30,
            "--suppress-health-check", "all", "--warnings", "off",
        )  # fmt: skip
        command = [sys.executable, "-m", "schemathesis.cli", *map(str, words)]
        environment = {**os.environ, "HYPOTHESIS_STORAGE_DIRECTORY": str(tmp_path / "examples")}
        done = subprocess.run(
            command, cwd=tmp_path, env=environment, capture_output=True, text=True, check=False
        )
        assert done.returncode == 0, done.stdout[-8000:] + done.stderr[-2000:]
        assert service.is_up()
