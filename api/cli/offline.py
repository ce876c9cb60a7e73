"""``attune embed``, ``train``, ``publish`` and ``evaluate``: the offline flow."""

from __future__ import annotations

from datetime import UTC, datetime
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from api.cli.console import emit, progress
from data.errors import InvalidParameterError
from data.settings import Settings


class Kind(StrEnum):
    """What is trained."""

    vision = "vision"
    mood = "mood"
    recommender = "recommender"


class Subject(StrEnum):
    """What is evaluated."""

    vision = "vision"
    faces = "faces"
    mood = "mood"
    reduction = "reduction"
    features = "features"
    recommender = "recommender"
    emotion = "emotion"
    moments = "moments"
    journeys = "journeys"


ConfigOption = Annotated[Path, typer.Option(help="TOML file; configs/ has one for each.")]
DataOption = Annotated[
    Path | None, typer.Option(help="Data set; without it the recommender reads the database.")
]


def embed(
    export: Annotated[
        Path | None,
        typer.Option(help="Write the encoder here for ONNX Runtime instead; embeds nothing."),
    ] = None,
    int8: Annotated[
        bool, typer.Option("--int8", help="with --export: 8-bit weights, faster and less exact.")
    ] = False,
) -> None:
    """Embed the lyrics in the database that have no vector yet; resumable; needs attune[train].

    With --export FOLDER, set ATTUNE_ENCODER_FOLDER to it: serving then reads queries and new
    lyrics with it, without torch.
    """
    if export is not None:
        _export_encoder(export, int8)
        return
    if int8:
        raise InvalidParameterError("int8", "--int8 goes with --export FOLDER")
    from recommender.bootstrap import embed_database

    emit(f"embedded {embed_database(Settings(), progress)} lyrics")


def _export_encoder(folder: Path, int8: bool) -> None:
    from nlp.config import EncoderConfig
    from nlp.encoder import LyricEncoder
    from nlp.export import export_encoder

    config = EncoderConfig(model=Settings().encoder_model, precision="float32")
    card = export_encoder(LyricEncoder(config), folder, int8)
    progress(f"{card.name}, {card.dimension} numbers, {card.max_tokens} word pieces")
    emit(str(folder))


def train(
    kind: Annotated[Kind, typer.Argument()],
    config: Annotated[
        Path | None, typer.Option(help="TOML file; configs/ has one for each.")
    ] = None,
    data: DataOption = None,
    out: Annotated[Path | None, typer.Option(help="Run folder; default <home>/runs/...")] = None,
    resume: Annotated[bool, typer.Option(help="vision: go on with the run in --out.")] = False,
    mood: Annotated[
        Path | None, typer.Option(help="recommender: take songs' moods from this mood run.")
    ] = None,
    matrix: Annotated[
        Path | None, typer.Option(help="vision: a table of experiments; always goes on.")
    ] = None,
    only: Annotated[
        list[str] | None, typer.Option(help="with --matrix: names of the rows to run.")
    ] = None,
    update: Annotated[
        bool,
        typer.Option(
            "--update", help="recommender: settings and factors of the bundle in force, no tuning."
        ),
    ] = False,
    weights: Annotated[
        list[str] | None,
        typer.Option(help="vision: NETWORK=FILE in place of downloaded ImageNet weights."),
    ] = None,
) -> None:
    """Train one of the models into a run folder, or with --matrix a table of experiments."""
    settings = Settings()
    files = _weights_files(weights or [])
    if matrix is not None:
        _check_matrix(kind, config, resume)
        from vision.matrix import run_matrix

        folder = out or settings.home / "runs" / matrix.stem
        run_matrix(matrix, _needed(data), folder, only=only or (), weights=files, report=progress)
        emit(str(folder / "experiments.md"))
        return
    if update:
        _check_update(kind, config, mood)
        from recommender.offline import update_from_database

        emit(str(update_from_database(settings, _run_folder(settings, kind, out), progress)))
        return
    if config is None:
        raise InvalidParameterError("config", "--config FILE is needed; vision takes --matrix too")
    if only:
        raise InvalidParameterError("only", "--only chooses rows of a --matrix")
    _check_options(kind, out, resume, mood)
    folder = _run_folder(settings, kind, out)
    if kind is Kind.recommender:
        from recommender.config import RecommenderConfig
        from recommender.offline import train_from_database

        train_from_database(settings, RecommenderConfig.from_toml(config), folder, progress, mood)
    elif kind is Kind.mood:
        from nlp.config import MoodTrainingConfig
        from nlp.training import run_training

        cache = settings.home / "cache" / "lyric_vectors.npz"
        run_training(MoodTrainingConfig.from_toml(config), _needed(data), folder, cache, progress)
    else:
        from vision.config import TrainingConfig
        from vision.experiment import run_experiment

        chosen = TrainingConfig.from_toml(config).with_weights(files)
        run_experiment(chosen, _needed(data), folder, resume=resume, report=progress)
    emit(str(folder))


def _run_folder(settings: Settings, kind: Kind, out: Path | None) -> Path:
    stamp = f"{datetime.now(UTC):%Y%m%dT%H%M%S}"
    return out or settings.home / "runs" / f"{kind.value}-{stamp}"


