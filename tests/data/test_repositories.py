from __future__ import annotations

import math
import threading
from datetime import UTC, datetime, timedelta, timezone

import numpy as np
import pytest
from sqlalchemy import text

from data.artifacts import Bundle
from data.db.repositories import (
    ApiKeyRepository,
    BundleRepository,
    EmotionRepository,
    InteractionRepository,
    PlaylistRepository,
    SongRepository,
    UserRepository,
)
from data.db.session import Database
from data.errors import DatabaseUnavailableError, InvalidParameterError
from data.filters import SongFilter
from data.types import EventRow, Song, SongInput, UserHistory

T0 = datetime(2024, 5, 1, 12, tzinfo=UTC)
NEVER = datetime(2999, 1, 1, tzinfo=UTC)


def at(minutes: float) -> datetime:
    return T0 + timedelta(minutes=minutes)


def song(name: str, **known: object) -> SongInput:
    return SongInput(name, f"Title {name}", "Artist", **known)  # type: ignore[arg-type]


def stock(database: Database, *names: str) -> None:
    with database.session() as session:
        SongRepository(session).upsert_many([song(name) for name in names])


def test_a_song_comes_back_as_it_went_in(database: Database) -> None:
    given = SongInput(
        "s1", "Häns’ & Títle 🎵", "Artîst", "Album", 1999, 201.5, "pop", ("a", "b"), "de",
        {"web": "https://example.org/s1"}, "la la\nla", 0.25, -0.5,
    )  # fmt: skip
    with database.session() as session:
        songs = SongRepository(session)
        assert songs.upsert_many([given]) == 1
        assert songs.get("s1") == Song(
            "s1", given.title, given.artist, "Album", 1999, 201.5, "pop", ("a", "b"), "de",
            given.links, 0.25, -0.5, None,
        )  # fmt: skip
        assert songs.lyrics("s1") == "la la\nla"
        assert list(songs.iter_lyrics()) == [[("s1", "la la\nla", "de")]]
        assert songs.get("s2") is None


def test_unknown_fields_never_erase_known_ones(database: Database) -> None:
    with database.session() as session:
        songs = SongRepository(session)
        songs.upsert_many(
            [song("s1", year=1999, tags=("a",), lyrics="la", valence=0.1, arousal=0.2)]
        )
        songs.upsert_many([SongInput("s1", "New Title", "Other"), song("s2")])
        found = songs.get("s1")
        assert found is not None
        assert (found.title, found.artist, found.year) == ("New Title", "Other", 1999)
        assert (found.tags, found.valence, songs.lyrics("s1")) == (("a",), 0.1, "la")
        blank = songs.get("s2")
        assert blank is not None
        assert math.isnan(blank.valence)
        assert (blank.tags, blank.links, blank.year) == ((), None, None)
        assert songs.count() == 2


def test_of_equal_ids_in_one_call_the_last_wins(database: Database) -> None:
    with database.session() as session:
        songs = SongRepository(session)
        songs.upsert_many([song("s", year=1), song("r"), song("s", year=2)])
        assert songs.count() == 2
        found = songs.get("s")
        assert found is not None
        assert found.year == 2


def test_catalogue_is_read_in_blocks(database: Database) -> None:
    names = [f"s{i:02}" for i in range(23)]
    stock(database, *names)
    with database.session() as session:
        blocks = list(SongRepository(session).iter_catalogue(block=10))
        assert [len(block) for block in blocks] == [10, 10, 3]
        assert [s.id for block in blocks for s in block] == names
        assert set(SongRepository(session).get_many(["s03", "s20", "no"])) == {"s03", "s20"}
        assert SongRepository(session).get_many([]) == {}


def test_search_ignores_accents_and_pages(database: Database) -> None:
    with database.session() as session:
        songs = SongRepository(session)
        songs.upsert_many(
            [
                SongInput("a", "Déjà Vu", "Beyoncé", year=2006, genre="Pop"),
                SongInput("b", "Halo", "Beyoncé", year=2008, genre="pop", language="en"),
                SongInput("c", "100% Pure_Love", "Crystal", album="Beyond"),
            ]
        )
        assert [s.id for s in songs.search("DEJA beyonce")[0]] == ["a"]
        assert [s.id for s in songs.search("beyon")[0]] == ["a", "b", "c"]
        first, cursor = songs.search("beyon", limit=2)
        assert [s.id for s in first] == ["a", "b"]
        second, end = songs.search("beyon", after=cursor, limit=2)
        assert ([s.id for s in second], end) == (["c"], None)
        assert [s.id for s in songs.search(genre="POP", songs=SongFilter(year_from=2007))[0]] == [
            "b"
        ]
        english = SongFilter(languages=("en",))
        assert [s.id for s in songs.search(artist="Beyoncé", songs=english)[0]] == ["b"]
        assert [s.id for s in songs.search("_")[0]] == []
        assert songs.search(after="nonsense")[0] == []
        assert songs.search(after="9" * 30)[0] == []


