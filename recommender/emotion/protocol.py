"""Queries of the study and how their rankings are measured.

A query is a user in an emotion; relevant are the songs of the user's posts with that emotion which
the user does not have in training. Every song that the user does not have there is ranked. Values
are means over a user's queries: the user, not the post, is drawn by the bootstrap.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_matrix

from data.datasets.situations import Posts
from data.types import FloatArray, IntArray
from recommender.metrics import Values

LIKELIHOOD = "log likelihood"


@dataclass(frozen=True)
class Queries:
    """Queries of some users, in the order of users and emotions.

    Attributes:
        users: int64 (u,) distinct users.
        row: int64 (q,) place of each query's user in ``users``.
        emotion: int64 (q,).
        query: int64 (r,) query of each relevant song, ascending.
        song: int64 (r,).
    """

    users: IntArray
    row: IntArray
    emotion: IntArray
    query: IntArray
    song: IntArray

    def __len__(self) -> int:
        return len(self.row)

    @property
    def relevant(self) -> IntArray:
        """int64 (q,): how many songs are relevant."""
        return np.bincount(self.query, minlength=len(self))

    def by_user(self, values: Values) -> Values:
        """Return means over queries, float64 (q,) to (u,)."""
        sums = np.bincount(self.row, values, minlength=len(self.users))
        return np.asarray(sums / np.bincount(self.row, minlength=len(self.users)))


def history_matrix(train: Posts, users: int, songs: int) -> csr_matrix:
    """Return float32 (users, songs), 1 where a user posted a song."""
    pairs = np.unique(train.user * songs + train.song)
    parts = (np.ones(len(pairs), np.float32), (pairs // songs, pairs % songs))
    return csr_matrix(parts, shape=(users, songs))


def novel_queries(posts: Posts, history: csr_matrix) -> Queries:
    """Make queries of the posts whose song is not in the user's history."""
    songs = history.shape[1]
    known = np.repeat(np.arange(history.shape[0]), np.diff(history.indptr)) * songs
    kept = posts.take(~np.isin(posts.user * songs + posts.song, known + history.indices))
    emotions = int(kept.emotion.max(initial=0)) + 1
    keys, query = np.unique(kept.user * emotions + kept.emotion, return_inverse=True)
    users, row = np.unique(keys // emotions, return_inverse=True)
    order = np.argsort(query, kind="stable")
    return Queries(users, row, keys % emotions, query[order].astype(np.int64), kept.song[order])


def halves(posts: Posts, share: float, seed: int) -> tuple[Posts, Posts]:
    """Split posts by user: a share of the users to select on, the others to score once."""
    users = np.unique(posts.user)
    chosen = np.random.default_rng((seed, 1)).permutation(users)[: round(share * len(users))]
    first = np.isin(posts.user, chosen)
    return posts.take(first), posts.take(~first)


def mask_history(scores: FloatArray, history: csr_matrix, users: IntArray) -> None:
    """Put -inf where a user has the song already; ``scores`` (users, songs) is changed."""
    rows = history[users]
    scores[np.repeat(np.arange(len(users)), np.diff(rows.indptr)), rows.indices] = -np.inf


def measure(queries: Queries, scores: Any, cutoffs: Sequence[int]) -> dict[str, Values]:
    """Rank every song and measure, per user.

    Args:
        queries: whose lists they are.
        scores: callable (positions of queries) -> float32 (n, songs), -inf for what is not ranked;
            called with blocks. Ties are ranked by song number.
        cutoffs: k.

    Returns:
        ``nDCG@k``, ``Recall@k``, ``MRR`` (over the whole ranking) and the mean logarithm of the
        relevant songs' softmax (nats), float64 (users,) each.
    """
    ranks = np.empty(len(queries.song), dtype=np.int64)
    logs = np.empty(len(queries.song))
    starts = np.searchsorted(queries.query, np.arange(len(queries) + 1))
    for block in np.array_split(np.arange(len(queries)), max(1, len(queries) // 500)):
        found = scores(block)
        total = _log_sum(found)
        for i, q in enumerate(block.tolist()):
            for r in range(starts[q], starts[q + 1]):
                song = queries.song[r]
                ranks[r] = _rank(found[i], song)
                logs[r] = found[i, song] - total[i]
    return _values(queries, ranks, logs, cutoffs)


def _rank(scores: FloatArray, song: int) -> int:
    own = scores[song]
    before = int((scores > own).sum()) + int((scores[:song] == own).sum())
    return 1 + before


def _log_sum(scores: FloatArray) -> NDArray[np.float64]:
    top = scores.max(axis=1)
    return np.asarray(top + np.log(np.exp(scores - top[:, None]).sum(axis=1, dtype=np.float64)))


def _values(
    queries: Queries, ranks: IntArray, logs: Values, cutoffs: Sequence[int]
) -> dict[str, Values]:
    count = queries.relevant
    found: dict[str, Values] = {}
    for k in cutoffs:
        inside = ranks <= k
        gains = np.where(inside, 1 / np.log2(1.0 + ranks), 0)
        ideal = np.concatenate([[1.0], np.cumsum(1 / np.log2(np.arange(2, k + 2)))])
        gained = np.bincount(queries.query, gains, minlength=len(queries))
        found[f"nDCG@{k}"] = queries.by_user(gained / ideal[np.minimum(count, k)])
        hits = np.bincount(queries.query, inside, minlength=len(queries))
        found[f"Recall@{k}"] = queries.by_user(hits / count)
    first = np.full(len(queries), np.iinfo(np.int64).max)
    np.minimum.at(first, queries.query, ranks)
    found["MRR"] = queries.by_user(1 / first)
    summed = np.bincount(queries.query, logs, minlength=len(queries))
    found[LIKELIHOOD] = queries.by_user(summed / count)
    return found
