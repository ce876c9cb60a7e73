"""Errors that only the HTTP service raises.

The tree, under :class:`data.errors.AttuneError`::

    AttuneError
    └── RequestError                 a request cannot be answered as it stands
        ├── ConsentRequiredError     a picture came without ``consent=true``
        ├── UnauthenticatedError     no key, or one that is unknown or revoked
        ├── ForbiddenError           the key lacks the scope, or is bound to another user
        ├── UnknownSongError         no song of that id in the catalogue
        ├── UnknownPlaylistError     no playlist of that id
        ├── UnknownUserError         nothing is stored about a user of that id
        ├── NotAcceptableError       in none of the formats that the client takes
        ├── IdempotencyConflictError the key was used before, for something else
        ├── BodyTooLargeError        more bytes than the service takes
        ├── PictureTooLargeError     one picture has more bytes than the service takes
        ├── NotAPictureError         the body is declared as something else
        ├── OverloadedError          every inference slot stayed taken
        └── ExpressionUnavailableError  no network is loaded that could read a picture

Their HTTP status lives in ``api.problem``, like that of all others.
"""

from __future__ import annotations

from data.errors import AttuneError

__all__ = [
    "BodyTooLargeError",
    "ConsentRequiredError",
    "ExpressionUnavailableError",
    "ForbiddenError",
    "IdempotencyConflictError",
    "NotAPictureError",
    "NotAcceptableError",
    "OverloadedError",
    "PictureTooLargeError",
    "RequestError",
    "UnauthenticatedError",
    "UnknownPlaylistError",
    "UnknownSongError",
    "UnknownUserError",
]


class RequestError(AttuneError):
    """A request cannot be answered as it stands."""


class ConsentRequiredError(RequestError):
    """A picture came without consent; nothing of it was decoded."""


class UnauthenticatedError(RequestError):
    """No API key was given, or one that is unknown or revoked."""


class ForbiddenError(RequestError):
    """The API key does not reach that far."""


class UnknownSongError(RequestError):
    """The catalogue has no song of that id."""


class UnknownPlaylistError(RequestError):
    """There is no playlist of that id; it may have been erased with its user."""


class NotAcceptableError(RequestError):
    """What was asked for exists in none of the formats that the client takes."""


class IdempotencyConflictError(RequestError):
    """An ``Idempotency-Key`` came back with another body."""


class BodyTooLargeError(RequestError):
    """The request body is larger than the service takes."""


class PictureTooLargeError(RequestError):
    """One picture has more bytes than the service takes."""


class NotAPictureError(RequestError):
    """The body is declared as a media type that is no picture Attune reads."""


class OverloadedError(RequestError):
    """No inference slot came free in time; the request may be sent again."""


class ExpressionUnavailableError(RequestError):
    """This installation has no expression network loaded."""


class UnknownUserError(RequestError):
    """Nothing is stored about the user that is to be exported or erased."""