def test_popular_counts_listeners_not_plays(database: Database) -> None:
    stock(database, "a", "b", "c", "d")
    with database.session() as session:
        events = [EventRow("u1", "a", "play", T0, count=500)]
        events += [EventRow(u, "b", "play", T0) for u in ("u1", "u2")]
        events += [EventRow(u, "c", "skip", T0) for u in ("u1", "u2", "u3")]
        events += [EventRow(u, "d", "dislike", T0) for u in ("u1", "u2", "u3")]
        InteractionRepository(session).add_many(events)
        songs = SongRepository(session)
        assert songs.popular(2) == [("b", 2.0), ("a", 1.0)]
        assert songs.popular(2, exclude=["b"]) == [("a", 1.0), ("c", 0.0)]
        assert [name for name, _ in songs.popular(9)] == ["b", "a", "c", "d"]


def test_history_of_a_stranger_is_a_cold_start(database: Database) -> None:
    with database.session() as session:
        assert InteractionRepository(session).history("nobody") == UserHistory("nobody")
        UserRepository(session).ensure("quiet")
        assert InteractionRepository(session).history("quiet") == UserHistory("quiet", known=True)


def test_history_sums_orders_and_marks_dislikes(database: Database) -> None:
    stock(database, "a", "b", "c", "d", "e")
    with database.session() as session:
        repository = InteractionRepository(session)
        for minute, name, event in [
            (5, "a", "play"), (1, "b", "skip"), (6, "a", "like"), (2, "c", "play"),
            (3, "c", "dislike"), (4, "d", "dislike"), (7, "d", "like"), (8, "e", "like"),
            (9, "e", "dislike"), (10, "e", "play"),
        ]:  # fmt: skip
            assert repository.add("u", name, event, at(minute))  # type: ignore[arg-type]
        history = repository.history("u")
        assert history.song_ids == ("b", "c", "d", "a", "e")
        assert history.weights == (0.0, 0.0, 4.0, 5.0, 0.0)
        # A later like takes a dislike back; a later play does not.
        assert history.disliked == {"c", "e"}
        assert repository.count() == 10
        assert [e.song_id for e in repository.recent("u", limit=2)] == ["e", "e"]


def test_pages_of_events_follow_each_other_newest_first(database: Database) -> None:
    stock(database, "a", "b")
    with database.session() as session:
        repository = InteractionRepository(session)
        for number in range(5):
            # Added out of order, and two at one moment.
            at = T0 + timedelta(hours=(3, 1, 2, 2, 4)[number])
            repository.add("u", "a" if number % 2 else "b", "play", at)
        repository.add("v", "a", "play", T0)
        whole, after = repository.page("u", 10)
        assert after is None
        assert [e.at for e in whole] == sorted((e.at for e in whole), reverse=True)
        first, cursor = repository.page("u", 2)
        second, cursor = repository.page("u", 2, cursor)
        third, end = repository.page("u", 2, cursor)
        assert [*first, *second, *third] == whole
        assert (len(third), end) == (1, None)
        assert repository.page("nobody", 2) == ([], None)


def test_a_number_of_somebody_elses_event_tells_nothing(database: Database) -> None:
    stock(database, "s1")
    with database.session() as session:
        repository = InteractionRepository(session)
        repository.add("u", "s1", "play", at(0))
        repository.add("other", "s1", "play", at(5))
        theirs = repository.last_event()
        assert len(repository.page("u", 2)[0]) == 1
        assert repository.page("u", 2, theirs) == ([], None)


def test_an_idempotency_key_counts_once_per_user(database: Database) -> None:
    stock(database, "a")
    long_key = "k" * 5000
    with database.session() as session:
        repository = InteractionRepository(session)
        assert repository.add("u", "a", "play", T0, "happy", long_key)
        assert not repository.add("u", "a", "play", T0, "happy", long_key)
        assert repository.add("v", "a", "play", T0, None, long_key)
        assert repository.add("u", "a", "play", T0)
        assert repository.add("u", "a", "play", T0)
        assert repository.count() == 4


def test_an_unknown_song_is_refused_whole(database: Database) -> None:
    stock(database, "a")
    rows = [EventRow("u", "a", "play", T0), EventRow("u", "zzz", "play", T0)]
    with pytest.raises(InvalidParameterError, match="'zzz'"), database.session() as session:
        InteractionRepository(session).add_many(rows)
    with database.session() as session:
        assert InteractionRepository(session).count() == 0
        assert UserRepository(session).ids() == []


