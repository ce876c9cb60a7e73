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

    Args:
        scores: float32 (..., c); every row by itself.
    """
    finite = np.isfinite(scores)
    count = np.maximum(finite.sum(axis=-1, keepdims=True), 1)
    centred = np.where(finite, scores, 0).astype(np.float64)
    centred = np.where(finite, centred - centred.sum(axis=-1, keepdims=True) / count, 0)
    spread = np.sqrt((centred**2).sum(axis=-1, keepdims=True) / count)
    return (centred / np.where(spread < 1e-9, np.inf, spread)).astype(np.float32)


def hats(length: int, lengths: Sequence[float]) -> NDArray[np.float64]:
    """Return float64 (lengths,) shares of a history's length: linear in log(1 + length)."""
    places = np.log1p(np.asarray(lengths, dtype=np.float64))
    shares = np.zeros(len(places))
    above = int(np.searchsorted(places, np.log1p(length)))
    if above in {0, len(places)}:
        shares[min(above, len(places) - 1)] = 1.0
        return shares
    step = places[above] - places[above - 1]
    shares[above] = (np.log1p(length) - places[above - 1]) / step
    shares[above - 1] = 1.0 - shares[above]
    return shares


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
        names = [part for part in self.blend.weights if part in parts]
        raw = np.stack([parts[part] for part in names])
        known = np.isfinite(raw)
        covered = dict(
            zip(names, (known.sum(axis=1) / max(1, known.shape[1])).tolist(), strict=True)
        )
        weights = self.weights(len(context.songs), covered)
        values = standardise(raw) * np.array([[weights[part]] for part in names], dtype=np.float32)
        missing = [0.0 if p == "popular" else self.blend.missing.get(p, 0.0) for p in names]
        if any(missing):
            lacks = ~known & known.any(axis=1, keepdims=True)
            values += np.array(missing, dtype=np.float32)[:, None] * lacks
        spread = float(values.sum(axis=0).std()) if values.size else 0.0
        if spread > 1e-9:
            values /= np.float32(spread)
        scaled: dict[str, FloatArray] = {}
        for part, value in zip(names, values, strict=True):
            # Rarity is no reason to like a song: it corrects parts that lean on popularity.
            key = part if weights[part] >= 0 else DISCOUNT
            scaled[key] = scaled[key] + value if key in scaled else value
        fresh = np.isnan(parts["popular"])
        return {**scaled, "fresh": self.blend.fresh * fresh.astype(np.float32)}
