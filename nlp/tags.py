"""Valence and arousal from the tags that listeners gave a song: one ridge head, two sizes.

Tags enter as ``1 / sqrt(k)`` for each of a song's k known tags. A head fitted on songs with dozens
of tags is wrong about a song with two, and the other way round, so there are two: one fitted on
whole lists, one on short samples drawn from them, for songs with up to :data:`FEW` tags.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_matrix, vstack

from data.errors import TrainingError
from data.types import FloatArray

Tags = Sequence[str]
#: Songs with at most so many known tags are read by the head for short lists.
FEW = 8
_SAMPLES = (1, 2, 3, 5, 8)  # lengths of the samples that the head for short lists learns from


@dataclass(frozen=True, slots=True)
class TagHead:
    """Linear heads over a vocabulary of folded tags.

    Attributes:
        vocabulary: the known tags.
        few: float32 (2, tags + 1), for short lists; the intercept comes last.
        many: float32 (2, tags + 1), for long ones.
    """

    vocabulary: tuple[str, ...]
    few: FloatArray
    many: FloatArray

    @classmethod
    def fit(
        cls,
        tags: Sequence[Tags],
        labels: NDArray[np.float64],
        *,
        alpha: float,
        least: int = 5,
        seed: int = 0,
    ) -> TagHead:
        """Fit on songs with folded tags.

        Args:
            tags: of each song.
            labels: (n, 2) standardised valence and arousal.
            alpha: ridge penalty.
            least: songs that must share a tag for it to be known.
            seed: of the samples.

        Raises:
            TrainingError: if no tag is shared by ``least`` songs.
        """
        counts = Counter(tag for song in tags for tag in song)
        vocabulary = tuple(sorted(tag for tag, count in counts.items() if count >= least))
        if not vocabulary:
            raise TrainingError(f"no tag is shared by {least} songs: there is nothing to learn")
        at = {tag: i for i, tag in enumerate(vocabulary)}
        known = [[at[tag] for tag in song if tag in at] for song in tags]
        rng = np.random.default_rng(seed)
        samples = [[list(rng.permutation(song)[:size]) for song in known] for size in _SAMPLES]
        short = vstack([_rows(sample, len(vocabulary)) for sample in samples])
        repeated = np.tile(labels, (len(_SAMPLES), 1))
        return cls(
            vocabulary,
            _ridge(short, repeated, alpha * len(_SAMPLES)),
            _ridge(_rows(known, len(vocabulary)), labels, alpha),
        )

    def predict(self, tags: Sequence[Tags]) -> FloatArray:
        """Return float32 (n, 2) standard scores; NaN where no tag is known."""
        at = {tag: i for i, tag in enumerate(self.vocabulary)}
        known = [[at[tag] for tag in dict.fromkeys(song) if tag in at] for song in tags]
        sizes = np.array([len(song) for song in known])
        x = _rows(known, len(self.vocabulary))
        few, many = (x @ head[:, :-1].T + head[:, -1] for head in (self.few, self.many))
        found = np.where((sizes <= FEW)[:, None], few, many)
        return np.where((sizes > 0)[:, None], found, np.nan).astype(np.float32)

    def count(self, tags: Sequence[Tags]) -> NDArray[np.int64]:
        """Return int64 (n,), how many of each song's tags are known."""
        known = set(self.vocabulary)
        return np.array([len(known.intersection(song)) for song in tags], dtype=np.int64)


def _rows(songs: Sequence[Sequence[int]], width: int) -> csr_matrix:
    sizes = np.array([len(song) for song in songs])
    columns = np.array([i for song in songs for i in song], dtype=np.int64)
    values = np.repeat(1 / np.sqrt(np.maximum(sizes, 1)), sizes)
    starts = np.concatenate([[0], np.cumsum(sizes)])
    return csr_matrix((values, columns, starts), shape=(len(songs), width))


def _ridge(x: csr_matrix, y: NDArray[np.float64], alpha: float) -> FloatArray:
    """Solve both axes at once; the tags are few enough for the normal equations."""
    mean, centre = np.asarray(x.mean(axis=0)).ravel(), y.mean(axis=0)
    gram = (x.T @ x).toarray() - len(y) * np.outer(mean, mean)
    gram[np.diag_indices_from(gram)] += alpha
    moment = x.T @ y - len(y) * np.outer(mean, centre)
    weights = np.linalg.solve(gram, moment).T
    return np.column_stack([weights, centre - weights @ mean]).astype(np.float32)
