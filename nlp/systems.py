"""The systems that are compared on mood labels, each tuned in the same way: by nested folds."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from data.errors import TrainingError
from data.reduction import PcaReducer
from data.types import FloatArray, IntArray
from nlp.config import MoodTrainingConfig
from nlp.corpus import Array64, Songs
from nlp.features import list_features, word_features
from nlp.fusion import fit_fusion
from nlp.lexicon import Lexicon, mean_valence
from nlp.regression import (
    Grid,
    artist_folds,
    choose,
    mean_grid,
    out_of_fold,
    pca_ridge_grid,
    ridge_grid,
    tfidf_grid,
)
from nlp.taught import TaughtRidge, Teacher, artists_outside, tags_grid

Report = Callable[[str], None]
#: What is shipped: without tags to learn from, and with.
PLAIN, TAUGHT = "MiniLM + PCA + ridge", "MiniLM + PCA, taught by tags"
TAGS, FUSED = "tags", "tags + lyrics"
_LISTS_SHARE = 0.5  # word-list statistics say much the same as each other: they count half


@dataclass(frozen=True)
class Study:
    """Labelled songs and all that may be learnt from beside them.

    Attributes:
        config: grids and sizes.
        songs: labelled songs with words.
        others: songs with words of artists without labels; features are fitted on them.
        pupils: songs with words and tags and without labels.
        teacher: None where there are no tags.
        lexica: word lists; none leaves out the systems that need one.
    """

    config: MoodTrainingConfig
    songs: Songs
    others: Songs
    pupils: Songs
    teacher: Teacher | None
    lexica: Sequence[Lexicon] = ()

    @property
    def rich(self) -> bool:
        """Whether there is enough beside the labelled songs to fit features on."""
        return len(self.others) > 2 * max(self.config.components)

    @property
    def taught(self) -> bool:
        """Whether tags can teach."""
        return self.teacher is not None and self.rich and len(self.pupils) >= self.config.min_songs

    @cached_property
    def reducer(self) -> PcaReducer:
        """Principal components of the songs that features are fitted on; fitted once."""
        return PcaReducer.fit(
            self.others.vectors, max(self.config.components), whiten=self.config.whiten
        )

    def taught_ridge(self, axis: int) -> TaughtRidge:
        """Return the system that is shipped where tags can teach.

        Raises:
            TrainingError: if there are no tags.
        """
        own, theirs = (self.reducer.transform(s.vectors) for s in (self.songs, self.pupils))
        return self._ridge(axis, own, theirs)

    def _ridge(self, axis: int, own: FloatArray, theirs: FloatArray) -> TaughtRidge:
        if self.teacher is None:
            raise TrainingError("nothing can be learnt from tags: the config names no table")
        return TaughtRidge(axis, self.songs, self.pupils, own, theirs, self.teacher)


Systems = dict[str, Callable[[int], Grid]]


def systems(study: Study) -> Systems:
    """Return name -> axis -> grid, baselines first."""
    config, songs = study.config, study.songs
    found: Systems = {"mean of labels": lambda axis: mean_grid()}
    for name, features in _lists(study).items():
        found[name] = _ridge_of(features, config.alphas)
    found["TF-IDF + ridge"] = lambda axis: tfidf_grid(
        songs.texts, config.tfidf_features, config.alphas
    )
    found["MiniLM + ridge"] = _ridge_of(songs.vectors, config.alphas)
    found[PLAIN] = lambda axis: pca_ridge_grid(
        songs.vectors, config.components, config.alphas, config.whiten
    )
    return found | (_taught(study) if study.taught else {})


def cross_validate(study: Study, tell: Report = lambda line: None) -> dict[str, Array64]:
    """Return nested out-of-fold predictions (n, 2) of every system.

    :data:`TAGS` and :data:`FUSED` predict songs without a tag as the words do.
    """
    songs, folds = study.songs, study.config.folds
    found: dict[str, Array64] = {}
    for name, grid_of in systems(study).items():
        tell(f"cross-validating {name}")
        found[name] = np.stack(
            [out_of_fold(grid_of(a), songs.labels[:, a], songs.artists, folds) for a in (0, 1)],
            axis=1,
        )
    if study.taught:
        tell("cross-validating tags, alone and with lyrics")
        found |= _with_tags(study, found[TAUGHT])
    return found


def _lists(study: Study) -> dict[str, FloatArray]:
    """Features from word lists; the first list also as the bare mean valence of the words."""
    if not study.lexica:
        return {}
    texts = study.songs.texts
    mean = mean_valence(texts, study.lexica[0])[:, None].astype(np.float32)
    # In units of its own deviation, so that the penalties suit it as they do the others.
    found = {"word list, mean valence": mean / np.maximum(mean.std(), np.float32(1e-6))}
    if study.rich:
        found["word lists + ridge"] = list_features(study.others.texts, texts, study.lexica)
    return found


def _ridge_of(features: FloatArray, alphas: Sequence[float]) -> Callable[[int], Grid]:
    return lambda axis: ridge_grid(features, alphas)


def _taught(study: Study) -> Systems:
    """The shipped system, the same by words alone, and all features side by side."""
    config, reducer = study.config, study.reducer
    unit = float(np.sqrt(reducer.transform(study.others.vectors).var(axis=0).mean()))

    def described(songs: Songs) -> tuple[FloatArray, FloatArray, FloatArray | None]:
        fit = study.others.texts
        words = np.float32(unit) * word_features(
            fit, songs.texts, vocabulary=config.tfidf_features, size=config.tfidf_components,
            seed=config.seed,
        )  # fmt: skip
        lists = list_features(fit, songs.texts, study.lexica) if study.lexica else None
        return reducer.transform(songs.vectors), words, lists

    own, theirs = described(study.songs), described(study.pupils)
    sizes, taught = config.components, config.taught_alphas

    def of(parts: Sequence[FloatArray], others: Sequence[FloatArray]) -> Callable[[int], Grid]:
        a, b = np.concatenate(parts, axis=1), np.concatenate(others, axis=1)
        return lambda axis: study._ridge(axis, a, b).grid((a.shape[1],), config.alphas, taught)

    found: Systems = {
        "TF-IDF, taught by tags": of([own[1]], [theirs[1]]),
        TAUGHT: lambda axis: study.taught_ridge(axis).grid(sizes, config.alphas, taught),
        "MiniLM + TF-IDF, taught by tags": of(own[:2], theirs[:2]),
    }
    if own[2] is not None and theirs[2] is not None:
        share = _LISTS_SHARE * unit
        found["MiniLM + TF-IDF + word lists, taught by tags"] = of(
            [*own[:2], share * own[2]], [*theirs[:2], share * theirs[2]]
        )
    return found


def _with_tags(study: Study, by_lyrics: Array64) -> dict[str, Array64]:
    """Tags alone and fused with lyrics; the weights of the fusion come from inner folds."""
    assert study.teacher is not None
    songs, config, teacher = study.songs, study.config, study.teacher
    tagged = teacher_knows(songs, teacher)
    alone, fused, by_others = (
        by_lyrics.copy(),
        by_lyrics.copy(),
        out_of_fold_tags(study, songs.tags),
    )
    for axis in (0, 1):
        y, by_tags = songs.labels[:, axis], tags_grid(axis, songs, teacher)
        words = study.taught_ridge(axis).grid(
            config.components, config.alphas, config.taught_alphas
        )
        for train, test in artist_folds(songs.artists, config.folds):
            rows, known = test[tagged[test]], train[tagged[train]]
            weights = _fusion(by_tags, words, y, songs.artists, train, known, config.folds)
            told = by_others[rows, axis]
            told = np.where(np.isfinite(told), told, y[train].mean())
            alone[rows, axis] = told
            fused[rows, axis] = weights[0] * told + weights[1] * by_lyrics[rows, axis] + weights[2]
    return {TAGS: alone, FUSED: fused}


def out_of_fold_tags(study: Study, tags: Sequence[Sequence[str]]) -> Array64:
    """Predict every labelled song from ``tags`` by a head that knows nothing of its artist.

    Returns:
        float64 (n, 2) standard scores, NaN where no tag is known.
    """
    assert study.teacher is not None
    songs, found = study.songs, np.full(study.songs.labels.shape, np.nan)
    for train, test in artist_folds(songs.artists, study.config.folds):
        head = study.teacher.head(artists_outside(songs, train))
        found[test] = head.predict([tags[i] for i in test])
    return found


def _fusion(
    by_tags: Grid, words: Grid, y: Array64, artists: Sequence[str], train: IntArray,
    known: IntArray, folds: int,
) -> Array64:  # fmt: skip
    setting = choose(words, y, artists, train, folds)
    told, read = np.full(len(y), np.nan), np.full(len(y), np.nan)
    for inner, held in artist_folds([artists[i] for i in train], folds):
        a, b = train[inner], train[held]
        told[b], read[b] = by_tags(a, y[a], b)[0], words(a, y[a], b)[setting]
    return fit_fusion(told[known], read[known], y[known])


def teacher_knows(songs: Songs, teacher: Teacher) -> NDArray[np.bool_]:
    """Return bool (n,): songs with a tag that is known when nobody is left out."""
    return np.asarray(teacher.head(frozenset()).count(songs.tags) > 0)
