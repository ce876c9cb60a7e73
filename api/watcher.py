"""Songs that came after the bundle: seen in the database, put into the engine, without a restart.

One thread per serving process. It reads what changed, takes the vectors that the embedding worker
has made, and hands over a new engine; the engine in force answers meanwhile. A song goes in by its
metadata at once and again when its lyrics' vector is there.
"""

from __future__ import annotations

import contextlib
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from datetime import UTC, datetime

import numpy as np
import structlog

from api import metrics
from api.changes import ChangeFeed
from api.logs import where
from api.lyrics import LyricVectors, lyric_key
from api.state import RecommendationEngine
from data.db.repositories import SongChangeRepository, SongRepository
from data.db.session import Database
from data.types import Song

_log = structlog.get_logger("attune.watcher")
#: Longest pause after a failure, seconds.
_LONGEST_S = 30.0


class CatalogueWatcher:
    """Keeps an engine up to date with the database.

    Args:
        database: the catalogue.
        vectors: of lyrics.
        engine: the one in force.
        swap: puts another engine in force; called from the watcher's thread.
        interval_s: pause between looks; 0 looks once, at the start.
        known_to: songs that changed later are not in the bundle as they are; default: the moment
            that the bundle's version tells.
    """

    def __init__(
        self,
        database: Database,
        vectors: LyricVectors,
        engine: RecommendationEngine,
        swap: Callable[[RecommendationEngine], None],
        interval_s: float = 1.0,
        known_to: datetime | None = None,
    ) -> None:
        self._database = database
        self._vectors = vectors
        self._engine = engine
        self._swap = swap
        self._interval_s = interval_s
        self._feed = ChangeFeed(database)
        self._known = engine.song_ids
        self._published = known_to or published_at(engine.version)
        #: Songs to put in; song id -> nothing, in order.
        self._todo: dict[str, None] = {}
        #: Songs that are in without their vector: song id -> key of their lyrics.
        self._pending: dict[str, str] = {}
        self._trouble: str | None = None
        self._stopping = threading.Event()
        self._woken = threading.Event()
        self._looking = threading.Lock()
        self._thread: threading.Thread | None = None

    @property
    def trouble(self) -> str | None:
        """Class of the error that the last look ended with, or None."""
        return self._trouble

    @property
    def pending(self) -> int:
        """How many songs are in the engine without the vector of their lyrics."""
        return len(self._pending)

    def start(self) -> None:
        """Start looking; returns at once."""
        self._thread = threading.Thread(target=self._run, name="attune-watcher", daemon=True)
        self._thread.start()

    def wake(self) -> None:
        """Look now rather than after the pause; returns at once."""
        self._woken.set()

    def stop(self) -> None:
        """End after the look in hand."""
        self._stopping.set()
        self._woken.set()
        if self._thread is not None and self._thread.is_alive():
            self._thread.join(30)

    @contextlib.contextmanager
    def paused(self) -> Iterator[None]:
        """Wait for the look in hand, and let none begin meanwhile."""
        with self._looking:
            yield

    def look(self) -> int:
        """Take in what changed.

        Returns:
            How many songs were put into a new engine.

        Raises:
            StorageError: if the database does not answer. Nothing is lost, the next look goes on.
            ArtifactError: if the vectors cannot be read; likewise.
        """
        with self._looking:
            return self._look()

    def _look(self) -> int:
        if self._engine.version is None:
            return 0  # without a model the database's popular songs answer
        changes = self._feed.poll()
        self._todo |= {c.song_id: None for c in changes if not self._is_in_bundle(c.song_id, c.at)}
        self._todo |= dict.fromkeys(self._arrived())
        if not self._todo:
            return 0
        ids = list(self._todo)
        songs, texts = self._read(ids)
        keys = [lyric_key(texts.get(song.id)) for song in songs]
        vectors = self._vectors.get(keys)
        self._engine = self._engine.with_songs(songs, vectors)
        self._swap(self._engine)
        for song in ids:
            del self._todo[song]
            self._pending.pop(song, None)
        lacking = np.isnan(vectors[:, 0]).tolist()
        waiting = {
            song.id: key
            for song, key, lacks in zip(songs, keys, lacking, strict=True)
            if lacks and key is not None
        }
        self._pending |= waiting
        return len(songs)

    def _is_in_bundle(self, song_id: str, changed: datetime) -> bool:
        """Tell whether the bundle has the song as it is."""
        before = self._published is None or changed <= self._published
        return before and song_id in self._known

    def _arrived(self) -> list[str]:
        """Return the songs whose vector came since; those that cannot be read wait no longer."""
        if not self._pending:
            return []
        ids, keys = list(self._pending), list(self._pending.values())
        there = np.isfinite(self._vectors.get(keys)[:, 0]).tolist()
        unread = self._vectors.unread(keys)
        for song, key in zip(ids, keys, strict=True):
            if key in unread:
                del self._pending[song]
        return [song for song, came in zip(ids, there, strict=True) if came]

    def _read(self, ids: Sequence[str]) -> tuple[list[Song], dict[str, str]]:
        with self._database.session() as session:
            rows = SongRepository(session).get_many(ids)
            texts = SongChangeRepository(session).lyrics(ids)
        return [rows[song] for song in ids if song in rows], texts

    def _run(self) -> None:
        failures = 0
        while not self._stopping.is_set():
            self._woken.clear()
            started = time.monotonic()
            failures = 0 if self._looked() else failures + 1
            # After a look that took long, as much time is left to the answers.
            pause = max(self._interval_s, time.monotonic() - started)
            if failures:
                pause = min(max(pause, 0.1) * 2**failures, _LONGEST_S)
            elif not self._interval_s:
                return
            self._woken.wait(pause)

    def _looked(self) -> bool:
        """Look; a failure is logged, without the message, which may hold what a caller sent."""
        try:
            count = self.look()
        except Exception as exc:  # noqa: BLE001  whatever it is, answers go on
            if self._trouble is None:
                _log.error(
                    "watcher_failed",
                    error=type(exc).__name__,
                    where=where(exc),
                    model_version=self._engine.version,
                )
            self._trouble = type(exc).__name__
            metrics.show_watch(self._engine.version, self.pending, trouble=True)
            return False
        version = self._engine.version
        if self._trouble is not None:
            _log.info("watcher_recovered", model_version=version)
        self._trouble = None
        metrics.show_watch(version, self.pending, trouble=False)
        if count:
            said = {"songs": count, "without_vector": self.pending}
            _log.info("songs_taken_in", **said, model_version=version)
        return True


def published_at(version: str | None) -> datetime | None:
    """Return when a bundle was made, which its version begins with; None where it does not."""
    with contextlib.suppress(ValueError):
        stamp = (version or "").partition("-")[0]
        return datetime.strptime(stamp, "%Y%m%dT%H%M%S%f").replace(tzinfo=UTC)
    return None
