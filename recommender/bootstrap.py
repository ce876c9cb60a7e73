"""The composition root: the one place where settings become real parts.

The service, the command line and the tests all start here.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from importlib.resources import files
from pathlib import Path
from typing import TYPE_CHECKING, Any

from data.artifacts import Bundle, current_bundle, publish_bundle
from data.db.session import Database
from data.errors import BundleNotFoundError, TrainingError
from data.settings import Settings
from recommender.config import RecommenderConfig
from recommender.engine import Engine
from recommender.model import FILE_NAME, RecommenderModel
from recommender.pipeline import RecommendationPipeline
from vision.classifier import EmotionClassifier
from vision.config import FaceConfig, ImageLimits
from vision.faces import FaceFinder
from vision.reader import ExpressionReader

if TYPE_CHECKING:
    from nlp.vectors import VectorStore
    from recommender.dataset import TrainingData
    from vision.config import EvaluationConfig

Report = Callable[[str], None]
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
    "recommender": (FILE_NAME, "lyrics_pca.npz"),
}


def shipped_file(name: str) -> Path:
    """Return the path of a weights file that ships with the packages."""
    package, file = SHIPPED[name]
    return Path(str(files(package) / "weights" / file))


def build_database(settings: Settings) -> Database:
    """Open the configured database; nothing is created or migrated."""
    if settings.database_url is None:
        settings.home.mkdir(parents=True, exist_ok=True)
    return Database(settings.sqlalchemy_url)


def build_reader(settings: Settings, bundle: Bundle | None = None) -> ExpressionReader:
    """Load the expression model of a bundle, or the shipped one."""
    network, card = (
        bundle.file(n) if bundle is not None and bundle.has(n) else shipped_file(n)
        for n in RUN_FILES["vision"]
    )
    return ExpressionReader(
        FaceFinder(FaceConfig(), settings.yunet_model),
        EmotionClassifier.load(network, card),
        ImageLimits(max_bytes=settings.max_image_bytes, max_pixels=settings.max_image_pixels),
    )


def build_engine(settings: Settings) -> Engine:
    """Load the bundle in force, verified. Without one, expressions are still read.

    Raises:
        BundleCorruptError: if the bundle does not verify.
    """
    try:
        bundle = current_bundle(settings.bundles)
    except BundleNotFoundError:
        return Engine(reader=build_reader(settings))
    model = RecommenderModel.load(bundle.file(FILE_NAME))
    return Engine(
        RecommendationPipeline(model, bundle.version),
        build_reader(settings, bundle),
        bundle.version,
        "demo" if bundle.manifest.get("data", {}).get("simulated") else "own",
    )


def vector_store(settings: Settings, model: str | None = None) -> VectorStore:
    """Open the cache of lyric vectors, with the demo's shipped vectors behind it.

    Args:
        settings: say where the cache is.
        model: name of the encoder, where vectors are to be added; None reads whatever is there.
    """
    from nlp.demo import demo_vectors_path
    from nlp.vectors import VectorStore

    shipped = demo_vectors_path()
    fallbacks = [shipped] if shipped.exists() and settings.encoder_model is None else []
    cache = settings.home / "cache" / "lyric_vectors.npz"
    return VectorStore(cache, model=model, fallbacks=fallbacks)


def embed_database(settings: Settings, report: Report) -> int:
    """Embed every lyric of the database that has no vector yet; resumable.

    Raises:
        MissingExtraError: if sentence-transformers is not installed.
    """
    from data.db.repositories import SongRepository
    from nlp.config import EncoderConfig
    from nlp.encoder import LyricEncoder, embed_missing

    encoder = LyricEncoder(EncoderConfig(model=settings.encoder_model))
    database = build_database(settings)
    try:
        database.check_schema()
        with database.session() as session:
            texts = [t for block in SongRepository(session).iter_lyrics() for _, t, _ in block]
    finally:
        database.dispose()
    return embed_missing(encoder, vector_store(settings, encoder.name), texts, report)


def train_from_database(
    settings: Settings, config: RecommenderConfig, folder: Path, report: Report
) -> Path:
    """Train a recommender on everything in the database; returns the run folder.

    Raises:
        TrainingError: if ``folder`` already holds a run or the database has nothing to learn from.
    """
    from recommender.training import train_recommender, write_run

    if (folder / "record.json").exists():
        raise TrainingError(f"{folder} already holds a finished run: choose another folder")
    data = _training_data(settings, report)
    write_run(folder, config, data, train_recommender(config, data, report))
    return folder


def evaluate_from_database(
    settings: Settings, config: RecommenderConfig, out: Path, report: Report
) -> None:
    """Evaluate the recommender on held-out events of the database; writes a report to ``out``."""
    from recommender.evaluation import evaluate_recommender, write_evaluation

    data = _training_data(settings, report)
    write_evaluation(evaluate_recommender(config, data, report), out)


def evaluate_expression(
    settings: Settings, config: EvaluationConfig, data: Path, out: Path, report: Report
) -> None:
    """Score the expression model in force on one split of FER2013; writes a report to ``out``."""
    from data.datasets.fer2013 import read_fer2013
    from vision.evaluation import evaluate_classifier, write_report

    try:
        bundle = current_bundle(settings.bundles)
    except BundleNotFoundError:
        bundle = None
    classifier = build_reader(settings, bundle).classifier
    split = read_fer2013(data, config.usage)
    training = read_fer2013(data, "Training") if config.find_leaks else None
    report(f"scoring {len(split)} faces")
    write_report(evaluate_classifier(classifier, split, training), out, f"FER2013 {config.usage}")


def _training_data(settings: Settings, report: Report) -> TrainingData:
    from nlp.mood import MoodModel
    from recommender.dataset import load_training_data

    database = build_database(settings)
    try:
        database.check_schema()
        mood = MoodModel.load(shipped_file("mood.npz"))
        data = load_training_data(database, vector_store(settings), mood)
    finally:
        database.dispose()
    report(f"{len(data.songs)} songs, {len(data.interactions.user_ids)} users")
    return data


def publish_runs(settings: Settings, runs: Sequence[Path], *, simulated: bool = False) -> Bundle:
    """Make a bundle of the files of runs; shipped weights fill in for kinds that are missing.

    Raises:
        TrainingError: if a run is unfinished, or none of them is a recommender run.
    """
    sources: dict[str, Path] = {name: shipped_file(name) for name in SHIPPED}
    records: dict[str, Any] = {}
    for run in runs:
        record = _read_record(run)
        kind = str(record["kind"])
        records[kind] = record
        for name in RUN_FILES[kind]:
            if (run / name).exists():
                sources[name] = run / name
    if FILE_NAME not in sources:
        raise TrainingError(
            "a bundle needs a recommender run: `attune train recommender` makes one"
        )
    manifest = {
        "created_at": datetime.now(UTC).isoformat(timespec="seconds"),
        "runs": records,
        "cards": {n: _read_json(sources[n]) for n in ("emotion.json", "mood.json")},
        "data": {"simulated": simulated, **records["recommender"]["data"]},
        "libraries": _library_versions(),
    }
    bundle = publish_bundle(settings.bundles, sources, manifest)
    _record_bundle(settings, bundle)
    return bundle


def install_demo_home(settings: Settings, report: Report = lambda line: None) -> Bundle:
    """Create the database, install the demo catalogue, train on it and publish the bundle."""
    from data.datasets.demo import install_demo

    database = build_database(settings)
    try:
        database.upgrade()
        install_demo(database, report)
    finally:
        database.dispose()
    stamp = f"{datetime.now(UTC):%Y%m%dT%H%M%S%f}"
    folder = settings.home / "runs" / f"demo-recommender-{stamp}"
    train_from_database(settings, RecommenderConfig(), folder, report)
    return publish_runs(settings, [folder], simulated=True)


def _record_bundle(settings: Settings, bundle: Bundle) -> None:
    from data.db.repositories import BundleRepository

    database = build_database(settings)
    try:
        with database.session() as session:
            BundleRepository(session).record(bundle)
    finally:
        database.dispose()


def _read_json(path: Path) -> Mapping[str, Any]:
    value: Mapping[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    return value


def _read_record(run: Path) -> Mapping[str, Any]:
    try:
        record = _read_json(run / "record.json")
    except FileNotFoundError as exc:
        raise TrainingError(f"{run} holds no finished run (no record.json)") from exc
    if record.get("kind") not in RUN_FILES:
        raise TrainingError(f"{run} is a run of unknown kind {record.get('kind')!r}")
    return record


def _library_versions() -> dict[str, str]:
    from importlib.metadata import version

    return {n: version(n) for n in ("numpy", "scipy", "implicit", "scikit-learn", "onnxruntime")}
