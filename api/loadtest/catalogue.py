"""A home with a drawn catalogue: database, lyric vectors, training, a published bundle.

It is trained as the demo is (the same file of settings, so the same parts: implicit ALS twice,
item neighbours, sessions, content, popularity, mood), without the extras.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from itertools import islice
from typing import TYPE_CHECKING, TypeVar

from data.datasets.drawn import Drawn, DrawnConfig, draw, draw_events, draw_songs, draw_vectors
from data.errors import ConfigError
from data.types import SongInput

if TYPE_CHECKING:
    from data.artifacts import Bundle
    from data.db.session import Database
    from data.settings import Settings

Report = Callable[[str], None]
T = TypeVar("T")
_SONGS, _LISTENERS = 2000, 100


def make_home(settings: Settings, config: DrawnConfig, report: Report) -> Bundle:
    """Fill the home with a drawn catalogue, train on it and publish the bundle.

    Raises:
        ConfigError: if the database holds anything already.
    """
    from recommender.bootstrap import build_database, demo_config, publish
    from recommender.offline import train_from_database

    drawn = draw(config)
    database = build_database(settings)
    try:
        database.upgrade()
        _check_empty(database)
        keys = _store_songs(database, drawn, report)
        _store_vectors(settings, drawn, keys)
        report(f"{config.songs} songs with lyric vectors")
        _store_events(database, drawn, report)
    finally:
        database.dispose()
    folder = settings.home / "runs" / "drawn"
    train_from_database(settings, demo_config(), folder, report)
    # Like the demo's, these listeners are simulated, and answers say so.
    return publish(settings, [folder], simulated=True)


def _check_empty(database: Database) -> None:
    from data.db.repositories import SongRepository

    with database.session() as session:
        if SongRepository(session).count():
            raise ConfigError("the home holds songs already: give an empty folder by --home")


def _store_songs(database: Database, drawn: Drawn, report: Report) -> list[str]:
    """Store the songs; return the keys of their lyrics."""
    from api.lyrics import lyric_key
    from data.db.repositories import SongRepository

    keys: list[str] = []
    for block in _blocks(draw_songs(drawn), _SONGS):
        with database.session() as session:
            SongRepository(session).upsert_many(block)
        keys += [_key(song, lyric_key) for song in block]
        if len(keys) % (10 * _SONGS) == 0:
            report(f"{len(keys)} songs")
    return keys


def _key(song: SongInput, lyric_key: Callable[[str | None], str | None]) -> str:
    key = lyric_key(song.lyrics)
    assert key is not None
    return key


def _store_vectors(settings: Settings, drawn: Drawn, keys: list[str]) -> None:
    from nlp.encoder import PACKAGED
    from recommender.bootstrap import vector_store

    store = vector_store(settings, PACKAGED)
    store.put(keys, draw_vectors(drawn))
    store.compact()


def _store_events(database: Database, drawn: Drawn, report: Report) -> None:
    from data.db.repositories import InteractionRepository

    total = 0
    for number, block in enumerate(_blocks(draw_events(drawn), _LISTENERS), start=1):
        rows = [row for listener in block for row in listener]
        with database.session() as session:
            total += InteractionRepository(session).add_many(rows)
        if number % 10 == 0:
            report(f"{number * _LISTENERS} listeners, {total} events")
    report(f"{drawn.config.listeners} listeners, {total} events")


def _blocks(rows: Iterable[T], size: int) -> Iterator[list[T]]:
    source = iter(rows)
    while block := list(islice(source, size)):
        yield block
