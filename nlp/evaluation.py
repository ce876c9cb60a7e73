"""Scoring of a mood model, and the report: ``report.md``, ``metrics.json``, a scatter plot."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np

from data.datasets.lyrics import read_lyrics, read_mood_labels
from data.errors import MissingExtraError
from data.types import FloatArray
from nlp.config import MoodEvaluationConfig
from nlp.files import replace_file, replace_text
from nlp.mood import AXES, SHIPPED, MoodModel
from nlp.regression import Array64, pearson, score, spearman

Metrics = dict[str, dict[str, dict[str, float]]]
_NOTE = (
    "R² and its 95 % interval (bootstrap by artist) are of raw predictions against standardised "
    "labels. What a listener sees is stretched for display, which keeps the order of songs."
)


def run_evaluation(
    config: MoodEvaluationConfig,
    data: Path,
    out: Path,
    cache: Path,
    report: Callable[[str], None] | None = None,
) -> Metrics:
    """Score a trained model on the labelled songs that ``config`` names below ``data``.

    Give it songs the model was not trained on, such as the data set's test file: on its training
    songs the score says nothing.

    Args:
        out: folder of the report.
        cache: vector store kept between runs.
    """
    from nlp.encoder import LyricEncoder
    from nlp.training import join_labels
    from nlp.vectors import VectorStore

    model = MoodModel.load(Path(config.model) if config.model else SHIPPED)
    encoder = LyricEncoder(config.encoder)
    store = VectorStore(cache, dimension=encoder.dimension, model=encoder.name)
    lyrics = read_lyrics(data / config.lyrics)
    labels = read_mood_labels(data / config.labels)
    songs = join_labels(lyrics, labels, store, encoder, report)
    predicted = model.standard_scores(songs.vectors).astype(np.float64)
    metrics: Metrics = {
        "mood model": {
            axis: asdict(
                score(
                    songs.labels[:, i],
                    predicted[:, i],
                    songs.artists,
                    bootstrap=config.bootstrap,
                    seed=config.seed,
                )
            )
            for i, axis in enumerate(AXES)
        }
    }
    about = f"{len(songs.texts)} songs of {len(set(songs.artists))} artists from {config.labels}."
    write_report(out, "Mood from lyrics", about, metrics, songs.labels, predicted)
    return metrics


def agreement(
    model: MoodModel, vectors: FloatArray, intended: FloatArray
) -> dict[str, dict[str, float]]:
    """Correlate predictions with moods from another source, such as the authors' own.

    Args:
        vectors: float32 (n, d).
        intended: float32 (n, 2), valence and arousal in [-1, 1].

    Returns:
        per axis ``pearson`` and ``spearman``, over the rows that have a vector, and their number.
    """
    predicted = model.predict(vectors)
    found = {}
    for i, (axis, values) in enumerate(
        zip(AXES, (predicted.valence, predicted.arousal), strict=True)
    ):
        both = np.isfinite(values) & np.isfinite(intended[:, i])
        a, b = values[both].astype(np.float64), intended[both, i].astype(np.float64)
        found[axis] = {"pearson": pearson(a, b), "spearman": spearman(a, b), "n": int(both.sum())}
    return found


def write_report(
    out: Path,
    title: str,
    about: str,
    metrics: Mapping[str, Mapping[str, Mapping[str, float]]],
    labels: Array64,
    predicted: Array64,
) -> None:
    """Write ``metrics.json``, ``mood.png`` where matplotlib is installed, and ``report.md``.

    Args:
        about: one sentence on the songs and the protocol.
        metrics: model -> axis -> r2, low, high, pearson.
        labels: (n, 2) standardised labels.
        predicted: (n, 2) predictions of them.
    """
    replace_text(out / "metrics.json", json.dumps({"about": about, "metrics": metrics}, indent=1))
    lines = [f"# {title}", "", about, "", _NOTE, ""]
    lines += ["| model | axis | R² | 95 % | Pearson r |", "|---|---|---|---|---|"]
    lines += [
        f"| {name} | {axis} | {s['r2']:.3f} | {s['low']:.3f} to {s['high']:.3f} "
        f"| {s['pearson']:.3f} |"
        for name, axes in metrics.items()
        for axis, s in axes.items()
    ]
    try:
        replace_file(out / "mood.png", lambda stream: _scatter(stream, labels, predicted))
        lines += ["", "![predicted against labelled](mood.png)"]
    except MissingExtraError as exc:
        lines += ["", f"No plot: {exc}."]
    replace_text(out / "report.md", "\n".join(lines) + "\n")


def _scatter(stream: BinaryIO, labels: Array64, predicted: Array64) -> None:
    try:
        # The object interface: pyplot would keep global state and look for a display.
        from matplotlib.backends.backend_agg import FigureCanvasAgg
        from matplotlib.figure import Figure
    except ImportError as exc:
        raise MissingExtraError("matplotlib is not installed: pip install 'attune[train]'") from exc
    figure: Any = Figure(figsize=(9, 4.2), layout="constrained")
    FigureCanvasAgg(figure)
    panels: Sequence[Any] = figure.subplots(1, 2)
    for i, (axis, panel) in enumerate(zip(AXES, panels, strict=True)):
        panel.scatter(labels[:, i], predicted[:, i], s=6, alpha=0.35, edgecolors="none")
        ends = [float(labels[:, i].min()), float(labels[:, i].max())]
        panel.plot(ends, ends, color="0.4", linewidth=1, linestyle="--", label="perfect")
        panel.set(title=axis, xlabel="label (standard score)", ylabel="prediction, not stretched")
        panel.legend(loc="upper left")
    figure.savefig(stream, format="png", dpi=110)
