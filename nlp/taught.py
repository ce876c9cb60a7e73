"""Learning from tags: a tag head teaches the words of songs that nobody labelled.

Few songs have both words and mood labels; several times as many have words and tags. A head fitted
on labelled songs' tags (:class:`nlp.tags.TagHead`) guesses those songs' moods, a ridge on their
words learns from the guesses (distant supervision: Mintz et al., ACL 2009), and a second ridge
learns from the labelled songs what the first leaves over. All three are linear, and so is their
sum.

Nothing of an artist that is scored is used: neither labels, nor tags, nor words.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np

from data.types import FloatArray, IntArray
from nlp.corpus import Array64, Songs, TaggedLabels
from nlp.regression import Grid, ridge
from nlp.tags import TagHead


@dataclass(frozen=True)
class Teacher:
    """Guesses moods of songs with tags, each time from other artists' labels.

    Attributes:
        tagged: labelled songs with tags.
        alpha: ridge penalty of the tag head.
        least: songs that must share a tag.
        seed: of the samples of tags.
    """

    tagged: TaggedLabels
    alpha: float
    least: int
    seed: int
    _heads: dict[frozenset[str], TagHead] = field(default_factory=dict, compare=False)

    def head(self, banned: frozenset[str]) -> TagHead:
        """Return the head fitted without some artists' songs; the last one is remembered."""
        if banned not in self._heads:
            self._heads.clear()
            allowed = self.tagged.without(banned)
            self._heads[banned] = TagHead.fit(
                allowed.tags, allowed.labels, alpha=self.alpha, least=self.least, seed=self.seed
            )
        return self._heads[banned]


@dataclass(frozen=True, slots=True)
class TaughtRidge:
    """One axis of labelled songs' moods from features, taught by other songs' tags.

    Attributes:
        axis: 0 valence, 1 arousal.
        songs: the labelled songs.
        pupils: songs with tags and without labels.
        own: float (n, f), features of the labelled songs.
        theirs: float (p, f), of the pupils.
        teacher: what guesses the pupils' moods.
    """

    axis: int
    songs: Songs
    pupils: Songs
    own: FloatArray
    theirs: FloatArray
    teacher: Teacher

    def weights(
        self, train: IntArray, y: Array64, sizes: Sequence[int], alphas: Sequence[float],
        taught: Sequence[float],
    ) -> tuple[list[Array64], list[float]]:  # fmt: skip
        """Fit at each setting, ``sizes`` outermost, then ``taught``, then ``alphas``.

        Args:
            train: rows of labelled songs.
            y: their labels.
            sizes: how many leading features to use.
            alphas: penalties of the ridge on labelled songs.
            taught: penalties of the ridge on the pupils.

        Returns:
            weights, (size,) each, and intercepts.
        """
        banned = artists_outside(self.songs, train)
        guesses = self.teacher.head(banned).predict(self.pupils.tags)[:, self.axis]
        allowed = np.array([artist not in banned for artist in self.pupils.artists], dtype=bool)
        use = allowed & np.isfinite(guesses)
        weights, intercepts = [], []
        for size in sizes:
            theirs, own = self.theirs[use, :size], self.own[train, :size]
            first, shift = ridge(theirs, guesses[use].astype(np.float64), taught)
            for w, b in zip(first, shift, strict=True):
                z = own @ w + b
                slope = float(np.cov(z, y)[0, 1] / max(float(z.var(ddof=1)), 1e-12))
                base = y.mean() - slope * z.mean()
                rest, more = ridge(own, y - base - slope * z, alphas)
                weights += [slope * w + r for r in rest]
                intercepts += [base + slope * float(b) + float(m) for m in more]
        return weights, intercepts

    def grid(self, sizes: Sequence[int], alphas: Sequence[float], taught: Sequence[float]) -> Grid:
        """Return what :func:`nlp.regression.out_of_fold` scores; settings as in :meth:`weights`."""

        def predict(train: IntArray, y: Array64, test: IntArray) -> Array64:
            weights, intercepts = self.weights(train, y, sizes, alphas, taught)
            return np.stack(
                [self.own[test, : len(w)] @ w + b for w, b in zip(weights, intercepts, strict=True)]
            )

        return predict


def artists_outside(songs: Songs, train: IntArray) -> frozenset[str]:
    """Return the artists of the songs that are not among those of rows ``train``."""
    return frozenset(songs.artists) - {songs.artists[i] for i in train}


def tags_grid(axis: int, songs: Songs, teacher: Teacher) -> Grid:
    """One setting: the tag head alone, and the training mean for songs without a known tag."""

    def predict(train: IntArray, y: Array64, test: IntArray) -> Array64:
        head = teacher.head(artists_outside(songs, train))
        found = head.predict([songs.tags[i] for i in test])[:, axis]
        return np.where(np.isfinite(found), found, y.mean())[None].astype(np.float64)

    return predict
