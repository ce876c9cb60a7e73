"""Mood of a song from its lyric vector and its tags: linear heads, put together, with uncertainty.

Lyrics: principal components of the vector, then one ridge head per axis. Tags: :mod:`nlp.tags`.
Both: :mod:`nlp.fusion`. Arousal is barely in the words; where there are tags, it is mostly theirs.

Labels of the Deezer data set are standard scores *z* (mean 0, deviation 1). They map to the plane
by ``tanh(z)``, which is monotone, invertible (``atanh``), never leaves (-1, 1), and spreads
standard normal scores with a deviation of 0.63, about as far out as the emotions' places in
``data.moods``.

A ridge head explains a small part of the labels' variance, so its predictions crowd around the
mean and almost every song would be "neutral". For *display*, the training songs' mean is moved to
the origin and the spread stretched towards the labels' by a gain fixed in training (out-of-fold,
so not flattered by the fit, and bounded): ``tanh((z - centre) * gain)``, one gain per source,
since tags tell more than words and need less of it. A typical song with words is then neutral, and
all quarters of the plane are reached. Stretching keeps the order of songs and adds no knowledge:
R² is always reported on the raw ``z``.

Uncertainty is the deviation of out-of-fold errors, by source. The distribution over emotions and
quadrants is that of a normal around the raw prediction, so it is wide where little is known.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Self

import numpy as np
from numpy.typing import ArrayLike, NDArray

from data.errors import ArtifactError
from data.files import load_arrays, save_arrays
from data.moods import nearest_emotions
from data.reduction import PcaReducer
from data.types import EMOTIONS, FloatArray
from nlp.fusion import Source, fuse
from nlp.tags import FEW, TagHead

#: Trained weights that come with the package.
SHIPPED = Path(__file__).parent / "weights" / "mood.npz"
#: Valence first, arousal second, in every array of two.
AXES = ("valence", "arousal")
#: Quarters of the plane, in the order of :meth:`MoodModel.quadrants`.
QUADRANTS = ("happy", "tense", "sad", "calm")
_PCA = ("mean", "components", "scale")
_HEADS = ("coefficients", "intercepts", "centres", "gains", "deviations")
_TAGS = ("tag_vocabulary", "tag_few", "tag_many", "tag_fusion")
_DRAWS = 400  # points of the normal that a distribution is counted from
_BLOCK = 4096  # songs whose points are in memory at a time


def to_plane(z: ArrayLike) -> FloatArray:
    """Map standard scores to (-1, 1); the inverse is :func:`from_plane`."""
    return np.tanh(np.asarray(z, dtype=np.float32)).astype(np.float32)


def from_plane(mood: ArrayLike) -> FloatArray:
    """Map valence or arousal in [-1, 1] to standard scores; ±1 itself is taken as ±0.999."""
    bounded = np.clip(np.asarray(mood, dtype=np.float32), -0.999, 0.999)
    return np.arctanh(bounded).astype(np.float32)


@dataclass(frozen=True, slots=True)
class MoodPrediction:
    """Moods of n songs.

    Attributes:
        valence: float32 (n,) in (-1, 1), stretched for display; NaN where nothing was known.
        arousal: float32 (n,), likewise.
        emotion: the nearest of the seven emotions (:data:`data.moods.EMOTION_MOODS`), or None.
        raw: float32 (n, 2), valence and arousal as standard scores, not stretched.
        deviation: float32 (n, 2), standard deviation of the error of ``raw``.
        source: int64 (n,), the :class:`nlp.fusion.Source`, -1 where nothing was known.
    """

    valence: FloatArray
    arousal: FloatArray
    emotion: list[str | None]
    raw: FloatArray
    deviation: FloatArray
    source: NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class TagPart:
    """What tags say, and how much it counts beside the words.

    Attributes:
        head: the heads on tags.
        fusion: float32 (2, 2, 3), see :func:`nlp.fusion.fuse`.
    """

    head: TagHead
    fusion: FloatArray


@dataclass(frozen=True, slots=True)
class MoodModel:
    """Fitted mood heads.

    Attributes:
        reducer: principal components of lyric vectors.
        coefficients: float32 (2, k), one head per row.
        intercepts: float32 (2,).
        centres: float32 (2,), the score shown as 0, that of a typical song.
        gains: float32 (5, 2), by how much it is stretched, >= 1, a row per :class:`Source`.
        deviations: float32 (5, 2), of out-of-fold errors.
        tags: None for a model that reads words alone.
    """

    reducer: PcaReducer
    coefficients: FloatArray
    intercepts: FloatArray
    centres: FloatArray
    gains: FloatArray
    deviations: FloatArray
    tags: TagPart | None = None

    def standard_scores(self, vectors: FloatArray) -> FloatArray:
        """Return float32 (n, 2): raw predictions from words alone; NaN rows stay NaN."""
        scores = self.reducer.transform(vectors)
        return np.asarray(scores @ self.coefficients.T + self.intercepts, dtype=np.float32)

    def predict(
        self, vectors: FloatArray, tags: Sequence[Sequence[str]] | None = None
    ) -> MoodPrediction:
        """Predict moods.

        Args:
            vectors: float32 (n, d) lyric vectors; NaN rows for songs without words.
            tags: of each song, folded (:func:`data.datasets.tags.fold_tags`); None for none.
        """
        raw, source = self.standard_scores(vectors), np.full(len(vectors), -1, dtype=np.int64)
        if tags is not None and self.tags is not None:
            head = self.tags.head
            many = head.count(tags) > FEW
            raw, source = fuse(head.predict(tags), raw, many, self.tags.fusion)
        else:
            source[np.isfinite(raw[:, 0])] = Source.LYRICS
        return self.at(raw, source)

    def at(self, raw: FloatArray, source: NDArray[np.int64]) -> MoodPrediction:
        """Show raw predictions (n, 2), made by this model or out of fold, from known sources."""
        plane = to_plane((raw - self.centres) * self.gains[source])
        valence, arousal = plane[:, 0], plane[:, 1]
        deviation = np.where((source >= 0)[:, None], self.deviations[source], np.nan)
        return MoodPrediction(
            valence,
            arousal,
            nearest_emotions(valence, arousal),
            raw,
            deviation.astype(np.float32),
            source,
        )

    def emotions(self, predicted: MoodPrediction) -> FloatArray:
        """Return float32 (n, 7) probabilities in the order of EMOTIONS; NaN rows stay NaN.

        The share of a normal around the raw prediction that lies nearest to each emotion's place.
        """
        index = {emotion: i for i, emotion in enumerate(EMOTIONS)}

        def name(points: FloatArray) -> NDArray[np.int64]:
            near = nearest_emotions(points[:, 0], points[:, 1])
            return np.array([index[e] if e is not None else 0 for e in near], dtype=np.int64)

        return self._shares(predicted, name, len(EMOTIONS))

    def quadrants(self, predicted: MoodPrediction) -> FloatArray:
        """Return float32 (n, 4) probabilities in the order of :data:`QUADRANTS`.

        A quarter is told from the next by the typical song of the training data.
        """

        def name(points: FloatArray) -> NDArray[np.int64]:
            dark, quiet = points[:, 0] < 0, points[:, 1] < 0
            return np.where(dark, np.where(quiet, 2, 1), np.where(quiet, 3, 0))

        return self._shares(predicted, name, len(QUADRANTS))

    def _shares(
        self,
        predicted: MoodPrediction,
        name: Callable[[FloatArray], NDArray[np.int64]],
        kinds: int,
    ) -> FloatArray:
        half = np.random.default_rng(0).standard_normal((_DRAWS // 2, 2))
        draws = np.concatenate([half, -half]).astype(np.float32)
        found = np.full((len(predicted.raw), kinds), np.nan, dtype=np.float32)
        known = np.flatnonzero(np.isfinite(predicted.raw).all(axis=1))
        for start in range(0, len(known), _BLOCK):
            rows = known[start : start + _BLOCK]
            middle = (predicted.raw[rows] - self.centres)[:, None]
            points = to_plane(middle + draws * predicted.deviation[rows][:, None])
            kind = name(points.reshape(-1, 2)).reshape(len(rows), _DRAWS)
            found[rows] = np.stack([(kind == k).mean(axis=1) for k in range(kinds)], axis=1)
        return found

    def save(self, path: Path) -> None:
        """Write to an ``.npz``."""
        reducer = self.reducer
        arrays = dict(zip(_PCA, (reducer.mean, reducer.components, reducer.scale), strict=True))
        arrays |= {name: getattr(self, name) for name in _HEADS}
        save_arrays(path, {**arrays, **_tag_arrays(self.tags)})

    @classmethod
    def load(cls, path: Path = SHIPPED) -> Self:
        """Read what :meth:`save` wrote; by default the weights that come with the package.

        Raises:
            ArtifactError: if the file is missing, or is not a mood model.
        """
        arrays = load_arrays(path, _PCA + _HEADS + _TAGS)
        mean, components, scale = (arrays[n].astype(np.float32) for n in _PCA)
        reducer = PcaReducer(mean, components, scale)
        heads = [arrays[n].astype(np.float32) for n in _HEADS]
        shapes = [(2, reducer.n_components), (2,), (2,), (len(Source), 2), (len(Source), 2)]
        if [head.shape for head in heads] != shapes:
            raise ArtifactError(
                f"{path} is not a mood model: no heads for {reducer.n_components} components"
            )
        coefficients, intercepts, centres, gains, deviations = heads
        tags = _tag_part(arrays, path)
        return cls(reducer, coefficients, intercepts, centres, gains, deviations, tags)


def _tag_arrays(part: TagPart | None) -> dict[str, NDArray[np.generic]]:
    if part is None:
        return {name: np.zeros(0, dtype=np.float32) for name in _TAGS}
    text = "\n".join(part.head.vocabulary).encode("utf-8")
    packed = np.frombuffer(text, dtype=np.uint8)
    values = (packed, part.head.few, part.head.many, part.fusion)
    return dict(zip(_TAGS, values, strict=True))


def _tag_part(arrays: dict[str, NDArray[np.generic]], path: Path) -> TagPart | None:
    packed, few, many, fusion = (arrays[n] for n in _TAGS)
    if not packed.size:
        return None
    vocabulary = tuple(packed.astype(np.uint8).tobytes().decode("utf-8").split("\n"))
    if few.shape != (2, len(vocabulary) + 1) or many.shape != few.shape or fusion.size != 12:
        raise ArtifactError(f"{path} is not a mood model: its tag heads do not fit its tags")
    heads = (few.astype(np.float32), many.astype(np.float32))
    return TagPart(TagHead(vocabulary, *heads), fusion.astype(np.float32).reshape(2, 2, 3))
