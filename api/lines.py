"""One bundle in a serving process: its engine, the songs that came after it, its variants."""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from datetime import datetime
from weakref import WeakMethod

from api.lyrics import LyricVectors
from api.state import RecommendationEngine
from api.watcher import CatalogueWatcher
from data.db.session import Database
from recommender.variants import AnswerSettings


@dataclass(frozen=True)
class Loaded:
    """An engine as its bundle is.

    Attributes:
        version: of the bundle; None is the engine without one.
        files: name -> hash: a bundle of the same version may have been written anew.
        known_to: when its catalogue was read; None: as its version says.
    """

    engine: RecommendationEngine
    version: str | None
    files: Mapping[str, str] = field(default_factory=dict)
    known_to: datetime | None = None


class EngineLine:
    """The engines that follow from one bundle, in the order in which songs come.

    Args:
        loaded: the first of them.
        database: the catalogue.
        vectors: of lyrics.
        interval_s: pause between looks for new songs.
        changed: called, from the watcher's thread, when :attr:`engine` is another.
    """

    def __init__(
        self,
        loaded: Loaded,
        database: Database,
        vectors: LyricVectors,
        interval_s: float,
        changed: Callable[[], None],
    ) -> None:
        self.version, self.files = loaded.version, loaded.files
        self._changed = changed
        self._lock = threading.Lock()
        self._engine = loaded.engine
        self._variants: dict[AnswerSettings, RecommendationEngine] = {}
        mine = WeakMethod(self._put)  # no cycle: an engine goes with its line, at once

        def put(engine: RecommendationEngine) -> None:
            method = mine()
            if method is not None:
                method(engine)

        self.watcher = CatalogueWatcher(
            database, vectors, loaded.engine, put, interval_s, loaded.known_to
        )

    @property
    def engine(self) -> RecommendationEngine:
        """The newest: with all songs that were seen."""
        return self._engine

    def variant(self, settings: AnswerSettings) -> RecommendationEngine:
        """Return the newest engine as some settings change it; made once."""
        with self._lock:
            if settings not in self._variants:
                self._variants[settings] = self._engine.with_settings(settings)
            return self._variants[settings]

    def look(self) -> None:
        """Take in what came since the bundle was made, here and now.

        Raises:
            StorageError: if the database does not answer.
            ArtifactError: if the vectors cannot be read.
        """
        self.watcher.look()

    def paused(self) -> AbstractContextManager[None]:
        """Wait for the look in hand, and let none begin meanwhile."""
        return self.watcher.paused()

    def close(self) -> None:
        """End the watcher; requests that still have the engine keep it."""
        self.watcher.stop()

    def _put(self, engine: RecommendationEngine) -> None:
        with self._lock:
            self._engine, self._variants = engine, {}
        self._changed()
