"""What can be said of the image and the compose file where there is no Docker."""

from __future__ import annotations

import ast
import json
import re
import shlex
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from importlib.metadata import PackageNotFoundError, packages_distributions, requires
from typing import Any

import pytest
import yaml
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from data.settings import Settings
from tests.conftest import ROOT

DEPLOY = ROOT / "deploy"
#: What training brings; each is larger than the whole base install, or belongs to one that is.
TRAINING = {"tensorflow", "tensorflow-cpu", "torch", "keras", "jax", "tf2onnx", "transformers"}


def project() -> dict[str, Any]:
    found: dict[str, Any] = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]
    return found


def closure(lines: list[str]) -> set[str]:
    """Names of all packages that these need, without anybody's extras but those asked for."""
    found: set[tuple[str, str]] = set()
    todo = [Requirement(line) for line in lines]
    while todo:
        one = todo.pop()
        for extra in ("", *one.extras):
            key = (canonicalize_name(one.name), extra)
            if key in found:
                continue
            found.add(key)
            try:
                needed = [Requirement(line) for line in requires(one.name) or ()]
            except PackageNotFoundError:
                pytest.fail(f"{one.name} of the base install is not installed here")
            todo += [r for r in needed if r.marker is None or r.marker.evaluate({"extra": extra})]
    return {name for name, _ in found}


@pytest.fixture(scope="module")
def base() -> set[str]:
    return closure(project()["dependencies"])


def test_the_base_install_has_no_training_in_it(base: set[str]) -> None:
    assert base & TRAINING == set()
    assert not [name for name in base if name.startswith("nvidia-")]
    assert {"fastapi", "onnxruntime", "prometheus-client", "psycopg"} <= base


def test_every_package_of_the_base_install_is_pinned(base: set[str]) -> None:
    lines = (ROOT / "constraints.txt").read_text("utf-8").splitlines()
    pinned = {canonicalize_name(line.split("==")[0]) for line in lines if "==" in line}
    assert base - pinned == set()


def test_whatever_is_imported_is_asked_for(base: set[str]) -> None:
    extras = project()["optional-dependencies"]
    asked = base | closure(extras["otel"])
    for lines in (lines for name, lines in extras.items() if name != "dev"):
        asked |= {canonicalize_name(Requirement(line).name) for line in lines}
    asked |= {"transformers", "attune"}
    homes = packages_distributions()
    imported = {
        name
        for folder in ("api", "data", "nlp", "recommender", "vision")
        for path in (ROOT / folder).rglob("*.py")
        for name in imports(ast.parse(path.read_text("utf-8")))
    }
    ours = {"api", "data", "nlp", "recommender", "vision"}
    for name in imported - ours - set(sys.stdlib_module_names):
        found = {canonicalize_name(home) for home in homes.get(name, [])}
        assert found, f"{name} is imported and not installed here"
        assert found & asked, f"{name} is imported, and {found} is not in pyproject.toml"


