"""Which engines are in force: those of the bundle in force and of the arms of experiments.

A reload reads what ``current`` and the experiments file say now, loads and warms what is missing
beside the answers, and puts it in force in one assignment. Requests that are on their way keep the
engine they began with. What cannot be used is refused, and what was in force stays.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Mapping
from contextlib import ExitStack
from dataclasses import dataclass

import structlog

from api import metrics
from api.bundle_files import look_at, remember
from api.errors import BundleRefusedError, ExperimentsRefusedError
from api.experiments import ExperimentsConfig
from api.lines import EngineLine, Loaded
from api.loading import LineLoader, Load
from api.lyrics import LyricVectors
from api.split import Split, begin_counts
from api.state import RecommendationEngine
from data.db.session import Database
from data.errors import ArtifactError, ConfigError, StorageError
from data.settings import Settings

Lines = dict[str | None, EngineLine]
_log = structlog.get_logger("attune.keeper")


@dataclass(frozen=True, slots=True)
class InForce:
    """What requests that begin now work with."""

    engine: RecommendationEngine
    split: Split


@dataclass(frozen=True, slots=True)
class Reloaded:
    """What a reload came to."""

    version: str | None
    previous: str | None
    changed: bool


class EngineKeeper:
    """Loads, replaces and lets go of engines; one for each serving process.

    Args:
        settings: say where bundles and experiments are, and how often songs are looked for.
        database: the catalogue.
        vectors: of lyrics.
        load: makes an engine of a bundle.
        fixed: an engine that stays in force, whatever is published.
        strict: experiments that cannot be used are an error at the start.

    Raises:
        ArtifactError: if the bundle in force cannot be used, nor the one before it.
        ConfigError: if the experiments cannot.
    """

    def __init__(
        self,
        settings: Settings,
        database: Database,
        vectors: LyricVectors,
        load: Load,
        *,
        fixed: RecommendationEngine | None = None,
        strict: bool = True,
    ) -> None:
        self._settings = settings
        self._put: Callable[[InForce], None] | None = None
        self._fixed = fixed is not None
        self._loader = LineLoader(settings, database, vectors, load, self._announce)
        #: One reload at a time; and, for moments only, one change of what is in force.
        self._reloading, self._changing = threading.Lock(), threading.Lock()
        self._running = False
        self._refused: dict[str, str] = {}
        self._lines: Lines = {}
        self._experiments = ExperimentsConfig()
        self._seen = look_at(settings)
        if fixed is not None:
            first, refused = self._loader.line_of(Loaded(fixed, fixed.version)), None
        else:
            first, refused = self._loader.first()
        self._current = first
        self._replace({first.version: first}, first, self._experiments)
        self._remember()
        self._note("bundle", refused)
        if refused is not None:
            _log.error("bundle_refused", reason=refused, model_version=self.version)
        try:
            self._renew_experiments()
        except ExperimentsRefusedError as exc:
            if strict:
                raise ConfigError(f"{settings.experiments_file}: {exc}") from exc
            _log.error("experiments_refused", reason=str(exc), model_version=self.version)

    @property
    def refused(self) -> Mapping[str, str]:
        """What should be in force and cannot (``bundle``, ``experiments``), and why."""
        return dict(self._refused)

    @property
    def songs_trouble(self) -> str | None:
        """Class of the error of the last look for songs, of whichever bundle; None if all went."""
        found = (line.watcher.trouble for line in list(self._lines.values()))
        return next((trouble for trouble in found if trouble), None)

    @property
    def songs_pending(self) -> int:
        """Songs that wait for the vector of their lyrics, in the bundle that lacks most."""
        return max(line.watcher.pending for line in list(self._lines.values()))

    @property
    def version(self) -> str | None:
        """Version of the bundle in force."""
        return self._current.version

    @property
    def engine(self) -> RecommendationEngine:
        """The engine in force."""
        return self._current.engine

    @property
    def is_behind(self) -> bool:
        """Whether a file that decides what is in force changed since the last reload."""
        return look_at(self._settings) != self._seen

    def supply(self, put: Callable[[InForce], None]) -> None:
        """Hand over what is in force, now and whenever it is another.

        Args:
            put: called from any thread, one at a time.
        """
        with self._changing:
            self._put = put
            self._hand_over()

    def start(self) -> None:
        """Look for new songs from now on."""
        with self._reloading:
            self._running = True
            for line in self._lines.values():
                line.watcher.start()

    def stop(self) -> None:
        """End all looks for songs."""
        with self._reloading:
            self._running = False
            for line in self._lines.values():
                line.watcher.stop()

    def wake(self) -> None:
        """Look for new songs now; returns at once."""
        for line in list(self._lines.values()):
            line.watcher.wake()

    def follow(self) -> Reloaded | None:
        """Reload where a file changed since the last try; None where none did.

        Raises:
            AttuneError: as :meth:`reload`.
        """
        with self._reloading:
            return self._reloaded() if self.is_behind else None

    def reload(self) -> Reloaded:
        """Put in force what ``current`` and the experiments file name; returns when it is done.

        Raises:
            BundleRefusedError: if the bundle cannot be used; what was in force stays. New
                experiments are in force, if they can be.
            ExperimentsRefusedError: likewise of the experiments; a new bundle is in force.
            StorageError: if the database does not answer: songs that came after the bundle would
                be missing. What was in force stays.
        """
        with self._reloading:
            return self._reloaded()

    def _reloaded(self) -> Reloaded:
        previous = self._current
        self._seen = look_at(self._settings)
        try:
            self._told(self._renew_experiments)
        finally:  # neither of the two waits for the other to be mended
            self._told(self._renew_bundle)
        return Reloaded(self.version, previous.version, self._current is not previous)

    def _told(self, renew: Callable[[], None]) -> None:
        """Renew; log and count a failure: the reason holds no path, and nothing of a caller's."""
        try:
            renew()
        except StorageError as exc:
            self._seen = ()  # it is to be tried again
            metrics.RELOADS.labels("postponed").inc()
            _log.warning("reload_postponed", error=type(exc).__name__)
            raise
        except (BundleRefusedError, ExperimentsRefusedError) as exc:
            metrics.RELOADS.labels("refused").inc()
            what = "bundle" if isinstance(exc, BundleRefusedError) else "experiments"
            _log.error(f"{what}_refused", reason=str(exc), model_version=self.version)
            raise

    def _renew_bundle(self) -> None:
        started, previous = time.monotonic(), self._current
        try:
            line = previous if self._fixed else self._published()
            if line is not previous:
                self._replace(self._lines_for(line, self._experiments), line, self._experiments)
        except (ArtifactError, OSError) as exc:
            self._note("bundle", reason := self._loader.reason(exc))
            stays = self.version or "the service without a bundle"
            raise BundleRefusedError(f"{reason}; {stays} serves on") from exc
        self._note("bundle", None)
        if line is previous:
            metrics.RELOADS.labels("unchanged").inc()
            return
        self._remember()
        metrics.RELOADS.labels("loaded").inc()
        seconds = round(time.monotonic() - started, 3)
        versions = {"model_version": self.version, "previous": previous.version}
        _log.info("bundle_loaded", seconds=seconds, **versions)

    def _published(self) -> EngineLine:
        """Return the line of the bundle that ``current`` names, loading it where it is another.

        Raises:
            ArtifactError: if it cannot be used.
            StorageError: if the database does not answer.
        """
        bundle = self._loader.named(needed=self.version is not None)
        before = self._lines.get(bundle.version if bundle else None)
        if before is not None and (bundle is None or before.files == bundle.manifest["files"]):
            return before
        return self._loader.line(bundle, look=self._running)

    def _renew_experiments(self) -> None:
        try:
            read = ExperimentsConfig.read(self._settings.experiments_file)
            if read != self._experiments:
                self._replace(self._lines_for(self._current, read), self._current, read)
                begin_counts(read)
                _log.info("experiments_loaded", experiments=[one.name for one in read.experiment])
        except (ArtifactError, BundleRefusedError, ConfigError, OSError) as exc:
            self._note("experiments", reason := self._loader.reason(exc))
            raise ExperimentsRefusedError(reason) from exc
        self._note("experiments", None)

    def _note(self, what: str, refused: str | None) -> None:
        """Keep, and show by a gauge, why what is published cannot be in force; None: it can."""
        self._refused.pop(what, None)
        if refused is not None:
            self._refused[what] = refused
        metrics.REFUSED.labels(what).set(refused is not None)

    def _lines_for(self, current: EngineLine, experiments: ExperimentsConfig) -> Lines:
        """Return the lines that are needed, loading those that are missing.

        Raises:
            BundleRefusedError: if an arm names a bundle that cannot be used.
        """
        lines: Lines = {current.version: current}
        for version in sorted(experiments.bundles - {current.version}):
            lines[version] = self._lines.get(version) or self._loader.arm(
                version, look=self._running
            )
        return lines

    def _replace(self, lines: Lines, current: EngineLine, experiments: ExperimentsConfig) -> None:
        """Put lines in force, all at once; close those that nothing needs any more.

        While the watchers of the old lines pause, the new ones take in what came last: no song that
        was in an answer before is missing after.
        """
        old = list(self._lines.values())
        new = [line for line in lines.values() if line not in old]
        with ExitStack() as stack:
            for line in old:
                stack.enter_context(line.paused())
            if self._running:
                for line in new:
                    line.look()
            with self._changing:
                self._lines, self._current, self._experiments = lines, current, experiments
                self._hand_over()
        metrics.show_bundle(current.version)
        if self._running:
            for line in new:
                line.watcher.start()
        for line in old:
            if line not in lines.values():
                line.close()
                if line.version not in lines:
                    metrics.forget_watch(line.version)

    def _announce(self) -> None:
        """A line has another engine, with more songs."""
        with self._changing:
            self._hand_over()

    def _hand_over(self) -> None:
        if self._put is not None:
            self._put(self._in_force())

    def _in_force(self) -> InForce:
        engines = {
            (one.name, arm.name): self._lines[arm.bundle or self.version].variant(arm.settings)
            for one in self._experiments.experiment
            for arm in one.arms
        }
        split = Split(self._experiments, engines)
        return InForce(self._current.engine, split)

    def _remember(self) -> None:
        if self.version is not None and not self._fixed:
            remember(self._settings.bundles, self.version)
