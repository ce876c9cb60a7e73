"""Publishing: the files of finished runs become a bundle, the shipped models fill the gaps."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from importlib.metadata import version
from importlib.resources import files
from pathlib import Path
from typing import Any

from data.artifacts import Bundle, activate_bundle, file_sha256, publish_bundle
from data.db.repositories import BundleRepository
from data.db.session import Database
from data.errors import TrainingError
from recommender.deep.serving import CARD, NETWORK, TERMS
from recommender.model import FILE_NAME

#: Principal components of the lyric vectors; absent where there were too few lyrics.
REDUCER_NAME = "lyrics_pca.npz"
#: Files of a bundle and the shipped file that stands in when no run provides one.
SHIPPED = {
    "emotion.onnx": ("vision", "emotion.onnx"),
    "emotion.json": ("vision", "emotion.json"),
    "mood.npz": ("nlp", "mood.npz"),
    "mood.json": ("nlp", "mood.json"),
}
#: Files that each kind of run contributes to a bundle.
RUN_FILES = {
    "vision": ("emotion.onnx", "emotion.json"),
    "mood": ("mood.npz", "mood.json"),
    "recommender": (
        FILE_NAME,
        REDUCER_NAME,
        "mood.npz",
        "mood.json",
        NETWORK,
        CARD,
        TERMS,
    ),
}


def shipped_file(name: str) -> Path:
    """Return the path of a weights file that ships with the packages."""
    package, file = SHIPPED[name]
    return Path(str(files(package) / "weights" / file))


def publish_runs(
    database: Database, root: Path, runs: Sequence[Path], *, simulated: bool = False
) -> Bundle:
    """Make a bundle of the files of runs and put it in force.

    The shipped expression model fills in where no vision run is given. A mood run must be the one
    that the recommender was trained with.

    Raises:
        TrainingError: if a run is unfinished, two are of one kind, none is of a recommender, or
            the mood model is not the recommender's.
        StorageError: if the database cannot be used; nothing is published then.
    """
    sources: dict[str, Path] = {name: shipped_file(name) for name in SHIPPED}
    records: dict[str, Any] = {}
    for run in runs:
        record = read_record(run)
        kind = str(record["kind"])
        if kind in records:
            raise TrainingError(f"{run} is the second {kind} run: a bundle takes one of each kind")
        records[kind] = record
        sources |= {n: run / n for n in _own_files(kind) if (run / n).exists()}
    if "recommender" not in records:
        raise TrainingError(
            "a bundle needs a recommender run: `attune train recommender` makes one"
        )
    _check_mood(runs, sources["mood.npz"])
    manifest = {
        "created_at": datetime.now(UTC).isoformat(timespec="seconds"),
        "runs": records,
        "cards": {n: _read_json(sources[n]) for n in ("emotion.json", "mood.json")},
        "data": {"simulated": simulated, **records["recommender"]["data"]},
        "libraries": _library_versions(),
    }
    return _publish(database, root, sources, manifest)


def _own_files(kind: str) -> tuple[str, ...]:
    """Files that a bundle takes from a run; the mood model comes from the recommender run."""
    return () if kind == "mood" else RUN_FILES[kind]


def _check_mood(runs: Sequence[Path], mood: Path) -> None:
    for run in runs:
        own = run / "mood.npz"
        if read_record(run)["kind"] == "mood" and file_sha256(own) != file_sha256(mood):
            raise TrainingError(
                f"the recommender was trained with another mood model than {run}:"
                f" run `attune train recommender --mood {run}` first"
            )


def _publish(
    database: Database, root: Path, sources: Mapping[str, Path], manifest: Mapping[str, Any]
) -> Bundle:
    """Write the bundle, tell the database, and only then put it in force."""
    database.check_schema()
    bundle = publish_bundle(root, sources, manifest, activate=False)
    with database.session() as session:
        BundleRepository(session).record(bundle)
    activate_bundle(root, bundle.version)
    return bundle


def _read_json(path: Path) -> Mapping[str, Any]:
    value: Mapping[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    return value


def read_record(run: Path) -> Mapping[str, Any]:
    """Read the record of a finished run.

    Raises:
        TrainingError: if the run is unfinished or of an unknown kind.
    """
    try:
        record = _read_json(run / "record.json")
    except FileNotFoundError as exc:
        raise TrainingError(f"{run} holds no finished run (no record.json)") from exc
    if record.get("kind") not in RUN_FILES:
        raise TrainingError(f"{run} is a run of unknown kind {record.get('kind')!r}")
    return record


def _library_versions() -> dict[str, str]:
    return {n: version(n) for n in ("numpy", "scipy", "implicit", "scikit-learn", "onnxruntime")}
