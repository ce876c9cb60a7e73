"""Moments: positive events that carry an emotion, from the database to arrays."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import numpy as np
import pytest

from data.db.repositories import InteractionRepository, SongRepository
from data.db.session import Database
from data.moments import Moments
from data.types import EMOTIONS, EventRow, Moment, SongInput

T0 = datetime(2026, 5, 1, 12, tzinfo=UTC)


def at(minutes: float) -> datetime:
    return T0 + timedelta(minutes=minutes)


@pytest.fixture
def stocked(database: Database) -> Database:
    with database.session() as session:
        SongRepository(session).upsert_many([SongInput(s, s, "Artist") for s in "abc"])
        InteractionRepository(session).add_many([
            EventRow("zoe", "b", "complete", at(5), "sad"),
            EventRow("zoe", "a", "like", at(1), "happy"),
            EventRow("amy", "a", "play", at(2), "fear", count=3),
            EventRow("amy", "c", "skip", at(3), "happy"),
            EventRow("amy", "c", "dislike", at(4), "happy"),
            EventRow("amy", "b", "complete", at(4)),
        ])  # fmt: skip
    return database


def test_only_positive_events_with_an_emotion_are_moments(stocked: Database) -> None:
    with stocked.session() as session:
        found = InteractionRepository(session).moments()
    assert found.user_ids == ("amy", "zoe")
    assert found.item_ids == ("a", "b")
    assert found.user.tolist() == [0, 1, 1]
    assert found.item.tolist() == [0, 0, 1]
    assert [EMOTIONS[e] for e in found.emotion] == ["fear", "happy", "sad"]
    assert found.weight.tolist() == [3.0, 4.0, 2.0]
    assert found.at.tolist() == [at(m).timestamp() for m in (2, 1, 5)]


def test_a_history_has_its_moments_oldest_first(stocked: Database) -> None:
    with stocked.session() as session:
        interactions = InteractionRepository(session)
        assert interactions.history("zoe").moments == (
            Moment("a", "happy", at(1)), Moment("b", "sad", at(5)),
        )  # fmt: skip
        assert interactions.history("amy").moments == (Moment("a", "fear", at(2)),)
        assert interactions.history("nobody").moments == ()


def test_a_long_history_keeps_the_latest(
    stocked: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("data.db.repositories.interactions.MOST_MOMENTS", 1)
    with stocked.session() as session:
        found = InteractionRepository(session).history("zoe").moments
    assert found == (Moment("b", "sad", at(5)),)


def test_a_database_without_emotions_has_no_moments(database: Database) -> None:
    with database.session() as session:
        SongRepository(session).upsert_many([SongInput("a", "a", "Artist")])
        InteractionRepository(session).add("u", "a", "complete", T0)
        assert len(InteractionRepository(session).moments()) == 0
        assert InteractionRepository(session).history("u").moments == ()


def test_rows_can_be_taken_and_emotions_replaced() -> None:
    rows = np.arange(3)
    at = rows.astype(np.float64)
    whole = Moments(("u",), ("a", "b", "c"), rows * 0, rows, rows, np.ones(3, "f4"), at)
    part = whole.take(np.array([2, 0]))
    assert part.item.tolist() == [2, 0]
    assert part.user_ids == whole.user_ids
    assert whole.with_emotions(rows[::-1]).emotion.tolist() == [2, 1, 0]
    assert len(Moments.empty()) == 0


def test_columns_of_different_lengths_are_refused() -> None:
    rows = np.arange(2)
    with pytest.raises(ValueError, match="one length"):
        Moments(("u",), ("a",), rows, rows, rows, np.ones(2, "f4"), np.zeros(1))
