"""What an emotion makes people play: a shrunk table of every song's log lift in every emotion.

The model is a multinomial logit, p(song s | emotion e) ∝ (n_s + 1/2) exp(a_e · f_s), where f_s
describes the song by its direction among the listeners' factors, by its sound and by its
popularity, and a_e ~ N(0, C / penalty). The covariance C starts as the identity and is then
re-estimated from the fitted a_e, a step of empirical Bayes (Efron & Morris, JASA 70, 1975): the
words of emotion share a few directions, and what does not vary between them is held at 0.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from data.types import FloatArray
from recommender.emotion.config import ResponseConfig

Array64 = NDArray[np.float64]
#: Added to the variance of each direction, so that none is lost for good.
_FLOOR = 1e-4
_STEPS = 60


@dataclass(frozen=True)
class EmotionResponse:
    """A fitted response.

    Attributes:
        weights: float64 (emotions, d).
        features: float64 (songs, d), in the coordinates of ``weights``.
    """

    weights: Array64
    features: Array64

    def table(self) -> FloatArray:
        """Return log lifts, float32 (emotions, songs)."""
        return np.asarray(self.weights @ self.features.T, dtype=np.float32)


def describe_songs(
    factors: FloatArray, sound: FloatArray, plays: Array64, config: ResponseConfig
) -> Array64:
    """Put a song's descriptions side by side, centred over plays.

    Args:
        factors: (songs, k); only their directions count.
        sound: (songs, m).
        plays: (songs,).
        config: which take part, at which scale.

    Returns:
        float64 (songs, d).
    """
    parts = []
    if config.factors:
        lengths = np.linalg.norm(factors.astype(np.float64), axis=1, keepdims=True)
        parts.append(factors / np.maximum(lengths, 1e-9))
    if config.sound:
        deviation = np.maximum(sound.std(axis=0), 1e-9)
        parts.append(config.sound * (sound - sound.mean(axis=0)) / deviation)
    if config.popularity:
        parts.append(config.popularity * np.log1p(plays)[:, None])
    joined = np.hstack(parts).astype(np.float64)
    return np.asarray(joined - np.average(joined, axis=0, weights=plays))


def fit_response(counts: Array64, features: Array64, config: ResponseConfig) -> EmotionResponse:
    """Fit the logit, re-estimating the covariance ``config.rounds`` times.

    Args:
        counts: (emotions, songs) posts.
        features: (songs, d), see :func:`describe_songs`.
        config: penalties and rounds.
    """
    weights = _fit_weights(counts, features, config.penalty)
    size = _spread(counts, features)
    for i in range(config.rounds):
        features = features @ _root(weights.T @ weights / len(weights))
        features = features * np.sqrt(size / max(_spread(counts, features), 1e-300))
        last = i + 1 == config.rounds
        weights = _fit_weights(counts, features, config.last_penalty if last else config.penalty)
    return EmotionResponse(weights, features)


def shrunk_lift(counts: Array64, prior: float) -> FloatArray:
    """Return ln((n_es + prior) / (expected + prior)), float32 (emotions, songs).

    ``expected`` is what the song would have if emotions did not matter.
    """
    total = max(float(counts.sum()), 1.0)
    expected = np.outer(counts.sum(axis=1), counts.sum(axis=0)) / total
    return np.asarray(np.log((counts + prior) / (expected + prior)), dtype=np.float32)


def _fit_weights(counts: Array64, features: Array64, penalty: float) -> Array64:
    from scipy.optimize import minimize

    shape = (len(counts), features.shape[1])
    offset = np.log(counts.sum(axis=0) + 0.5)
    posts = counts.sum(axis=1, keepdims=True)

    def loss(flat: Array64) -> tuple[float, Array64]:
        weights = flat.reshape(shape)
        logits = offset + weights @ features.T
        logits -= logits.max(axis=1, keepdims=True)
        shares = np.exp(logits)
        sums = shares.sum(axis=1, keepdims=True)
        likelihood = float((counts * (logits - np.log(sums))).sum())
        slope = (counts - posts * (shares / sums)) @ features
        return 0.5 * penalty * float(flat @ flat) - likelihood, penalty * flat - slope.ravel()

    start = np.zeros(shape[0] * shape[1])
    found = minimize(loss, start, jac=True, method="L-BFGS-B", options={"maxiter": _STEPS})
    return np.asarray(found.x.reshape(shape))


def _root(covariance: Array64) -> Array64:
    values, vectors = np.linalg.eigh(covariance)
    return np.asarray((vectors * np.sqrt(np.maximum(values, 0) + _FLOOR)) @ vectors.T)


def _spread(counts: Array64, features: Array64) -> float:
    """Return the mean squared length of a posted song's features."""
    plays = counts.sum(axis=0)
    return float((plays @ features**2).sum() / max(plays.sum(), 1.0))