def test_table_sums_pairs_and_keeps_last_times(database: Database) -> None:
    stock(database, "b", "a", "never")
    with database.session() as session:
        repository = InteractionRepository(session)
        repository.add_many(
            [
                EventRow("u2", "b", "play", at(3), count=3),
                EventRow("u1", "b", "skip", at(1)),
                EventRow("u2", "a", "complete", at(2)),
                EventRow("u2", "b", "complete", at(1)),
            ]
        )
        table = repository.table()
    assert table.user_ids == ("u1", "u2")
    assert table.item_ids == ("a", "b")
    assert list(zip(table.user, table.item, table.weight, strict=True)) == [
        (0, 1, 0.0), (1, 0, 2.0), (1, 1, 5.0),
    ]  # fmt: skip
    assert table.at.tolist() == [at(1).timestamp(), at(2).timestamp(), at(3).timestamp()]
    assert table.weight.dtype == np.float32


def test_an_empty_table_has_no_rows(database: Database) -> None:
    with database.session() as session:
        table = InteractionRepository(session).table()
    assert (len(table), table.user_ids, table.matrix().shape) == (0, (), (0, 0))


def test_events_are_read_back_in_blocks(database: Database) -> None:
    stock(database, "a")
    rows = [EventRow("u", "a", "play", at(i), "sad", 1, f"k{i}") for i in range(7)]
    with database.session() as session:
        repository = InteractionRepository(session)
        assert repository.add_many(rows) == 7
        blocks = list(repository.iter_events(block=3))
    assert [len(block) for block in blocks] == [3, 3, 1]
    assert [row for block in blocks for row in block] == rows


def test_times_are_kept_in_utc(database: Database) -> None:
    stock(database, "a")
    tokyo = T0.astimezone(timezone(timedelta(hours=9)))
    with database.session() as session:
        InteractionRepository(session).add("u", "a", "play", tokyo)
        ((row,),) = InteractionRepository(session).iter_events()
    assert row.at == T0
    assert row.at.utcoffset() == timedelta(0)


def test_a_time_without_zone_is_refused(database: Database) -> None:
    stock(database, "a")
    with pytest.raises(Exception, match="no time zone"), database.session() as session:
        InteractionRepository(session).add("u", "a", "play", datetime(2024, 1, 1))


def test_erase_takes_everything_of_one_user(database: Database) -> None:
    stock(database, "a")
    with database.session() as session:
        for user in ("gone", "stays"):
            InteractionRepository(session).add(user, "a", "play", T0, "happy")
            EmotionRepository(session).add(user, "happy", 0.9, "selfie", T0, NEVER)
            PlaylistRepository(session).save(user, ["a"], name="mix")
            ApiKeyRepository(session).create("phone", ["recommend"], user=user)
    with database.session() as session:
        users = UserRepository(session)
        before = users.export("gone")
        assert before is not None
        assert [len(before[k]) for k in ("interactions", "emotions", "playlists", "api_keys")] == [
            1, 1, 1, 1,
        ]  # fmt: skip
        assert before["interactions"][0]["song"] == "a"
        assert users.erase("gone")
        assert not users.erase("gone")
    with database.session() as session:
        assert UserRepository(session).export("gone") is None
        assert UserRepository(session).ids() == ["stays"]
        for table in ("interactions", "emotion_log", "playlists", "api_keys", "users"):
            assert session.scalar(text(f"SELECT count(*) FROM {table}")) == 1


def test_a_user_is_not_erased_while_something_is_written_about_them(database: Database) -> None:
    stock(database, "a")
    with database.session() as session:
        UserRepository(session).ensure("ana")
    url = database.url.render_as_string(hide_password=False)
    other = Database(url, busy_timeout_s=0.05, statement_timeout_s=0.2)
    with database.session() as session:
        UserRepository(session).ensure("ana")
        with pytest.raises(DatabaseUnavailableError), other.session() as late:
            UserRepository(late).erase("ana")
        InteractionRepository(session).add("ana", "a", "play", T0)
    with other.session() as late:
        assert UserRepository(late).erase("ana")
    other.dispose()
    with database.session() as session:
        assert InteractionRepository(session).count() == 0


def test_emotions_expire(database: Database) -> None:
    with database.session() as session:
        emotions = EmotionRepository(session)
        emotions.add("u", "happy", 0.9, "selfie", T0, at(5))
        emotions.add("u", "sad", 0.8, "stated", at(1), at(60))
        assert emotions.purge(at(5)) == 1
        rows, _ = emotions.page("u", at(0), 9)
        assert [(row.at, row.label, row.confidence) for row in rows] == [(at(1), "sad", 0.8)]


