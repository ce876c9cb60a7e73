"""The feed of changes, the tags of a search and the idempotency keys of posted songs."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from alembic import command
from sqlalchemy import inspect, text

from data.db.models import PostedSong, SongRow
from data.db.repositories import Posted, PostedSongRepository, SongChangeRepository, SongRepository
from data.db.repositories.posted_songs import KEPT
from data.db.session import Database
from data.migrations.schema import alembic_config, schema_lock
from data.types import SongInput

T0 = datetime(2024, 5, 1, 12, tzinfo=UTC)


def song(name: str, **known: object) -> SongInput:
    return SongInput(name, f"Title {name}", "Artist", **known)  # type: ignore[arg-type]


def add(database: Database, *names: str) -> None:
    with database.session() as session:
        SongRepository(session).upsert_many([song(name) for name in names])


def changed(database: Database) -> list[str]:
    with database.session() as session:
        return [c.song_id for c in SongChangeRepository(session).after()]


def set_times(database: Database, **at: datetime) -> None:
    with database.session() as session:
        for name, moment in at.items():
            row = session.query(SongRow).filter_by(external_id=name).one()
            row.updated_at = moment


def test_what_is_written_again_comes_last(database: Database) -> None:
    add(database, "a", "b", "c")
    assert changed(database) == ["a", "b", "c"]
    add(database, "b")
    assert changed(database) == ["a", "c", "b"]


def test_new_lyrics_are_a_change(database: Database) -> None:
    add(database, "a", "b")
    assert changed(database) == ["a", "b"]
    with database.session() as session:
        SongRepository(session).upsert_many([song("a", lyrics="la")])
    assert changed(database) == ["b", "a"]


def test_pages_follow_each_other_within_one_moment(database: Database) -> None:
    add(database, "a", "b", "c", "d")
    set_times(database, a=T0, b=T0, c=T0, d=T0 + timedelta(microseconds=1))
    found: list[str] = []
    at, key = None, 0
    while True:
        with database.session() as session:
            page = SongChangeRepository(session).after(at, key, limit=2)
        if not page:
            break
        found += [change.song_id for change in page]
        at, key = page[-1].at, page[-1].key
    assert found == ["a", "b", "c", "d"]
    assert at == T0 + timedelta(microseconds=1)


def test_lyrics_of_some_songs(database: Database) -> None:
    with database.session() as session:
        songs = [song("a", lyrics="la"), song("b"), song("c", lyrics=""), song("d", lyrics="da")]
        SongRepository(session).upsert_many(songs)
        found = SongChangeRepository(session).lyrics(["a", "b", "c", "nobody"])
    assert found == {"a": "la"}


def test_search_by_a_whole_tag(database: Database) -> None:
    with database.session() as session:
        songs = SongRepository(session)
        songs.upsert_many(
            [
                song("a", tags=("Slow", "été")),
                song("b", tags=("slowcore",)),
                song("c", tags=('say "slow"', "50%")),
                song("d"),
            ]
        )

        def tagged(tag: str) -> list[str]:
            return [found.id for found in songs.search(tag=tag)[0]]

        assert tagged("slow") == tagged("SLOW") == tagged("Slow") == ["a"]
        assert tagged("été") == ["a"]
        assert tagged('say "slow"') == tagged("50%") == ["c"]
        assert tagged("%") == tagged("low") == []


def test_a_key_belongs_to_who_came_first(database: Database) -> None:
    add(database, "a", "b")
    with database.session() as session:
        keys = PostedSongRepository(session)
        assert keys.get("k") is None
        assert keys.record("k", Posted("1" * 64, "a", created=True))
        assert not keys.record("k", Posted("2" * 64, "b", created=False))
        assert keys.get("k") == Posted("1" * 64, "a", created=True)


def test_old_keys_are_forgotten(database: Database) -> None:
    add(database, "a")
    with database.session() as session:
        keys = PostedSongRepository(session)
        keys.record("old", Posted("1" * 64, "a", created=True))
        row = session.get(PostedSong, "old")
        assert row is not None
        row.at -= KEPT + timedelta(minutes=1)
        session.flush()
        keys.record("new", Posted("2" * 64, "a", created=False))
        assert keys.get("old") is None
        assert keys.get("new") is not None


def test_an_older_database_keeps_its_songs_and_lyrics(empty_database: Database) -> None:
    """Songs that were there count as changed when they were added, and nothing is lost."""
    if (folder := empty_database.url.database) and empty_database.is_sqlite:
        from pathlib import Path

        Path(folder).parent.mkdir(parents=True, exist_ok=True)
    with schema_lock(empty_database.engine) as connection:
        command.upgrade(alembic_config(connection), "0001")
        connection.execute(text("INSERT INTO artists (id, name) VALUES (901, 'Ada')"))
        connection.execute(
            text(
                "INSERT INTO songs (id, external_id, key, search, title, artist_id, created_at)"
                " VALUES (902, 's1', 'k', 's', 't', 901, '2024-05-01 12:00:00.000001')"
            )
        )
        connection.execute(text("INSERT INTO lyrics (song_id, text) VALUES (902, 'la')"))
    empty_database.upgrade()
    empty_database.check_schema()
    with empty_database.session() as session:
        (change,) = SongChangeRepository(session).after()
        assert SongRepository(session).lyrics("s1") == "la"
        created = session.scalars(text("SELECT created_at FROM songs")).one()
    assert change.song_id == "s1"
    assert change.at.replace(tzinfo=None).isoformat(" ") in str(created)
    add(empty_database, "s2")
    assert changed(empty_database) == ["s1", "s2"]
    indexes = {index["name"] for index in inspect(empty_database.engine).get_indexes("songs")}
    assert "ix_songs_updated_at_id" in indexes
