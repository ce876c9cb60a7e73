"""The hybrid: a tuned blend of standardised parts, moved by the mood of the moment."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from data.types import FloatArray, IntArray
from recommender.config import BlendConfig, MoodConfig, PipelineConfig, TextConfig
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
    """``z(sum of weight * z(part)) + strength * confidence * z(mood fit)`` over the candidates.

    With a text, the first term counts ``text.taste`` and ``text.strength * z(closeness)`` comes to
    it.
    """

    def __init__(
        self, blend: BlendConfig, mood: MoodConfig, text: TextConfig | None = None
    ) -> None:
        self.blend = blend
        self.mood = mood
        self.text = text or TextConfig()

    @classmethod
    def of(cls, config: PipelineConfig) -> HybridScorer:
        """Take what a pipeline's configuration says."""
        return cls(config.blend, config.mood, config.text)

    def __call__(
        self, context: Context, songs: IntArray, parts: Mapping[ReasonKind, FloatArray]
    ) -> ItemList:
        """Score candidates; see :class:`recommender.stages.CandidateRanker`."""
        evidence = self._taste(parts)
        if context.text is not None:
            # A song that cannot be compared with the text is not close to it.
            closeness = standardise(np.nan_to_num(parts["text"]), missing=0.0)
            evidence = {k: (self.text.taste * v).astype(np.float32) for k, v in evidence.items()}
            evidence["text"] = (self.text.strength * closeness).astype(np.float32)
        confidence = context.target.confidence if context.target else 0.0
        if confidence > 0:
            pull = self.mood.strength * confidence
            evidence["mood"] = (pull * standardise(parts["mood"], missing=0.0)).astype(np.float32)
        scores = np.sum([*evidence.values()], axis=0, dtype=np.float32)
        return ItemList(songs, np.asarray(scores, dtype=np.float32), evidence)

    def _taste(self, parts: Mapping[ReasonKind, FloatArray]) -> dict[ReasonKind, FloatArray]:
        """Weigh the parts; a part's evidence is above 0 only where it scored above its mean.

        The sum is brought to unit spread, so that the mood's strength means the same for a listener
        with one source of evidence and for one with all three. A song that came after training
        (without a popularity, not even 0) is neither popular nor unpopular, but fresh.
        """
        weights: dict[ReasonKind, float] = {
            "collaborative": self.blend.collaborative,
            "content": self.blend.content,
            "popular": self.blend.popular,
        }
        missing = {k: 0.0 if k == "popular" else self.blend.missing for k in weights}
        terms = {k: w * standardise(parts[k], missing[k]) for k, w in weights.items()}
        total = np.sum([*terms.values()], axis=0)
        spread = float(np.std(total)) if len(total) else 0.0
        scale = 1 / spread if spread > 1e-9 else 1.0
        scaled = {k: (scale * v).astype(np.float32) for k, v in terms.items()}
        fresh = np.isnan(parts["popular"])
        return {**scaled, "fresh": self.blend.fresh * fresh.astype(np.float32)}
