"""API keys: shown once, kept as SHA-256.

A plain hash is enough: a key is 256 random bits, which no dictionary holds.
"""

from __future__ import annotations

import hashlib
import hmac
import secrets
from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime
from typing import get_args

from sqlalchemy import select, update
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
    """

    id: str
    name: str
    scopes: frozenset[str]
    user: str | None
    created_at: datetime
    revoked_at: datetime | None


class ApiKeyRepository:
    """API keys by their ids and by their hashes."""

    def __init__(self, session: Session) -> None:
        self._session = session

    def create(self, name: str, scopes: Collection[str], user: str | None = None) -> str:
        """Make a key and return its text, which cannot be had again.

        Raises:
            InvalidParameterError: if a scope is unknown or none is given.
        """
        unknown = sorted(set(scopes) - set(get_args(Scope)))
        if unknown or not scopes:
            raise InvalidParameterError(
                "scopes", f"scopes must be of {', '.join(get_args(Scope))}; got {unknown or 'none'}"
            )
        plaintext = PREFIX + secrets.token_urlsafe(32)
        row = ApiKey(
            id=secrets.token_hex(6),
            name=name,
            sha256=_digest(plaintext),
            scopes=sorted(set(scopes)),
            user=user,
        )
        self._session.add(row)
        self._session.flush()
        return plaintext

    def verify(self, plaintext: str) -> ApiKeyInfo | None:
        """Return the key's record, or None if it is unknown or revoked.

        The look-up is by digest, so its timing tells nothing about the key.
        """
        digest = _digest(plaintext)
        row = self._session.scalar(select(ApiKey).where(ApiKey.sha256 == digest))
        if row is None or not hmac.compare_digest(row.sha256, digest) or row.revoked_at:
            return None
        return _info(row)

    def list(self) -> list[ApiKeyInfo]:
        """Return every key, oldest first."""
        rows = self._session.scalars(select(ApiKey).order_by(ApiKey.created_at, ApiKey.id))
        return [_info(row) for row in rows]

    def revoke(self, key_id: str) -> bool:
        """Make a key useless; False if there is no such key in force."""
        query = update(ApiKey).where(ApiKey.id == key_id, ApiKey.revoked_at.is_(None))
        return self._session.connection().execute(query.values(revoked_at=utc_now())).rowcount > 0

    def any_active(self) -> bool:
        """Tell whether at least one key is in force."""
        query = select(ApiKey.id).where(ApiKey.revoked_at.is_(None)).limit(1)
        return self._session.scalar(query) is not None


def _digest(plaintext: str) -> str:
    return hashlib.sha256(plaintext.encode("utf-8", "surrogatepass")).hexdigest()


def _info(row: ApiKey) -> ApiKeyInfo:
    return ApiKeyInfo(
        row.id, row.name, frozenset(row.scopes), row.user, row.created_at, row.revoked_at
    )
