"""Mood of a song from its lyric vector: principal components, then one ridge head per axis.

Labels of the Deezer data set are standard scores *z* (mean 0, deviation 1). They map to the plane
by ``tanh(z)``, which is monotone, invertible (``atanh``), never leaves (-1, 1), and spreads
standard normal scores with a deviation of 0.63, about as far out as the emotions' places in
``data.moods``.

A ridge head explains a small part of the labels' variance, so its predictions crowd around the
mean and almost every song would be "neutral". For *display*, the training songs' mean is moved to
the origin and the spread stretched towards the labels' by a gain fixed in training (out-of-fold, so
not flattered by the fit, and bounded): ``tanh((z - centre) * gain)``. A typical song with words is
then neutral, and all quarters of the plane are reached. Stretching keeps the order of songs and
adds no knowledge: R² is always reported on the raw ``z``.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Self

import numpy as np
from numpy.typing import ArrayLike

from data.errors import ArtifactError
from data.moods import nearest_emotions
from data.types import FloatArray
from nlp.files import load_arrays, save_arrays
from nlp.reduction import PcaReducer

#: Trained weights that come with the package.
SHIPPED = Path(__file__).parent / "weights" / "mood.npz"
#: Valence first, arousal second, in every array of two.
AXES = ("valence", "arousal")
_ARRAYS = ("mean", "components", "scale", "coefficients", "intercepts", "centres", "gains")


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
        valence: float32 (n,) in (-1, 1), stretched for display; NaN where there was no vector.
        arousal: float32 (n,), likewise.
        emotion: the nearest of the seven emotions (:data:`data.moods.EMOTION_MOODS`), or None.
        raw: float32 (n, 2), valence and arousal as standard scores, not stretched.
    """

    valence: FloatArray
    arousal: FloatArray
    emotion: list[str | None]
    raw: FloatArray


@dataclass(frozen=True, slots=True)
class MoodModel:
    """Fitted mood heads.

    Attributes:
        reducer: principal components of lyric vectors.
        coefficients: float32 (2, k), one head per row.
        intercepts: float32 (2,).
        centres: float32 (2,), the score shown as 0, that of a typical song.
        gains: float32 (2,), by how much, >= 1.
    """

    reducer: PcaReducer
    coefficients: FloatArray
    intercepts: FloatArray
    centres: FloatArray
    gains: FloatArray

    def standard_scores(self, vectors: FloatArray) -> FloatArray:
        """Return float32 (n, 2): raw predictions of the standardised labels; NaN rows stay NaN."""
        scores = self.reducer.transform(vectors)
        return np.asarray(scores @ self.coefficients.T + self.intercepts, dtype=np.float32)

    def predict(self, vectors: FloatArray) -> MoodPrediction:
        """Predict moods of lyric vectors (n, d); rows with NaN get NaN and no emotion."""
        raw = self.standard_scores(vectors)
        plane = to_plane((raw - self.centres) * self.gains)
        valence, arousal = plane[:, 0], plane[:, 1]
        return MoodPrediction(valence, arousal, nearest_emotions(valence, arousal), raw)

    def save(self, path: Path) -> None:
        """Write to an ``.npz``."""
        values = (
            self.reducer.mean, self.reducer.components, self.reducer.scale,
            self.coefficients, self.intercepts, self.centres, self.gains,
        )  # fmt: skip
        save_arrays(path, dict(zip(_ARRAYS, values, strict=True)))

    @classmethod
    def load(cls, path: Path = SHIPPED) -> Self:
        """Read what :meth:`save` wrote; by default the weights that come with the package.

        Raises:
            ArtifactError: if the file is missing, or is not a mood model.
        """
        arrays = load_arrays(path, _ARRAYS)
        mean, components, scale, *heads = (arrays[n].astype(np.float32) for n in _ARRAYS)
        k = len(components)
        if heads[0].shape != (2, k) or any(h.shape != (2,) for h in heads[1:]):
            raise ArtifactError(f"{path} is not a mood model: its heads do not fit {k} components")
        return cls(PcaReducer(mean, components, scale), *heads)
