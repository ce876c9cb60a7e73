"""The offline flow: settings, data and a configuration in; runs and reports out.

The other half of the composition root: what training, tuning and evaluation need is put together
here, and nowhere else.
"""

from __future__ import annotations

import shutil
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from data.errors import ConfigError, TrainingError
from data.settings import Settings
from data.types import FloatArray
from recommender.bootstrap import (
    build_database,
    expression_files,
    reader_in_force,
    vector_store,
)
from recommender.config import RecommenderConfig
from recommender.deep.config import DeepConfig
from recommender.loading import bundle_or_none, fits_encoder, load_model, mood_files
from vision.classifier import EmotionClassifier

if TYPE_CHECKING:
    from recommender.dataset import TrainingData
    from recommender.splits import Source
    from recommender.training import Fitted
    from vision.config import EvaluationConfig
    from vision.face_evaluation import FaceEvaluationConfig
    from vision.features import FeatureConfig

Report = Callable[[str], None]


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
    return train_with(settings, config, folder, report, mood_files(settings, report, mood_run))


def train_with(
    settings: Settings,
    config: RecommenderConfig,
    folder: Path,
    report: Report,
    mood: Mapping[str, Path],
) -> Path:
    """Train with the files of one mood model; see :func:`train_from_database`.

    Args:
        mood: name -> file, which the run keeps copies of.
    """
    from recommender.training import train_recommender

    _check_new(folder)
    read_at, data = datetime.now(UTC), _training_data(settings, mood, report)
    return _write(folder, config, data, train_recommender(config, data, report), mood, read_at)


def _check_new(folder: Path) -> None:
    if (folder / "record.json").exists():
        raise TrainingError(f"{folder} already holds a finished run: choose another folder")


def _write(
    folder: Path,
    config: RecommenderConfig,
    data: TrainingData,
    fitted: Fitted,
    mood: Mapping[str, Path],
    read_at: datetime,
) -> Path:
    from recommender.training import write_run

    folder.mkdir(parents=True, exist_ok=True)
    for name, source in mood.items():
        shutil.copyfile(source, folder / name)
    write_run(folder, config, data, fitted, read_at)
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
    read_at, data = datetime.now(UTC), _training_data(settings, mood, report)
    seed = int(bundle.manifest["runs"]["recommender"]["seed"])
    config = RecommenderConfig(
        seed=seed, pipeline=old.config, trials=1, deep=DeepConfig(enabled=False)
    )
    updated = update_recommender(old, data, seed, report)
    return _write(folder, config, data, updated, mood, read_at)


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

    network, card = expression_files(bundle_or_none(settings))
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