def imports(tree: ast.AST) -> Iterator[str]:
    """Top names of everything that a module imports from elsewhere."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name.split(".")[0] for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            yield node.module.split(".")[0]


def instructions() -> list[tuple[str, str]]:
    text = (DEPLOY / "Dockerfile").read_text("utf-8")
    text = "\n".join(line for line in text.splitlines() if not line.startswith("#"))
    joined = re.sub(r"\\\n\s*", " ", text)
    rows = [line.partition(" ") for line in joined.splitlines() if line.strip()]
    return [(word, rest.strip()) for word, _, rest in rows]


def last_stage() -> list[tuple[str, str]]:
    rows = instructions()
    start = max(i for i, (word, _) in enumerate(rows) if word == "FROM")
    return rows[start:]


def one(word: str) -> str:
    (found,) = [rest for name, rest in last_stage() if name == word]
    return found


def test_the_image_runs_as_nobody_in_particular() -> None:
    user, group = one("USER").split(":")
    assert int(user) >= 1000
    assert int(group) >= 1000
    assert one("STOPSIGNAL") == "SIGTERM"
    assert json.loads(one("ENTRYPOINT")) == ["attune"]
    assert json.loads(one("CMD")) == ["serve"]
    assert json.loads(one("VOLUME")) == ["/var/lib/attune"]
    order = [word for word, _ in last_stage()]
    assert order.index("USER") > max(i for i, word in enumerate(order) if word in {"RUN", "COPY"})


def test_the_images_settings_are_settings() -> None:
    names = re.findall(r"ATTUNE_(\w+)=", one("ENV"))
    assert {name.lower() for name in names} <= set(Settings.model_fields)
    assert "ATTUNE_HOST=0.0.0.0" in one("ENV"), "which makes keys compulsory"


def test_what_is_copied_is_there_and_goes_to_the_builder() -> None:
    listed = (ROOT / ".dockerignore").read_text("utf-8").splitlines()
    let_in = {line[1:] for line in listed if line.startswith("!")}
    copied = [rest.split() for word, rest in instructions() if word == "COPY"]
    sources = {name for row in copied if not row[0].startswith("--") for name in row[:-1]}
    assert all((ROOT / name).exists() for name in sources)
    assert sources == let_in
    packages = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))
    wheel = packages["tool"]["hatch"]["build"]["targets"]["wheel"]["packages"]
    assert set(wheel) <= sources


def test_the_image_asks_for_the_base_install_pinned() -> None:
    runs = [rest for word, rest in instructions() if word == "RUN"]
    (asking,) = [run for run in runs if "requirements.txt" in run]
    first, *rest = asking.split(" && ")
    command = shlex.split(first.partition(" > ")[0])
    said = subprocess.run(
        [sys.executable, *command[1:]], capture_output=True, text=True, check=True, cwd=ROOT
    )
    assert said.stdout.splitlines() == project()["dependencies"]
    installs = [part for run in runs for part in run.split(" && ") if "pip install" in part]
    assert all("-c constraints.txt" in part for part in [*installs, rest[0]])


def healthcheck() -> list[str]:
    options, _, command = one("HEALTHCHECK").partition("CMD ")
    assert "--start-period" in options
    found: list[str] = json.loads(command)
    return found


def test_the_health_check_fails_where_nobody_answers() -> None:
    python, *rest = healthcheck()
    assert python == "python"
    environment = {"ATTUNE_PORT": "9"}
    done = subprocess.run(
        [sys.executable, *rest], env=environment, capture_output=True, check=False
    )
    assert done.returncode == 1


@pytest.fixture(scope="module")
def compose() -> dict[str, Any]:
    found: dict[str, Any] = yaml.safe_load((DEPLOY / "compose.yaml").read_text("utf-8"))
    return found


def test_migrations_come_after_the_database_and_before_the_service(compose: dict[str, Any]) -> None:
    services = compose["services"]
    assert set(services) == {"database", "migrate", "attune"}
    assert services["migrate"]["command"] == ["db", "upgrade"]
    assert services["migrate"]["depends_on"] == {"database": {"condition": "service_healthy"}}
    assert services["migrate"]["restart"] == "no"
    after = services["attune"]["depends_on"]
    assert after["migrate"] == {"condition": "service_completed_successfully"}
    assert services["database"]["healthcheck"]["test"][:2] == ["CMD", "pg_isready"]


def test_the_service_may_write_nowhere_but_at_home(compose: dict[str, Any]) -> None:
    service = compose["services"]["attune"]
    assert service["read_only"] is True
    assert service["tmpfs"] == ["/tmp"]
    assert service["cap_drop"] == ["ALL"]
    assert service["volumes"] == ["home:/var/lib/attune"]
    assert service["ports"] == ["127.0.0.1:8000:8000"]
    assert set(compose["volumes"]) == {"home", "rows"}
    grace = float(service["stop_grace_period"].removesuffix("s"))
    assert grace > Settings(_env_file=None).shutdown_s * 2  # type: ignore[call-arg]


def test_no_secret_is_written_down(compose: dict[str, Any]) -> None:
    for service in compose["services"].values():
        for name, value in service.get("environment", {}).items():
            if "PASSWORD" in name or "URL" in name:
                assert "${POSTGRES_PASSWORD:?" in value
    assert "POSTGRES_PASSWORD=\n" in (DEPLOY / "env.example").read_text("utf-8")
    assert ".env" in (ROOT / ".gitignore").read_text("utf-8").splitlines()


def test_the_example_of_secrets_names_settings() -> None:
    lines = (DEPLOY / "env.example").read_text("utf-8").splitlines()
    names = re.findall(r"^(?:# )?ATTUNE_(\w+)=", "\n".join(lines), re.M)
    assert names
    assert {name.lower() for name in names} <= set(Settings.model_fields)
