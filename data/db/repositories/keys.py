"""API keys: shown once, kept as SHA-256.

A plain hash is enough: a key is 256 random bits, which no dictionary holds, so there is nothing for
a salt or a slow hash to protect.

Looking a key up by its hash is safe against timing: how far the index of the database agrees with
a digest may show in the time it takes, but who does not know the key cannot choose the digest, and
a digest that agrees in part says nothing about the key (SHA-256 resists preimages). The hit is
compared once more in constant time, whatever the collation of the database.
"""

from __future__ import annotations

import hashlib
import hmac
import secrets
from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import get_args

from sqlalchemy import ColumnElement, or_, select, update
from sqlalchemy.orm import Session

from data.db.models import ApiKey, utc_now
from data.errors import InvalidParameterError
from data.types import Scope

PREFIX = "att_"


@dataclass(frozen=True, slots=True)
class ApiKeyInfo:
    """What is known of a key; never the key itself.

    Attributes:
        id: names the key in lists and for revoking.
        user: the one external user id it may act for, or None for all.
        ends_at: when it was revoked, or is to expire; None: in force until it is revoked.
        last_used_at: to the minute; None if never.
    """

    id: str
    name: str
    scopes: frozenset[str]
    user: str | None
    created_at: datetime
    ends_at: datetime | None
    last_used_at: datetime | None = None

    @property
    def active(self) -> bool:
        """Whether the key is in force now."""
        return self.ends_at is None or self.ends_at > utc_now()


class ApiKeyRepository:
    """API keys by their ids and by their hashes."""

    def __init__(self, session: Session) -> None:
        self._session = session

    def create(
        self,
        name: str,
        scopes: Collection[str],
        user: str | None = None,
        ends_at: datetime | None = None,
    ) -> str:
        """Make a key and return its text, which cannot be had again.

        Args:
            user: the one external user id that it may act for; None for all.
            ends_at: when it expires; None for never.

        Raises:
            InvalidParameterError: if a scope is unknown, none is given, or a key that is bound to
                a user is to have ``admin``, which reaches beyond any user.
        """
        if user is not None and "admin" in scopes:
            raise InvalidParameterError(
                "scopes", "a key that is bound to a user cannot have the scope admin: leave one out"
            )
        unknown = sorted(set(scopes) - set(get_args(Scope)))
        if unknown or not scopes:
            raise InvalidParameterError(
                "scopes", f"scopes must be of {', '.join(get_args(Scope))}; got {unknown or 'none'}"
            )
        plaintext = PREFIX + secrets.token_urlsafe(32)
        row = ApiKey(
            id=secrets.token_hex(6),
            name=name,
            sha256=key_digest(plaintext),
            scopes=sorted(set(scopes)),
            user=user,
            revoked_at=ends_at,
        )
        self._session.add(row)
        self._session.flush()
        return plaintext

    def verify(self, plaintext: str) -> ApiKeyInfo | None:
        """Return the key's record, or None if it is unknown, revoked or expired."""
        return self.verify_digest(key_digest(plaintext))

    def verify_digest(self, digest: str) -> ApiKeyInfo | None:
        """Return the record of the key with this :func:`key_digest`; see :meth:`verify`."""
        row = self._session.scalar(select(ApiKey).where(ApiKey.sha256 == digest))
        if row is None or not hmac.compare_digest(row.sha256, digest):
            return None
        info = _info(row)
        return info if info.active else None

    def note_use(self, key_id: str, at: datetime, every: timedelta) -> None:
        """Write down that a key was used, unless that was noted less than ``every`` ago."""
        due = or_(ApiKey.last_used_at.is_(None), ApiKey.last_used_at <= at - every)
        query = update(ApiKey).where(ApiKey.id == key_id, due)
        self._session.connection().execute(query.values(last_used_at=at))

    def list(self) -> list[ApiKeyInfo]:
        """Return every key, oldest first."""
        rows = self._session.scalars(select(ApiKey).order_by(ApiKey.created_at, ApiKey.id))
        return [_info(row) for row in rows]

    def revoke(self, key_id: str) -> bool:
        """Make a key useless; False if there is no such key in force."""
        now = utc_now()
        query = update(ApiKey).where(ApiKey.id == key_id, _active(now))
        return self._session.connection().execute(query.values(revoked_at=now)).rowcount > 0

    def any_active(self) -> bool:
        """Tell whether at least one key is in force."""
        query = select(ApiKey.id).where(_active(utc_now())).limit(1)
        return self._session.scalar(query) is not None


def key_digest(plaintext: str) -> str:
    """Return the hex SHA-256 under which a key is kept."""
    return hashlib.sha256(plaintext.encode("utf-8", "surrogatepass")).hexdigest()


def _active(now: datetime) -> ColumnElement[bool]:
    return or_(ApiKey.revoked_at.is_(None), ApiKey.revoked_at > now)


def _info(row: ApiKey) -> ApiKeyInfo:
    return ApiKeyInfo(
        id=row.id,
        name=row.name,
        scopes=frozenset(row.scopes),
        user=row.user,
        created_at=row.created_at,
        ends_at=row.revoked_at,
        last_used_at=row.last_used_at,
    )
