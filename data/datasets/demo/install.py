"""Puts the demo songs and the simulated listeners' events into a database."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from data.datasets.demo.catalogue import demo_songs
from data.datasets.demo.config import DemoConfig
from data.datasets.demo.listeners import simulate_listeners
from data.errors import ConfigError

if TYPE_CHECKING:
    from data.db.session import Database


@dataclass(frozen=True, slots=True)
class DemoReport:
    """How many songs, listeners and events were written; 0 where they were there already."""

    songs: int
    listeners: int
    events: int


def install_demo(
    database: Database,
    report: Callable[[str], None] = lambda line: None,
    config: DemoConfig | None = None,
) -> DemoReport:
    """Install the demo: songs with lyrics, listeners and their events, in one transaction.

    Doing it again renews the songs and adds nothing else: as soon as one demo listener is
    there, the events are taken to be there, so that a listener who was erased stays erased.
    The truth behind the events is never written.

    Args:
        database: with its schema up to date.
        report: receives a line per step.
        config: another population than the default one.

    Raises:
        SchemaOutOfDateError: if ``database.upgrade()`` has not been run.
        DatabaseUnavailableError: if the database cannot be written.
        ConfigError: if the database holds songs or users, but not the demo's: nothing is mixed in.
    """
    from data.db.repositories import InteractionRepository, SongRepository, UserRepository

    listeners = simulate_listeners(config)
    with database.session() as session:
        present = not set(listeners.users).isdisjoint(UserRepository(session).ids())
        if not present and (SongRepository(session).count() or UserRepository(session).count()):
            raise ConfigError(
                "the database holds data of your own, and the demo is not mixed in:"
                " set ATTUNE_HOME to another folder"
            )
        songs = SongRepository(session).upsert_many(demo_songs())
        report(f"demo: {songs} original songs by invented artists")
        if present:
            report("demo: the simulated listeners are there already")
            return DemoReport(songs, 0, 0)
        events = InteractionRepository(session).add_many(listeners.events)
    report(f"demo: {events} events of {len(listeners.users)} simulated listeners")
    return DemoReport(songs, len(listeners.users), events)
