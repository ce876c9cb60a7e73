"""Probabilities that mean what they say: temperature, reliability, abstention.

Everything is numpy on logits or probabilities of shape (n, 7) and labels int64 (n,).
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from data.types import FloatArray, IntArray
from vision.config import VectorScaling

_SHARPNESS = (0.05, 20.0)  # range of 1 / temperature that is searched


def softmax(logits: NDArray[np.floating], temperature: float = 1.0) -> FloatArray:
    """Return probabilities float32 (n, 7) of logits divided by ``temperature``."""
    z = np.asarray(logits, dtype=np.float64) / temperature
    z = np.exp(z - z.max(axis=-1, keepdims=True))
    return np.asarray(z / z.sum(axis=-1, keepdims=True), dtype=np.float32)


def fit_temperature(logits: NDArray[np.floating], labels: IntArray) -> float:
    """Return the temperature of least negative log-likelihood (Guo et al., 2017).

    In 1 / temperature the likelihood is convex, so its slope, mean(E_p[z] - z_label), is bisected.
    """
    z = np.asarray(logits, dtype=np.float64)
    own = z[np.arange(len(z)), labels].mean()
    low, high = _SHARPNESS
    for _ in range(60):
        middle = (low + high) / 2
        p = np.exp(middle * (z - z.max(axis=1, keepdims=True)))
        slope = ((p * z).sum(axis=1) / p.sum(axis=1)).mean() - own
        low, high = (low, middle) if slope > 0 else (middle, high)
    return 2 / (low + high)


def fit_vector(logits: NDArray[np.floating], labels: IntArray) -> VectorScaling:
    """Return the scaling of least negative log-likelihood (Guo et al., 2017), by L-BFGS.

    The factors start at 1 and the offsets at 0 and sum to 0, which loses nothing.
    """
    from scipy.optimize import minimize

    z = np.asarray(logits, dtype=np.float64)
    n, classes = z.shape
    own = np.eye(classes)[labels]

    def loss(values: NDArray[np.float64]) -> tuple[float, NDArray[np.float64]]:
        scale, bias = values.reshape(2, classes)
        p = softmax(z * scale + bias).astype(np.float64)
        error = (p - own) / n
        nll = -np.log(np.maximum(p[np.arange(n), labels], 1e-12)).mean()
        return nll, np.concatenate([(error * z).sum(axis=0), error.sum(axis=0)])

    start = np.concatenate([np.ones(classes), np.zeros(classes)])
    scale, bias = minimize(loss, start, jac=True, method="L-BFGS-B").x.reshape(2, classes)
    return VectorScaling(scale=tuple(scale.tolist()), bias=tuple((bias - bias.mean()).tolist()))


def calibrated(
    logits: NDArray[np.floating], temperature: float = 1.0, vector: VectorScaling | None = None
) -> FloatArray:
    """Return probabilities float32 (n, 7), by vector scaling where there is one."""
    if vector is None:
        return softmax(logits, temperature)
    return softmax(np.asarray(logits) * np.array(vector.scale) + np.array(vector.bias))


def choose_vector(
    logits: NDArray[np.floating], labels: IntArray, *, folds: int = 5, seed: int = 0
) -> VectorScaling | None:
    """Return a vector scaling if it beats temperature on rows that neither was fitted on.

    Both are fitted ``folds`` times and compared by negative log-likelihood on the fold left out;
    the mean difference must be more than its standard error, for seven times the parameters.
    """
    fold = np.random.default_rng(seed).permutation(len(labels)) % folds
    gain = np.zeros(len(labels))
    for k in range(folds):
        fit, held = fold != k, fold == k
        own = np.arange(int(held.sum())), labels[held]
        temperature = fit_temperature(logits[fit], labels[fit])
        vector = fit_vector(logits[fit], labels[fit])
        ours = calibrated(logits[held], vector=vector)[own]
        gain[held] = np.log(np.maximum(ours, 1e-12)) - np.log(
            np.maximum(softmax(logits[held], temperature)[own], 1e-12)
        )
    if gain.mean() <= gain.std() / np.sqrt(len(gain)):
        return None
    return fit_vector(logits, labels)


def negative_log_likelihood(probabilities: FloatArray, labels: IntArray) -> float:
    """Return the mean of -log p(label), natural logarithm."""
    own = probabilities[np.arange(len(labels)), labels].astype(np.float64)
    return float(-np.log(np.maximum(own, 1e-12)).mean())


def brier_score(probabilities: FloatArray, labels: IntArray) -> float:
    """Return the mean squared distance to the one-hot label, summed over classes: 0..2."""
    target = np.eye(probabilities.shape[1])[labels]
    return float(((probabilities - target) ** 2).sum(axis=1).mean())


def reliability(
    probabilities: FloatArray, labels: IntArray, bins: int = 15
) -> tuple[NDArray[np.float64], NDArray[np.float64], IntArray]:
    """Return mean confidence, accuracy and count of each of ``bins`` equal bins of confidence.

    Empty bins have NaN confidence and accuracy. A confidence on an edge counts to the lower bin.
    """
    confidence = probabilities.max(axis=1).astype(np.float64)
    correct = (probabilities.argmax(axis=1) == labels).astype(np.float64)
    which = np.clip(np.ceil(confidence * bins).astype(np.int64) - 1, 0, bins - 1)
    count = np.bincount(which, minlength=bins)
    filled = np.where(count > 0, count, np.nan)
    mean = np.bincount(which, confidence, bins) / filled
    return mean, np.bincount(which, correct, bins) / filled, count


def expected_calibration_error(
    probabilities: FloatArray, labels: IntArray, bins: int = 15
) -> float:
    """Return ECE: |confidence - accuracy| of equal-width bins, weighted by their share."""
    confidence, accuracy, count = reliability(probabilities, labels, bins)
    return float(np.nansum(np.abs(confidence - accuracy) * count) / max(1, count.sum()))


def confusion_matrix(predicted: IntArray, labels: IntArray, classes: int = 7) -> IntArray:
    """Return counts int64 (classes, classes): row true label, column prediction."""
    return np.bincount(labels * classes + predicted, minlength=classes**2).reshape(classes, classes)


def per_class_recall(confusion: IntArray) -> NDArray[np.float64]:
    """Return the share of each true class that was found; NaN for absent classes."""
    total = confusion.sum(axis=1)
    return np.diag(confusion) / np.where(total > 0, total, np.nan)


def macro_f1(confusion: IntArray) -> float:
    """Return the mean F1 over classes that occur as label or prediction."""
    hits, both = np.diag(confusion), confusion.sum(axis=0) + confusion.sum(axis=1)
    return float((2 * hits[both > 0] / both[both > 0]).mean())


def bootstrap_interval(
    metric: Callable[[IntArray], float], n: int, *, seed: int, draws: int = 1000
) -> tuple[float, float]:
    """Return the 95 % percentile interval of ``metric(rows)`` over resampled rows (Efron, 1979).

    Args:
        metric: takes int64 row numbers, with repetition.
        n: how many rows there are.
        seed: of the resampling.
        draws: how often is resampled.
    """
    rng = np.random.default_rng(seed)
    values = [metric(rng.integers(0, n, n)) for _ in range(draws)]
    low, high = np.percentile(values, [2.5, 97.5])
    return float(low), float(high)


def risk_coverage(
    confidence: NDArray[np.floating], correct: NDArray[np.bool_]
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return coverage and accuracy of the surest 1, 2, ... n answers (El-Yaniv & Wiener, 2010)."""
    order = np.argsort(-confidence, kind="stable")
    answered = np.arange(1, len(order) + 1)
    return answered / len(order), np.cumsum(correct[order]) / answered


def accuracy_at(
    confidence: NDArray[np.floating], correct: NDArray[np.bool_], coverage: float
) -> float:
    """Return the accuracy of the surest ``coverage`` of all answers."""
    _, kept = risk_coverage(confidence, correct)
    return float(kept[max(1, round(coverage * len(kept))) - 1])


def abstention_threshold(
    confidence: NDArray[np.floating],
    correct: NDArray[np.bool_],
    *,
    accuracy: float = 0.8,
    least_coverage: float = 0.5,
) -> float:
    """Return the confidence below which an answer should be called uncertain.

    The most answers are kept whose accuracy is still ``accuracy``; where that would leave fewer
    than ``least_coverage`` of them, the threshold keeps that share.
    """
    coverage, kept = risk_coverage(confidence, correct)
    reached = np.flatnonzero(kept >= accuracy)
    least = int(np.ceil(least_coverage * len(coverage))) - 1
    last = max(int(reached[-1]) if len(reached) else 0, least)
    return float(np.sort(confidence)[::-1][last])
