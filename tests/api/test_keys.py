"""Keys that are remembered for a second, revoked for good, and note when they were used."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from unittest.mock import patch

import pytest

from api.keyring import REMEMBER_S, Keyring
from data.db.repositories import ApiKeyRepository
from data.db.session import Database
from data.errors import DatabaseUnavailableError, InvalidParameterError
from tests.api.conftest import Start
from tests.api.test_security import RECOMMEND, bearer, make_key
from tests.waiting import eventually

ASK = "/recommend?user=ana"


class Time:
    seconds = 0.0

    def __call__(self) -> float:
        return self.seconds


@contextmanager
def counted() -> Iterator[list[str]]:
    """Note the digests that the database is asked for."""
    asked: list[str] = []
    real = ApiKeyRepository.verify_digest

    def verify(self: ApiKeyRepository, digest: str) -> object:
        asked.append(digest)
        return real(self, digest)

    with patch.object(ApiKeyRepository, "verify_digest", verify):
        yield asked


def revoke_all(database: Database) -> None:
    with database.session() as session:
        keys = ApiKeyRepository(session)
        for key in keys.list():
            keys.revoke(key.id)


def last_used(database: Database) -> datetime | None:
    with database.session() as session:
        return ApiKeyRepository(session).list()[0].last_used_at


def test_no_key_is_remembered_for_as_long_as_two_seconds() -> None:
    assert REMEMBER_S < 2


def test_a_key_is_looked_up_once_a_second_and_stops_when_revoked(database: Database) -> None:
    key, time = make_key(database, RECOMMEND), Time()
    ring = Keyring(database, time)

    async def scenario() -> None:
        with counted() as asked:
            for _ in range(5):
                assert await ring.find(key) is not None
            assert len(asked) == 1
            revoke_all(database)
            time.seconds = REMEMBER_S - 0.01
            assert await ring.find(key) is not None
            time.seconds = REMEMBER_S
            assert await ring.find(key) is None
            assert await ring.find(key) is None
            assert len(asked) == 3  # what is not in force is not remembered
        await ring.close()

    asyncio.run(scenario())


def test_the_key_itself_is_not_kept(database: Database) -> None:
    key = make_key(database, RECOMMEND)
    ring = Keyring(database)

    async def scenario() -> None:
        await ring.find(key)
        await ring.close()

    asyncio.run(scenario())
    assert key not in repr(vars(ring))


def test_a_key_is_not_let_in_unchecked(tmp_path: Path, database: Database) -> None:
    """While the database is gone a key known a moment ago is refused once its second is up."""
    key, time = make_key(database, RECOMMEND), Time()
    ring = Keyring(database, time)

    async def scenario() -> None:
        assert await ring.find(key) is not None
        await ring.close()
        database.dispose()
        for file in tmp_path.glob("test.db*"):
            file.unlink()
        (tmp_path / "test.db").mkdir()
        assert await ring.find(key) is not None
        time.seconds = REMEMBER_S
        with pytest.raises(DatabaseUnavailableError):
            await ring.find(key)

    asyncio.run(scenario())


def test_keys_of_an_erased_user_stop_at_once(start: Start, database: Database) -> None:
    client = start()
    key = bearer(make_key(database, ("recommend", "feedback"), user="ana"))
    assert client.get(ASK, headers=key).status_code == 200
    assert client.delete("/users/ana", headers=key).status_code == 204
    assert client.get(ASK, headers=key).status_code == 401


def test_the_use_of_a_key_is_noted_once_a_minute(start: Start, database: Database) -> None:
    client = start()
    key = bearer(make_key(database, RECOMMEND))
    before = datetime.now(UTC)
    assert last_used(database) is None
    assert client.get(ASK, headers=key).status_code == 200
    noted = eventually(lambda: last_used(database))
    assert noted is not None
    assert before <= noted <= datetime.now(UTC)
    with database.session() as session:
        keys = ApiKeyRepository(session)
        key_id = keys.list()[0].id
        keys.note_use(key_id, noted + timedelta(seconds=59), timedelta(minutes=1))
        assert keys.list()[0].last_used_at == noted
        later = noted + timedelta(seconds=60)
        keys.note_use(key_id, later, timedelta(minutes=1))
        assert keys.list()[0].last_used_at == later


def test_a_refused_key_is_not_noted(database: Database) -> None:
    key, ring = make_key(database, RECOMMEND), Keyring(database)
    revoke_all(database)

    async def scenario() -> None:
        assert await ring.find(key) is None
        await ring.close()

    asyncio.run(scenario())
    assert last_used(database) is None


def test_a_use_that_cannot_be_noted_fails_nothing(start: Start, database: Database) -> None:
    tried = threading.Event()

    def broken(*_: object) -> None:
        tried.set()
        raise DatabaseUnavailableError("locked")

    client = start()
    key = bearer(make_key(database, RECOMMEND))
    with patch.object(ApiKeyRepository, "note_use", broken):
        assert client.get(ASK, headers=key).status_code == 200
        assert tried.wait(30)
        assert client.get(ASK, headers=key).status_code == 200
    assert last_used(database) is None


def test_a_key_stops_when_it_expires(start: Start, database: Database) -> None:
    client = start()
    now = datetime.now(UTC)
    with database.session() as session:
        keys = ApiKeyRepository(session)
        old, fresh = (
            keys.create("test", RECOMMEND, ends_at=now + timedelta(days=days)) for days in (-1, 1)
        )
    refused = client.get(ASK, headers=bearer(old))
    assert (refused.status_code, refused.json()["code"]) == (401, "unauthenticated")
    assert "expired" in refused.json()["detail"]
    assert client.get(ASK, headers=bearer(fresh)).status_code == 200


def test_a_bound_key_cannot_be_admin(database: Database) -> None:
    with pytest.raises(InvalidParameterError, match="admin"):
        make_key(database, ("admin",), user="ana")
