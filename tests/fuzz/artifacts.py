"""Bundles and weights whose bytes were changed, with manifests that agree with the change."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np

from data.artifacts import open_bundle, publish_bundle
from data.errors import ArtifactError
from data.reduction import PcaReducer
from nlp.mood import SHIPPED, MoodModel
from nlp.vectors import VectorStore
from recommender.model import RecommenderModel
from tests.fuzz.target import Target, as_file, folder
from tests.recommender import toys

_TOKENS = (
    b"PK\x03\x04", b"PK\x01\x02", b"PK\x05\x06", b"\x93NUMPY", b"'descr': '<f4'", b"'|O'",
    b"'shape': (", b"9999999999,", b"'fortran_order': True", b".npy", b"-1,", b"<i8",
    b"<U9", b"|V8",
)  # fmt: skip


def _models() -> list[bytes]:
    path = folder() / "toy.npz"
    toys.model().save(path)
    return [path.read_bytes()]


def _reducers() -> list[bytes]:
    path = folder() / "reducer-seed.npz"
    PcaReducer.fit(np.random.default_rng(0).normal(size=(20, 6)).astype(np.float32), 3).save(path)
    return [path.read_bytes()]


def _moods() -> list[bytes]:
    return [SHIPPED.read_bytes()]


def _stores() -> list[bytes]:
    store = VectorStore(folder() / "store-seed.npz", dimension=8, model="m")
    store.put(["ab" * 32, "cd" * 32], np.ones((2, 8), np.float32))
    store.compact()
    return [store.path.read_bytes()]


def _store(data: bytes) -> None:
    VectorStore(as_file(data, "store.npz"), dimension=8).get(["ab" * 32])


@cache
def _bundle() -> Path:
    root = folder() / "bundles"
    shutil.rmtree(root, ignore_errors=True)
    source = as_file(b"content", "content.bin")
    return publish_bundle(root, {"content.bin": source}, {"runs": {}}).path


def manifests() -> list[bytes]:
    """Return the manifest of a bundle that is there, and one of none."""
    return [(_bundle() / "manifest.json").read_bytes(), json.dumps({"format": 1}).encode()]


def _manifest(data: bytes) -> None:
    manifests()
    path = _bundle()
    whole = path / "manifest.json"
    kept = whole.read_bytes()
    try:
        whole.write_bytes(data)
        bundle = open_bundle(path)
        assert set(bundle.manifest["files"]) <= {"content.bin"}
    finally:
        whole.write_bytes(kept)


def _loading(load: Callable[[Path], Any], name: str) -> Callable[[bytes], None]:
    def check(data: bytes) -> None:
        load(as_file(data, name))

    return check


def _target(name: str, seeds: Callable[[], list[bytes]], load: Callable[[Path], Any]) -> Target:
    return Target(name, seeds, _loading(load, f"{name}.npz"), _TOKENS, (ArtifactError,))


TARGETS = (
    _target("model-npz", _models, RecommenderModel.load),
    _target("reducer-npz", _reducers, PcaReducer.load),
    _target("mood-npz", _moods, MoodModel.load),
    Target("vectors-npz", _stores, _store, _TOKENS, (ArtifactError,)),
    Target(
        "manifest", manifests, _manifest,
        (b'"../x"', b'"files":', b"[]", b"[" * 3000, b"{}"), (ArtifactError,),
    ),
)  # fmt: skip
