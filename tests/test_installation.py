"""Facts about the installation that everything else relies on."""

from __future__ import annotations

import importlib
import json
import subprocess
import sys
from pathlib import Path

import pytest

from data.settings import Settings
from tests.conftest import ROOT

PROBE = """
import json, sys
from pathlib import Path
from data.settings import Settings
from api.app import create_app
from starlette.testclient import TestClient
settings = Settings(home=Path(sys.argv[1]), _env_file=None)
app, url = create_app(settings), "http://127.0.0.1"
with TestClient(app, base_url=url, client=("127.0.0.1", 1)) as client:
    answer = client.get("/recommend", params={"user": "ada-007", "mood": "calm"})
print(json.dumps({"status": answer.status_code, "modules": sorted(sys.modules)}))
"""


@pytest.mark.parametrize("name", ["api", "data", "nlp", "recommender", "tests", "vision"])
def test_flat_names_resolve_inside_the_repository(name: str) -> None:
    module = importlib.import_module(name)
    assert module.__file__ is not None
    assert Path(module.__file__).resolve().parent == ROOT / name


def test_every_test_folder_is_a_package() -> None:
    folders = {p.parent for p in (ROOT / "tests").rglob("*.py")}
    assert {f for f in folders if not (f / "__init__.py").exists()} == set()


def test_serving_process_holds_no_training_library(demo_settings: Settings) -> None:
    done = subprocess.run(
        [sys.executable, "-c", PROBE, str(demo_settings.home)],
        capture_output=True, text=True, check=True, cwd=ROOT,
    )  # fmt: skip
    seen = json.loads(done.stdout.splitlines()[-1])
    assert seen["status"] == 200
    loaded = {m.split(".")[0] for m in seen["modules"]}
    assert "onnxruntime" in loaded
    heavy = {
        "tensorflow",
        "keras",
        "torch",
        "sentence_transformers",
        "pandas",
        "sklearn",
        "implicit",
        "pyarrow",
    }
    assert loaded & heavy == set()


def test_env_example_names_every_setting() -> None:
    text = (ROOT / ".env.example").read_text()
    names = {line.lstrip("# ").split("=")[0] for line in text.splitlines() if "ATTUNE_" in line}
    assert names == {f"ATTUNE_{field.upper()}" for field in Settings.model_fields}
