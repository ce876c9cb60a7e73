"""Lyrics labelled happy or sad: how well systems tell them apart, by cross-validation.

For the musicmood data set (Raschka, *MusicMood: Predicting the mood of music from song lyrics
using machine learning*, 2016): 1,000 lyrics labelled by hand.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_matrix, hstack

from data.datasets.lyrics import (
    MoodLabels,
    read_binary_moods,
    read_lyrics,
    read_mood_labels,
)
from data.datasets.tags import read_tags
from data.errors import TrainingError
from data.types import FloatArray, IntArray
from nlp.cleaning import clean_lyrics, text_key
from nlp.config import MoodEvaluationConfig
from nlp.corpus import Array64, Songs, TaggedLabels, join_songs, tagged_labels
from nlp.encoder import embed_missing
from nlp.features import list_features
from nlp.lexicon import mean_valence, read_lexicon
from nlp.regression import ridge
from nlp.tags import TagHead
from nlp.vectors import VectorStore

if TYPE_CHECKING:
    from nlp.text import TextEncoder

Report = Callable[[str], None]
Labels = NDArray[np.int64]
#: Inverse penalties of logistic regression that every system is tuned over.
PENALTIES = (0.0003, 0.001, 0.003, 0.01, 0.03, 0.1, 0.3)
_INNER = 5
_OTHERS = 200
_TAUGHT_ALPHA = 10.0
_WORDS, _VECTORS, _LISTS, _GUESS = 8.0, 13.0, 0.5, 3.0  # scales that make the parts comparable


@dataclass(frozen=True, slots=True)
class HappySad:
    """Cleaned lyrics with their label.

    Attributes:
        texts: none empty.
        artists: normalised.
        happy: int64 (n,), 1 for happy, 0 for sad.
        vectors: float32 (n, d).
    """

    texts: tuple[str, ...]
    artists: tuple[str, ...]
    happy: Labels
    vectors: FloatArray


def study_happy_sad(
    config: MoodEvaluationConfig,
    data: Path,
    store: VectorStore,
    encoder: TextEncoder,
    report: Report | None = None,
) -> tuple[str, dict[str, Any]]:
    """Compare systems by 10-fold cross-validation; penalties are chosen inside each training part.

    Returns:
        the report as Markdown, and the figures.
    """
    tell = report or (lambda line: None)
    songs = _read(data / str(config.happy_sad), store, encoder, report)
    lexica = [read_lexicon(data / path) for path in config.lexica]
    others = _others(config, data, songs, store)
    found: dict[str, Any] = {}
    if lexica:
        found["word list, mean valence (no training)"] = _figures(
            mean_valence(songs.texts, lexica[0]), songs.happy, config
        )
    for name, parts in _systems(config, data, songs, others, lexica).items():
        for split, grouped in (("", False), (", artist-disjoint", True)):
            tell(f"happy or sad: {name}{split}")
            scores = _cross_validated(parts, songs, config.seed, grouped)
            found[f"{name}{split}"] = _figures(scores, songs.happy, config)
    return _text(songs, found), found


def _read(path: Path, store: VectorStore, encoder: TextEncoder, report: Report | None) -> HappySad:
    moods = read_binary_moods(path)
    texts = [clean_lyrics(text) for text in moods.lyrics]
    embed_missing(encoder, store, texts, report)
    vectors = store.get([text_key(text) if text else None for text in texts])
    rows = np.flatnonzero(np.isfinite(vectors).all(axis=1))
    return HappySad(
        tuple(texts[i] for i in rows),
        tuple(moods.keys[i].split("|", 1)[0] for i in rows),
        moods.happy[rows],
        vectors[rows],
    )


def _others(config: MoodEvaluationConfig, data: Path, songs: HappySad, store: VectorStore) -> Songs:
    """Songs of other artists that have a vector already: what needs no label is fitted on them.

    Raises:
        TrainingError: if there are too few.
    """
    tags = read_tags(data / config.tags) if config.tags else None
    none = MoodLabels((), (), np.zeros(0), np.zeros(0))
    lyrics = read_lyrics(data / config.lyrics)
    every = join_songs(lyrics, none, store, tags=tags, everyone=True)
    artists = set(songs.artists)
    rows = np.array([i for i, a in enumerate(every.artists) if a not in artists], dtype=np.int64)
    if len(rows) < _OTHERS:
        raise TrainingError(
            f"{len(rows)} songs of {config.lyrics} are embedded and of other artists than those of"
            f" {config.happy_sad}; {_OTHERS} are needed: train a mood model with tags first"
        )
    return every.take(rows)


def _systems(
    config: MoodEvaluationConfig,
    data: Path,
    songs: HappySad,
    others: Songs,
    lexica: Sequence[Mapping[str, Array64]],
) -> dict[str, list[Any]]:
    """Return name -> parts of the features; "words" stands for TF-IDF, fitted in the folds."""
    vectors = _VECTORS * (songs.vectors - others.vectors.mean(axis=0))
    systems: dict[str, list[Any]] = {
        "TF-IDF + logistic regression": ["words"],
        "MiniLM + logistic regression": [vectors],
        "MiniLM + TF-IDF": [vectors, "words"],
    }
    extra: list[Any] = []
    if lexica:
        extra.append(_LISTS * list_features(others.texts, songs.texts, lexica))
        systems["MiniLM + TF-IDF + word lists"] = [vectors, "words", *extra]
    if config.tags and config.happy_sad_teacher:
        labels = read_mood_labels(data / config.happy_sad_teacher)
        tagged = tagged_labels(labels, read_tags(data / config.tags))
        extra.append(_GUESS * _taught_guess(tagged, songs, others, config.seed))
        systems["all of these + mood taught by tags"] = [vectors, "words", *extra]
    return systems


def _taught_guess(tagged: TaggedLabels, songs: HappySad, others: Songs, seed: int) -> FloatArray:
    """Valence and arousal by a ridge that learnt from other artists' tags, (n, 2) standardised."""
    known = tagged.without(frozenset(songs.artists))
    head = TagHead.fit(known.tags, known.labels, alpha=1.0, seed=seed)
    guesses = head.predict(others.tags)
    rows = np.flatnonzero(np.isfinite(guesses[:, 0]))
    x, found = others.vectors[rows], []
    for axis in (0, 1):
        weights, shift = ridge(x, guesses[rows, axis].astype(np.float64), [_TAUGHT_ALPHA])
        read = x @ weights[0] + shift[0]
        found.append((songs.vectors @ weights[0] + shift[0] - read.mean()) / read.std())
    return np.stack(found, axis=1).astype(np.float32)


