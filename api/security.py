"""API keys: who calls, what they may do, and when no key is needed.

Keys are off only while the service is bound to loopback. A key that is sent anyway is checked
there too, so that a client behaves the same everywhere.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from functools import lru_cache
from ipaddress import ip_address
from urllib.parse import urlsplit

from starlette.requests import Request

from api import metrics
from api.answer_headers import add_headers
from api.errors import ForbiddenError, RateLimitedError, UnauthenticatedError
from api.keyring import Keyring
from api.limits import ANONYMOUS, Allowance, RateLimiter, rule_of
from api.wrong_keys import WrongKeys, address_of
from data.db.repositories import ApiKeyInfo, ApiKeyRepository
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


@lru_cache(maxsize=256)
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


class Access:
    """Lets a request in, or not: its key, its rate limit, its scope, in this order.

    Belongs to one event loop.
    """

    def __init__(self, settings: Settings, database: Database) -> None:
        self._settings = settings
        self.keys = Keyring(database)
        self._wrong_keys = WrongKeys(settings.wrong_keys_per_minute, settings.workers)
        self._limiter = RateLimiter(database, rule_of(settings))

    async def admit(self, request: Request, scope: Scope) -> Caller:
        """Return who makes the request.

        Raises:
            UnauthenticatedError: if a key is missing, or not in force.
            RateLimitedError: if it has used up its requests, or its address has sent too many keys
                that are not in force and this one is not known here.
            ForbiddenError: if it lacks the scope; ``admin`` has every scope.
            DatabaseUnavailableError: if the key cannot be looked up.
        """
        info = await self._identified(request)
        await self._count(request, ANONYMOUS if info is None else info.id)
        if info is None:
            return Caller()
        if scope not in info.scopes and "admin" not in info.scopes:
            raise ForbiddenError(f"the API key lacks the scope {scope!r}")
        return Caller(info.user)

    async def close(self) -> None:
        """Wait for what is being written about keys."""
        await self.keys.close()
        await self._limiter.close()

    async def _identified(self, request: Request) -> ApiKeyInfo | None:
        key = _bearer(request)
        if key is None:
            _check_local(request, self._settings)
            return None
        address = address_of(request)
        if not self.keys.knows(key):
            self._check_address(address)
        info = await self.keys.find(key)
        if info is None:
            self._wrong_keys.count(address)
            raise UnauthenticatedError(
                "the API key is unknown, revoked or expired: ask who runs the service for another"
            )
        return info

    def _check_address(self, address: str) -> None:
        try:
            self._wrong_keys.check(address)
        except RateLimitedError:
            metrics.RATE_LIMITED.inc()
            raise

    async def _count(self, request: Request, bucket: str) -> None:
        rule = self._limiter.rule
        if rule is None:
            return
        try:
            left = await self._limiter.admit(bucket)
        except RateLimitedError as exc:
            metrics.RATE_LIMITED.inc()
            add_headers(request, Allowance(0, exc.retry_after_s).headers(rule))
            raise
        if left is not None:
            add_headers(request, left.headers(rule))


def require(scope: Scope) -> Callable[[Request], Awaitable[Caller]]:
    """Return a dependency that lets only callers with ``scope`` pass; ``admin`` has every scope."""

    async def caller(request: Request) -> Caller:
        access = request.app.state.services.access
        assert isinstance(access, Access)
        return await access.admit(request, scope)

    return caller


def _bearer(request: Request) -> str | None:
    header = request.headers.get("authorization")
    if header is None:
        return None
    scheme, _, key = header.partition(" ")
    if scheme.lower() != "bearer" or not key.strip():
        raise UnauthenticatedError("the Authorization header must read `Bearer <key>`")
    return key.strip()


def _check_local(request: Request, settings: Settings) -> None:
    """Let a request pass without a key only where no other machine can have made it.

    The service must be bound to loopback as configured and as the connection really came in: the
    second catches ``uvicorn --host``. A proxy on this machine may serve others, and tell by
    ``X-Forwarded-For`` or by ``Host``. A browser on this machine may be made to ask by a page of
    elsewhere; its ``Host`` (DNS rebinding) or its ``Origin`` then tells. A server whose address is
    a mere name is a test client, and passes.

    Raises:
        UnauthenticatedError: if a key is needed.
    """
    if not is_loopback(settings.host):
        raise UnauthenticatedError("send an API key: `Authorization: Bearer <key>`")
    server, port = request.scope.get("server") or ("", None)
    on_socket_file = port is None
    if not on_socket_file and not _is_address(server):
        return
    reached = on_socket_file or is_loopback(server)
    client = request.client
    came = client is None or is_loopback(client.host)
    host = "//" + request.headers.get("host", "")
    origin = request.headers.get("origin")
    foreign = origin not in (None, *settings.cors_origins) and not _is_local(origin or "")
    if not reached or not came or not _is_local(host) or foreign:
        raise UnauthenticatedError(
            "only this machine needs no API key, under its own name: send "
            "`Authorization: Bearer <key>`"
        )


def _is_local(address: str) -> bool:
    try:
        return is_loopback(urlsplit(address).hostname or "")
    except ValueError:  # brackets that do not close
        return False


@lru_cache(maxsize=256)
def _is_address(host: str) -> bool:
    try:
        ip_address(host)
    except ValueError:
        return False
    return True
