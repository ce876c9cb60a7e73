"""Checks of what the database holds: its schema, keys, and lyrics that wait for a vector."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np

from api.doctor.findings import Finding, ok, warning, wrong
from api.lyrics import LyricVectors, lyric_key
from api.security import is_loopback
from data.db.repositories import ApiKeyRepository, SongRepository
from data.db.session import Database
from data.errors import SchemaOutOfDateError
from data.settings import Settings


@contextmanager
def _opened(settings: Settings) -> Iterator[Database]:
    database = Database(settings.sqlalchemy_url)
    try:
        yield database
    finally:
        database.dispose()


def check_database(settings: Settings) -> Finding:
    """Ask the database for an answer and for its migrations; nothing is made."""
    with _opened(settings) as database:
        where = database.url.render_as_string(hide_password=True)
        try:
            database.check_schema()
        except SchemaOutOfDateError as exc:
            return wrong("database", str(exc), "attune db upgrade")
        database.ping()
        return ok("database", f"{where} answers and has every migration")


def check_keys(settings: Settings) -> Finding:
    """Look whether the address needs keys, and whether there is one."""
    with _opened(settings) as database:
        database.check_schema()
        with database.session() as session:
            keys = sum(key.active for key in ApiKeyRepository(session).list())
    if is_loopback(settings.host):
        return ok("keys", f"{settings.host} is this machine alone and needs none; {keys} active")
    if not keys:
        remedy = "attune keys create NAME --scope admin, or set ATTUNE_HOST=127.0.0.1"
        return wrong("keys", f"{settings.host} needs keys and there is none", remedy)
    return ok("keys", f"{keys} active")


def check_lyrics(settings: Settings) -> Finding:
    """Count the lyrics that wait for a vector, and look whether a worker is at it."""
    vectors = LyricVectors(settings)
    waiting = 0
    with _opened(settings) as database:
        database.check_schema()
        with database.session() as session:
            for block in SongRepository(session).iter_lyrics():
                waiting += _waiting(vectors, [text for _, text, _ in block])
    if not waiting:
        return ok("lyrics", "every lyric has its vector")
    if worker_runs(settings):
        return ok("lyrics", f"{waiting} wait for a vector; a worker is at it")
    remedy = "run `attune worker`, or serve with ATTUNE_EMBED_WORKER=true"
    return warning("lyrics", f"{waiting} wait for a vector and no worker runs", remedy)


def _waiting(vectors: LyricVectors, texts: list[str]) -> int:
    keys = [key for text in texts if (key := lyric_key(text)) is not None]
    if not keys:
        return 0
    lacking = np.isnan(vectors.get(keys)[:, 0]).tolist()
    unread = vectors.unread(keys)
    return sum(lacks and key not in unread for key, lacks in zip(keys, lacking, strict=True))


def worker_runs(settings: Settings) -> bool:
    """Tell whether an embedding worker of this home holds its lock."""
    path: Path = settings.home / "cache" / "embedding.lock"
    try:
        import fcntl

        with path.open() as stream:
            fcntl.flock(stream, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    except (ImportError, OSError):
        return False
    return False
