"""Bundles: the unit of deployment. Written whole, verified before use, never overwritten.

Layout::

    <root>/<version>/manifest.json     component configs, metrics, seed, sha256 of every file
    <root>/<version>/<files>           ONNX networks, npz arrays (no pickle anywhere)
    <root>/current                     text file naming the version in force

One process at a time writes here. What a publisher that was killed has left, under a name with a
dot, is removed by the next one.
"""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import uuid
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from data.errors import ArtifactError, BundleCorruptError, BundleNotFoundError
from data.locks import locked_folder

FORMAT = 1
#: Beginnings of the names of what is not whole yet.
_PARTIAL, _CURRENT = ".partial-", ".current-"


@dataclass(frozen=True, slots=True)
class Bundle:
    """A verified bundle on disk."""

    path: Path
    manifest: dict[str, Any]

    @property
    def version(self) -> str:
        """The folder's name, which is the bundle's identity."""
        return str(self.manifest["version"])

    def file(self, name: str) -> Path:
        """Return the path of one of the bundle's files.

        Raises:
            BundleCorruptError: if the manifest does not list it.
        """
        if name not in self.manifest["files"]:
            raise BundleCorruptError(f"bundle {self.version} has no file {name!r}")
        return self.path / name

    def has(self, name: str) -> bool:
        """Tell whether the bundle holds ``name``."""
        return name in self.manifest["files"]


def file_sha256(path: Path) -> str:
    """Return the hex SHA-256 of a file's bytes."""
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


def publish_bundle(
    root: Path, files: Mapping[str, Path], manifest: Mapping[str, Any], *, activate: bool = True
) -> Bundle:
    """Copy ``files`` into a new bundle, fsync, rename into place and switch ``current``.

    Args:
        root: folder of all bundles; made if absent.
        files: name in the bundle -> source path.
        manifest: what to record beside hashes and version; JSON values only.
        activate: switch ``current`` to the new bundle.

    Raises:
        ArtifactError: if a source changed meanwhile; ``current`` is as it was, here and below.
        OSError: if a file cannot be read, or the disk is full.
    """
    root.mkdir(parents=True, exist_ok=True)
    with _publishing(root):
        bundle = open_bundle(root / _publish(root, files, manifest))
        if activate:
            _activate(root, bundle.version)
    return bundle


def _publish(root: Path, files: Mapping[str, Path], manifest: Mapping[str, Any]) -> str:
    """Write one bundle whole and rename it into place; returns its version."""
    hashes = {name: file_sha256(source) for name, source in sorted(files.items())}
    digest = hashlib.sha256(json.dumps(hashes, sort_keys=True).encode()).hexdigest()[:8]
    version = f"{datetime.now(UTC):%Y%m%dT%H%M%S%f}-{digest}"
    partial = root / f"{_PARTIAL}{uuid.uuid4().hex}"
    partial.mkdir()
    try:
        for name, source in files.items():
            shutil.copyfile(source, partial / name)
            _fsync(partial / name)
            if file_sha256(partial / name) != hashes[name]:
                raise ArtifactError(
                    f"{source} changed while it was copied: publish again when nothing writes it"
                )
        full = {**manifest, "format": FORMAT, "version": version, "files": hashes}
        (partial / "manifest.json").write_text(json.dumps(full, indent=1), encoding="utf-8")
        _fsync(partial / "manifest.json")
        _fsync(partial)
        partial.rename(root / version)
        _fsync(root)
    finally:
        shutil.rmtree(partial, ignore_errors=True)
    return version


def activate_bundle(root: Path, version: str) -> None:
    """Make ``version`` the bundle in force, atomically.

    Raises:
        BundleNotFoundError: if there is no such bundle.
    """
    if not (root / version / "manifest.json").exists():
        raise BundleNotFoundError(f"no bundle {version!r} under {root}")
    with _publishing(root):
        _activate(root, version)


def _activate(root: Path, version: str) -> None:
    partial = root / f"{_CURRENT}{uuid.uuid4().hex}"
    partial.write_text(version, encoding="utf-8")
    _fsync(partial)
    os.replace(partial, root / "current")
    _fsync(root)


@contextmanager
def _publishing(root: Path) -> Iterator[None]:
    """Let one process at a time write here; remove what one that was killed has left."""
    with locked_folder(root):
        for left in root.iterdir():
            if left.name.startswith(_PARTIAL):
                shutil.rmtree(left, ignore_errors=True)
            elif left.name.startswith(_CURRENT):
                left.unlink(missing_ok=True)
        yield


def open_bundle(path: Path) -> Bundle:
    """Read and verify the bundle at ``path``.

    Raises:
        BundleNotFoundError: if there is no manifest.
        BundleCorruptError: if a file is missing, changed, cannot be read, or is of an unknown
            format.
    """
    try:
        return _opened(path)
    except FileNotFoundError as exc:
        raise BundleNotFoundError(f"no bundle at {path}") from exc
    except OSError as exc:
        raise BundleCorruptError(
            f"bundle {path.name} cannot be read ({exc.strerror or exc}): see to the rights and the"
            " disk, or publish it again"
        ) from exc


def _opened(path: Path) -> Bundle:
    try:
        manifest = json.loads((path / "manifest.json").read_text(encoding="utf-8"))
    except (ValueError, RecursionError) as exc:
        raise BundleCorruptError(f"{path}/manifest.json is not readable JSON") from exc
    if not isinstance(manifest, dict) or manifest.get("format") != FORMAT:
        raise BundleCorruptError(f"{path} has not bundle format {FORMAT}; publish it again")
    listed = manifest.get("files")
    if not isinstance(listed, dict) or manifest.get("version") != path.name:
        raise BundleCorruptError(f"the manifest of {path} is not of that bundle; publish it again")
    for name, expected in listed.items():
        file = path / name
        # Not Path.is_file, which raises for a name that is too long.
        if Path(name).name != name or not os.path.isfile(file):
            raise BundleCorruptError(f"bundle {path.name} lacks its file {name!r}")
        if file_sha256(file) != expected:
            raise BundleCorruptError(f"{name!r} of bundle {path.name} was changed; publish again")
    return Bundle(path, manifest)


def current_bundle(root: Path) -> Bundle:
    """Open the bundle in force.

    Raises:
        BundleNotFoundError: if none was published; run ``attune publish`` or ``attune demo``.
        BundleCorruptError: if it does not verify.
        ArtifactError: if ``current`` cannot be read, or names none.
    """
    try:
        version = (root / "current").read_text(encoding="utf-8", errors="replace").strip()
    except FileNotFoundError as exc:
        raise BundleNotFoundError(
            f"no bundle is published under {root}: run `attune publish RUN...` or `attune demo`"
        ) from exc
    except OSError as exc:
        raise ArtifactError(
            f"{root}/current cannot be read ({exc.strerror or exc}): see to its rights, or publish"
            " again"
        ) from exc
    if not version or not version.isprintable() or Path(version).name != version:
        raise ArtifactError(f"{root}/current names no bundle: {version!r}")
    return open_bundle(root / version)


def _fsync(path: Path) -> None:
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
