"""The composition root: the one place where settings become real parts.

The service, the command line and the tests all start here.
"""

from __future__ import annotations

import shutil
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from importlib.resources import files
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from data.artifacts import (
    Bundle,
)
from data.db.session import Database
from data.errors import (
    ConfigError,
    SchemaOutOfDateError,
    TrainingError,
)
from data.settings import Settings
from data.types import FloatArray
from recommender.config import RecommenderConfig
from recommender.deep.config import DeepConfig
from recommender.deep.serving import load_ranker
from recommender.engine import Engine
from recommender.loading import bundle_or_none, fits_encoder, load_model, mood_files
from recommender.model import RecommenderModel
from recommender.pipeline import RecommendationPipeline
from recommender.publishing import RUN_FILES, publish_runs, shipped_file
from recommender.scoring.hybrid import HybridScorer
from recommender.text import LazyTextEncoder, TextReader
from vision.classifier import EmotionClassifier
from vision.config import FaceConfig, ImageLimits
from vision.faces import FaceFinder
from vision.reader import ExpressionReader

if TYPE_CHECKING:
    from nlp.mood import MoodModel
    from nlp.text import TextEncoder
    from nlp.vectors import VectorStore
    from recommender.dataset import TrainingData
    from recommender.splits import Source
    from recommender.training import Fitted
    from vision.config import EvaluationConfig
    from vision.face_evaluation import FaceEvaluationConfig
    from vision.features import FeatureConfig

Report = Callable[[str], None]
#: Length of a lyric vector: that of the packaged MiniLM.
DIMENSION = 384


def build_database(settings: Settings) -> Database:
    """Open the configured database; nothing is created or migrated."""
    if settings.database_url is None:
        settings.home.mkdir(parents=True, exist_ok=True)
    return Database(settings.sqlalchemy_url)


def build_reader(settings: Settings, bundle: Bundle | None = None) -> ExpressionReader:
    """Load the expression model of a bundle, or the shipped one."""
    network, card = _expression_files(bundle)
    return ExpressionReader(
        FaceFinder(FaceConfig(), settings.yunet_model),
        EmotionClassifier.load(network, card, flip_average=settings.flip_average),
        ImageLimits(max_bytes=settings.max_image_bytes, max_pixels=settings.max_image_pixels),
    )


def _expression_files(bundle: Bundle | None) -> tuple[Path, Path]:
    network, card = (
        bundle.file(n) if bundle is not None and bundle.has(n) else shipped_file(n)
        for n in RUN_FILES["vision"]
    )
    return network, card


def build_engine(settings: Settings) -> Engine:
    """Load the bundle in force, verified. Without one, expressions are still read.

    Raises:
        BundleCorruptError: if the bundle does not verify.
    """
    bundle = bundle_or_none(settings)
    if bundle is None:
        return Engine(reader=build_reader(settings))
    model, space = load_model(settings, bundle)
    return Engine(
        build_pipeline(
            model, bundle.version, TextReader(text_encoder(settings), space), bundle.path
        ),
        build_reader(settings, bundle),
        bundle.version,
        "demo" if bundle.manifest.get("data", {}).get("simulated") else "own",
        space,
    )


def build_pipeline(
    model: RecommenderModel,
    version: str | None = None,
    texts: TextReader | None = None,
    folder: Path | None = None,
) -> RecommendationPipeline:
    """Wire the ranker that the model was tuned for into the pipeline.

    Args:
        model: all parts.
        version: of the bundle.
        texts: reads query texts.
        folder: of the bundle, which may hold a deep ranker that is on.
    """
    hybrid = HybridScorer.of(model.config)
    ranker = hybrid if folder is None else load_ranker(folder, model, hybrid)
    return RecommendationPipeline(model, ranker, version, texts)


