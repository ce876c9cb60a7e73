"""Training of the mood model: join lyrics and labels, cross-validate by artist, refit on all.

A run folder holds ``config.toml``, ``record.json``, ``mood.npz``, ``mood.json`` (the model card),
``out_of_fold.npz``, and the report of the out-of-fold predictions.
"""

from __future__ import annotations

import json
import platform
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from data.artifacts import file_sha256
from data.datasets.lyrics import LyricTable, MoodLabels, read_lyrics, read_mood_labels
from data.datasets.tags import TagTable, read_tags
from data.errors import TrainingError
from data.files import replace_text, save_arrays
from nlp.calibration import calibrate
from nlp.config import EncoderConfig, MoodTrainingConfig
from nlp.corpus import Array64, Songs, join_songs, tagged_labels
from nlp.encoder import LyricEncoder
from nlp.evaluation import score_systems, write_report
from nlp.fitting import Chosen, fit_mood
from nlp.fusion import Source
from nlp.lexicon import Lexicon, read_lexicon
from nlp.mood import AXES, MoodModel
from nlp.systems import FUSED, PLAIN, TAGS, TAUGHT, Study, cross_validate, teacher_knows
from nlp.taught import Teacher
from nlp.vectors import VectorStore

if TYPE_CHECKING:
    from nlp.text import TextEncoder

