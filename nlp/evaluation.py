"""Scoring of a mood model, and the report: ``report.md``, ``metrics.json``, plots."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import asdict
from pathlib import Path

import numpy as np

from data.datasets.lyrics import read_lyrics, read_mood_labels
from data.datasets.tags import read_tags
from data.errors import MissingExtraError
from data.files import replace_file, replace_text
from data.types import IntArray
from nlp.calibration import LEVELS, MoodCalibration, calibrate
from nlp.config import MoodEvaluationConfig, MoodTrainingConfig
from nlp.corpus import Array64, Songs, join_songs
from nlp.mood import AXES, SHIPPED, MoodModel
from nlp.regression import score

Scores = Mapping[str, Mapping[str, Mapping[str, float]]]
Report = Callable[[str], None]
_NOTE = (
    "R² and its 95 % interval (bootstrap by artist) are of raw predictions against standardised "
    "labels. What a listener sees is stretched for display, which keeps the order of songs."
)


def run_evaluation(
    config: MoodEvaluationConfig, data: Path, out: Path, cache: Path, report: Report | None = None
) -> dict[str, Scores]:
    """Score a trained model on the labelled songs that ``config`` names below ``data``.

    Give it songs the model was not trained on, such as the data set's test file: on its training
    songs the score says nothing. With ``config.happy_sad``, lyrics labelled happy or sad are told
    apart too, by cross-validation; with ``config.pooling``, ways of pooling are compared.

    Args:
        config: what to score, on what.
        data: folder of the files.
        out: folder of the report.
        cache: vector store kept between runs.
        report: called with lines of progress.

    Returns:
        name of a set of songs -> system -> axis -> figures.
    """
    from nlp.encoder import LyricEncoder
    from nlp.happy_sad import study_happy_sad
    from nlp.pooling_study import study_pooling
    from nlp.vectors import VectorStore

    encoder = LyricEncoder(config.encoder)
    store = VectorStore(cache, dimension=encoder.dimension, model=encoder.name)
    tables: dict[str, Scores] = {}
    if config.labels:
        model = MoodModel.load(Path(config.model) if config.model else SHIPPED)
        lyrics = read_lyrics(data / config.lyrics)
        labels = read_mood_labels(data / config.labels)
        tags = read_tags(data / config.tags) if config.tags else None
        songs = join_songs(lyrics, labels, store, encoder, report, tags=tags)
        tables = score_model(config, model, songs)
        words = model.predict(songs.vectors)
        about = f"{len(songs)} songs of {len(set(songs.artists))} artists from {config.labels}."
        raw = words.raw.astype(np.float64)
        calibration = calibrate(model, words, songs.labels)
        write_report(out, "Mood of songs", about, tables, songs.labels, raw, calibration)
    if config.happy_sad:
        text, figures = study_happy_sad(config, data, store, encoder, report)
        replace_text(out / "happy_sad.md", text)
        replace_text(out / "happy_sad.json", json.dumps(figures, indent=1))
    if config.pooling:
        text, ways = study_pooling(config, data, cache.parent, encoder, report)
        replace_text(out / "pooling.md", text)
        replace_text(out / "pooling.json", json.dumps(ways, indent=1))
    return tables


def score_model(config: MoodEvaluationConfig, model: MoodModel, songs: Songs) -> dict[str, Scores]:
    """Score by words alone, and where there are tags by both, on all songs and on tagged ones."""
    words, both = model.predict(songs.vectors), model.predict(songs.vectors, songs.tags)
    tagged = np.flatnonzero(both.source > 0)
    by = {"lyrics": words.raw.astype(np.float64), "tags + lyrics": both.raw.astype(np.float64)}
    everyone = np.arange(len(songs))
    found: dict[str, Scores] = {
        "all songs": score_systems(config, songs, {"lyrics": by["lyrics"]}, everyone)
    }
    if len(tagged) > 1:
        found[f"{len(tagged)} songs with tags"] = score_systems(config, songs, by, tagged)
    return found


def score_systems(
    config: MoodEvaluationConfig | MoodTrainingConfig,
    songs: Songs,
    predictions: Mapping[str, Array64],
    rows: IntArray,
) -> dict[str, dict[str, dict[str, float]]]:
    """Score predictions (n, 2) of standardised labels on some songs.

    Returns:
        system -> axis -> figures of :class:`nlp.regression.Score`.
    """
    artists = [songs.artists[i] for i in rows]
    return {
        name: {
            axis: asdict(
                score(
                    songs.labels[rows, i],
                    predicted[rows, i],
                    artists,
                    bootstrap=config.bootstrap,
                    seed=config.seed,
                )
            )
            for i, axis in enumerate(AXES)
        }
        for name, predicted in predictions.items()
    }


def write_report(
    out: Path,
    title: str,
    about: str,
    tables: Mapping[str, Scores],
    labels: Array64,
    predicted: Array64,
    calibration: MoodCalibration,
) -> None:
    """Write ``metrics.json``, ``report.md``, and where matplotlib is installed two plots.

    Args:
        out: folder, made if absent.
        title: of the report.
        about: one sentence on the songs and the protocol.
        tables: set of songs -> model -> axis -> r2, low, high, pearson.
        labels: (n, 2) standardised labels.
        predicted: (n, 2) predictions of them from words.
        calibration: of the same predictions.
    """
    values = {"about": about, "metrics": tables, "calibration": asdict(calibration)}
    replace_text(out / "metrics.json", json.dumps(values, indent=1))
    lines = [f"# {title}", "", about, "", _NOTE]
    for name, metrics in tables.items():
        lines += ["", f"## {name[:1].upper()}{name[1:]}", "", *_table(metrics)]
    lines += ["", "## Uncertainty", "", *_calibration_text(calibration)]
    try:
        from nlp.plots import plot_calibration, plot_scatter

        replace_file(out / "mood.png", lambda stream: plot_scatter(stream, labels, predicted))
        replace_file(out / "calibration.png", lambda stream: plot_calibration(stream, calibration))
        lines += ["", "![predicted against labelled](mood.png)"]
        lines += ["", "![said against seen](calibration.png)"]
    except MissingExtraError as exc:
        lines += ["", f"No plots: {exc}."]
    replace_text(out / "report.md", "\n".join(lines) + "\n")


def _table(metrics: Scores) -> list[str]:
    head = ["| system | axis | R² | 95 % | Pearson r |", "|---|---|---|---|---|"]
    return head + [
        f"| {name} | {axis} | {s['r2']:.3f} | {s['low']:.3f} to {s['high']:.3f} "
        f"| {s['pearson']:.3f} |"
        for name, axes in metrics.items()
        for axis, s in axes.items()
    ]


def _calibration_text(calibration: MoodCalibration) -> list[str]:
    levels = " | ".join(f"{level:.0%}" for level in LEVELS)
    rows = [
        f"| {axis} | " + " | ".join(f"{share:.1%}" for share in shares) + " |"
        for axis, shares in calibration.coverage.items()
    ]
    return [
        "Share of labels inside the central interval of each level, from words alone:",
        "",
        f"| axis | {levels} |",
        "|---" * (len(LEVELS) + 1) + "|",
        *rows,
        "",
        f"Quadrant of the plane: {calibration.quadrant_accuracy:.1%} right (commonest quadrant "
        f"{calibration.base_accuracy:.1%}), log loss {calibration.quadrant_log_loss:.3f} nats "
        f"(shares of the quadrants alone {calibration.base_log_loss:.3f}).",
    ]
