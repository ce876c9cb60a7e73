"""The ``Idempotency-Key`` header: what it may look like, and what it stands for."""

from __future__ import annotations

import hashlib
import re
from typing import Annotated

from fastapi import Header
from pydantic import BaseModel

from data.errors import InvalidParameterError

_KEY = re.compile(r"[\x21-\x7e]{1,128}")

IdempotencyKey = Annotated[
    str | None,
    Header(
        description="sent again with the same body, the request has its effect only once",
        json_schema_extra={"minLength": 1, "maxLength": 128, "pattern": r"^[\x21-\x7e]+$"},
    ),
]


def check_key(key: str | None) -> None:
    """Refuse a key that is too long or not plain.

    Raises:
        InvalidParameterError: saying what a key is.
    """
    if key is not None and not _KEY.fullmatch(key):
        raise InvalidParameterError(
            "Idempotency-Key", "Idempotency-Key must be 1 to 128 visible ASCII characters"
        )


def body_sha256(body: BaseModel) -> str:
    """Return the hex SHA-256 of what a body says, however it was written."""
    return hashlib.sha256(body.model_dump_json(exclude_unset=True).encode()).hexdigest()