def test_keys_are_shown_once_and_kept_hashed(database: Database) -> None:
    with database.session() as session:
        keys = ApiKeyRepository(session)
        assert not keys.any_active()
        plaintext = keys.create("phone", ["recommend", "feedback"], user="u")
        assert plaintext.startswith("att_")
        stored = session.execute(text("SELECT * FROM api_keys")).one()
        assert plaintext not in str(stored)
        found = keys.verify(plaintext)
        assert found is not None
        assert (found.name, found.user) == ("phone", "u")
        assert found.scopes == {"recommend", "feedback"}
        assert keys.verify(plaintext + "x") is None
        assert keys.verify("") is None
        assert keys.any_active()
        assert keys.revoke(found.id)
        assert not keys.revoke(found.id)
        assert keys.verify(plaintext) is None
        assert not keys.any_active()
        assert [key.active for key in keys.list()] == [False]


def test_a_key_that_expires_is_in_force_until_then(database: Database) -> None:
    with database.session() as session:
        keys = ApiKeyRepository(session)
        past, ahead = (datetime.now(UTC) + timedelta(days=days) for days in (-1, 1))
        old = keys.create("old", ["recommend"], ends_at=past)
        assert keys.verify(old) is None
        assert not keys.any_active()
        (ended,) = keys.list()
        assert (ended.active, ended.ends_at) == (False, past)
        assert not keys.revoke(ended.id)  # and its end stays what it was
        fresh = keys.verify(keys.create("fresh", ["recommend"], ends_at=ahead))
        assert fresh is not None
        assert (fresh.active, fresh.ends_at) == (True, ahead)
        assert keys.any_active()
        assert keys.revoke(fresh.id)
        assert not keys.any_active()
        assert [key.ends_at is not None and key.ends_at < ahead for key in keys.list()] == [
            True
        ] * 2


@pytest.mark.parametrize("scopes", [[], ["root"], ["admin", "root"]])
def test_unknown_scopes_are_refused(database: Database, scopes: list[str]) -> None:
    with database.session() as session, pytest.raises(InvalidParameterError, match="scopes"):
        ApiKeyRepository(session).create("x", scopes)


def test_playlists_come_back_in_order(database: Database) -> None:
    with database.session() as session:
        playlists = PlaylistRepository(session)
        made = playlists.save("u", ["b", "a"], name="way", details={"to": [0.5, -0.5]})
        found = playlists.get(made)
        assert found is not None
        assert (found.user_id, found.song_ids, found.details) == (
            "u", ("b", "a"), {"to": [0.5, -0.5]},
        )  # fmt: skip
        assert playlists.get("nothing") is None


def test_a_key_makes_one_playlist_of_a_user(database: Database) -> None:
    with database.session() as session:
        playlists = PlaylistRepository(session)
        first = playlists.save("u", ["a"], name="one", idempotency_key="k", sha256="00")
        again = playlists.save("u", ["b"], name="two", idempotency_key="k", sha256="11")
        other = playlists.save("v", ["c"], name="three", idempotency_key="k", sha256="22")
        unkeyed = {playlists.save("u", ["d"], name="four") for _ in range(2)}
        assert first == again
        assert len({first, other, *unkeyed}) == 4
        made = playlists.made("u", "k")
        assert made is not None
        assert (made.id, made.name, made.song_ids, made.sha256) == (first, "one", ("a",), "00")
        assert playlists.made("w", "k") is None


def test_a_bundle_is_recorded_once(database: Database, tmp_path: object) -> None:
    from pathlib import Path

    with database.session() as session:
        bundles = BundleRepository(session)
        for version in ("1", "2", "1"):
            bundles.record(Bundle(Path(), {"version": version, "files": {}}))
        assert bundles.versions() == ["1", "2"]


def test_requests_at_once_make_one_user_and_lose_no_event(database: Database) -> None:
    stock(database, "a")
    failed: list[BaseException] = []

    def listen(number: int) -> None:
        try:
            for turn in range(5):
                with database.session() as session:
                    repository = InteractionRepository(session)
                    # Read first: the pattern that fails on a stale snapshot.
                    repository.history("u")
                    repository.add("u", "a", "play", T0, None, f"{number}-{turn}")
        except Exception as exc:  # noqa: BLE001  reported by the assert below
            failed.append(exc)

    threads = [threading.Thread(target=listen, args=(n,)) for n in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert failed == []
    with database.session() as session:
        assert InteractionRepository(session).count() == 30
        assert UserRepository(session).ids() == ["u"]
