"""Errors as RFC 9457 ``application/problem+json``; the one place where HTTP status codes live.

Every problem has a stable ``code``, on which clients should branch, and the ``request_id`` that the
log has too. What the operator alone should know (addresses, paths, tracebacks) never gets here.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from http import HTTPStatus
from typing import Any

import structlog
from fastapi import FastAPI
from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from api import errors as own
from api.methods import allowed_methods
from data import errors as data
from recommender import errors as recommender
from vision import errors as vision

MEDIA_TYPE = "application/problem+json"
#: Not a problem: the client has the answer already.
NOT_MODIFIED = 304
_MAX_ECHO = 60
_log = structlog.get_logger("attune.api")


@dataclass(frozen=True, slots=True)
class Kind:
    """One kind of problem.

    Attributes:
        detail: said instead of the error's own message, where that is for operators only.
        retry_after: seconds, for problems that pass by themselves.
    """

    status: int
    code: str
    title: str
    detail: str | None = None
    retry_after: int | None = None


INVALID = Kind(422, "invalid_parameter", "A parameter is missing, unknown or out of range")
INTERNAL = Kind(
    500, "internal", "Something went wrong here", "An unexpected error; quote the request_id."
)
NOT_FOUND = Kind(404, "not_found", "There is nothing here")
UNAVAILABLE = Kind(
    503,
    "unavailable",
    "A part of the service is not there",
    "The database cannot be read or written at the moment, so the listener's history is not known "
    "and nothing can be recorded. Try again shortly.",
    retry_after=5,
)
_STALE = Kind(
    503,
    "unavailable",
    "A part of the service is not there",
    "The database lacks migrations; the operator has to run `attune db upgrade`.",
    retry_after=60,
)
_ARTIFACT = Kind(
    503,
    "unavailable",
    "A part of the service is not there",
    "The published model cannot be used; /health/ready says what is missing.",
    retry_after=60,
)
ENDING = Kind(
    503,
    "unavailable",
    "A part of the service is not there",
    "The service is being stopped and could not wait for this request. Send it again.",
    retry_after=1,
)
NOT_READY = Kind(503, "not_ready", "The service is not ready", retry_after=5)
TOO_LARGE = Kind(413, "image_too_large", "The picture has too many bytes or pixels")
BODY_TOO_LARGE = Kind(413, "body_too_large", "The request body is too large")

BAD_REQUEST = Kind(400, "bad_request", "The request cannot be understood")
RATE_LIMITED = Kind(429, "rate_limited", "Too many requests", retry_after=1)

#: Narrowest class first decides: the first of an error's classes (by MRO) found here.
KINDS: Mapping[type[data.AttuneError], Kind] = {
    data.AttuneError: INTERNAL,
    data.InvalidParameterError: INVALID,
    data.DatabaseUnavailableError: UNAVAILABLE,
    data.SchemaOutOfDateError: _STALE,
    data.StorageError: UNAVAILABLE,
    data.ArtifactError: _ARTIFACT,
    data.ImageError: Kind(422, "unreadable_image", "The picture cannot be read"),
    vision.UnsupportedImageError: Kind(415, "unsupported_image", "That is not a picture"),
    vision.UnreadableImageError: Kind(422, "unreadable_image", "The picture cannot be read"),
    vision.ImageTooLargeError: TOO_LARGE,
    vision.NoFaceError: Kind(422, "no_face", "No face was found"),
    vision.MultipleFacesError: Kind(422, "multiple_faces", "Several faces were found"),
    recommender.UnknownSongError: Kind(404, "unknown_song", "There is no such song"),
    own.ConsentRequiredError: Kind(403, "consent_required", "Consent is needed for a picture"),
    own.UnauthenticatedError: Kind(401, "unauthenticated", "An API key is needed"),
    own.ForbiddenError: Kind(403, "forbidden", "The API key does not reach that far"),
    own.UnknownSongError: Kind(404, "unknown_song", "There is no such song"),
    own.UnknownPlaylistError: Kind(404, "unknown_playlist", "There is no such playlist"),
    own.UnknownUserError: Kind(404, "unknown_user", "Nothing is stored about this user"),
    own.UnknownArtistError: Kind(404, "unknown_artist", "There is no such artist"),
    own.NotAcceptableError: Kind(406, "not_acceptable", "In none of the formats asked for"),
    own.IdempotencyConflictError: Kind(409, "idempotency_conflict", "Key used for another body"),
    own.BundleRefusedError: Kind(409, "bundle_refused", "The bundle cannot be put in force"),
    own.ExperimentsRefusedError: Kind(
        409, "experiments_refused", "The experiments cannot be put in force"
    ),
    own.BodyTooLargeError: BODY_TOO_LARGE,
    own.PictureTooLargeError: TOO_LARGE,
    own.NotAPictureError: Kind(415, "unsupported_image", "That is not a picture"),
    own.OverloadedError: Kind(503, "overloaded", "Too much to do at the moment", retry_after=1),
    own.AmbiguousBodyError: BAD_REQUEST,
    own.RateLimitedError: RATE_LIMITED,
    own.RequestTimeoutError: Kind(408, "request_timeout", "The request did not arrive in time"),
    own.ExpressionUnavailableError: Kind(
        503, "unavailable", "A part of the service is not there", retry_after=60
    ),
}

#: Problems that the framework (or a proxy in front) raises by status alone.
_BY_STATUS: Mapping[int, Kind] = {
    400: BAD_REQUEST,
    401: Kind(401, "unauthenticated", "An API key is needed"),
    403: Kind(403, "forbidden", "Not allowed"),
    404: NOT_FOUND,
    405: Kind(405, "method_not_allowed", "That method is not allowed here"),
    413: BODY_TOO_LARGE,
    429: RATE_LIMITED,
}


def all_kinds() -> list[Kind]:
    """Return every documented kind of problem once, by status and code."""
    named = [*KINDS.values(), NOT_READY, *_BY_STATUS.values()]
    return sorted({k.code: k for k in named}.values(), key=lambda k: (k.status, k.code))


def example_of(kind: Kind) -> dict[str, Any]:
    """Return a problem of a kind, for documentation."""
    return {
        "type": f"/docs#{kind.code}",
        "title": kind.title,
        "status": kind.status,
        "detail": kind.detail or kind.title,
        "code": kind.code,
        "request_id": "4f1c2d3e",
        **({"parameter": "n"} if kind is INVALID else {}),
    }


def kind_of(error: data.AttuneError) -> Kind:
    """Return the kind of the narrowest mapped class of ``error``."""
    return next(KINDS[c] for c in type(error).__mro__ if c in KINDS)


def request_id(request: Request) -> str:
    """Return the id that ``api.middleware`` gave to the request."""
    return str(request.scope.get("state", {}).get("request_id", ""))


def problem(
    kind: Kind, rid: str, detail: str, headers: Mapping[str, str] | None = None, **extra: Any
) -> Response:
    """Build the response of one problem.

    Args:
        rid: the request's id.
        detail: what is wrong with this request and what to do about it.
        extra: further members of the problem, such as ``parameter`` or ``errors``.
    """
    content = {
        "type": f"/docs#{kind.code}",
        "title": kind.title,
        "status": kind.status,
        "detail": kind.detail or detail,
        "code": kind.code,
        "request_id": rid,
        **extra,
    }
    sent = dict(headers or {})
    if kind.retry_after is not None:
        sent.setdefault("Retry-After", str(kind.retry_after))
    if kind.status == HTTPStatus.UNAUTHORIZED:
        sent["WWW-Authenticate"] = 'Bearer realm="attune"'
    return JSONResponse(content, kind.status, sent, MEDIA_TYPE)


def install(app: FastAPI) -> None:
    """Let ``app`` answer every error as a problem."""
    app.add_exception_handler(data.AttuneError, _on_attune_error)
    app.add_exception_handler(RequestValidationError, _on_validation_error)
    app.add_exception_handler(HTTPException, _on_http_exception)


async def _on_attune_error(request: Request, error: Exception) -> Response:
    assert isinstance(error, data.AttuneError)
    kind = kind_of(error)
    if kind.status >= HTTPStatus.INTERNAL_SERVER_ERROR:
        _log.warning(
            "problem", code=kind.code, error=type(error).__name__, request_id=request_id(request)
        )
    extra: dict[str, Any] = {}
    if isinstance(error, data.InvalidParameterError):
        extra["parameter"] = error.parameter
    headers = {}
    if isinstance(error, own.RateLimitedError):
        headers["Retry-After"] = str(error.retry_after_s)
    return problem(kind, request_id(request), str(error) or kind.title, headers, **extra)


async def _on_validation_error(request: Request, error: Exception) -> Response:
    assert isinstance(error, RequestValidationError)
    found = [_invalid(e) for e in error.errors()]
    detail = "; ".join(f"{e['parameter']}: {e['message']}" for e in found)
    first = found[0]["parameter"] if found else "body"
    return problem(INVALID, request_id(request), detail, parameter=first, errors=found)


async def _on_http_exception(request: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)
    status = error.status_code
    kind = _BY_STATUS.get(status) or Kind(status, "http_error", HTTPStatus(status).phrase)
    detail = {
        404: "No such page or resource; /docs lists what there is.",
        405: f"{request.method} is not allowed here; see the Allow header.",
    }.get(status, str(error.detail))
    headers = dict(error.headers or {})
    if status == HTTPStatus.METHOD_NOT_ALLOWED:
        headers["Allow"] = allowed_methods(request)
    return problem(kind, request_id(request), detail, headers)


def _invalid(entry: Mapping[str, Any]) -> dict[str, str]:
    """Name the parameter, what was given (scalars only, cut short) and what is allowed."""
    message = str(entry["msg"]).removeprefix("Value error, ")
    given = entry.get("input")
    if isinstance(given, str | int | float | bool):
        message += f" (got {str(given)[:_MAX_ECHO]!r})"
    return {"parameter": _parameter(entry["loc"]), "message": message}


def _parameter(location: Sequence[Any]) -> str:
    """``("query", "n")`` is ``n``; a position inside a broken JSON text is ``body``."""
    names = [part for part in location[1:] if isinstance(part, str)]
    return ".".join(names) or "body"