def text_encoder(settings: Settings) -> LazyTextEncoder | None:
    """Return the encoder of query texts; it is loaded by the first text, not at the start.

    None where lyrics are embedded by another model than MiniLM: no text can be placed among its
    vectors then, and queries are read by the tags, artists and mood words in them.
    """
    from nlp.encoder import PACKAGED

    if Path(settings.encoder_model or PACKAGED).name != PACKAGED:
        return None

    def load() -> TextEncoder:
        from nlp.text import open_text_encoder

        return open_text_encoder(settings.encoder_folder)

    return LazyTextEncoder(load)


def reader_in_force(settings: Settings) -> ExpressionReader:
    """Load the expression model of the bundle in force, or the shipped one without a bundle."""
    return build_reader(settings, bundle_or_none(settings))


def mood_in_force(settings: Settings) -> MoodModel:
    """Load the mood model of the bundle in force, or the shipped one without a bundle."""
    from nlp.mood import MoodModel

    return MoodModel.load(mood_files(settings)["mood.npz"])


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

    Songs whose language nobody stated get that of their lyrics, where it can be told.

    Raises:
        MissingExtraError: if sentence-transformers is not installed.
    """
    from data.db.repositories import SongRepository
    from nlp.config import EncoderConfig
    from nlp.encoder import LyricEncoder, embed_missing
    from nlp.language import name_languages

    encoder = LyricEncoder(EncoderConfig(model=settings.encoder_model))
    if encoder.dimension != DIMENSION:
        raise ConfigError(
            f"vectors of {encoder.name} have {encoder.dimension} numbers, bundles hold {DIMENSION}:"
            " set ATTUNE_ENCODER_MODEL to a model of that size, or leave it out"
        )
    database = build_database(settings)
    try:
        database.check_schema()
        with database.session() as session:
            rows = [row for block in SongRepository(session).iter_lyrics() for row in block]
        texts = [text for _, text, _ in rows]
        made = embed_missing(encoder, vector_store(settings, encoder.name), texts, report)
        codes = name_languages({song: text for song, text, known in rows if known is None})
        with database.session() as session:
            named = SongRepository(session).fill_languages(codes)
    finally:
        database.dispose()
    report(f"named the language of {named} songs")
    return made


def train_from_database(
    settings: Settings,
    config: RecommenderConfig,
    folder: Path,
    report: Report,
    mood_run: Path | None = None,
) -> Path:
    """Train a recommender on everything in the database; returns the run folder.

    Songs' moods come from the mood model of ``mood_run``, of the bundle in force, or the shipped
    one, in this order; the run keeps a copy, so that a bundle never mixes two mood models.

    Raises:
        TrainingError: if ``folder`` already holds a run or the database has nothing to learn from.
    """
    return _train(settings, config, folder, report, mood_files(settings, report, mood_run))


def _train(
    settings: Settings,
    config: RecommenderConfig,
    folder: Path,
    report: Report,
    mood: Mapping[str, Path],
) -> Path:
    from recommender.training import train_recommender

    _check_new(folder)
    data = _training_data(settings, mood, report)
    return _write(folder, config, data, train_recommender(config, data, report), mood)


def _check_new(folder: Path) -> None:
    if (folder / "record.json").exists():
        raise TrainingError(f"{folder} already holds a finished run: choose another folder")


def _write(
    folder: Path,
    config: RecommenderConfig,
    data: TrainingData,
    fitted: Fitted,
    mood: Mapping[str, Path],
) -> Path:
    from recommender.training import write_run

    folder.mkdir(parents=True, exist_ok=True)
    for name, source in mood.items():
        shutil.copyfile(source, folder / name)
    write_run(folder, config, data, fitted)
    return folder


def update_from_database(settings: Settings, folder: Path, report: Report) -> Path:
    """Train on all events with the settings of the bundle in force; returns the run folder.

    Raises:
        TrainingError: if no bundle is published, or ``folder`` already holds a run.
    """
    from recommender.training import update_recommender

    _check_new(folder)
    bundle = bundle_or_none(settings)
    if bundle is None:
        raise TrainingError(
            "no bundle is published, so there is nothing to update: run"
            " `attune train recommender --config FILE` and `attune publish`"
        )
    old, _ = load_model(settings, bundle)
    mood = mood_files(settings, report)
    data = _training_data(settings, mood, report)
    seed = int(bundle.manifest["runs"]["recommender"]["seed"])
    config = RecommenderConfig(
        seed=seed, pipeline=old.config, trials=1, deep=DeepConfig(enabled=False)
    )
    return _write(folder, config, data, update_recommender(old, data, seed, report), mood)


def tune_recommender(
    settings: Settings, config: RecommenderConfig, data: Path | None, out: Path, report: Report
) -> Path:
    """Tune on the database, or on a public data set, and write what was chosen to ``out``."""
    from recommender.splits import split_of
    from recommender.training import write_tuning
    from recommender.tuning import tune_split

    source = _source(settings, config, data, report)
    split = split_of(config.split, source(()).interactions, config.seed)
    write_tuning(out, config, tune_split(config, source, split, config.seed, report))
    return out / "tuned.toml"


def evaluate_recommending(
    settings: Settings, config: RecommenderConfig, data: Path | None, out: Path, report: Report
) -> None:
    """Evaluate the recommender on held-out events; writes a report to ``out``.

    Args:
        settings: say where the database is.
        config: of parts, split and source.
        data: a public data set; None for the database.
        out: folder of the report; one folder below it for each of several splits.
        report: receives a line per step.

    Raises:
        ConfigError: if ``data`` is given and the configuration names no reader for it, or not and
            it does.
    """
    from recommender.evaluation import evaluate_recommender
    from recommender.evaluation_report import write_evaluation, write_repeats

    source = _source(settings, config, data, report)
    several = config.split.repeats > 1
    runs = []
    for seed in range(config.seed, config.seed + config.split.repeats):
        runs.append(evaluate_recommender(config, source, report, seed))
        write_evaluation(runs[-1], out / f"seed_{seed}" if several else out)
    if several:
        write_repeats(runs, out)


def _source(
    settings: Settings, config: RecommenderConfig, data: Path | None, report: Report
) -> Source:
    if data is not None:
        from recommender.sources import public_source

        return public_source(config.source, data)
    if config.source.reader != "database":
        raise ConfigError(f"source.reader {config.source.reader!r} needs --data PATH")
    read = _training_data(settings, mood_files(settings, report), report)
    return lambda hidden: read


def evaluate_expression(
    settings: Settings, config: EvaluationConfig, data: Path, out: Path, report: Report
) -> None:
    """Score the expression model in force, or runs, on one split of FER2013; report to ``out``."""
    from data.datasets.fer2013 import read_fer2013
    from vision.evaluation import evaluate_classifier, write_report
    from vision.explain import mean_maps

    split = read_fer2013(data, config.usage)
    training = read_fer2013(data, "Training") if config.find_leaks else None
    report(f"scoring {len(split)} faces")
    maps: dict[str, tuple[FloatArray, FloatArray]] = {}
    if config.runs:
        from vision.ensemble import evaluate_runs

        runs = [Path(run) for run in config.runs]
        evaluation = evaluate_runs(runs, read_fer2013(data, "PublicTest"), split, training)
    else:
        classifier = reader_in_force(settings).classifier
        evaluation = evaluate_classifier(classifier, split, training)
        maps = mean_maps(classifier, split.images, split.labels, config.heat_maps)
    write_report(evaluation, out, f"FER2013 {config.usage}", maps)
    if config.framing:
        _report_framing(reader_in_force(settings).classifier, config, data, out, report)


def _report_framing(
    classifier: EmotionClassifier, config: EvaluationConfig, data: Path, out: Path, report: Report
) -> None:
    """Append to the report which margin of the crop the network reads best."""
    from data.datasets.fer2013 import read_fer2013
    from vision.framing import framing_text, measure_framing
    from vision.plots import plot_framing

    report(f"finding {config.framing_faces} faces and cutting them {len(config.framing)} ways")
    faces = read_fer2013(data, "PublicTest").take(np.arange(config.framing_faces))
    framing, scores = measure_framing(classifier, faces, config.framing)
    own, *cut = scores
    levelled = [(s.margin, s.nll) for s in cut if s.level_eyes]
    plain = [(s.margin, s.nll) for s in cut if not s.level_eyes]
    plot_framing(levelled, plain, own.nll, out / "framing.png")
    with (out / "report.md").open("a", encoding="utf-8") as file:
        file.write(framing_text(framing, scores))


def evaluate_face_finding(
    settings: Settings, config: FaceEvaluationConfig, photos: Path, out: Path, report: Report
) -> None:
    """Read photos under other conditions by the model in force; writes a report to ``out``."""
    from vision.face_evaluation import evaluate_faces, write_face_report

    rows = evaluate_faces(reader_in_force(settings), config, photos, report)
    write_face_report(rows, out)


def evaluate_face_features(
    settings: Settings, config: FeatureConfig, data: Path, out: Path, report: Report
) -> None:
    """Study the features of the expression model in force on FER2013; report to ``out``."""
    from data.datasets.fer2013 import read_fer2013
    from vision.feature_report import write_features
    from vision.features import FeatureNetwork, study_features

    network, card = _expression_files(bundle_or_none(settings))
    served = EmotionClassifier.load(network, card, flip_average=settings.flip_average).card
    features = FeatureNetwork(network, flip_average=served.flip_average)
    fit, show = (read_fer2013(data, usage) for usage in (config.fit, config.show))
    write_features(study_features(features, fit, show, config, report), config, out)


def _training_data(settings: Settings, mood: Mapping[str, Path], report: Report) -> TrainingData:
    from nlp.mood import MoodModel
    from recommender.dataset import load_training_data

    database = build_database(settings)
    try:
        database.check_schema()
        model = (
            MoodModel.load(mood["mood.npz"]) if fits_encoder(settings, mood["mood.json"]) else None
        )
        if model is None:
            report("the mood model is of another encoder: only stated moods are used")
        data = load_training_data(database, vector_store(settings), model)
    finally:
        database.dispose()
    report(f"{len(data.songs)} songs, {len(data.interactions.user_ids)} users")
    return data


def publish(settings: Settings, runs: Sequence[Path], *, simulated: bool = False) -> Bundle:
    """Publish runs into the configured home; see :func:`recommender.publishing.publish_runs`."""
    database = build_database(settings)
    try:
        return publish_runs(database, settings.bundles, runs, simulated=simulated)
    finally:
        database.dispose()


def demo_is_installed(settings: Settings) -> bool:
    """Tell whether the home holds the demo whole: its bundle in force, its listeners stored.

    Raises:
        ConfigError: if the bundle in force is not the demo's.
        BundleCorruptError: if it does not verify, or is of another version of Attune.
    """
    from data.datasets.demo import listener_ids
    from data.db.repositories import UserRepository

    bundle = bundle_or_none(settings)
    if bundle is None:
        return False
    if not bundle.manifest["data"]["simulated"]:
        raise ConfigError(
            f"{settings.home} holds a bundle of your own: serve it by `attune serve`,"
            " or set ATTUNE_HOME to another folder for the demo"
        )
    load_model(settings, bundle)
    database = build_database(settings)
    try:
        database.check_schema()
        with database.session() as session:
            return not listener_ids().isdisjoint(UserRepository(session).ids())
    except SchemaOutOfDateError:
        return False
    finally:
        database.dispose()


def demo_config() -> RecommenderConfig:
    """Return what the demo is trained with."""
    return RecommenderConfig.from_toml(Path(str(files("recommender") / "demo.toml")))


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
    # Not the mood model of a bundle that is there: it may be damaged, or of another version.
    mood = {n: shipped_file(n) for n in RUN_FILES["mood"]}
    _train(settings, demo_config(), folder, report, mood)
    return publish(settings, [folder], simulated=True)
