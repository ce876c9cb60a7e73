"""Installing the demo into a database."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import fields
from pathlib import Path

import pytest
from sqlalchemy import text

from data.datasets.demo import (
    DemoConfig,
    DemoReport,
    ListenerTruth,
    demo_songs,
    install_demo,
    simulate_listeners,
)
from data.db.repositories import InteractionRepository, SongRepository, UserRepository
from data.db.session import Database
from data.errors import ConfigError

SMALL = DemoConfig(listeners=8, median_listens=30)


@pytest.fixture
def database(tmp_path: Path) -> Iterator[Database]:
    made = Database(f"sqlite:///{tmp_path / 'demo.db'}")
    made.upgrade()
    yield made
    made.dispose()


def _dump(database: Database) -> list[str]:
    """Every value of every table, as text, but for when songs were last written."""
    with database.session() as session:
        tables = session.scalars(text("SELECT name FROM sqlite_master WHERE type = 'table'")).all()
        return [
            f"{table}: { ({**row, 'updated_at': None}) }"
            for table in tables
            for row in session.execute(text(f'SELECT * FROM "{table}"')).mappings()
        ]


def test_install_writes_songs_lyrics_and_events(database: Database) -> None:
    lines: list[str] = []
    listeners = simulate_listeners(SMALL)
    done = install_demo(database, lines.append, SMALL)
    assert done == DemoReport(len(demo_songs()), 8, len(listeners.events))
    assert len(lines) == 2
    with database.session() as session:
        songs = SongRepository(session)
        assert songs.count() == len(demo_songs())
        sample = demo_songs()[7]
        stored = songs.get(sample.id)
        assert stored is not None
        assert (stored.title, stored.artist, stored.tags) == (
            sample.title, sample.artist, sample.tags
        )  # fmt: skip
        assert (stored.valence, stored.arousal) == (sample.valence, sample.arousal)
        lyrics = {song: words for part in songs.iter_lyrics() for song, words, _ in part}
        assert lyrics[sample.id] == sample.lyrics
        assert sorted(UserRepository(session).ids()) == sorted(listeners.users)
        events = [e for part in InteractionRepository(session).iter_events(1000) for e in part]
    assert sorted(map(repr, events)) == sorted(map(repr, listeners.events))


def test_install_twice_changes_nothing(database: Database) -> None:
    install_demo(database, config=SMALL)
    before = _dump(database)
    again = install_demo(database, config=SMALL)
    assert again == DemoReport(len(demo_songs()), 0, 0)
    assert _dump(database) == before


def test_an_erased_listener_stays_erased(database: Database) -> None:
    install_demo(database, config=SMALL)
    gone = simulate_listeners(SMALL).users[0]
    with database.session() as session:
        UserRepository(session).erase(gone)
    install_demo(database, config=SMALL)
    with database.session() as session:
        assert gone not in UserRepository(session).ids()


def test_the_demo_is_not_mixed_into_data_of_ones_own(database: Database) -> None:
    with database.session() as session:
        UserRepository(session).ensure("somebody")
    before = _dump(database)
    with pytest.raises(ConfigError, match="ATTUNE_HOME"):
        install_demo(database, config=SMALL)
    assert _dump(database) == before


def test_someone_who_came_by_does_not_stop_the_demo(database: Database) -> None:
    install_demo(database, config=SMALL)
    with database.session() as session:
        UserRepository(session).ensure("somebody")
    assert install_demo(database, config=SMALL).songs == 432


def test_truth_is_in_no_row(database: Database) -> None:
    install_demo(database, config=SMALL)
    truth = simulate_listeners(SMALL).truth
    rows = [row for row in _dump(database) if not row.startswith(("songs:", "lyrics:"))]
    whole = "\n".join(rows)
    assert "compensate" not in whole
    for value in (*truth.beta, *truth.target[:, 0], *truth.mood[:, 0]):
        assert abs(value) == 1.0 or f"{value:.4f}" not in whole
    columns = {f.name for f in fields(ListenerTruth)} - {"users", "songs"}
    with database.session() as session:
        for table in ("users", "interactions"):
            names = session.execute(text(f"SELECT name FROM pragma_table_info('{table}')"))
            assert columns.isdisjoint(names.scalars())
