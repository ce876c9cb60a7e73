"""Training of the mood model: join lyrics and labels, cross-validate by artist, refit on all.

A run folder holds ``config.toml``, ``record.json``, ``mood.npz``, ``mood.json`` (the model card),
``out_of_fold.npz``, and the report of the out-of-fold predictions.
"""

from __future__ import annotations

import hashlib
import json
import platform
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np

from data.artifacts import file_sha256
from data.datasets.lyrics import LyricTable, MoodLabels, read_lyrics, read_mood_labels
from data.errors import TrainingError
from data.types import FloatArray
from nlp.cleaning import clean_lyrics, text_key
from nlp.config import EncoderConfig, MoodTrainingConfig
from nlp.encoder import LyricEncoder, embed_missing
from nlp.evaluation import write_report
from nlp.files import replace_text, save_arrays
from nlp.mood import AXES, MoodModel
from nlp.reduction import PcaReducer
from nlp.regression import (
    Array64,
    Grid,
    choose,
    mean_grid,
    out_of_fold,
    pca_ridge_grid,
    ridge,
    ridge_grid,
    score,
    tfidf_grid,
)
from nlp.vectors import VectorStore

Report = Callable[[str], None]
MODEL = "MiniLM + PCA + ridge"


@dataclass(frozen=True, slots=True)
class LabelledLyrics:
    """Songs that have both words and labels.

    Attributes:
        texts: cleaned lyrics, none empty.
        artists: normalised artist of each.
        vectors: float32 (n, d).
        labels: float64 (n, 2), standardised valence and arousal.
    """

    texts: tuple[str, ...]
    artists: tuple[str, ...]
    vectors: FloatArray
    labels: Array64

    def fingerprint(self) -> str:
        """Return a SHA-256 that changes when a text or a label does."""
        digest = hashlib.sha256(np.round(self.labels, 6).tobytes())
        for text in self.texts:
            digest.update(bytes.fromhex(text_key(text)))
        return digest.hexdigest()


@dataclass(frozen=True, slots=True)
class MoodRun:
    """A finished run: where it is, its model, and its record."""

    path: Path
    model: MoodModel
    record: dict[str, Any]


def run_training(
    config: MoodTrainingConfig, data: Path, run_dir: Path, cache: Path, report: Report | None = None
) -> MoodRun:
    """Train from the files that ``config`` names below the folder ``data``.

    Args:
        cache: vector store kept between runs; lyrics already in it are not embedded again, so an
            interrupted run goes on where it was.
    """
    encoder = LyricEncoder(config.encoder)
    lyrics = read_lyrics(data / config.lyrics)
    labels = read_mood_labels(data / config.labels)
    store = VectorStore(cache, dimension=encoder.dimension, model=encoder.name)
    return train_mood(config, lyrics, labels, store, run_dir, encoder=encoder, report=report)


def join_labels(
    lyrics: LyricTable,
    labels: MoodLabels,
    store: VectorStore,
    encoder: LyricEncoder | None = None,
    report: Report | None = None,
) -> LabelledLyrics:
    """Join on the song key; songs whose vectors the store lacks are embedded by ``encoder``.

    Without an encoder, songs without a vector are left out.
    """
    words = dict(zip(lyrics.keys, lyrics.lyrics, strict=True))
    rows = [i for i, key in enumerate(labels.keys) if key in words]
    texts = [clean_lyrics(words[labels.keys[i]]) for i in rows]
    if encoder is not None:
        embed_missing(encoder, store, texts, report)
    vectors = store.get([text_key(text) if text else None for text in texts])
    known = [j for j in range(len(rows)) if np.isfinite(vectors[j]).all()]
    kept = [rows[j] for j in known]
    return LabelledLyrics(
        tuple(texts[j] for j in known),
        tuple(labels.artists[i] for i in kept),
        vectors[known],
        np.stack([labels.valence[kept], labels.arousal[kept]], axis=1),
    )


def train_mood(
    config: MoodTrainingConfig,
    lyrics: LyricTable,
    labels: MoodLabels,
    store: VectorStore,
    run_dir: Path,
    *,
    encoder: LyricEncoder | None = None,
    report: Report | None = None,
) -> MoodRun:
    """Cross-validate, refit on every labelled song, and write the run folder.

    Raises:
        TrainingError: if fewer than ``config.min_songs`` songs have both lyrics and labels.
    """
    tell = report or (lambda _line: None)
    songs = join_labels(lyrics, labels, store, encoder, report)
    if len(songs.texts) < config.min_songs or len(set(songs.artists)) < 2 * config.folds:
        raise TrainingError(
            f"{len(songs.texts)} songs of {len(set(songs.artists))} artists have both lyrics and "
            f"mood labels: {config.min_songs} songs of {2 * config.folds} artists are needed"
        )
    tell(f"{len(songs.texts)} songs of {len(set(songs.artists))} artists")
    predictions = cross_validate(config, songs, tell)
    model, chosen = fit(config, songs, predictions[MODEL])
    record = _record(config, songs, predictions, chosen, store.model)
    _write_run(run_dir, config, model, record, songs.labels, predictions)
    return MoodRun(run_dir, model, record)


