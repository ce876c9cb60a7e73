"""The hybrid: a learned blend of standardised parts, moved by the mood of the moment."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from data.types import FloatArray, IntArray
from recommender.config import BlendConfig, MoodConfig, PipelineConfig, TextConfig
from recommender.stages import Context, ItemList

#: Evidence that is never given as a reason: what weights below 0 add.
DISCOUNT = "discount"


def standardise(scores: FloatArray) -> FloatArray:
    """Return z-scores over the finite entries; 0 elsewhere.

    All zeros where nothing can be scored or nothing differs: such a part has no say.
    """
    finite = np.isfinite(scores)
    if not finite.any():
        return np.zeros_like(scores)
    spread = float(scores[finite].std())
    if spread < 1e-9:
        return np.zeros_like(scores)
    z = (scores - scores[finite].mean()) / spread
    return np.where(finite, z, 0.0).astype(np.float32)


def hats(length: int, lengths: Sequence[float]) -> NDArray[np.float64]:
    """Return float64 (lengths,) shares of a history's length: linear in log(1 + length)."""
    places = np.log1p(np.asarray(lengths, dtype=np.float64))
    return np.array(
        [np.interp(np.log1p(length), places, row) for row in np.eye(len(places))],
        dtype=np.float64,
    )


class HybridScorer:
    """``z(sum of weight * z(part)) + strength * pull * z(mood fit)`` over the candidates.

    A part's weight depends on the length of the history and on the share of the candidates that
    it can score. With a text, the first term counts ``text.taste`` and ``text.strength *
    z(closeness)`` comes to it.
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
        self, context: Context, songs: IntArray, parts: Mapping[str, FloatArray]
    ) -> ItemList:
        """Score candidates; see :class:`recommender.stages.CandidateRanker`."""
        evidence = self._taste(context, parts)
        if context.text is not None:
            # A song that cannot be compared with the text is not close to it.
            closeness = standardise(np.nan_to_num(parts["text"]))
            evidence = {k: (self.text.taste * v).astype(np.float32) for k, v in evidence.items()}
            evidence["text"] = (self.text.strength * closeness).astype(np.float32)
        pull = context.target.pull if context.target else 0.0
        if pull > 0:
            fit = standardise(parts["mood"])
            evidence["mood"] = (self.mood.strength * pull * fit).astype(np.float32)
        scores = np.sum([*evidence.values()], axis=0, dtype=np.float32)
        return ItemList(songs, np.asarray(scores, dtype=np.float32), evidence)

    def weights(self, length: int, coverage: Mapping[str, float]) -> dict[str, float]:
        """Return each part's weight for a history of ``length`` songs.

        Args:
            length: of the history.
            coverage: part -> share of the candidates that it can score, 0..1.
        """
        shares = hats(length, self.blend.lengths)
        return {
            part: float(shares @ np.asarray(weights))
            + self.blend.coverage.get(part, 0.0) * coverage.get(part, 0.0)
            for part, weights in self.blend.weights.items()
        }

    def _taste(self, context: Context, parts: Mapping[str, FloatArray]) -> dict[str, FloatArray]:
        """Weigh the parts; a part's evidence is above 0 only where it scored above its mean.

        The sum is brought to unit spread, so that the mood's strength means the same for a listener
        with one source of evidence and for one with all of them. A song that came after training
        (without a popularity, not even 0) is neither popular nor unpopular, but fresh.
        """
        finite = {k: np.isfinite(parts[k]) for k in self.blend.weights if k in parts}
        covered = {k: float(v.mean()) if len(v) else 0.0 for k, v in finite.items()}
        weights = self.weights(len(context.songs), covered)
        terms: dict[str, FloatArray] = {}
        for part, known in finite.items():
            value = weights[part] * standardise(parts[part])
            if part != "popular" and known.any():
                value = value + self.blend.missing.get(part, 0.0) * ~known
            # Rarity is no reason to like a song: it corrects parts that lean on popularity.
            key = part if weights[part] >= 0 else DISCOUNT
            terms[key] = terms[key] + value if key in terms else value
        total = np.sum([*terms.values()], axis=0)
        spread = float(np.std(total)) if np.size(total) else 0.0
        scale = 1 / spread if spread > 1e-9 else 1.0
        scaled = {k: np.asarray(scale * v, dtype=np.float32) for k, v in terms.items()}
        fresh = np.isnan(parts["popular"])
        return {**scaled, "fresh": self.blend.fresh * fresh.astype(np.float32)}
