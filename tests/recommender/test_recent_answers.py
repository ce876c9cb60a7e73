"""Answers are given again exactly as long as nothing that they depend on has changed."""

from __future__ import annotations

from dataclasses import dataclass, field, replace

import pytest

from data.types import EmotionScores, Mood, UserHistory
from recommender.query import Fallback, Query, RankedSong, Recommendation
from recommender.recent_answers import RecentAnswers


@dataclass
class Counting:
    """Answers with how often it was asked."""

    fallback: Fallback | None = None
    asked: list[Query] = field(default_factory=list)

    def recommend(
        self, query: Query, history: UserHistory, popular: object = None
    ) -> Recommendation:
        self.asked.append(query)
        song = RankedSong(1, f"s{len(self.asked)}", 1.0)
        return Recommendation(query.user_id, (song,), fallback=self.fallback)


HISTORY = UserHistory("ana", True, ("a", "b"), (1.0, 4.0))
ASK = Query("ana")


def test_the_same_question_is_answered_once() -> None:
    recent, engine = RecentAnswers(10), Counting()
    first = recent.recommend(engine, ASK, HISTORY, None)
    again = recent.recommend(engine, Query("ana"), replace(HISTORY), None)
    assert again == first
    assert len(engine.asked) == 1


@pytest.mark.parametrize(
    "history",
    [
        replace(HISTORY, song_ids=("a", "b", "c"), weights=(1.0, 4.0, 0.0)),
        replace(HISTORY, weights=(1.0, 8.0)),
        replace(HISTORY, disliked=frozenset({"a"})),
        replace(HISTORY, muted=("Ada",)),
        UserHistory("ana"),
    ],
)
def test_another_history_is_another_answer(history: UserHistory) -> None:
    recent, engine = RecentAnswers(10), Counting()
    first = recent.recommend(engine, ASK, HISTORY, None)
    assert recent.recommend(engine, ASK, history, None) != first
    assert len(engine.asked) == 2


@pytest.mark.parametrize(
    "query",
    [
        replace(ASK, n=3),
        replace(ASK, stated=Mood(0.1, 0.2)),
        replace(ASK, exclude=("x",)),
        replace(ASK, user_id="bo"),
        replace(ASK, explain=False),
    ],
)
def test_another_question_is_another_answer(query: Query) -> None:
    recent, engine = RecentAnswers(10), Counting()
    recent.recommend(engine, ASK, HISTORY, None)
    recent.recommend(engine, query, HISTORY, None)
    assert engine.asked == [ASK, query]


def test_another_engine_is_another_answer() -> None:
    recent, first, second = RecentAnswers(10), Counting(), Counting()
    recent.recommend(first, ASK, HISTORY, None)
    recent.recommend(second, ASK, HISTORY, None)
    assert len(second.asked) == 1


def test_what_came_of_a_picture_or_of_no_model_is_not_kept() -> None:
    recent = RecentAnswers(10)
    seen = replace(ASK, emotion=EmotionScores((1 / 7,) * 7, 0.9, False))
    for query, engine in ((seen, Counting()), (ASK, Counting(fallback="no_model"))):
        recent.recommend(engine, query, HISTORY, None)
        recent.recommend(engine, query, HISTORY, None)
        assert len(engine.asked) == 2


def test_a_forgotten_user_is_answered_anew_and_others_are_not() -> None:
    recent, engine = RecentAnswers(10), Counting()
    other = replace(ASK, user_id="bo")
    for query in (ASK, other):
        recent.recommend(engine, query, HISTORY, None)
    recent.forget("ana")
    for query in (ASK, other):
        recent.recommend(engine, query, HISTORY, None)
    assert engine.asked == [ASK, other, ASK]


def test_the_oldest_go_first_and_none_at_all_where_none_are_wanted() -> None:
    recent, engine = RecentAnswers(2), Counting()
    three = [replace(ASK, n=n) for n in (1, 2, 3)]
    for query in (*three, three[2], three[1], three[0]):
        recent.recommend(engine, query, HISTORY, None)
    assert engine.asked == [*three, three[0]]
    nothing, engine = RecentAnswers(0), Counting()
    for _ in range(2):
        nothing.recommend(engine, ASK, HISTORY, None)
    assert len(engine.asked) == 2


def test_what_is_old_is_answered_anew() -> None:
    recent, engine = RecentAnswers(10, longest_s=0.0), Counting()
    for _ in range(2):
        recent.recommend(engine, ASK, HISTORY, None)
    assert len(engine.asked) == 2
