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
        ├── UnknownArtistError       no artist of that name in the catalogue
        ├── NotAcceptableError       in none of the formats that the client takes
        ├── IdempotencyConflictError the key was used before, for something else
        ├── AmbiguousBodyError       where the body ends is said in two ways
        ├── BodyTooLargeError        more bytes than the service takes
        ├── PictureTooLargeError     one picture has more bytes than the service takes
        ├── NotAPictureError         the body is declared as something else
        ├── BundleRefusedError       a bundle cannot be put in force; the one before stays
        ├── ExperimentsRefusedError  likewise of the file of experiments
        ├── OverloadedError          more is asked than the service takes at a time
        ├── RateLimitedError         the key has used up its requests
        ├── RequestTimeoutError      the body did not arrive in time
        └── ExpressionUnavailableError  no network is loaded that could read a picture

Their HTTP status lives in ``api.problem``, like that of all others.
"""

from __future__ import annotations

from data.errors import AttuneError

__all__ = [
    "AmbiguousBodyError",
    "BodyTooLargeError",
    "BundleRefusedError",
    "ConsentRequiredError",
    "ExperimentsRefusedError",
    "ExpressionUnavailableError",
    "ForbiddenError",
    "IdempotencyConflictError",
    "NotAPictureError",
    "NotAcceptableError",
    "OverloadedError",
    "PictureTooLargeError",
    "RateLimitedError",
    "RequestError",
    "RequestTimeoutError",
    "UnauthenticatedError",
    "UnknownArtistError",
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


class BundleRefusedError(RequestError):
    """A bundle is damaged, incomplete or of another version; what was in force stays."""


class ExperimentsRefusedError(RequestError):
    """The file of experiments has a wrong value; the experiments in force stay."""


class OverloadedError(RequestError):
    """More is asked than the service takes at a time; the request may be sent again."""


class RateLimitedError(RequestError):
    """The API key has used up its requests.

    Attributes:
        retry_after_s: whole seconds until the next one is let in, at least 1.
    """

    def __init__(self, message: str, retry_after_s: int) -> None:
        super().__init__(message)
        self.retry_after_s = retry_after_s


class AmbiguousBodyError(RequestError):
    """Where the body ends is said in two ways; a proxy in front may have gone by the other one."""


class RequestTimeoutError(RequestError):
    """The body of the request did not arrive in time."""


class ExpressionUnavailableError(RequestError):
    """This installation has no expression network loaded."""


class UnknownUserError(RequestError):
    """Nothing is stored about the user that is to be exported or erased."""


class UnknownArtistError(RequestError):
    """The catalogue has no artist of that name."""