def cross_validate(
    config: MoodTrainingConfig, songs: LabelledLyrics, tell: Report
) -> dict[str, Array64]:
    """Return nested out-of-fold predictions (n, 2) of the model and of its baselines."""
    grids = {
        "mean of labels": mean_grid(),
        "TF-IDF + ridge": tfidf_grid(songs.texts, config.tfidf_features, config.alphas),
        "MiniLM + ridge": ridge_grid(songs.vectors, config.alphas),
        MODEL: _model_grid(config, songs.vectors),
    }
    found = {}
    for name, grid in grids.items():
        tell(f"cross-validating {name}")
        per_axis = [
            out_of_fold(grid, songs.labels[:, axis], songs.artists, config.folds) for axis in (0, 1)
        ]
        found[name] = np.stack(per_axis, axis=1)
    return found


def fit(
    config: MoodTrainingConfig, songs: LabelledLyrics, out_of_fold_predictions: Array64
) -> tuple[MoodModel, dict[str, dict[str, float]]]:
    """Choose each head's setting by the folds, and refit on every song.

    The gains that stretch predictions for display come from the out-of-fold predictions, whose
    spread is that of predictions for new songs.

    Returns:
        the model, and the chosen dimensions and penalty of each axis.
    """
    settings = [(k, alpha) for k in config.components for alpha in config.alphas]
    grid, everyone = _model_grid(config, songs.vectors), np.arange(len(songs.texts))
    picks = [
        settings[choose(grid, songs.labels[:, axis], songs.artists, everyone, config.folds)]
        for axis in (0, 1)
    ]
    reducer = PcaReducer.fit(songs.vectors, max(k for k, _ in picks), whiten=config.whiten)
    coefficients = np.zeros((2, reducer.n_components))
    intercepts = np.zeros(2)
    for axis, (k, alpha) in enumerate(picks):
        scores = reducer.leading(k).transform(songs.vectors)
        weights, intercept = ridge(scores, songs.labels[:, axis], [alpha])
        coefficients[axis, : weights.shape[1]], intercepts[axis] = weights[0], intercept[0]
    spread = np.maximum(out_of_fold_predictions.std(axis=0), 1e-6)
    gains = np.clip(songs.labels.std(axis=0) / spread, 1, config.max_gain)
    centres = songs.labels.mean(axis=0)
    heads = (coefficients, intercepts, centres, gains)
    model = MoodModel(reducer, *(a.astype(np.float32) for a in heads))
    chosen = {
        name: {"components": k, "alpha": alpha}
        for name, (k, alpha) in zip(AXES, picks, strict=True)
    }
    return model, chosen


def _model_grid(config: MoodTrainingConfig, vectors: FloatArray) -> Grid:
    return pca_ridge_grid(vectors, config.components, config.alphas, config.whiten)


def _record(
    config: MoodTrainingConfig,
    songs: LabelledLyrics,
    predictions: dict[str, Array64],
    chosen: dict[str, dict[str, float]],
    encoder: str | None,
) -> dict[str, Any]:
    return {
        "kind": "mood",
        "finished": datetime.now(UTC).isoformat(timespec="seconds"),
        "config": config.model_dump(mode="json"),
        "encoder": encoder,
        "songs": len(songs.texts),
        "artists": len(set(songs.artists)),
        "fingerprint": songs.fingerprint(),
        "chosen": chosen,
        "metrics": {
            name: {
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
            for name, predicted in predictions.items()
        },
        "versions": _versions(("numpy", "scikit-learn", "sentence-transformers", "torch")),
    }


def _versions(names: Sequence[str]) -> dict[str, str]:
    from importlib.metadata import PackageNotFoundError, version

    found = {"python": platform.python_version()}
    for name in names:
        try:
            found[name] = version(name)
        except PackageNotFoundError:
            found[name] = "absent"
    return found


def _write_run(
    run_dir: Path,
    config: MoodTrainingConfig,
    model: MoodModel,
    record: dict[str, Any],
    labels: Array64,
    predictions: dict[str, Array64],
) -> None:
    """Write everything; ``record.json`` last, so that it is there only when all else is."""
    replace_text(run_dir / "config.toml", config.to_toml())
    save_arrays(
        run_dir / "out_of_fold.npz",
        {"labels": labels.astype(np.float32), "predicted": predictions[MODEL].astype(np.float32)},
    )
    model.save(run_dir / "mood.npz")
    record["sha256"] = file_sha256(run_dir / "mood.npz")
    replace_text(run_dir / "mood.json", json.dumps(_card(record, config.encoder), indent=1))
    write_report(
        run_dir,
        "Mood from lyrics: out-of-fold",
        f"{record['songs']} songs of {record['artists']} artists; {config.folds} folds, no artist "
        "on both sides; settings chosen inside each training part; R² on standardised labels.",
        record["metrics"],
        labels,
        predictions[MODEL],
    )
    replace_text(run_dir / "record.json", json.dumps(record, indent=1))


def _card(record: dict[str, Any], encoder: EncoderConfig) -> dict[str, Any]:
    return {
        "name": "mood",
        "task": "valence and arousal of a song from its lyric vector",
        "input": f"float32 (n, d) lyric vectors of {record['encoder']}, NaN rows allowed; "
        f"chunks of {encoder.max_words} words, word-weighted mean, unit norm",
        "output": "valence and arousal in (-1, 1), stretched for display; nearest of 7 emotions",
        "label_map": "tanh((z - centre) * gain) of predicted standardised Deezer labels z; "
        "centre and gain, for display only, are in the npz",
        "trained_on": f"{record['songs']} songs of the Deezer mood data set joined with lyrics; "
        "labels derive from Last.fm tags",
        "limits": "weak: see R²; arousal is barely in the words; mostly English; a description of "
        "the words, not of how a listener feels",
        **{
            k: record[k] for k in ("finished", "encoder", "chosen", "metrics", "sha256", "versions")
        },
        "fingerprint": record["fingerprint"],
    }