Report = Callable[[str], None]


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
        config: the recipe.
        data: folder of the files.
        run_dir: run folder, made if absent.
        cache: vector store kept between runs; lyrics already in it are not embedded again, so an
            interrupted run goes on where it was.
        report: called with lines of progress.
    """
    encoder = LyricEncoder(config.encoder)
    lyrics = read_lyrics(data / config.lyrics)
    labels = read_mood_labels(data / config.labels)
    tags = read_tags(data / config.tags) if config.tags else None
    lexica = [read_lexicon(data / path) for path in config.lexica]
    store = VectorStore(cache, dimension=encoder.dimension, model=encoder.name)
    return train_mood(
        config, lyrics, labels, store, run_dir,
        encoder=encoder, tags=tags, lexica=lexica, report=report,
    )  # fmt: skip


def train_mood(
    config: MoodTrainingConfig,
    lyrics: LyricTable,
    labels: MoodLabels,
    store: VectorStore,
    run_dir: Path,
    *,
    encoder: TextEncoder | None = None,
    tags: TagTable | None = None,
    lexica: Sequence[Lexicon] = (),
    report: Report | None = None,
) -> MoodRun:
    """Cross-validate, refit on every labelled song, and write the run folder.

    Args:
        config: the recipe.
        lyrics: songs with words; those without labels are embedded only where there are tags.
        labels: songs with moods.
        store: vectors made before, and made now.
        run_dir: run folder, made if absent.
        encoder: without one, songs without a vector are left out.
        tags: listeners' tags, which teach the words.
        lexica: word lists, for the comparison.
        report: called with lines of progress.

    Raises:
        TrainingError: if fewer than ``config.min_songs`` songs have both lyrics and labels.
    """
    tell = report or (lambda _line: None)
    everyone = tags is not None
    songs = join_songs(lyrics, labels, store, encoder, report, tags=tags, everyone=everyone)
    study = build_study(config, songs, labels, tags, lexica)
    artists = len(set(study.songs.artists))
    if len(study.songs) < config.min_songs or artists < 2 * config.folds:
        raise TrainingError(
            f"{len(study.songs)} songs of {artists} artists have both lyrics and "
            f"mood labels: {config.min_songs} songs of {2 * config.folds} artists are needed"
        )
    tell(f"{len(study.songs)} songs of {artists} artists")
    if study.taught:
        tell(f"{len(study.pupils)} more with lyrics and tags")
    predictions = cross_validate(study, tell)
    model, chosen = fit_mood(study, predictions)
    record = _record(study, predictions, chosen, model, store.model)
    _write_run(run_dir, study, model, record, predictions)
    return MoodRun(run_dir, model, record)


def build_study(
    config: MoodTrainingConfig,
    songs: Songs,
    labels: MoodLabels,
    tags: TagTable | None,
    lexica: Sequence[Lexicon] = (),
) -> Study:
    """Part songs with words into those with labels, those that tags can teach, and the others."""
    labelled = songs.labelled
    known = {songs.artists[i] for i in labelled}
    bare = ~np.isfinite(songs.labels).all(axis=1)
    others = np.array([artist not in known for artist in songs.artists], dtype=bool)
    tagged = np.array([bool(song) for song in songs.tags], dtype=bool)
    teacher = None
    if tags is not None:
        teacher = Teacher(
            tagged_labels(labels, tags), config.tag_alpha, config.tag_songs, config.seed
        )
    return Study(
        config,
        songs.take(labelled),
        songs.take(np.flatnonzero(others)),
        songs.take(np.flatnonzero(bare & tagged)),
        teacher,
        lexica,
    )


def _record(
    study: Study,
    predictions: dict[str, Array64],
    chosen: Chosen,
    model: MoodModel,
    encoder: str | None,
) -> dict[str, Any]:
    config, songs = study.config, study.songs
    record = {
        "kind": "mood",
        "finished": datetime.now(UTC).isoformat(timespec="seconds"),
        "config": config.model_dump(mode="json"),
        "encoder": encoder,
        "songs": len(songs),
        "artists": len(set(songs.artists)),
        "fingerprint": songs.fingerprint(),
        "chosen": chosen,
        "metrics": score_systems(config, songs, predictions, np.arange(len(songs))),
        "deviations": {
            source.name.lower(): dict(zip(AXES, row, strict=True))
            for source, row in zip(Source, model.deviations.round(3).tolist(), strict=True)
        },
        "versions": _versions(("numpy", "scikit-learn", "sentence-transformers", "torch")),
    }
    if study.taught and study.teacher is not None:
        tagged = np.flatnonzero(teacher_knows(songs, study.teacher))
        names = (TAUGHT, TAGS, FUSED)
        some = {name: predictions[name] for name in names}
        record |= {
            "pupils": len(study.pupils),
            "tagged_labels": len(study.teacher.tagged),
            "tagged_songs": len(tagged),
            "metrics_of_tagged": score_systems(config, songs, some, tagged),
        }
    return record


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
    study: Study,
    model: MoodModel,
    record: dict[str, Any],
    predictions: dict[str, Array64],
) -> None:
    """Write everything; ``record.json`` last, so that it is there only when all else is."""
    config, labels = study.config, study.songs.labels
    shown = predictions[TAUGHT if study.taught else PLAIN]
    replace_text(run_dir / "config.toml", config.to_toml())
    save_arrays(
        run_dir / "out_of_fold.npz",
        {"labels": labels.astype(np.float32), "predicted": shown.astype(np.float32)},
    )
    model.save(run_dir / "mood.npz")
    record["sha256"] = file_sha256(run_dir / "mood.npz")
    replace_text(run_dir / "mood.json", json.dumps(_card(record, config.encoder), indent=1))
    tables = {"all songs": record["metrics"]}
    if "metrics_of_tagged" in record:
        tables[f"{record['tagged_songs']} songs with tags"] = record["metrics_of_tagged"]
    source = np.full(len(labels), Source.LYRICS, dtype=np.int64)
    write_report(
        run_dir,
        "Mood from lyrics: out-of-fold",
        f"{record['songs']} songs of {record['artists']} artists; {config.folds} folds, no artist "
        "on both sides; settings chosen inside each training part; R² on standardised labels.",
        tables,
        labels,
        shown,
        calibrate(model, model.at(shown.astype(np.float32), source), labels),
    )
    replace_text(run_dir / "record.json", json.dumps(record, indent=1))


def _card(record: dict[str, Any], encoder: EncoderConfig) -> dict[str, Any]:
    return {
        "name": "mood",
        "task": "valence and arousal of a song from its lyric vector",
        "input": f"float32 (n, d) lyric vectors of {record['encoder']}, NaN rows allowed; "
        f"chunks of {encoder.max_words} words, word-weighted mean, unit norm; folded tags",
        "output": "valence and arousal in (-1, 1), stretched for display; nearest of 7 emotions",
        "label_map": "tanh((z - centre) * gain) of predicted standardised Deezer labels z; "
        "centre and gain, for display only, are in the npz",
        "trained_on": f"{record['songs']} songs of the Deezer mood data set joined with lyrics, "
        f"{record.get('pupils', 0)} more with lyrics and tags; labels derive from Last.fm tags",
        "limits": "weak: see R²; arousal is barely in the words; mostly English; a description of "
        "the words, not of how a listener feels",
        **{k: v for k, v in record.items() if k not in {"kind", "config"}},
    }
