"""What is prepared for a history gives the same answers, and lives no longer than the history."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from data.types import FloatArray, IntArray, Mood, UserHistory
from recommender.bootstrap import build_pipeline
from recommender.candidates.content import ContentScorer
from recommender.prepared import Prepared, PreparedHistories
from recommender.query import Query
from recommender.stages import Context
from tests.recommender import toys

ASKED = [
    Query("new", n=8),
    Query("new", n=8, stated=Mood(0.7, 0.4)),
    Query("new", n=8, stated=Mood(-0.5, -0.4), strategy="lift"),
    Query("new", n=8, exclude=("s08",)),
    Query("new", n=8, exclude_heard=False),
    Query("new", n=8, text="folk"),
]


def prepared(_: UserHistory) -> Prepared:
    return Prepared(np.zeros(0, dtype=np.int64), np.zeros(0, dtype=np.float32))


def test_answers_are_the_same_whatever_was_asked_before() -> None:
    pipeline, history = build_pipeline(toys.model(), "toy"), toys.history()
    fresh = [build_pipeline(toys.model(), "toy").recommend(query, history) for query in ASKED]
    for _ in range(2):
        assert [pipeline.recommend(query, history) for query in ASKED] == fresh


def test_parts_are_asked_no_more_from_the_second_time_on(monkeypatch: pytest.MonkeyPatch) -> None:
    pipeline, history = build_pipeline(toys.model(), "toy"), toys.history()
    asked: list[str] = []
    kind = type(pipeline.model.content)
    score = kind.__call__

    def counted(scorer: object, context: object) -> object:
        asked.append("content")
        return score(scorer, context)  # type: ignore[arg-type]

    monkeypatch.setattr(kind, "__call__", counted)
    for query in ASKED[:5]:
        pipeline.recommend(query, history)
    assert asked == ["content"] * 2
    pipeline.recommend(ASKED[0], replace(history))  # read anew: another object
    assert asked == ["content"] * 3


def test_a_song_is_traced_to_the_history_once(monkeypatch: pytest.MonkeyPatch) -> None:
    pipeline, history = build_pipeline(toys.model(), "toy"), toys.history()
    traced: list[int] = []
    kind = type(pipeline.model.content)
    trace = kind.influences

    def counted(scorer: ContentScorer, context: Context, songs: IntArray) -> FloatArray | None:
        traced.extend(songs.tolist())
        return trace(scorer, context, songs)

    monkeypatch.setattr(kind, "influences", counted)
    for query in ASKED * 2:
        pipeline.recommend(query, history)
    assert traced
    assert len(traced) == len(set(traced))
    pipeline.recommend(ASKED[0], replace(history))  # read anew: another object
    assert len(traced) > len(set(traced))


def test_it_belongs_to_the_object_and_goes_with_it() -> None:
    histories = PreparedHistories(10)
    one = UserHistory("ana", True, ("a",), (1.0,))
    kept = histories.of(one, prepared)
    assert histories.of(one, prepared) is kept
    assert histories.of(replace(one), prepared) is not kept
    assert len(histories) == 1
    del one
    assert len(histories) == 0


def test_no_more_are_kept_than_asked() -> None:
    histories = PreparedHistories(2)
    users = [UserHistory(f"u{n}") for n in range(4)]
    kept = [histories.of(user, prepared) for user in users]
    assert len(histories) == 2
    assert histories.of(users[3], prepared) is kept[3]
    assert histories.of(users[0], prepared) is not kept[0]
