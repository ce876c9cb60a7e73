"""Putting together what tags and what words say of a song's mood, and how sure that is.

Order of trust: a mood that was stated with the song; tags and lyrics together; tags; lyrics.
Weights and deviations come from out-of-fold predictions, so they are those of songs by unknown
artists.
"""

from __future__ import annotations

from enum import IntEnum

import numpy as np
from numpy.typing import NDArray

from data.types import FloatArray

Array64 = NDArray[np.float64]


class Source(IntEnum):
    """What a prediction was made from; "few" are up to :data:`nlp.tags.FEW` tags."""

    LYRICS = 0
    FEW_TAGS = 1
    MANY_TAGS = 2
    FEW_TAGS_AND_LYRICS = 3
    MANY_TAGS_AND_LYRICS = 4


def fit_fusion(by_tags: Array64, by_lyrics: Array64, y: Array64) -> Array64:
    """Return the least-squares weights (3,) of tags, of lyrics, and a constant."""
    design = np.column_stack([by_tags, by_lyrics, np.ones(len(y))])
    return np.asarray(np.linalg.lstsq(design, y, rcond=None)[0], dtype=np.float64)


def fuse(
    by_tags: FloatArray, by_lyrics: FloatArray, many: NDArray[np.bool_], weights: FloatArray
) -> tuple[FloatArray, NDArray[np.int64]]:
    """Put predictions together.

    Args:
        by_tags: float32 (n, 2) standard scores; NaN where no tag is known.
        by_lyrics: float32 (n, 2); NaN where there are no words.
        many: bool (n,), whether there are more than a few tags.
        weights: float32 (2, 2, 3): few or many tags, axis, weights of tags, lyrics and 1.

    Returns:
        float32 (n, 2), NaN where neither is known, and int64 (n,) the :class:`Source`, -1 for none.
    """
    tagged, worded = np.isfinite(by_tags[:, 0]), np.isfinite(by_lyrics[:, 0])
    own = weights[many.astype(np.int64)]  # (n, 2, 3)
    together = own[..., 0] * by_tags + own[..., 1] * by_lyrics + own[..., 2]
    both = tagged & worded
    found = np.where(both[:, None], together, np.where(tagged[:, None], by_tags, by_lyrics))
    source = np.where(tagged, np.where(many, Source.MANY_TAGS, Source.FEW_TAGS), Source.LYRICS)
    source = np.where(both, source + 2, source)
    return found.astype(np.float32), np.where(tagged | worded, source, -1).astype(np.int64)
