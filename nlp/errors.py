"""Errors of the lyrics room; all of them belong to the tree drawn in ``data.errors``.

::

    ArtifactError
    ├── EncoderMismatchError   weights or vectors are not those of the encoder asked for
    └── VectorStoreError       a vector file cannot be read or does not fit
"""

from __future__ import annotations

from data.errors import ArtifactError

__all__ = ["EncoderMismatchError", "VectorStoreError"]


class EncoderMismatchError(ArtifactError):
    """The encoder's weights are not the ones its name promises."""


class VectorStoreError(ArtifactError):
    """A file of lyric vectors cannot be read, or holds vectors of another kind."""
