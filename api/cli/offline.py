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
    """What is trained or evaluated."""

    vision = "vision"
    mood = "mood"
    recommender = "recommender"


ConfigOption = Annotated[Path, typer.Option(help="TOML file; configs/ has one for each.")]
DataOption = Annotated[
    Path | None, typer.Option(help="Data set; the recommender reads the database instead.")
]


def embed() -> None:
    """Embed the lyrics in the database that have no vector yet; resumable; needs attune[train]."""
    from recommender.bootstrap import embed_database

    emit(f"embedded {embed_database(Settings(), progress)} lyrics")


def train(
    kind: Annotated[Kind, typer.Argument()],
    config: ConfigOption,
    data: DataOption = None,
    out: Annotated[Path | None, typer.Option(help="Run folder; default <home>/runs/...")] = None,
    resume: Annotated[bool, typer.Option(help="vision: go on with the run in --out.")] = False,
    mood: Annotated[
        Path | None, typer.Option(help="recommender: take songs' moods from this mood run.")
    ] = None,
) -> None:
    """Train one of the models into a run folder."""
    settings = Settings()
    _check_options(kind, out, resume, mood)
    stamp = f"{datetime.now(UTC):%Y%m%dT%H%M%S}"
    folder = out or settings.home / "runs" / f"{kind.value}-{stamp}"
    if kind is Kind.recommender:
        from recommender.bootstrap import train_from_database
        from recommender.config import RecommenderConfig

        train_from_database(settings, RecommenderConfig.from_toml(config), folder, progress, mood)
    elif kind is Kind.mood:
        from nlp.config import MoodTrainingConfig
        from nlp.training import run_training

        cache = settings.home / "cache" / "lyric_vectors.npz"
        run_training(MoodTrainingConfig.from_toml(config), _needed(data), folder, cache, progress)
    else:
        from vision.config import TrainingConfig
        from vision.experiment import run_experiment

        chosen = TrainingConfig.from_toml(config)
        run_experiment(chosen, _needed(data), folder, resume=resume, report=progress)
    emit(str(folder))


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
    kind: Annotated[Kind, typer.Argument()],
    config: ConfigOption,
    out: Annotated[Path, typer.Option(help="Folder of report.md, metrics.json and plots.")],
    data: DataOption = None,
) -> None:
    """Evaluate offline: report.md, metrics.json and plots."""
    settings = Settings()
    if kind is Kind.recommender:
        from recommender.bootstrap import evaluate_from_database
        from recommender.config import RecommenderConfig

        evaluate_from_database(settings, RecommenderConfig.from_toml(config), out, progress)
    elif kind is Kind.mood:
        from nlp.config import MoodEvaluationConfig
        from nlp.evaluation import run_evaluation

        cache = settings.home / "cache" / "lyric_vectors.npz"
        run_evaluation(MoodEvaluationConfig.from_toml(config), _needed(data), out, cache, progress)
    else:
        from recommender.bootstrap import evaluate_expression
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
    for verb in (embed, train, publish, evaluate):
        app.command()(verb)
