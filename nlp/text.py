"""Texts to vectors without torch: what serving, the worker and text queries use.

Every encoder here answers in the space of all-MiniLM-L6-v2, in which the songs' vectors are, so
that a query, a new song and the catalogue can be compared whichever encoder made which vector.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Protocol

from data.types import FloatArray

Report = Callable[[str], None]


class TextEncoder(Protocol):
    """Anything that turns lyrics or queries into vectors."""

    @property
    def name(self) -> str:
        """What vectors of this encoder are filed under in a :class:`nlp.vectors.VectorStore`."""

    @property
    def dimension(self) -> int:
        """Length of a vector."""

    def encode(self, texts: Sequence[str], report: Report | None = None) -> FloatArray:
        """Encode texts, raw or cleaned.

        Returns:
            float32 (n, dimension): rows of unit L2 norm; NaN where cleaning leaves nothing.
        """


def open_text_encoder(folder: Path | None = None) -> TextEncoder:
    """Return the best encoder that needs no torch.

    Args:
        folder: where ``attune embed --export`` wrote an ONNX encoder; None or a folder without
            one gives the small word model that ships with the package.

    Raises:
        ArtifactError: if the folder holds a broken ONNX encoder, which is not passed over in
            silence.
    """
    from nlp.onnx_encoder import OnnxTextEncoder, holds_encoder

    if folder is not None and holds_encoder(folder):
        return OnnxTextEncoder(folder)
    from nlp.words import WordTextEncoder

    return WordTextEncoder()
