"""A user's own songs, those posted in the same or a near emotion counting more.

A factor score is a sum over the songs of the history (Hu, Koren & Volinsky, ICDM 2008, section 5).
Here each term is weighed by how alike the emotion of that post and the emotion of now are: the
cosine, not below 0, of what people play in both.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_matrix

from data.datasets.situations import Posts
from data.types import FloatArray, IntArray
from recommender.candidates.factors import FactorScorer, IalsConfig

Array64 = NDArray[np.float64]


@dataclass(frozen=True)
class PersonalHistory:
    """What each post of some users' histories adds to their factors.

    Attributes:
        terms: float32 (posts, d), posts of a user side by side.
        emotion: int64 (posts,).
        starts: int64 (users + 1,) first post of each user.
        factors: float32 (songs, d).
        likeness: float32 (emotions, emotions) in [0, 1].
    """

    terms: FloatArray
    emotion: IntArray
    starts: IntArray
    factors: FloatArray
    likeness: FloatArray

    def scores(self, rows: IntArray, emotion: IntArray) -> FloatArray:
        """Return float32 (n, songs) for places of users and the emotions of now."""
        found = np.zeros((len(rows), self.terms.shape[1]), dtype=np.float32)
        for i, (row, now) in enumerate(zip(rows.tolist(), emotion.tolist(), strict=True)):
            own = slice(self.starts[row], self.starts[row + 1])
            found[i] = self.likeness[now, self.emotion[own]] @ self.terms[own]
        return np.asarray(found @ self.factors.T, dtype=np.float32)


def emotion_likeness(table: FloatArray, plays: Array64) -> FloatArray:
    """Return cosines of the emotions' log lifts over plays, those below 0 as 0; (e, e) float32."""
    weighed = table * np.sqrt(plays / max(float(plays.sum()), 1.0))
    lengths = np.maximum(np.linalg.norm(weighed, axis=1), 1e-9)
    cosine = (weighed @ weighed.T) / np.outer(lengths, lengths)
    return np.asarray(np.maximum(cosine, 0), dtype=np.float32)


def split_histories(
    scorer: FactorScorer[IalsConfig],
    history: csr_matrix,
    train: Posts,
    users: IntArray,
    likeness: FloatArray,
) -> PersonalHistory:
    """Take the users' factors apart, post by post.

    Args:
        scorer: of the factors.
        history: (all users, songs).
        train: posts in the order of users.
        users: whose histories are wanted.
        likeness: see :func:`emotion_likeness`.
    """
    factors = scorer.factors.astype(np.float64)
    gram = scorer.config.gram(factors)
    first = np.searchsorted(train.user, users)
    last = np.searchsorted(train.user, users, side="right")
    terms = []
    for user, start, end in zip(users.tolist(), first.tolist(), last.tolist(), strict=True):
        row = history[user]
        matrix, pull = scorer.config.system(row.indices, row.data, factors, gram)
        solved = np.linalg.solve(matrix, (pull[:, None] * factors[row.indices]).T).T
        places = np.searchsorted(row.indices, train.song[start:end])
        terms.append(solved[places].astype(np.float32))
    posts = np.concatenate([np.arange(s, e) for s, e in zip(first, last, strict=True)])
    return PersonalHistory(
        np.concatenate(terms),
        train.emotion[posts],
        np.concatenate([[0], np.cumsum(last - first)]),
        scorer.factors,
        likeness,
    )
