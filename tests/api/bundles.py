"""Small bundles for a fake engine: the songs it ranks are the one file that is read."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from api.app import create_app
from data.artifacts import Bundle, publish_bundle
from data.db.session import Database
from data.settings import Settings
from tests.api.fakes import FakeEngine


def publish(home: Path, first: str, *, activate: bool = True, **manifest: Any) -> Bundle:
    """Publish a bundle whose engine ranks one song first, then the other two of the catalogue."""
    source = home / "songs.json"
    songs = [first, *(song for song in ("s1", "s2", "s3") if song != first)]
    source.write_text(json.dumps(songs), encoding="utf-8")
    files = {"songs.json": source, "network.onnx": source}
    return publish_bundle(home / "bundles", files, manifest, activate=activate)


class Loads:
    """Makes fake engines of bundles; keeps none of them."""

    def __init__(self) -> None:
        self.versions: list[str | None] = []
        self.error: Exception | None = None
        #: Version of a bundle -> what taking in songs fails with.
        self.broken: dict[str, Exception] = {}

    def __call__(self, bundle: Bundle | None) -> FakeEngine:
        self.versions.append(bundle.version if bundle else None)
        if self.error is not None:
            raise self.error
        if bundle is None:
            return FakeEngine(songs=(), version=None)
        songs = json.loads(bundle.file("songs.json").read_text(encoding="utf-8"))
        broken = self.broken.get(bundle.version)
        return FakeEngine(songs=tuple(songs), version=bundle.version, broken=broken)


def service(home: Path, database: Database, loads: Loads, **settings: Any) -> Any:
    """Return an application over the bundles of a folder."""
    given = {"watch_seconds": 0, **settings}
    chosen = Settings(home=home, _env_file=None, **given)  # type: ignore[call-arg]
    return create_app(chosen, database=database, load=loads)
