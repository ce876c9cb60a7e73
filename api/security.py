"""API keys: who calls, what they may do, and when no key is needed.

Keys are off only while the service is bound to loopback. A key that is sent anyway is checked
there too, so that a client behaves the same everywhere.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from ipaddress import ip_address

from starlette.requests import Request

from api.errors import ForbiddenError, UnauthenticatedError
from api.state import services
from data.db.repositories import ApiKeyRepository
from data.db.session import Database
from data.errors import ConfigError
from data.settings import Settings
from data.types import Scope


@dataclass(frozen=True, slots=True)
class Caller:
    """Who makes a request.

    Attributes:
        user: the only user the caller may act for; None for any.
    """

    user: str | None = None

    def check_user(self, user: str) -> None:
        """Refuse to act for somebody else.

        Raises:
            ForbiddenError: if the key is bound to another user.
        """
        if self.user is not None and self.user != user:
            raise ForbiddenError("this API key is bound to another user")


def is_loopback(host: str) -> bool:
    """Tell whether only this machine can reach a service bound to ``host``."""
    if host == "localhost":
        return True
    try:
        return ip_address(host.strip("[]")).is_loopback
    except ValueError:
        return False


def ensure_safe_bind(settings: Settings, database: Database) -> None:
    """Refuse to serve other machines without any API key.

    Raises:
        ConfigError: if the host is not loopback and there is no active key.
        DatabaseUnavailableError: if that cannot be found out.
    """
    if is_loopback(settings.host):
        return
    with database.session() as session:
        if ApiKeyRepository(session).any_active():
            return
    raise ConfigError(
        f"refusing to serve on {settings.host!r} without API keys: create one with "
        "`attune keys create`, or bind to 127.0.0.1"
    )


def require(scope: Scope) -> Callable[[Request], Caller]:
    """Return a dependency that lets only callers with ``scope`` pass; ``admin`` has every scope."""

    def caller(request: Request) -> Caller:
        key = _bearer(request)
        if key is None:
            if _keys_are_off(request):
                return Caller()
            raise UnauthenticatedError("send an API key: `Authorization: Bearer <key>`")
        with services(request).database.session() as session:
            info = ApiKeyRepository(session).verify(key)
        if info is None:
            raise UnauthenticatedError("the API key is unknown or revoked")
        if scope not in info.scopes and "admin" not in info.scopes:
            raise ForbiddenError(f"the API key lacks the scope {scope!r}")
        return Caller(info.user)

    return caller


def _bearer(request: Request) -> str | None:
    header = request.headers.get("authorization")
    if header is None:
        return None
    scheme, _, key = header.partition(" ")
    if scheme.lower() != "bearer" or not key.strip():
        raise UnauthenticatedError("the Authorization header must read `Bearer <key>`")
    return key.strip()


def _keys_are_off(request: Request) -> bool:
    """True on loopback, both as configured and as the connection really came in.

    The second look catches a service configured for loopback that was started on another address
    (``uvicorn --host``). Servers without an address, such as a test client, pass.
    """
    if not is_loopback(services(request).settings.host):
        return False
    server = request.scope.get("server")
    try:
        return ip_address(str(server[0])).is_loopback if server else True
    except ValueError:
        return True
