"""Encoders of lyrics that a test can follow: a vector told by the text, or a wait, or none."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

import numpy as np

from data.types import FloatArray
from nlp.text import Report


@dataclass
class HashEncoder:
    """A random but reproducible unit vector of each text; NaN where the text says "unreadable"."""

    name: str = "hash encoder"
    dimension: int = 384
    #: Every text that was encoded, in order.
    read: list[str] = field(default_factory=list)
    #: Called before each block.
    before: Callable[[], None] = lambda: None

    def encode(self, texts: Sequence[str], report: Report | None = None) -> FloatArray:
        self.before()
        self.read += texts
        return np.array([vector_of(text, self.dimension) for text in texts], dtype=np.float32)


def vector_of(text: str, dimension: int = 384) -> FloatArray:
    if "unreadable" in text:
        return np.full(dimension, np.nan, dtype=np.float32)
    seed = int.from_bytes(hashlib.sha256(text.encode()).digest()[:8], "big")
    vector = np.random.default_rng(seed).standard_normal(dimension)
    return (vector / np.linalg.norm(vector)).astype(np.float32)
