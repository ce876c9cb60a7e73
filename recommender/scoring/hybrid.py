"""The hybrid: a tuned blend of standardised parts, moved by the mood of the moment."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from data.types import FloatArray, IntArray
from recommender.config import BlendConfig, MoodConfig
from recommender.query import ReasonKind
from recommender.stages import ItemList


def standardise(scores: FloatArray, missing: float) -> FloatArray:
    """Return z-scores over the finite entries; ``missing`` (in standard deviations) elsewhere.

    All zeros where nothing can be scored or nothing differs: such a part has no say.
    """
    finite = np.isfinite(scores)
    if not finite.any():
        return np.zeros_like(scores)
    spread = float(scores[finite].std())
    if spread < 1e-9:
        return np.zeros_like(scores)
    z = (scores - scores[finite].mean()) / spread
    return np.where(finite, z, missing).astype(np.float32)


class HybridScorer:
    """``z(sum of weight * z(part)) + strength * confidence * z(mood fit)`` over the candidates."""

    def __init__(self, blend: BlendConfig, mood: MoodConfig) -> None:
        self.blend = blend
        self.mood = mood

    def __call__(
        self,
        songs: IntArray,
        parts: Mapping[ReasonKind, FloatArray],
        mood_fit: FloatArray | None = None,
        confidence: float = 0.0,
    ) -> ItemList:
        """Score candidates.

        Args:
            songs: int64 (c,) candidate positions.
            parts: per kind, float32 (c,) raw scores, NaN where the part cannot score.
            mood_fit: float32 (c,) closeness to the target, NaN for songs without a mood.
            confidence: 0..1, how far the mood is to be trusted.
        """
        evidence = self._taste(parts, len(songs))
        if mood_fit is not None and confidence > 0:
            pull = self.mood.strength * confidence
            evidence["mood"] = (pull * standardise(mood_fit, missing=0.0)).astype(np.float32)
        scores = np.sum([*evidence.values()], axis=0, dtype=np.float32)
        return ItemList(songs, np.asarray(scores, dtype=np.float32), evidence)

    def _taste(
        self, parts: Mapping[ReasonKind, FloatArray], count: int
    ) -> dict[ReasonKind, FloatArray]:
        weights: dict[ReasonKind, float] = {
            "collaborative": self.blend.collaborative,
            "content": self.blend.content,
            "popular": self.blend.popular,
        }
        terms: dict[ReasonKind, FloatArray] = {
            kind: (weight * standardise(parts[kind], self.blend.missing)).astype(np.float32)
            for kind, weight in weights.items()
        }
        total = np.sum([*terms.values()], axis=0) if count else np.zeros(0)
        spread = float(np.std(total)) if count else 0.0
        if spread < 1e-9:
            return terms
        # The blend is brought to unit spread, so that the mood's strength means the same for a
        # listener with one source of evidence and for one with all three.
        centre = float(np.mean(total)) / len(terms)
        return {k: ((v - centre) / spread).astype(np.float32) for k, v in terms.items()}