def _check_update(kind: Kind, config: Path | None, mood: Path | None) -> None:
    if kind is not Kind.recommender:
        raise InvalidParameterError("update", "--update is for the recommender")
    if config is not None or mood is not None:
        raise InvalidParameterError(
            "update", "--update takes its settings from the bundle in force: no --config, no --mood"
        )


def tune(
    config: ConfigOption,
    out: Annotated[Path, typer.Option(help="Folder of tuned.toml and tuning.json.")],
    data: DataOption = None,
) -> None:
    """Tune every part of the recommender alike on the validation part; nothing is trained."""
    from recommender.config import RecommenderConfig
    from recommender.offline import tune_recommender

    run = RecommenderConfig.from_toml(config)
    emit(str(tune_recommender(Settings(), run, data, out, progress)))


def _weights_files(pairs: list[str]) -> dict[str, Path]:
    files = dict(pair.partition("=")[::2] for pair in pairs)
    if not all(files.values()):
        raise InvalidParameterError("weights", "--weights takes NETWORK=FILE, mobilenet_v2=a.h5")
    return {network: Path(file) for network, file in files.items()}


def _check_matrix(kind: Kind, config: Path | None, resume: bool) -> None:
    if kind is not Kind.vision:
        raise InvalidParameterError("matrix", "--matrix is for vision")
    if config is not None:
        raise InvalidParameterError("matrix", "give either --config or --matrix, not both")
    if resume:
        raise InvalidParameterError("resume", "--matrix always goes on where it was stopped")


def _check_options(kind: Kind, out: Path | None, resume: bool, mood: Path | None) -> None:
    if resume and kind is not Kind.vision:
        raise InvalidParameterError(
            "resume",
            f"--resume is for vision: {kind.value} keeps what it embedded and starts again quickly",
        )
    if resume and out is None:
        raise InvalidParameterError("out", "--resume needs --out: the folder of the run")
    if mood is not None and kind is not Kind.recommender:
        raise InvalidParameterError("mood", "--mood is for training the recommender")
    if out is not None and not resume and (out / "record.json").exists():
        raise InvalidParameterError("out", f"{out} already holds a finished run: choose another")


def publish(
    runs: Annotated[list[Path], typer.Argument(help="Run folders, one of each kind at most.")],
) -> None:
    """Make a bundle of finished runs and put it in force; shipped models fill the gaps."""
    from recommender import bootstrap

    emit(bootstrap.publish(Settings(), runs).version)


def evaluate(
    subject: Annotated[Subject, typer.Argument()],
    config: ConfigOption,
    out: Annotated[Path, typer.Option(help="Folder of report.md, metrics.json and plots.")],
    data: DataOption = None,
) -> None:
    """Evaluate offline: report.md, metrics.json and plots."""
    settings = Settings()
    if subject is Subject.recommender:
        from recommender.config import RecommenderConfig
        from recommender.offline import evaluate_recommending

        run = RecommenderConfig.from_toml(config)
        evaluate_recommending(settings, run, data, out, progress)
    elif subject is Subject.emotion:
        from recommender.emotion.config import EmotionStudyConfig
        from recommender.emotion.study import run_emotion_study

        run_emotion_study(EmotionStudyConfig.from_toml(config), _needed(data), out, progress)
    elif subject is Subject.moments:
        from recommender.moment_study.config import MomentStudyConfig
        from recommender.moment_study.study import run_moment_study

        run_moment_study(MomentStudyConfig.from_toml(config), data, out, progress)
    elif subject is Subject.journeys:
        from recommender.journeys.study import JourneyStudyConfig, run_journey_study

        run_journey_study(JourneyStudyConfig.from_toml(config), out, data, progress)
    elif subject is Subject.mood:
        from nlp.config import MoodEvaluationConfig
        from nlp.evaluation import run_evaluation

        cache = settings.home / "cache" / "lyric_vectors.npz"
        run_evaluation(MoodEvaluationConfig.from_toml(config), _needed(data), out, cache, progress)
    elif subject is Subject.reduction:
        from nlp.reduction_study import ReductionConfig, run_reduction

        cache = settings.home / "cache" / "lyric_vectors.npz"
        run_reduction(ReductionConfig.from_toml(config), _needed(data), out, cache, progress)
    elif subject is Subject.features:
        from recommender.offline import evaluate_face_features
        from vision.features import FeatureConfig

        evaluate_face_features(
            settings, FeatureConfig.from_toml(config), _needed(data), out, progress
        )
    elif subject is Subject.faces:
        from recommender.offline import evaluate_face_finding
        from vision.face_evaluation import FaceEvaluationConfig

        photos = FaceEvaluationConfig.from_toml(config)
        evaluate_face_finding(settings, photos, _needed(data), out, progress)
    else:
        from recommender.offline import evaluate_expression
        from vision.config import EvaluationConfig

        evaluate_expression(
            settings, EvaluationConfig.from_toml(config), _needed(data), out, progress
        )
    emit(str(out / "report.md"))


def _needed(data: Path | None) -> Path:
    if data is None:
        raise InvalidParameterError("data", "--data PATH is needed: where the data set is")
    return data


def register(app: typer.Typer) -> None:
    """Add these verbs to the command."""
    for verb in (embed, tune, train, publish, evaluate):
        app.command()(verb)
