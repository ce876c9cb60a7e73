"""The process that embeds new lyrics, beside the service: ``attune worker``.

There is no queue that could lose a song: what is to be done follows from the database and the
cache of vectors, and every block is on disk before the next is begun. A kill costs one block of
work. The service sees the vectors in the cache (:mod:`api.watcher`).
"""

from __future__ import annotations

import contextlib
import os
import signal
import sys
import threading
from collections.abc import Iterator, Mapping

import numpy as np
import structlog

from api.changes import ChangeFeed
from api.logs import configure_logging
from api.lyrics import lyric_key, open_encoder, unread_store, writing_store
from data.db.repositories import SongChangeRepository, SongRepository
from data.db.session import Database
from data.errors import StorageError
from data.settings import Settings
from nlp.language import name_languages
from nlp.text import TextEncoder

#: Lyrics between two writes: a second of work for the ONNX encoder on one core.
BLOCK = 32
#: Seconds until the database is asked again after it did not answer.
_PATIENCE_S = 5.0
_log = structlog.get_logger("attune.worker")


class EmbeddingWorker:
    """Embeds the lyrics that lack a vector, what was written last first.

    Args:
        settings: say where the caches are.
        database: the catalogue.
        encoder: makes the vectors.
        block: lyrics between two writes.
    """

    def __init__(
        self, settings: Settings, database: Database, encoder: TextEncoder, block: int = BLOCK
    ) -> None:
        self._encoder = encoder
        self._database = database
        self._store = writing_store(settings, encoder)
        self._unread = unread_store(settings, encoder)
        self._feed = ChangeFeed(database)
        self._block = block
        #: Song ids to look at; the last is the next.
        self._todo: dict[str, None] = {}

    def step(self) -> int | None:
        """Do one block of songs.

        Returns:
            How many vectors were made, or None if nothing is left to look at.

        Raises:
            StorageError: if the database does not answer; the songs stay to be done.
            ArtifactError: if the cache cannot be used.
        """
        for change in self._feed.poll():
            self._todo.pop(change.song_id, None)
            self._todo[change.song_id] = None
        if not self._todo:
            return None
        ids = list(self._todo)[-self._block :]
        with self._database.session() as session:
            lyrics = SongChangeRepository(session).lyrics(ids)
        keys = {song: key for song, text in lyrics.items() if (key := lyric_key(text)) is not None}
        lacking = self._unread.missing(self._store.missing(list(keys.values())))
        fresh = {song: lyrics[song] for song, key in keys.items() if key in set(lacking)}
        made = self._embed({keys[song]: text for song, text in fresh.items()})
        if fresh:
            with self._database.session() as session:
                SongRepository(session).fill_languages(name_languages(fresh))
        for song in ids:
            del self._todo[song]
        return made

    def _embed(self, by_key: Mapping[str, str]) -> int:
        keys = list(by_key)
        if not keys:
            return 0
        vectors = self._encoder.encode([by_key[key] for key in keys])
        self._store.put(keys, vectors)
        unread = [key for key, row in zip(keys, vectors, strict=True) if not np.isfinite(row).all()]
        if unread:
            self._unread.put(unread, np.ones((len(unread), 1), dtype=np.float32))
        return len(keys) - len(unread)


def run_worker(
    settings: Settings, stop: threading.Event, encoder: TextEncoder | None = None
) -> None:
    """Embed what there is, then wait for more, until told to stop.

    Of several workers of one home one works; the others wait for it to end.

    Args:
        settings: ``watch_seconds`` is the pause between looks, at least a tenth of a second.
        stop: set by whoever wants the worker to end; it does so after the block in hand.
        encoder: default: the one of the settings.

    Raises:
        ArtifactError: if the encoder or the cache cannot be used.
        ConfigError: if the encoder does not fit.
        StorageError: if the database is not there at the start; later on it is waited for.
    """
    from recommender.bootstrap import build_database

    pause = max(settings.watch_seconds, 0.1)
    database = build_database(settings)
    try:
        database.check_schema()
        with _alone(settings, stop, pause):
            worker = EmbeddingWorker(settings, database, encoder or open_encoder(settings))
            _log.info("embedding_started")
            while not stop.is_set():
                if not _step(worker, stop):
                    stop.wait(pause)
    finally:
        database.dispose()


def _step(worker: EmbeddingWorker, stop: threading.Event) -> bool:
    """Do one block; False when it is time to wait."""
    try:
        made = worker.step()
    except StorageError as exc:
        _log.warning("embedding_waits", error=type(exc).__name__)
        stop.wait(_PATIENCE_S)
        return True
    if made:
        _log.info("embedded", lyrics=made)
    return made is not None


@contextlib.contextmanager
def _alone(settings: Settings, stop: threading.Event, pause: float) -> Iterator[None]:
    """Hold the home's lock; the system lets go of it when the process ends, however it ends."""
    try:
        import fcntl
    except ImportError:  # no flock here: two workers embed some lyrics twice, nothing worse
        yield
        return
    path = settings.home / "cache" / "embedding.lock"
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("w") as stream:
        while not stop.is_set():
            try:
                fcntl.flock(stream, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                stop.wait(pause)
            else:
                break
        yield


def stop_with_signals(stop: threading.Event) -> None:
    """Let SIGTERM and SIGINT end the worker after the block in hand."""
    for name in (signal.SIGTERM, signal.SIGINT):
        signal.signal(name, lambda *_: stop.set())


def stop_with_parent(stop: threading.Event) -> None:
    """End the worker when standard input ends: its other end is held by whoever started it."""

    def wait() -> None:
        with contextlib.suppress(OSError, ValueError):
            while os.read(0, 1024):
                pass
        stop.set()

    threading.Thread(target=wait, name="attune-parent", daemon=True).start()


def main(settings: Settings | None = None, *, supervised: bool = False) -> None:
    """Run the worker of this process, beside a service that must not wait for it."""
    chosen = settings or Settings()
    configure_logging(chosen.log_level, chosen.log_format)
    stop = threading.Event()
    stop_with_signals(stop)
    if supervised:
        stop_with_parent(stop)
    if hasattr(os, "nice"):
        os.nice(10)  # answers go first
    run_worker(chosen, stop)


if __name__ == "__main__":
    main(supervised="--supervised" in sys.argv)
