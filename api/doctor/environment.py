"""Checks of what the service stands on: Python, packages, settings, disk and port."""

from __future__ import annotations

import http.client
import json
import os
import platform
import shutil
import socket
import sys
import tempfile
from collections.abc import Iterable, Mapping
from difflib import get_close_matches
from importlib.metadata import PackageNotFoundError, requires, version
from importlib.util import find_spec
from pathlib import Path

from dotenv import dotenv_values
from packaging.requirements import Requirement

from api.doctor.findings import Finding, ok, warning, wrong
from data.settings import Settings

_PREFIX = "ATTUNE_"
#: Read by the tests, not by the service.
_OTHER_VARIABLES = {"ATTUNE_SHARED"}
_LITTLE, _TOO_LITTLE = 1_000_000_000, 100_000_000
#: Extra -> a module that only it brings, and what it is for.
_EXTRAS = {
    "train": ("tensorflow", "training, and embedding by MiniLM"),
    "otel": ("opentelemetry.exporter.otlp.proto.http", "traces"),
    "client": ("httpx", "the Python client"),
}
_TIMEOUT_S = 2.0


def check_python() -> Finding:
    """Tell which interpreter this is; an older one than is needed would not come so far."""
    found = f"{platform.python_implementation()} {platform.python_version()} on {sys.platform}"
    return ok("python", found)


def check_packages() -> Finding:
    """Compare what is installed with what the base install needs."""
    try:
        needed = [Requirement(line) for line in requires("attune") or ()]
    except PackageNotFoundError:
        return wrong("packages", "attune is not installed here", "pip install -e .")
    base = [one for one in needed if one.marker is None or one.marker.evaluate({"extra": ""})]
    bad = [text for one in base if (text := _misfit(one)) is not None]
    if bad:
        remedy = "pip install -c constraints.txt attune"
        return wrong("packages", "; ".join(bad), remedy)
    return ok("packages", f"attune {version('attune')} and {len(base)} packages that it needs")


def _misfit(needed: Requirement) -> str | None:
    try:
        found = version(needed.name)
    except PackageNotFoundError:
        return f"{needed.name} is missing"
    if needed.specifier.contains(found, prereleases=True):
        return None
    return f"{needed.name} is {found}, needed is {needed.specifier}"


def check_extras() -> Finding:
    """Tell which optional parts are there; none has to be."""
    parts = [
        f"attune[{name}] is {'there' if _is_there(module) else 'not installed'} ({purpose})"
        for name, (module, purpose) in _EXTRAS.items()
    ]
    return ok("extras", "; ".join(parts))


def check_traces(settings: Settings) -> Finding:
    """Tell whether traces leave, and whether they could."""
    from api.tracing import STANDARD

    names = ("ATTUNE_OTEL_ENDPOINT", *STANDARD)
    named = settings.otel_endpoint or next((n for n in STANDARD if os.environ.get(n)), None)
    if named is None:
        return ok("traces", f"off: no collector is named by {names[0]}")
    if not _is_there(_EXTRAS["otel"][0]):
        return warning(
            "traces",
            f"a collector is named, but attune[otel] is missing: {named}",
            "pip install 'attune[otel]', or unset the variable",
        )
    return ok("traces", f"go to {named}")


def _is_there(module: str) -> bool:
    try:
        return find_spec(module) is not None
    except ModuleNotFoundError:
        return False


def given_variables(file: Path = Path(".env")) -> dict[str, str]:
    """Return the names of settings that are given, and where."""
    in_file = [str(name) for name in dotenv_values(file)] if file.is_file() else []
    found = {name: file.name for name in in_file if name.upper().startswith(_PREFIX)}
    return found | {n: "the environment" for n in os.environ if n.upper().startswith(_PREFIX)}


def check_variables(given: Mapping[str, str]) -> Finding:
    """Look for variables that nothing reads, which are most likely misspelt."""
    known = {_PREFIX + name.upper() for name in Settings.model_fields} | _OTHER_VARIABLES
    unknown = {name: where for name, where in given.items() if name.upper() not in known}
    if not unknown:
        return ok("settings", f"{len(given)} given, all known")
    told = "; ".join(f"{name} (in {where}) is unknown" for name, where in unknown.items())
    return warning("settings", told, _suggestions(unknown, known))


def _suggestions(unknown: Iterable[str], known: Iterable[str]) -> str:
    parts = []
    for name in unknown:
        near = get_close_matches(name.upper(), sorted(known), n=1, cutoff=0.75)
        hint = f"did you mean {near[0]}?" if near else "see .env.example"
        parts.append(f"{name}: {hint}")
    return "; ".join(parts)


def check_home(settings: Settings) -> Finding:
    """Try to write where everything is kept; nothing stays there."""
    home = settings.home.resolve()
    if not home.is_dir():
        remedy = "`attune demo` or `attune db upgrade` makes it; ATTUNE_HOME says where it is"
        return wrong("home", f"there is no folder {home}", remedy)
    try:
        with tempfile.TemporaryFile(dir=home) as stream:
            stream.write(b"x")
    except OSError as exc:
        remedy = f"give the user of this process the right to write there: chown {_user()} {home}"
        return wrong("home", f"{home} cannot be written: {exc.strerror}", remedy)
    return ok("home", f"{home} can be written")


def _user() -> str:
    return str(os.getuid()) if hasattr(os, "getuid") else "USER"


def check_disk(settings: Settings) -> Finding:
    """Look at the free space of the disk that the home is on, or will be."""
    folder = settings.home.resolve()
    while not folder.exists():
        folder = folder.parent
    free = shutil.disk_usage(folder).free
    detail = f"{free / 1e9:.1f} GB free at {folder}"
    remedy = "make room: old bundles and runs below the home are not needed to serve"
    if free < _TOO_LITTLE:
        return wrong("disk", detail, remedy)
    return warning("disk", detail, remedy) if free < _LITTLE else ok("disk", detail)


def check_port(settings: Settings) -> Finding:
    """Try to bind the address; a service of ours that has it is no fault."""
    host, port = settings.host.strip("[]"), settings.port
    where = f"{settings.host}:{port}"
    try:
        family, kind, _, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
        with socket.socket(family, kind) as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            probe.bind(address)
    except OSError as exc:
        if _is_attune(host, port):
            return ok("port", f"Attune answers at {where} already")
        remedy = "set ATTUNE_HOST and ATTUNE_PORT to an address that is free here"
        return wrong("port", f"{where} cannot be bound: {exc.strerror or exc}", remedy)
    return ok("port", f"{where} is free")


def _is_attune(host: str, port: int) -> bool:
    reached = {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(host, host)  # noqa: S104
    connection = http.client.HTTPConnection(reached, port, timeout=_TIMEOUT_S)
    try:
        connection.request("GET", "/health/live")
        return bool(json.loads(connection.getresponse().read(1000)) == {"status": "live"})
    except (OSError, http.client.HTTPException, ValueError):
        return False
    finally:
        connection.close()
