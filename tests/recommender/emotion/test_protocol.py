"""Queries and metrics, by hand."""

from __future__ import annotations

import numpy as np
import pytest

from data.datasets.situations import Posts
from recommender.emotion.protocol import (
    LIKELIHOOD,
    halves,
    history_matrix,
    mask_history,
    measure,
    novel_queries,
)


def posts(*rows: tuple[int, int, int]) -> Posts:
    return Posts(*(np.array(column, dtype=np.int64) for column in zip(*rows, strict=True)))


TRAIN = posts((0, 1, 0), (0, 1, 2), (1, 0, 1))


def test_only_songs_new_to_the_user_are_asked_for() -> None:
    history = history_matrix(TRAIN, 3, 4)
    assert history.toarray().tolist() == [[0, 1, 0, 0], [1, 0, 0, 0], [0, 0, 0, 0]]
    queries = novel_queries(posts((0, 1, 1), (0, 3, 0), (1, 2, 0), (1, 3, 0), (0, 0, 1)), history)
    assert queries.users.tolist() == [0, 1]
    assert queries.row.tolist() == [0, 0, 1]
    assert queries.emotion.tolist() == [0, 1, 0]
    assert sorted(zip(queries.query.tolist(), queries.song.tolist(), strict=True)) == [
        (0, 3), (1, 0), (2, 2), (2, 3),
    ]  # fmt: skip
    assert queries.query.tolist() == sorted(queries.query.tolist())


def test_metrics_by_hand() -> None:
    history = history_matrix(TRAIN, 3, 4)
    queries = novel_queries(posts((0, 3, 0), (0, 0, 1), (1, 2, 0), (1, 3, 0)), history)
    table = np.log(np.array([[4, 9, 2, 2], [1, 1, 4, 4], [9, 2, 3, 1]], dtype=np.float32))

    def scores(block: np.ndarray) -> np.ndarray:
        found: np.ndarray = table[block].copy()
        mask_history(found, history, queries.users[queries.row[block]])
        return found

    found = measure(queries, scores, (1, 2))
    # User 0: song 3 ties with song 2 and comes third of three; song 0 ties with nothing: third.
    # User 1: songs 2 and 3 are first and third of 2, 1, 3 as song 1 (weight 2) is between.
    third, ideal = 1 / 3, 1 + 1 / np.log2(3)
    assert found["MRR"] == pytest.approx([third, 1.0])
    assert found["nDCG@2"] == pytest.approx([0.0, 1 / ideal])
    assert found["nDCG@1"] == pytest.approx([0.0, 1.0])
    assert found["Recall@2"] == pytest.approx([0.0, 0.5])
    expected = np.mean([np.log(2 / 8), np.log(1 / 9)])
    assert found[LIKELIHOOD] == pytest.approx([expected, np.mean(np.log([3 / 6, 1 / 6]))])


def test_halves_share_no_user_and_depend_on_the_seed_alone() -> None:
    some = posts(*[(u, s, 0) for u in range(20) for s in range(3)])
    first, second = halves(some, 0.5, 3)
    assert len(np.unique(first.user)) == 10
    assert not set(first.user.tolist()) & set(second.user.tolist())
    assert len(first) + len(second) == len(some)
    assert halves(some, 0.5, 3)[0].user.tolist() == first.user.tolist()
    assert halves(some, 0.5, 4)[0].user.tolist() != first.user.tolist()
