"""A home that is measured: who is in it, and ``attune serve`` on it."""

from __future__ import annotations

from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path

from api.loadtest.servers import Server, running
from data.errors import ConfigError
from data.settings import Settings


@dataclass(frozen=True, slots=True)
class Contents:
    """What the database of a home holds.

    Attributes:
        users: ids, at least one.
        songs: how many.
    """

    users: list[str]
    songs: int


def contents_of(settings: Settings) -> Contents:
    """Look into the database.

    Raises:
        ConfigError: if there is nobody whom anything could be recommended.
        StorageError: if the database cannot be used, or lacks migrations.
    """
    from data.db.repositories import SongRepository, UserRepository
    from recommender.bootstrap import build_database

    database = build_database(settings)
    try:
        database.check_schema()
        with database.session() as session:
            users, songs = UserRepository(session).ids(), SongRepository(session).count()
    finally:
        database.dispose()
    if not users:
        raise ConfigError("the database holds no users: run `attune demo --no-serve` first")
    return Contents(users, songs)


def serving(
    home: Path, name: str = "attune", workers: int = 1, **settings: object
) -> AbstractContextManager[Server]:
    """Run ``attune serve`` on a home, open to this machine alone, until the block ends.

    Args:
        home: with a bundle.
        name: what the server is called in the tables.
        workers: serving processes.
        settings: more of them, by their names in :class:`~data.settings.Settings`.
    """
    chosen: dict[str, object] = {
        "home": home.resolve(),
        # An image of a container binds to every address, and then nobody is served without a key.
        "host": "127.0.0.1",
        "workers": workers,
        # What is measured is the service: nothing new is embedded meanwhile.
        "embed_worker": False,
        **settings,
    }
    environment = {f"ATTUNE_{key.upper()}": str(value) for key, value in chosen.items()}
    words = ["-m", "api", "serve", "--port", "{port}"]
    return running(name, words, "/health/ready", {**environment, "OMP_NUM_THREADS": "1"})
