"""The hybrid: a tuned blend of standardised parts, moved by the mood of the moment."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from data.types import FloatArray, IntArray
from recommender.config import BlendConfig, MoodConfig
from recommender.query import ReasonKind
from recommender.stages import Context, ItemList


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
        self, context: Context, songs: IntArray, parts: Mapping[ReasonKind, FloatArray]
    ) -> ItemList:
        """Score candidates; see :class:`recommender.stages.CandidateRanker`."""
        evidence = self._taste(parts)
        confidence = context.target.confidence if context.target else 0.0
        if confidence > 0:
            pull = self.mood.strength * confidence
            evidence["mood"] = (pull * standardise(parts["mood"], missing=0.0)).astype(np.float32)
        scores = np.sum([*evidence.values()], axis=0, dtype=np.float32)
        return ItemList(songs, np.asarray(scores, dtype=np.float32), evidence)

    def _taste(self, parts: Mapping[ReasonKind, FloatArray]) -> dict[ReasonKind, FloatArray]:
        """Weigh the parts; a part's evidence is above 0 only where it scored above its mean.

        The sum is brought to unit spread, so that the mood's strength means the same for a listener
        with one source of evidence and for one with all three.
        """
        weights: dict[ReasonKind, float] = {
            "collaborative": self.blend.collaborative,
            "content": self.blend.content,
            "popular": self.blend.popular,
        }
        terms = {k: w * standardise(parts[k], self.blend.missing) for k, w in weights.items()}
        total = np.sum([*terms.values()], axis=0)
        spread = float(np.std(total)) if len(total) else 0.0
        scale = 1 / spread if spread > 1e-9 else 1.0
        return {k: (scale * v).astype(np.float32) for k, v in terms.items()}
