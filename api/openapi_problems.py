"""Which problems each operation can answer, as ``/openapi.json`` documents them."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import groupby
from typing import Any

from api.problem import MEDIA_TYPE, Kind, all_kinds, example_of

#: What a picture can be refused for.
_PICTURE = (
    "body_too_large", "consent_required", "image_too_large", "multiple_faces", "no_face",
    "overloaded", "request_timeout", "unreadable_image", "unsupported_image",
)  # fmt: skip
_BODY = ("body_too_large", "idempotency_conflict", "request_timeout")
#: What any operation that needs a key can answer.
_KEYED = ("forbidden", "internal", "overloaded", "rate_limited", "unauthenticated", "unavailable")
#: Operation -> what only it, and few others, can answer; ``invalid_parameter`` goes by itself.
_OWN: dict[str, tuple[str, ...]] = {
    "recommend": _PICTURE,
    "recommend_post": _PICTURE,
    "emotion": _PICTURE,
    "feedback": (*_BODY, "unknown_song"),
    "post_song": _BODY,
    "post_playlist": _BODY,
    "playlist": ("not_acceptable", "unknown_playlist"),
    "song": ("unknown_song",),
    "similar": ("unknown_song",),
    "song_mood": ("unknown_song",),
    "export_user": ("unknown_user",),
    "erase_user": ("unknown_user",),
    "mute_artist": ("unknown_artist",),
    "ready": ("not_ready",),
    "reload": ("bundle_refused", "experiments_refused"),
}
#: Answered before an operation is found.
_ANYWHERE = ("bad_request", "method_not_allowed", "not_found")
_SCHEMA = {"$ref": "#/components/schemas/Problem"}
_RETRY = {
    "Retry-After": {
        "description": "seconds after which to try again",
        "schema": {"type": "integer", "minimum": 0},
        "example": 1,
    }
}
_CHALLENGE = {
    "WWW-Authenticate": {
        "description": "how to say who is asking",
        "schema": {"type": "string"},
        "example": 'Bearer realm="attune"',
    }
}


def codes_of(operation: dict[str, Any], *, public: bool) -> set[str]:
    """Return the codes of the problems that an operation can answer."""
    codes = {"internal", "overloaded", *_OWN.get(operation["operationId"], ())}
    if not public:
        codes.update(_KEYED)
    if operation.get("parameters") or operation.get("requestBody"):
        codes.add("invalid_parameter")
    return codes


def document_problems(operation: dict[str, Any], *, public: bool) -> None:
    """Write the problems of an operation into its responses, with an example of each."""
    responses = operation["responses"]
    responses.update(_by_status(codes_of(operation, public=public)))
    anywhere = next(iter(_by_status(set(_ANYWHERE), one=True).values()))
    anywhere["description"] = "Another problem; `code` says which."
    # The server itself refuses what is no HTTP, or has too long a head, before anything is known.
    anywhere["content"]["text/plain"] = {
        "schema": {"type": "string"},
        "example": "The head of the request is too large.",
    }
    responses["default"] = anywhere


def _by_status(codes: set[str], *, one: bool = False) -> dict[str, Any]:
    kinds = [kind for kind in all_kinds() if kind.code in codes]
    grouped = groupby(kinds, key=lambda kind: "default" if one else str(kind.status))
    return {status: _response(list(group)) for status, group in grouped}


def _response(kinds: list[Kind]) -> dict[str, Any]:
    names = ", ".join(f"`{kind.code}`" for kind in kinds)
    examples = {k.code: {"summary": k.title, "value": example_of(k)} for k in kinds}
    response: dict[str, Any] = {
        "description": f"{'; '.join(dict.fromkeys(kind.title for kind in kinds))}: {names}.",
        "content": {MEDIA_TYPE: {"schema": _SCHEMA, "examples": examples}},
    }
    headers = dict(_headers(kinds))
    return {**response, "headers": headers} if headers else response


def _headers(kinds: list[Kind]) -> Iterator[tuple[str, Any]]:
    if all(kind.retry_after is not None for kind in kinds):
        yield from _RETRY.items()
    if any(kind.status == 401 for kind in kinds):
        yield from _CHALLENGE.items()
