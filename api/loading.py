"""From a bundle on disk to engines that answer, or to the reason why not."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime

from api.bundle_files import last_good, without_paths
from api.errors import BundleRefusedError
from api.lines import EngineLine, Loaded
from api.lyrics import LyricVectors
from api.state import RecommendationEngine
from data.artifacts import Bundle, current_bundle, open_bundle
from data.db.session import Database
from data.errors import ArtifactError, BundleNotFoundError, StorageError
from data.settings import Settings

#: Loads a verified bundle and warms it; None is the engine without one.
Load = Callable[[Bundle | None], RecommendationEngine]


class LineLoader:
    """Makes :class:`EngineLine` objects of bundles.

    Args:
        settings: say where bundles are.
        database: the catalogue.
        vectors: of lyrics.
        load: makes an engine of a bundle.
        changed: called when a line has another engine.
    """

    def __init__(
        self,
        settings: Settings,
        database: Database,
        vectors: LyricVectors,
        load: Load,
        changed: Callable[[], None],
    ) -> None:
        self._settings, self._database, self._vectors = settings, database, vectors
        self._load, self._changed = load, changed

    def first(self) -> tuple[EngineLine, str | None]:
        """Load what is to be in force at the start; the last that was, if that cannot be.

        Returns:
            the line, and why it is not the one that ``current`` names.

        Raises:
            ArtifactError: if neither can be used; a bundle that is not there at all is no error.
        """
        try:
            return self.line(self.named(needed=False)), None
        except ArtifactError as exc:
            stand_in = last_good(self._settings.bundles)
            if stand_in is None and not isinstance(exc, BundleNotFoundError):
                raise
            return self.line(stand_in), self.reason(exc)

    def named(self, *, needed: bool) -> Bundle | None:
        """Open and verify the bundle that ``current`` names.

        Args:
            needed: not to be named any more is an error too.

        Raises:
            ArtifactError: if it cannot be used.
        """
        try:
            return current_bundle(self._settings.bundles)
        except BundleNotFoundError:
            if needed or (self._settings.bundles / "current").exists():
                raise
            return None

    def arm(self, version: str, *, look: bool = False) -> EngineLine:
        """Load the bundle that an arm names.

        Args:
            look: as of :meth:`line`.

        Raises:
            BundleRefusedError: if it cannot be used.
            StorageError: if the database does not answer.
        """
        if version in {".", ".."} or "/" in version or "\\" in version:
            raise BundleRefusedError(f"an arm names the bundle {version!r}, which is no version")
        try:
            return self.line(open_bundle(self._settings.bundles / version), look=look)
        except BundleNotFoundError as exc:
            raise BundleRefusedError(
                f"an arm names the bundle {version!r}, which is not published"
            ) from exc
        except (ArtifactError, OSError) as exc:
            raise BundleRefusedError(f"an arm's bundle is refused: {self.reason(exc)}") from exc

    def line(self, bundle: Bundle | None, *, look: bool = False) -> EngineLine:
        """Load a verified bundle.

        Args:
            look: take in the songs that came after it before this returns.

        Raises:
            ArtifactError: if it makes no engine.
            StorageError: if the database does not answer.
        """
        try:
            made = self.line_of(_loaded(bundle, self._load(bundle)))
            if look:
                made.look()
        except (ArtifactError, StorageError):
            raise
        except Exception as exc:  # files that agree with their manifest may hold anything
            raise ArtifactError(
                f"bundle {bundle.version if bundle else None} makes no engine"
                f" ({type(exc).__name__}): train and publish again"
            ) from exc
        return made

    def line_of(self, loaded: Loaded) -> EngineLine:
        """Return the line that begins with an engine."""
        interval = self._settings.watch_seconds
        return EngineLine(loaded, self._database, self._vectors, interval, self._changed)

    def reason(self, error: Exception) -> str:
        """Tell what is wrong without telling where the service keeps its files."""
        if isinstance(error, OSError):
            return f"a file cannot be read ({type(error).__name__})"
        text = without_paths(str(error), self._settings.bundles)
        where = self._settings.experiments_file
        return text if where is None else without_paths(text, where.parent)


def _loaded(bundle: Bundle | None, engine: RecommendationEngine) -> Loaded:
    if bundle is None:
        return Loaded(engine, None)
    read_at = bundle.manifest.get("data", {}).get("read_at")
    known_to = None if read_at is None else datetime.fromisoformat(str(read_at))
    return Loaded(engine, bundle.version, bundle.manifest["files"], known_to)
