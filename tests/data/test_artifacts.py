from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest

from data.artifacts import activate_bundle, current_bundle, open_bundle, publish_bundle
from data.errors import ArtifactError, BundleCorruptError, BundleNotFoundError


@pytest.fixture
def files(tmp_path: Path) -> dict[str, Path]:
    (tmp_path / "net.onnx").write_bytes(b"network")
    (tmp_path / "card.json").write_text("{}")
    return {"net.onnx": tmp_path / "net.onnx", "card.json": tmp_path / "card.json"}


def test_a_published_bundle_opens_and_is_current(tmp_path: Path, files: dict[str, Path]) -> None:
    root = tmp_path / "bundles"
    made = publish_bundle(root, files, {"seed": 7})
    found = current_bundle(root)
    assert found == made == open_bundle(root / made.version)
    assert found.manifest["seed"] == 7
    assert found.file("net.onnx").read_bytes() == b"network"
    assert found.has("card.json")
    assert not found.has("nothing")
    with pytest.raises(BundleCorruptError, match="nothing"):
        found.file("nothing")
    # Nothing half-made is left behind.
    assert {p.name for p in root.iterdir()} == {made.version, "current"}


def test_publishing_again_leaves_the_first_alone(tmp_path: Path, files: dict[str, Path]) -> None:
    root = tmp_path / "bundles"
    first = publish_bundle(root, files, {})
    second = publish_bundle(root, files, {})
    assert first.version != second.version
    assert current_bundle(root).version == second.version
    activate_bundle(root, first.version)
    assert current_bundle(root) == first
    third = publish_bundle(root, files, {}, activate=False)
    assert current_bundle(root) == first != third


@pytest.mark.parametrize(
    "harm", ["change", "lose", "escape", "format", "garble", "no files", "list", "rename"]
)
def test_a_harmed_bundle_is_refused(tmp_path: Path, files: dict[str, Path], harm: str) -> None:
    made = publish_bundle(tmp_path / "bundles", files, {})
    manifest_path = made.path / "manifest.json"
    manifest = json.loads(manifest_path.read_text())
    if harm == "change":
        (made.path / "net.onnx").write_bytes(b"networq")
    elif harm == "lose":
        (made.path / "net.onnx").unlink()
    elif harm == "garble":
        manifest_path.write_text("{")
    else:
        if harm == "escape":
            manifest["files"]["../../net.onnx"] = manifest["files"]["net.onnx"]
        elif harm == "no files":
            del manifest["files"]
        elif harm == "list":
            manifest["files"] = ["net.onnx"]
        elif harm == "rename":
            manifest["version"] = "another"
        else:
            manifest["format"] = 99
        manifest_path.write_text(json.dumps(manifest))
    with pytest.raises(BundleCorruptError):
        current_bundle(tmp_path / "bundles")


def test_a_failed_copy_leaves_no_trace(tmp_path: Path, files: dict[str, Path]) -> None:
    root = tmp_path / "bundles"
    first = publish_bundle(root, files, {})
    with pytest.raises(TypeError):
        publish_bundle(root, files, {"not": object()})
    assert current_bundle(root) == first
    assert {p.name for p in root.iterdir()} == {first.version, "current"}


def test_what_is_not_there_is_told(tmp_path: Path) -> None:
    with pytest.raises(BundleNotFoundError, match="attune publish"):
        current_bundle(tmp_path)
    with pytest.raises(BundleNotFoundError):
        open_bundle(tmp_path / "x")
    with pytest.raises(BundleNotFoundError):
        activate_bundle(tmp_path, "x")
    for name in ("", "../elsewhere"):
        (tmp_path / "current").write_text(name)
        with pytest.raises(ArtifactError, match="names no bundle"):
            current_bundle(tmp_path)


def test_what_cannot_be_read_is_told_with_what_to_do(
    tmp_path: Path, files: dict[str, Path]
) -> None:
    """Folders where files should be: unlike rights, they stop the administrator too."""
    made = publish_bundle(tmp_path, files, {})
    (tmp_path / "a file").touch()
    with pytest.raises(BundleCorruptError, match=r"a file cannot be read .*publish it again"):
        open_bundle(tmp_path / "a file")
    (made.path / "manifest.json").unlink()
    (made.path / "manifest.json").mkdir()
    with pytest.raises(BundleCorruptError, match="cannot be read"):
        current_bundle(tmp_path)
    (tmp_path / "current").unlink()
    (tmp_path / "current").mkdir()
    with pytest.raises(ArtifactError, match="current cannot be read"):
        current_bundle(tmp_path)


def test_a_source_that_changes_meanwhile_is_not_published(
    tmp_path: Path, files: dict[str, Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    """A training writes the run's file while it is copied: half of it must not go in force."""
    root = tmp_path / "bundles"
    first, copy = publish_bundle(root, files, {}), shutil.copyfile

    def changed_first(source: Path, target: Path) -> None:
        source.write_bytes(b"half of it")
        copy(source, target)

    monkeypatch.setattr("data.artifacts.shutil.copyfile", changed_first)
    with pytest.raises(ArtifactError, match=r"net\.onnx changed while .*publish again"):
        publish_bundle(root, files, {})
    assert current_bundle(root) == first
    assert {p.name for p in root.iterdir()} == {first.version, "current"}
