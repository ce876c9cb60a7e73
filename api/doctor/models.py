"""Checks of what answers are made by: bundles, experiments, the models that ship, the encoder."""

from __future__ import annotations

from importlib.resources import files
from pathlib import Path

import numpy as np

from api.doctor.findings import Finding, ok, warning, wrong
from api.experiments import check_experiments
from data.artifacts import current_bundle, file_sha256, open_bundle
from data.errors import BundleNotFoundError, SchemaOutOfDateError, StorageError
from data.settings import Settings

#: Digest and path of every model that ships, as ``sha256sum`` writes and checks them.
SHIPPED = Path(str(files("api.doctor") / "shipped.sha256"))
_PACKAGES = ("data", "nlp", "vision")


def check_bundle(settings: Settings) -> Finding:
    """Verify, load and ask the bundle in force."""
    from recommender.bootstrap import load_engine
    from recommender.warming import warm_up

    try:
        bundle = current_bundle(settings.bundles)
    except BundleNotFoundError as exc:
        remedy = "publish one by `attune publish RUN...`, or `attune demo`; till then popular songs"
        return wrong("bundle", str(exc), remedy)
    try:
        engine = load_engine(settings, bundle)
    except (SchemaOutOfDateError, StorageError) as exc:
        return wrong("bundle", f"{bundle.version} needs the database: {exc}", "attune db upgrade")
    warm_up(engine)
    detail = f"{bundle.version} verifies, loads and answers; {len(engine.song_ids)} songs"
    return ok("bundle", detail)


def check_arms(settings: Settings) -> Finding:
    """Read the experiments file, and verify the bundles that its arms name."""
    if settings.experiments_file is None:
        return ok("experiments", "none: ATTUNE_EXPERIMENTS_FILE names no file")
    found = check_experiments(settings)
    for version in sorted(found.bundles):
        open_bundle(settings.bundles / version)
    arms = sum(len(one.arms) for one in found.experiment)
    return ok("experiments", f"{len(found.experiment)} with {arms} arms, all bundles verify")


def shipped_digests() -> dict[Path, str]:
    """Return what the models that ship have to be: file -> sha256."""
    lines = SHIPPED.read_text(encoding="utf-8").splitlines()
    rows = (line.split("  ", 1) for line in lines)
    return {_installed(name): digest for digest, name in rows}


def _installed(name: str) -> Path:
    package, _, rest = name.partition("/")
    if package not in _PACKAGES:
        raise ValueError(f"{SHIPPED.name} names {name!r}, which is in none of {_PACKAGES}")
    return Path(str(files(package))) / rest


def check_shipped(digests: dict[Path, str] | None = None) -> Finding:
    """Compare the models that ship with what they have to be."""
    expected = shipped_digests() if digests is None else digests
    lacking = [path.name for path in expected if not path.is_file()]
    changed = [p.name for p, sha256 in expected.items() if p.is_file() and file_sha256(p) != sha256]
    if not lacking and not changed:
        return ok("models", f"{len(expected)} files that ship agree with their digests")
    told = [f"{name} is missing" for name in lacking] + [f"{name} was changed" for name in changed]
    return wrong("models", "; ".join(told), "install attune again: pip install --force-reinstall")


def check_expression(settings: Settings) -> Finding:
    """Let the expression network read a face that is drawn here."""
    from recommender.bootstrap import reader_in_force
    from vision.drawn_photo import drawn_photo

    scores = reader_in_force(settings).read([drawn_photo()])
    return ok("expression", f"a drawn face reads {scores.label} ({scores.confidence:.0%})")


def check_encoder(settings: Settings) -> Finding:
    """Let the encoder of new lyrics read a line."""
    from api.lyrics import open_encoder
    from nlp.onnx_encoder import holds_encoder

    folder = settings.encoder_folder
    if folder is not None and not holds_encoder(folder):
        remedy = f"attune embed --export {folder}, or leave ATTUNE_ENCODER_FOLDER out"
        return warning("encoder", f"{folder} holds none: the small one that ships reads", remedy)
    encoder = open_encoder(settings)
    (vector,) = encoder.encode(["we sing of the river and the rain"])
    if not np.isfinite(vector).all():
        return wrong("encoder", f"{encoder.name} gives no vector", "attune embed --export FOLDER")
    return ok("encoder", f"{encoder.name}, {encoder.dimension} numbers a song")
