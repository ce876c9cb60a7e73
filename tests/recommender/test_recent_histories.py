"""Histories are read again exactly when something happened, on either database."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime

import pytest
from sqlalchemy import event

from data.db.repositories import (
    InteractionRepository,
    MutedArtistRepository,
    SongRepository,
    UserRepository,
)
from data.db.session import Database
from data.types import EventRow, SongInput, UserHistory
from recommender import recent_histories
from recommender.recent_histories import RecentHistories

NOON = datetime(2024, 5, 1, 12, tzinfo=UTC)


@pytest.fixture
def stocked(database: Database) -> Database:
    with database.session() as session:
        songs = [SongInput(f"s{n}", f"Song {n}", f"Artist {n}") for n in range(4)]
        SongRepository(session).upsert_many(songs)
        InteractionRepository(session).add("ana", "s0", "play", NOON, emotion="happy")
        MutedArtistRepository(session).mute("ana", "Artist 3")
    return database


def anew(database: Database, user: str = "ana") -> UserHistory:
    with database.session() as session:
        return InteractionRepository(session).history(user)


def like(database: Database) -> None:
    with database.session() as session:
        InteractionRepository(session).add("ana", "s1", "like", NOON)


def backdated(database: Database) -> None:
    with database.session() as session:
        row = EventRow("ana", "s2", "dislike", datetime(1999, 1, 1, tzinfo=UTC))
        InteractionRepository(session).add_many([row])


def mute(database: Database) -> None:
    with database.session() as session:
        MutedArtistRepository(session).mute("ana", "Artist 2")


def unmute(database: Database) -> None:
    with database.session() as session:
        MutedArtistRepository(session).unmute("ana", "Artist 3")


def mute_another_instead(database: Database) -> None:
    unmute(database)
    mute(database)


def erase(database: Database) -> None:
    with database.session() as session:
        assert UserRepository(session).erase("ana")


def erase_and_return(database: Database) -> None:
    """SQLite gives numbers of deleted rows again: the same song by the same numbers."""
    erase(database)
    with database.session() as session:
        InteractionRepository(session).add("ana", "s3", "play", NOON)
        MutedArtistRepository(session).mute("ana", "Artist 3")


CHANGES = [like, backdated, mute, unmute, mute_another_instead, erase, erase_and_return]


@pytest.mark.parametrize("change", CHANGES)
def test_any_change_is_seen_at_once(stocked: Database, change: Callable[[Database], None]) -> None:
    histories = RecentHistories(10)
    before = histories.read(stocked, "ana", moments=True)
    assert before == anew(stocked)
    assert histories.read(stocked, "ana", moments=True) is before
    change(stocked)
    after = histories.read(stocked, "ana", moments=True)
    assert after != before
    assert after == anew(stocked)


def test_moments_are_read_where_a_question_needs_them_and_kept_from_then_on(
    stocked: Database,
) -> None:
    histories = RecentHistories(10)
    plain = histories.read(stocked, "ana", moments=False)
    assert plain.moments == ()
    felt = histories.read(stocked, "ana", moments=True)
    assert [moment.emotion for moment in felt.moments] == ["happy"]
    assert histories.read(stocked, "ana", moments=False) is felt
    assert histories.read(stocked, "ana", moments=True) is felt


def test_an_unknown_user_is_not_kept_and_is_known_with_the_first_event(stocked: Database) -> None:
    histories = RecentHistories(10)
    assert histories.read(stocked, "ben", moments=True) == UserHistory("ben")
    with stocked.session() as session:
        InteractionRepository(session).add("ben", "s0", "play", NOON)
    assert histories.read(stocked, "ben", moments=True).song_ids == ("s0",)


def test_what_changes_while_it_is_read_is_seen_next_time(
    stocked: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The stamp is older than the history then, never younger."""
    histories, read = RecentHistories(10), InteractionRepository.history

    def meanwhile(events: InteractionRepository, user: str, **asked: object) -> UserHistory:
        found = read(events, user, **asked)  # type: ignore[arg-type]
        like(stocked)
        return found

    with monkeypatch.context() as patch:
        patch.setattr(InteractionRepository, "history", meanwhile)
        assert "s1" not in histories.read(stocked, "ana", moments=True).song_ids
    assert "s1" in histories.read(stocked, "ana", moments=True).song_ids


def test_one_statement_tells_that_nothing_happened(stocked: Database) -> None:
    histories, said = RecentHistories(10), []
    histories.read(stocked, "ana", moments=True)
    event.listen(stocked.engine, "before_cursor_execute", lambda *told: said.append(told[2]))
    histories.read(stocked, "ana", moments=True)
    assert len(said) == 1
    assert "max(interactions.id)" in said[0]


def test_it_keeps_no_more_than_asked_none_too_long_and_forgets(
    stocked: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    like(stocked)
    with stocked.session() as session:
        InteractionRepository(session).add("ben", "s0", "play", NOON)
    one, none = RecentHistories(1), RecentHistories(0)
    first = one.read(stocked, "ana", moments=True)
    one.read(stocked, "ben", moments=True)
    assert one.read(stocked, "ana", moments=True) is not first
    kept = one.read(stocked, "ana", moments=True)
    one.forget("ana")
    assert one.read(stocked, "ana", moments=True) is not kept
    assert none.read(stocked, "ana", moments=True) is not none.read(stocked, "ana", moments=True)
    monkeypatch.setattr(recent_histories, "LONGEST_HISTORY", 2)
    short = RecentHistories(10)
    assert short.read(stocked, "ben", moments=True) is short.read(stocked, "ben", moments=True)
    assert short.read(stocked, "ana", moments=True) is not short.read(stocked, "ana", moments=True)


def test_an_old_one_is_read_again(stocked: Database) -> None:
    histories = RecentHistories(10, longest_s=0.0)
    first = histories.read(stocked, "ana", moments=True)
    assert histories.read(stocked, "ana", moments=True) is not first
