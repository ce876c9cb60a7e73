"""The mood model that is shipped: heads refitted on every song, uncertainty from the folds."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from data.reduction import PcaReducer
from data.types import IntArray
from nlp.corpus import Array64
from nlp.fusion import Source, fit_fusion, fuse
from nlp.mood import AXES, MoodModel, TagPart
from nlp.regression import choose, pca_ridge_grid, ridge
from nlp.systems import PLAIN, TAUGHT, Study, out_of_fold_tags
from nlp.tags import FEW

Chosen = dict[str, dict[str, float]]
_SAMPLE = 4  # tags of the short lists that fusion and uncertainty of short lists are fitted on
_LEAST = 30  # songs of a source: of fewer, the deviation is taken from the next source


def fit_mood(study: Study, predictions: Mapping[str, Array64]) -> tuple[MoodModel, Chosen]:
    """Choose each head's setting by the folds, and refit on every song.

    Gains, deviations and the weights of tags against words come from the out-of-fold
    ``predictions`` (:func:`nlp.systems.cross_validate`): errors as for songs by new artists.

    Returns:
        the model, and what was chosen for each axis.
    """
    name = TAUGHT if study.taught else PLAIN
    reducer, heads, intercepts, chosen = (_fit_taught if study.taught else _fit_plain)(study)
    labels = study.songs.labels
    outcomes = {source: (predictions[name], np.arange(len(labels))) for source in Source}
    part = None
    if study.taught:
        part, outcomes = _fit_tags(study, predictions[name])
    centres = labels.mean(axis=0)
    gains, deviations = _scales(outcomes, labels, study.config.max_gain)
    a, b, c, g, d = (x.astype(np.float32) for x in (heads, intercepts, centres, gains, deviations))
    return MoodModel(reducer, a, b, c, g, d, part), chosen


def _fit_plain(study: Study) -> tuple[PcaReducer, Array64, Array64, Chosen]:
    config, songs = study.config, study.songs
    settings = [(k, alpha) for k in config.components for alpha in config.alphas]
    grid = pca_ridge_grid(songs.vectors, config.components, config.alphas, config.whiten)
    everyone = np.arange(len(songs))
    picks = [
        settings[choose(grid, songs.labels[:, axis], songs.artists, everyone, config.folds)]
        for axis in (0, 1)
    ]
    reducer = PcaReducer.fit(songs.vectors, max(k for k, _ in picks), whiten=config.whiten)
    heads, intercepts = np.zeros((2, reducer.n_components)), np.zeros(2)
    for axis, (k, alpha) in enumerate(picks):
        scores = reducer.leading(k).transform(songs.vectors)
        weights, intercept = ridge(scores, songs.labels[:, axis], [alpha])
        heads[axis, : weights.shape[1]], intercepts[axis] = weights[0], intercept[0]
    chosen = {
        name: {"components": k, "alpha": alpha}
        for name, (k, alpha) in zip(AXES, picks, strict=True)
    }
    return reducer, heads, intercepts, chosen


def _fit_taught(study: Study) -> tuple[PcaReducer, Array64, Array64, Chosen]:
    config, songs = study.config, study.songs
    reducer, everyone = study.reducer, np.arange(len(songs))
    sizes = [min(k, reducer.n_components) for k in config.components]
    settings = [(k, t, a) for k in sizes for t in config.taught_alphas for a in config.alphas]
    heads, intercepts, chosen = np.zeros((2, max(sizes))), np.zeros(2), {}
    for axis in (0, 1):
        system, y = study.taught_ridge(axis), songs.labels[:, axis]
        grid = system.grid(sizes, config.alphas, config.taught_alphas)
        k, taught, alpha = settings[choose(grid, y, songs.artists, everyone, config.folds)]
        weights, shift = system.weights(everyone, y, [k], [alpha], [taught])
        heads[axis, :k], intercepts[axis] = weights[0], shift[0]
        chosen[AXES[axis]] = {"components": k, "taught_alpha": taught, "alpha": alpha}
    largest = max(int(one["components"]) for one in chosen.values())
    return reducer.leading(largest), heads[:, :largest], intercepts, chosen


def _fit_tags(
    study: Study, by_lyrics: Array64
) -> tuple[TagPart, dict[Source, tuple[Array64, IntArray]]]:
    """Return the tag part, and for every source its predictions and the rows they are of."""
    assert study.teacher is not None
    labels, rng = study.songs.labels, np.random.default_rng(study.config.seed)
    whole = study.songs.tags
    short = [tuple(rng.permutation(tags)[:_SAMPLE].tolist()) for tags in whole]
    counts = study.teacher.head(frozenset()).count(whole)
    told = {False: out_of_fold_tags(study, short), True: out_of_fold_tags(study, whole)}
    rows = {
        False: np.flatnonzero(np.isfinite(told[False][:, 0])),
        True: np.flatnonzero(np.isfinite(told[True][:, 0]) & (counts > FEW)),
    }
    fusion = np.zeros((2, 2, 3))
    outcomes = {Source.LYRICS: (by_lyrics, np.arange(len(labels)))}
    for many in (False, True):
        at, shift = rows[many], int(many)
        for axis in (0, 1):
            fusion[shift, axis] = fit_fusion(
                told[many][at, axis], by_lyrics[at, axis], labels[at, axis]
            )
        outcomes[Source(Source.FEW_TAGS + shift)] = (told[many], at)
        both = _fused(told[many], by_lyrics, many, fusion)
        outcomes[Source(Source.FEW_TAGS_AND_LYRICS + shift)] = (both, at)
    head = study.teacher.head(frozenset())
    return TagPart(head, fusion.astype(np.float32)), outcomes


def _fused(told: Array64, by_lyrics: Array64, many: bool, fusion: Array64) -> Array64:
    regime = np.full(len(told), many)
    found, _ = fuse(
        told.astype(np.float32), by_lyrics.astype(np.float32), regime, fusion.astype(np.float32)
    )
    return found.astype(np.float64)


def _scales(
    outcomes: Mapping[Source, tuple[Array64, IntArray]], labels: Array64, most: float
) -> tuple[Array64, Array64]:
    """Return gains and deviations, (5, 2) each, from predictions of every source."""
    gains, deviations = np.ones((len(Source), 2)), np.ones((len(Source), 2))
    for source in Source:
        predicted, rows = outcomes[source if len(outcomes[source][1]) >= _LEAST else Source.LYRICS]
        found, true = predicted[rows], labels[rows]
        deviations[source] = np.sqrt(((found - true) ** 2).mean(axis=0))
        spread = np.maximum(found.std(axis=0), 1e-6)
        gains[source] = np.clip(labels.std(axis=0) / spread, 1, most)
    return gains, deviations
