"""The composition root: the one place where settings become real parts.

The service, the command line and the tests all start here; training and evaluation go on in
:mod:`recommender.offline`.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from importlib.resources import files
from pathlib import Path
from typing import TYPE_CHECKING

from data.artifacts import (
    Bundle,
)
from data.db.session import Database
from data.errors import (
    ConfigError,
    SchemaOutOfDateError,
)
from data.settings import Settings
from recommender.config import RecommenderConfig
from recommender.deep.serving import load_ranker
from recommender.engine import Engine
from recommender.loading import bundle_or_none, load_model, mood_files
from recommender.model import RecommenderModel
from recommender.pipeline import RecommendationPipeline
from recommender.publishing import RUN_FILES, publish_runs, shipped_file
from recommender.scoring.hybrid import HybridScorer
from recommender.sharing import share_engine
from recommender.text import LazyTextEncoder, TextReader
from vision.classifier import EmotionClassifier
from vision.config import FaceConfig, ImageLimits
from vision.faces import FaceFinder
from vision.reader import ExpressionReader

if TYPE_CHECKING:
    from nlp.mood import MoodModel
    from nlp.text import TextEncoder
    from nlp.vectors import VectorStore

Report = Callable[[str], None]
#: Length of a lyric vector: that of the packaged MiniLM.
DIMENSION = 384


def build_database(settings: Settings, *, statement_timeout_s: float | None = None) -> Database:
    """Open the configured database; nothing is created or migrated."""
    if settings.database_url is None:
        settings.home.mkdir(parents=True, exist_ok=True)
    return Database(settings.sqlalchemy_url, statement_timeout_s=statement_timeout_s)


def build_reader(settings: Settings, bundle: Bundle | None = None) -> ExpressionReader:
    """Load the expression model of a bundle, or the shipped one."""
    network, card = expression_files(bundle)
    return ExpressionReader(
        FaceFinder(FaceConfig(), settings.yunet_model),
        EmotionClassifier.load(network, card, flip_average=settings.flip_average),
        ImageLimits(max_bytes=settings.max_image_bytes, max_pixels=settings.max_image_pixels),
    )


def expression_files(bundle: Bundle | None) -> tuple[Path, Path]:
    """Return the expression network and its card, of a bundle or shipped."""
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
    return load_engine(settings, bundle_or_none(settings))


def load_engine(settings: Settings, bundle: Bundle | None) -> Engine:
    """Load a verified bundle, whichever is in force; None is the engine without one.

    Raises:
        ArtifactError: if a file of the bundle cannot be used, though it is the one published.
    """
    if bundle is None:
        return Engine(reader=build_reader(settings))
    model, space = load_model(settings, bundle)
    engine = Engine(
        build_pipeline(
            model, bundle.version, TextReader(text_encoder(settings), space), bundle.path
        ),
        build_reader(settings, bundle),
        bundle.version,
        "demo" if bundle.manifest.get("data", {}).get("simulated") else "own",
        space,
    )
    return share_engine(engine, settings)


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
    from recommender.offline import train_with

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
    train_with(settings, demo_config(), folder, report, mood)
    return publish(settings, [folder], simulated=True)
