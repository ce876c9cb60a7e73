"""An encoder without torch: a text's vector says how often it holds each of a few words."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from data.types import FloatArray
from nlp.config import EncoderConfig
from nlp.encoder import LyricEncoder

WORDS = ("sun", "rain", "run", "sleep")


class WordNetwork:
    """Stands in for a SentenceTransformer."""

    def __init__(self) -> None:
        self.seen: list[str] = []

    def get_embedding_dimension(self) -> int:
        return len(WORDS) + 1

    def encode(self, sentences: Sequence[str], **_options: Any) -> FloatArray:
        self.seen += sentences
        rows = [[s.split().count(w) for w in WORDS] + [1] for s in sentences]
        found = np.array(rows, dtype=np.float32)
        return np.asarray(found / np.linalg.norm(found, axis=1, keepdims=True), dtype=np.float32)


def word_encoder(**config: Any) -> tuple[LyricEncoder, WordNetwork]:
    """Return an encoder over a fake network, and the network."""
    encoder = LyricEncoder(EncoderConfig(precision="float32", **config))
    network = WordNetwork()
    encoder._network = network
    return encoder, network


def stopping_after(calls: int) -> Callable[[str], None]:
    """Return a report that raises KeyboardInterrupt at the ``calls``-th line."""
    lines: list[str] = []

    def report(line: str) -> None:
        lines.append(line)
        if len(lines) == calls:
            raise KeyboardInterrupt

    return report