def _cross_validated(parts: Sequence[Any], songs: HappySad, seed: int, grouped: bool) -> Array64:
    """Return out-of-fold decision values (n,), the penalty chosen in each training part."""
    found = np.zeros(len(songs.happy))
    everyone = np.arange(len(songs.happy))
    for train, test in _folds(songs, everyone, 10, seed, grouped):
        errors = np.zeros(len(PENALTIES))
        for inner, held in _folds(songs, train, _INNER, seed, grouped):
            for i, scores in enumerate(_fit_predict(parts, songs, inner, held, PENALTIES)):
                errors[i] += np.logaddexp(
                    0, np.where(songs.happy[held] == 1, -scores, scores)
                ).sum()
        best = PENALTIES[int(errors.argmin())]
        found[test] = _fit_predict(parts, songs, train, test, [best])[0]
    return found


def _folds(
    songs: HappySad, rows: IntArray, count: int, seed: int, grouped: bool
) -> Iterator[tuple[IntArray, IntArray]]:
    from sklearn.model_selection import StratifiedGroupKFold, StratifiedKFold

    happy = songs.happy[rows]
    if grouped:
        artists = [songs.artists[i] for i in rows]
        parts = StratifiedGroupKFold(count, shuffle=True, random_state=seed)
        split = parts.split(rows, happy, artists)
    else:
        split = StratifiedKFold(count, shuffle=True, random_state=seed).split(rows, happy)
    for train, test in split:
        yield rows[train], rows[test]


def _fit_predict(
    parts: Sequence[Any], songs: HappySad, train: IntArray, test: IntArray,
    penalties: Sequence[float],
) -> list[Array64]:  # fmt: skip
    from sklearn.linear_model import LogisticRegression

    x, held = (
        csr_matrix(hstack([m[i] for m in _matrices(parts, songs, train, test)])) for i in (0, 1)
    )
    models = (
        LogisticRegression(C=c, max_iter=300, solver="liblinear").fit(x, songs.happy[train])
        for c in penalties
    )
    return [model.decision_function(held) for model in models]


def _matrices(
    parts: Sequence[Any], songs: HappySad, train: IntArray, test: IntArray
) -> list[tuple[csr_matrix, csr_matrix]]:
    from sklearn.feature_extraction.text import TfidfVectorizer

    found = []
    for part in parts:
        if isinstance(part, str):
            words = TfidfVectorizer(min_df=2, sublinear_tf=True)
            a = words.fit_transform([songs.texts[i] for i in train])
            b = words.transform([songs.texts[i] for i in test])
            found.append((_WORDS * a, _WORDS * b))
        else:
            found.append((csr_matrix(part[train]), csr_matrix(part[test])))
    return found


def _figures(scores: Array64, happy: Labels, config: MoodEvaluationConfig) -> dict[str, float]:
    from sklearn.metrics import roc_auc_score

    rng, samples = np.random.default_rng(config.seed), []
    for _ in range(config.bootstrap):
        rows = rng.integers(0, len(happy), len(happy))
        samples.append(roc_auc_score(happy[rows], scores[rows]))
    low, high = np.percentile(samples, [2.5, 97.5]) if samples else (np.nan, np.nan)
    right = (scores > 0) == (happy == 1)
    return {
        "auc": float(roc_auc_score(happy, scores)),
        "low": float(low),
        "high": float(high),
        "accuracy": float(right.mean()),
    }


def _text(songs: HappySad, found: Mapping[str, Mapping[str, float]]) -> str:
    lines = [
        "# Happy or sad, from lyrics",
        "",
        f"{len(songs.texts)} lyrics, {int(songs.happy.sum())} of them happy; 10-fold "
        "cross-validation, settings chosen inside each training part; bootstrap over songs.",
        "",
        "| system | AUC | 95 % |",
        "|---|---|---|",
    ]
    lines += [
        f"| {name} | {s['auc']:.3f} | {s['low']:.3f} to {s['high']:.3f} |"
        for name, s in found.items()
    ]
    return "\n".join(lines) + "\n"
