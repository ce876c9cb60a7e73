"""Answers that a client may keep and ask about again: ``ETag`` and ``If-None-Match`` (RFC 9110).

The tag is made of what an answer says, without the request id, which is another every time; so it
is a weak one. Only what changes rarely is tagged: answers about a user's moment are never kept
(``Cache-Control: no-store``, set by :mod:`api.middleware`).
"""

from __future__ import annotations

import hashlib
import re
from typing import Any

from pydantic import BaseModel
from starlette.requests import Request
from starlette.responses import Response

from api.problem import NOT_MODIFIED

_ETAG = re.compile(r'(?:W/)?("[^"]*")')
#: Documents what :func:`tagged` may answer.
TAGGED: dict[int | str, dict[str, Any]] = {
    NOT_MODIFIED: {
        "description": "Nothing has changed since the answer with the `ETag` in `If-None-Match`."
    }
}


def tagged(request: Request, body: BaseModel) -> Response:
    """Return ``body`` as JSON with its tag, or that the client has it already.

    Args:
        request: with ``If-None-Match``, if the client asks about an answer it has.
        body: its field ``request_id``, if there is one, does not count.
    """
    said = body.model_dump_json(by_alias=True, exclude={"request_id"})
    content = body.model_dump_json(by_alias=True).encode()
    return tagged_bytes(request, content, "application/json", counts=said.encode())


def tagged_bytes(
    request: Request,
    content: bytes,
    media_type: str,
    *,
    counts: bytes | None = None,
    headers: dict[str, str] | None = None,
) -> Response:
    """Return any content with its tag, or that the client has it already.

    Args:
        request: as for :func:`tagged`.
        content: the body.
        media_type: of the body.
        counts: what the tag is made of; default: the body.
        headers: more of them.
    """
    made_of = media_type.encode() + b"\n" + (content if counts is None else counts)
    tag = f'"{hashlib.sha256(made_of).hexdigest()[:32]}"'
    sent = {
        "ETag": f"W/{tag}",
        "Cache-Control": "private, no-cache",
        "Vary": "Accept, Authorization",
        **(headers or {}),
    }
    if _is_known(request.headers.get("if-none-match"), tag):
        return Response(status_code=NOT_MODIFIED, headers=sent)
    return Response(content, headers=sent, media_type=media_type)


def _is_known(if_none_match: str | None, tag: str) -> bool:
    """Compare weakly, as the header asks for."""
    if if_none_match is None:
        return False
    return if_none_match.strip() == "*" or tag in _ETAG.findall(if_none_match)
