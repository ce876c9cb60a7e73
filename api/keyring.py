"""Which API keys are in force: asked of the database, remembered for a second.

A look-up costs a query, and most requests of a busy caller come with the same key. So a key that
was found in force is taken for good for :data:`REMEMBER_S`: a key that is revoked or expires stops
working within that time in every process, and at once in the process that erases its user. Keys
that are not in force are not remembered. While the database cannot be asked no key is accepted that
was not found in force within that second: what cannot be checked is not let in.

Keys are looked up by their SHA-256, and so are remembered ones: the time that takes depends on a
digest which nobody can steer towards that of a key, so it tells nothing about any key.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta

import structlog
from starlette.concurrency import run_in_threadpool

from data.db.repositories import ApiKeyInfo, ApiKeyRepository, key_digest
from data.db.session import Database
from data.errors import AttuneError

#: How long a key is taken for good without another look, seconds.
REMEMBER_S = 1.0
#: Pause between two notes of when a key was used.
NOTE_EVERY = timedelta(minutes=1)
#: Keys remembered at most; beyond it, all are looked up again.
_MOST = 10_000
_log = structlog.get_logger("attune.keys")


class Keyring:
    """Looks keys up, and notes when they were used; belongs to one event loop.

    Args:
        clock: monotonic seconds; for tests.
    """

    def __init__(self, database: Database, clock: Callable[[], float] = time.monotonic) -> None:
        self._database = database
        self._clock = clock
        self._known: dict[str, tuple[ApiKeyInfo, float]] = {}
        self._noted: dict[str, datetime] = {}
        self._notes: set[asyncio.Task[None]] = set()
        self._generation = 0

    def knows(self, plaintext: str) -> bool:
        """Tell, without asking the database, whether a key was in force when last looked up."""
        return key_digest(plaintext) in self._known

    async def find(self, plaintext: str) -> ApiKeyInfo | None:
        """Return the record of a key in force, or None.

        Raises:
            DatabaseUnavailableError: if the key has to be looked up and cannot be.
        """
        digest = key_digest(plaintext)
        found = self._known.get(digest)
        if found is None or self._clock() >= found[1]:
            return await self._look_up(digest)
        return found[0]

    def forget(self) -> None:
        """Look every key up again: some may have been revoked just now."""
        self._generation += 1
        self._known = {}

    async def close(self) -> None:
        """Wait for what is being noted."""
        await asyncio.gather(*self._notes)

    async def _look_up(self, digest: str) -> ApiKeyInfo | None:
        began, generation = self._clock(), self._generation
        info = await run_in_threadpool(self._verify, digest)
        if info is None:
            self._known.pop(digest, None)
            return None
        if generation == self._generation:
            if len(self._known) >= _MOST:
                self._known = {}
            self._known[digest] = (info, began + REMEMBER_S)
        self._note(info)
        return info

    def _verify(self, digest: str) -> ApiKeyInfo | None:
        with self._database.session() as session:
            return ApiKeyRepository(session).verify_digest(digest)

    def _note(self, info: ApiKeyInfo) -> None:
        """Write down beside the answer that a key was used, once a minute at most."""
        now = datetime.now(UTC)
        last = self._noted.get(info.id) or info.last_used_at
        if last is not None and now - last < NOTE_EVERY:
            return
        if len(self._noted) >= _MOST:
            self._noted = {}
        self._noted[info.id] = now
        task = asyncio.ensure_future(run_in_threadpool(self._write, info.id, now))
        self._notes.add(task)
        task.add_done_callback(self._notes.discard)

    def _write(self, key_id: str, now: datetime) -> None:
        try:
            with self._database.session() as session:
                ApiKeyRepository(session).note_use(key_id, now, NOTE_EVERY)
        except AttuneError as exc:
            _log.debug("key_use_not_noted", error=type(exc).__name__)
