"""Filters in the database, muted artists, expiring moods, histories as they were; both dialects."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from data.db.repositories import (
    EmotionRepository,
    InteractionRepository,
    MutedArtistRepository,
    SongRepository,
    UserRepository,
)
from data.db.session import Database
from data.filters import ANY_SONG, SongFilter, language_code
from data.ingest.rows import parse_song
from data.types import EventRow, SongInput

T0 = datetime(2026, 1, 1, tzinfo=UTC)
SONGS = (
    SongInput("a", "A", "Ada", year=1999, language="en", explicit=True),
    SongInput("b", "B", "The Bees", year=2005, language="en_GB", explicit=False),
    SongInput("c", "C", "Bo", year=2010, language="ENG"),
    SongInput("d", "D", "Céline", language="fr-CA"),
    SongInput("e", "E", "Ada feat. Bo", year=0, language="english"),
)


def event(user: str, song: str, kind: str = "play", at: datetime = T0) -> EventRow:
    return EventRow(user, song, kind, at)  # type: ignore[arg-type]


@pytest.fixture
def filled(database: Database) -> Database:
    with database.session() as session:
        SongRepository(session).upsert_many(SONGS)
        plays = [
            event(f"u{n}", song)
            for song, many in (("a", 3), ("b", 2), ("d", 1))
            for n in range(many)
        ]
        InteractionRepository(session).add_many(plays)
    return database


@pytest.mark.parametrize(
    ("text", "code"),
    [("en", "en"), ("EN", "en"), ("en-GB", "en"), ("en_US", "en"), ("eng", "en"), ("ger", "de"),
     ("yue", "yue"), ("english", None), ("", None), (None, None), ("e", None), ("日本", None)],
)  # fmt: skip
def test_codes_of_languages(text: str | None, code: str | None) -> None:
    assert language_code(text) == code


@pytest.mark.parametrize(
    ("songs", "ids"),
    [
        (ANY_SONG, ["a", "b", "d", "c", "e"]),
        (SongFilter(languages=("en",)), ["a", "b", "c"]),
        (SongFilter(languages=("fr", "en")), ["a", "b", "d", "c"]),
        (SongFilter(year_from=2000), ["b", "c"]),
        (SongFilter(year_to=2005), ["a", "b"]),
        (SongFilter(explicit=False), ["b", "d", "c", "e"]),
        (SongFilter(without_artists=("ADA", "bees")), ["d", "c"]),
        (SongFilter(("en",), 1990, 2009, False, ("Celine",)), ["b"]),
    ],
)
def test_popular_songs_are_those_admitted(
    filled: Database, songs: SongFilter, ids: list[str]
) -> None:
    with filled.session() as session:
        repository = SongRepository(session)
        assert [song for song, _ in repository.popular(9, songs=songs)] == ids
        assert [song for song, _ in repository.popular(2, ids[:1], songs)] == ids[1:3]


def test_popularity_as_it_was(filled: Database) -> None:
    with filled.session() as session:
        events = InteractionRepository(session)
        before = events.last_event()
        events.add_many([event(f"u{n}", "c") for n in range(9)])
        songs = SongRepository(session)
        assert songs.popular(3) == [("c", 9.0), ("a", 3.0), ("b", 2.0)]
        assert songs.popular(3, until=before) == [("a", 3.0), ("b", 2.0), ("d", 1.0)]


def test_a_history_as_it_was(filled: Database) -> None:
    with filled.session() as session:
        events = InteractionRepository(session)
        first = events.history("u0")
        events.add_many([
            event("u0", "c", "like", T0 - timedelta(days=9)), event("u0", "a", "dislike"),
            event("u1", "e"),
        ])  # fmt: skip
        now = events.history("u0")
        assert events.history("u0", until=first.last_event) == first
        assert (set(now.song_ids), set(now.disliked)) == ({"a", "b", "c", "d"}, {"a"})
        assert now.last_event > first.last_event
        assert events.history("nobody").last_event == 0


def test_mutes_count_by_folded_name_and_are_stored_once(filled: Database) -> None:
    with filled.session() as session:
        muted = MutedArtistRepository(session)
        assert muted.mute("ana", "CELINE")
        assert muted.mute("ana", "the bees")
        assert muted.mute("ana", "Bees")
        assert not muted.mute("ana", "Nobody At All")
        assert [name for name, _ in muted.all_of("ana")] == ["Céline", "The Bees"]
        assert InteractionRepository(session).history("ana").muted == ("Céline", "The Bees")
        assert InteractionRepository(session).history("u0").muted == ()
        muted.unmute("ana", "céline")
        muted.unmute("ana", "never muted")
        assert [name for name, _ in muted.all_of("ana")] == ["The Bees"]
        exported = UserRepository(session).export("ana")
        assert exported is not None
        assert [row["artist"] for row in exported["muted_artists"]] == ["The Bees"]
        assert UserRepository(session).erase("ana")
        assert muted.all_of("ana") == []


def test_moods_are_shown_until_they_expire_and_then_deleted(filled: Database) -> None:
    with filled.session() as session:
        emotions = EmotionRepository(session)
        for day, label in enumerate(("sad", "happy", "fear")):
            at = T0 + timedelta(days=day)
            emotions.add("ana", label, 0.5, "selfie", at, at + timedelta(days=7))
        assert [r.label for r in emotions.page("ana", T0, 2)[0]] == ["fear", "happy"]
        assert [
            r.label for r in emotions.page("ana", T0, 2, emotions.page("ana", T0, 2)[1])[0]
        ] == ["sad"]
        later = T0 + timedelta(days=8)
        assert [r.label for r in emotions.page("ana", later, 9)[0]] == ["fear"]
        assert (emotions.purge(later), emotions.purge(later)) == (2, 0)
        assert [r.label for r in emotions.page("ana", T0, 9)[0]] == ["fear"]
        assert (emotions.forget("ana"), emotions.forget("ana"), emotions.forget("nobody")) == (
            1,
            0,
            0,
        )


@pytest.mark.parametrize(
    ("told", "explicit"),
    [
        ("true", True),
        ("No", False),
        (1, True),
        (True, True),
        (False, False),
        ("", None),
        (None, None),
    ],
)
def test_explicit_is_read_from_rows(filled: Database, told: object, explicit: bool | None) -> None:
    song = parse_song({"id": "x", "title": "X", "artist": "Y", "explicit": told})
    assert song.explicit is explicit
    with filled.session() as session:
        repository = SongRepository(session)
        repository.upsert_many([song])
        repository.upsert_many([SongInput("x", "X", "Y")])
        stored = repository.get("x")
        assert stored is not None
        assert stored.explicit is explicit


def test_searching_for_explicit_songs(filled: Database) -> None:
    with filled.session() as session:
        repository = SongRepository(session)
        assert [s.id for s in repository.search(only_explicit=True)[0]] == ["a"]
        assert [s.id for s in repository.search(songs=SongFilter(explicit=False))[0]] == [
            "b",
            "c",
            "d",
            "e",
        ]


def test_a_database_forgets_what_was_deleted(filled: Database) -> None:
    with filled.session() as session:
        assert UserRepository(session).erase("u0")
    assert filled.forget_deleted()
    assert filled.forget_deleted(compact=True)
    filled.compact()
    with filled.session() as session:
        assert UserRepository(session).ids() == ["u1", "u2"]
